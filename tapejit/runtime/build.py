"""Compiled forms by tape: each tape is compiled once in a process, and its kernels noted on disk."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from ..core.config import config
from ..core.records import record
from ..tape.ir import Tape
from . import cache
from .families import missed, note_family, worth_a_look
from .pipeline import compile_tape, note_compile_seconds

_MOST = 64


@record(frozen=True)
class Built:
    """A compiled tape.

    Attributes
    ----------
    made : Kernel or Staged
    seconds : float
        What compiling it took.
    cached : bool
        Whether nothing was compiled, and some of its machine code came from disk.
    shared : bool
        Whether all of it was in this process: kernels of the same text, or made for other sizes.
    general : bool
        Whether it has kernels whose sizes are run-time values.
    """

    made: Any
    seconds: float
    cached: bool
    shared: bool
    general: bool


_built: dict[str, Built] = {}
_lock = threading.Lock()


def built(tape: Tape) -> Built | None:
    """Return the compiled form of an optimised tape if this process has it."""
    return _built.get(tape.hash)


def build(tape: Tape, title: str, others: Sequence[Tape] = ()) -> Built:
    """Return the compiled form of an optimised tape, compiling it if this process has not.

    Parameters
    ----------
    others : sequence of Tape
        Tapes of other sizes: what is compiled will serve these too.
    """
    found = _built.get(tape.hash)
    if found is not None:
        return found
    warm = "llvmlite" in sys.modules
    started = time.perf_counter()
    if others:
        from .compile import note_texts

        for other in others:
            note_texts(other, title)
    made = compile_tape(tape, title)
    return _entered(tape, title, made, time.perf_counter() - started, warm)


def is_there(tape: Tape, title: str) -> bool | None:
    """Whether building an optimised tape compiles nothing: its code is in this process, or on disk.

    None when another thread is compiling: whether that code serves the tape is not known yet.
    """
    if built(tape) is not None or (config.cache and cache.has_program(tape.hash, title)):
        return True
    return at_other_sizes(tape, title) if worth_a_look(tape) else False


def at_other_sizes(tape: Tape, title: str) -> bool | None:
    """Build an optimised tape if kernels made for other sizes serve it; return whether they do."""
    from .compile import compile_lock
    from .sizes import WouldCompile, nothing_compiled

    if not compile_lock.acquire(blocking=False):
        return None
    started = time.perf_counter()
    try:
        with nothing_compiled():
            made = compile_tape(tape, title)
    except WouldCompile:
        missed(tape)
        return False
    finally:
        compile_lock.release()
    _entered(tape, title, made, time.perf_counter() - started, False)
    return True


def _entered(tape: Tape, title: str, made: Any, seconds: float, learn: bool) -> Built:
    from .compile import kernels_of

    kernels = kernels_of(made)
    origins = {k.found.origin for k in kernels}
    compiled = not kernels or "compiled" in origins
    if compiled and learn:
        note_compile_seconds(tape, seconds)
    if config.cache and all(k.key for k in kernels) and not cache.has_program(tape.hash, title):
        cache.note_program(tape.hash, title, [k.key for k in kernels if k.key])
    general = any(k.found.general for k in kernels)
    if general:
        note_family(tape)
    cached, shared = not compiled and "disk" in origins, origins == {"process"}
    found = Built(made, seconds, cached, shared, general)
    with _lock:
        _built[tape.hash] = found
        while len(_built) > _MOST:
            _built.pop(next(iter(_built)))
    return found
