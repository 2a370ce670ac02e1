"""Kernels that serve many sizes: which text of a kernel is compiled, and which is an instance.

The first text of a skeleton is compiled as it is. A second one, with other literals, makes them run-time
values: the general kernel is compiled once, and a later text that it matches is a look-up. A text
that differs elsewhere widens the classes once more, `WIDENINGS` times at most; past that, texts are
compiled as they are. What has been compiled for a text as it is goes on serving that text.

The texts that have made a skeleton general, its *witnesses*, are kept on disk by their literals: the
general texts follow from them, and with these the names of their machine code. A process that meets
a third shape finds the code that two others have made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.config import config
from ..core.records import record
from . import cache
from .skeletons import Apart, Classes, apart, as_values, classes, general_text

if TYPE_CHECKING:
    from .images import Code

WIDENINGS = 4
"""How many general kernels a skeleton may get."""
_MOST = 256
"""Skeletons that a process remembers; the oldest go first."""
_MOST_EXACT = 8
_COUNTED = 1000


class WouldCompile(Exception):
    """A kernel is not there and making it has been forbidden."""


@record(eq=False)
class General:
    """A general kernel.

    Attributes
    ----------
    shapes : set of int
        The texts it has served, by hash; counted up to `_COUNTED`.
    """

    code: Code
    classes: Classes
    shapes: set[int] = field(default_factory=set)


@record(frozen=True)
class Found:
    """The code of a text: `call` takes the arguments of the text, whatever it is made of.

    Attributes
    ----------
    code : Code
        The machine code.
    origin : str
        ``"compiled"`` just now, loaded from ``"disk"``, or there in this ``"process"``.
    general : General or None
        The kernel of many sizes that it is an instance of.
    """

    call: Callable[..., Any]
    code: Code
    origin: str
    general: General | None = None


Make = Callable[[str, bool], "Code"]
"""``make(source, general)`` compiles a text, or loads its machine code."""
Stored = Callable[[str, bool], bool]
"""``stored(source, general)``: whether the machine code of a text lies on disk."""


@record(eq=False)
class _Skeleton:
    """What is known of the texts of one skeleton; `general[k]` is made by the first k witnesses."""

    witnesses: list[tuple[str, ...]] = field(default_factory=list)
    exact: dict[tuple[str, ...], Code] = field(default_factory=dict)
    general: dict[int, General] = field(default_factory=dict)
    rigid: bool = False

    def keep(self, literals: tuple[str, ...], code: Code) -> None:
        self.exact[literals] = code
        while len(self.exact) > _MOST_EXACT:
            self.exact.pop(next(iter(self.exact)))


_skeletons: dict[str, _Skeleton] = {}
_only_found = [0]


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Raise `WouldCompile` where a kernel would be compiled. The caller holds the compile lock."""
    _only_found[0] += 1
    try:
        yield
    finally:
        _only_found[0] -= 1


def obtain(source: str, arguments: str, make: Make, stored: Stored) -> Found:
    """Return the code of a text: known, on disk, an instance of a general one, or compiled now.

    Parameters
    ----------
    arguments : str
        The types of the arguments; texts of other types share nothing.

    Raises
    ------
    WouldCompile
        Under `nothing_compiled`.
    """
    text = apart(source)
    if text is None or not text.literals:
        return _compiled(make, source, stored)
    skeleton, name = _entry(text, arguments)
    literals = text.literals
    known = skeleton.exact.get(literals)
    if known is not None:
        return Found(known.call, known, "process")
    if stored(source, False):
        return _as_it_is(skeleton, name, text, _compiled(make, source, stored))
    served = _served(skeleton, text, make, stored)
    if served is not None:
        return served
    if _only_found[0]:
        raise WouldCompile
    if skeleton.witnesses and not skeleton.rigid and len(skeleton.witnesses) <= WIDENINGS:
        widened = _widened(skeleton, text, make)
        _note(name, skeleton)
        if widened is not None:
            return widened
    return _as_it_is(skeleton, name, text, _compiled(make, source, stored))


