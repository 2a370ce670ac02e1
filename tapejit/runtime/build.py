"""Compiled forms by tape: each tape is compiled once in a process, and its kernels noted on disk."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from ..core.config import config
from ..tape.ir import Tape
from . import cache
from .pipeline import compile_tape, note_compile_seconds

_MOST = 64


@dataclass(frozen=True)
class Built:
    """A compiled tape.

    Attributes
    ----------
    made : Kernel or Staged
    seconds : float
        What compiling it took.
    cached : bool
        Whether all its machine code came from disk.
    """

    made: Any
    seconds: float
    cached: bool


_built: dict[str, Built] = {}
_lock = threading.Lock()


def built(tape: Tape) -> Built | None:
    """Return the compiled form of an optimised tape if this process has it."""
    return _built.get(tape.hash)


def build(tape: Tape, title: str) -> Built:
    """Return the compiled form of an optimised tape, compiling it if this process has not."""
    found = _built.get(tape.hash)
    if found is not None:
        return found
    warm = "llvmlite" in sys.modules
    started = time.perf_counter()
    made = compile_tape(tape, title)
    from .compile import kernels_of

    kernels = kernels_of(made)
    seconds = time.perf_counter() - started
    cached = bool(kernels) and all(k.cached for k in kernels)
    if not cached:
        if warm:
            note_compile_seconds(tape, seconds)
        if config.cache and all(k.key for k in kernels):
            cache.note_program(tape.hash, title, [k.key for k in kernels if k.key])
    found = Built(made, seconds, cached)
    with _lock:
        _built[tape.hash] = found
        while len(_built) > _MOST:
            _built.pop(next(iter(_built)))
    return found
