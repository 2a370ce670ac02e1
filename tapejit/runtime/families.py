"""Which tapes are worth a look for kernels of other sizes, by their families.

A family is what tapes of different sizes have in common. Nothing here reads the text of a kernel,
so a process that compiles nothing does not load what does.
"""

from __future__ import annotations

from ..core.config import config
from ..tape.ir import Tape
from ..tape.primitive import PRIMITIVES
from . import cache

_MISSES = 8
"""Looks in vain, one after another, after which a family is looked at no more."""

_families: dict[str, int] = {}


def family(tape: Tape) -> str:
    """Return a name for a tape that does not tell its sizes: primitives and operands."""
    import hashlib  # loads OpenSSL

    parts: list[str] = []
    todo = [tape]
    while todo:
        at = todo.pop()
        names = [PRIMITIVES[op].name for op in at.op]
        parts.append(f"{at.n_inputs} {names} {[at.args(i) for i in range(at.rows)]} {at.outputs}")
        todo += at.bodies()
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:24]


def note_family(tape: Tape) -> None:
    """Note that a general kernel has been made of a tape of this family."""
    name = family(tape)
    if name not in _families and config.cache:
        cache.keep_note("f_" + name, "")
    _families[name] = 0


def worth_a_look(tape: Tape) -> bool:
    """Whether a tape may be an instance of a general kernel: its text is worth writing to see."""
    name = family(tape)
    if name not in _families and config.cache and cache.note("f_" + name) is not None:
        _families[name] = 0
    return _families.get(name, _MISSES) < _MISSES


def missed(tape: Tape) -> None:
    """Note that a tape was not: a family of ever new texts is not looked at for ever."""
    name = family(tape)
    _families[name] = _families.get(name, 0) + 1