def witness(source: str, arguments: str) -> None:
    """Note a text that has not been compiled: the next one of its skeleton is compiled for both."""
    text = apart(source)
    if text is not None and text.literals:
        skeleton, _ = _entry(text, arguments)
        if not skeleton.witnesses:
            skeleton.witnesses = [text.literals]


def _as_it_is(skeleton: _Skeleton, name: str, text: Apart, found: Found) -> Found:
    """Remember the code of a text that has been compiled as it is."""
    skeleton.keep(text.literals, found.code)
    if not skeleton.witnesses:
        skeleton.witnesses = [text.literals]
        _note(name, skeleton)
    return found


def _compiled(make: Make, source: str, stored: Stored) -> Found:
    if _only_found[0] and not stored(source, False):
        raise WouldCompile
    code = make(source, False)
    return Found(code.call, code, _origin(code))


def _origin(code: Code) -> str:
    return "disk" if code.cached else "compiled"


def _served(skeleton: _Skeleton, text: Apart, make: Make, stored: Stored) -> Found | None:
    """Return an instance of a general kernel, the narrowest first; None when there is none."""
    for k in range(2, len(skeleton.witnesses) + 1):
        general = skeleton.general.get(k)
        found = classes(skeleton.witnesses[:k], text.places) if general is None else general.classes
        if not found.matches(text.literals):
            continue
        if general is not None:
            return _instance(general, text, "process")
        source = general_text(text, found)
        if stored(source, True):
            code = make(source, True)
            general = skeleton.general[k] = General(code, found)
            return _instance(general, text, _origin(code))
    return None


def _widened(skeleton: _Skeleton, text: Apart, make: Make) -> Found | None:
    """Make one more general kernel; None where the compiler wants a literal to be one."""
    if text.literals in skeleton.witnesses:
        return None
    witnesses = [*skeleton.witnesses, text.literals]
    found = classes(witnesses, text.places)
    try:
        code = make(general_text(text, found), True)
    except Exception:  # the text as it is tells whether the generalisation was at fault
        skeleton.rigid = True
        return None
    skeleton.witnesses = witnesses
    general = skeleton.general[len(witnesses)] = General(code, found)
    return _instance(general, text, _origin(code))


def _instance(general: General, text: Apart, origin: str) -> Found:
    return instance(general, general.classes.numbers(text.literals), origin)


def instance(general: General, numbers: Sequence[Any], origin: str = "process") -> Found:
    """Return the code of a general kernel with these numbers as the values of its classes."""
    values = as_values(numbers)
    if len(general.shapes) < _COUNTED:
        general.shapes.add(hash(values.tobytes()))
    return Found(partial(general.code.call, values), general.code, origin, general)


# ---------------------------------------------------------------- what is remembered


def _entry(text: Apart, arguments: str) -> tuple[_Skeleton, str]:
    """Return the entry of a text's skeleton and the name of its file."""
    name = hashlib.sha256(f"{text.skeleton}\0{arguments}".encode()).hexdigest()[:24]
    found = _skeletons.get(name)
    if found is None:
        while len(_skeletons) >= _MOST:
            _skeletons.pop(next(iter(_skeletons)))
        found = _skeletons[name] = _Skeleton()
    if config.cache and len(found.witnesses) <= WIDENINGS:
        _recall(name, found, len(text.literals))
    return found, name


def _recall(name: str, skeleton: _Skeleton, count: int) -> None:
    """Take over the witnesses that other processes have noted, when these continue our own."""
    state, *lines = (cache.note("s_" + name) or "").split("\n")
    if state not in _STATES:
        return  # a damaged note costs a compilation
    witnesses = [tuple(line.split()) for line in lines]
    ours = skeleton.witnesses
    if all(len(w) == count for w in witnesses) and witnesses[: len(ours)] == ours:
        skeleton.witnesses = witnesses
    skeleton.rigid |= state == _STATES[True]


_STATES = ("general", "rigid")
"""The first line of a note, by whether the compiler has refused; a line for each witness follows."""


def _note(name: str, skeleton: _Skeleton) -> None:
    if config.cache:
        lines = [_STATES[skeleton.rigid], *[" ".join(w) for w in skeleton.witnesses]]
        cache.keep_note("s_" + name, "\n".join(lines))
