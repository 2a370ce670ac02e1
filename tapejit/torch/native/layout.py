"""Where CPython keeps what native recording reads: found by looking at live objects.

The place of a slot is where, in an object's memory, the address of what has been put there stands.
Nothing is assumed of a version of Python; what is not found, or found twice, is an error, and
recording then stays in Python.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from ..program import Program
from ..record import Recorder, Segment
from ..spec import Spec
from ..tensor import Tensor

WORD = 8


class UnknownLayout(RuntimeError):
    """This build of Python keeps its objects elsewhere than expected."""


def _words(x: object, size: int) -> list[int]:
    return list((ctypes.c_int64 * (size // WORD)).from_address(id(x)))


def _place(words: list[int], wanted: int, what: str) -> int:
    found = [k for k, w in enumerate(words) if w == wanted]
    if len(found) != 1:
        raise UnknownLayout(f"the place of {what} is not known: {found}")
    return WORD * found[0]


def slot(cls: type, name: str) -> int:
    """Return the offset of a slot in the objects of a class."""
    x: Any = object.__new__(cls)
    mark = object()
    setattr(x, name, mark)
    return _place(_words(x, cls.__basicsize__), id(mark), f"{cls.__name__}.{name}")


def _check(good: bool, what: str) -> None:
    if not good:
        raise UnknownLayout(f"the place of {what} is not known")


def _counted() -> int:
    """Return the offset of the reference count."""
    held: list[object] = [object()]
    count = ctypes.c_int64.from_address(id(held[0]))
    for n in range(1, 6):
        _check(count.value == n, "the reference count")
        held.append(held[0])
    return 0


def _type() -> int:
    class Probe:
        __slots__ = ()

    return _place(_words(Probe(), Probe.__basicsize__), id(Probe), "the type")


def _tuple() -> int:
    a, b = object(), object()
    words = _words((a, b), sys.getsizeof(()) - _collector() + 2 * WORD)
    first = _place(words, id(a), "the items of a tuple")
    _check(_place(words, id(b), "the items of a tuple") == first + WORD, "the items of a tuple")
    return first


def _collector() -> int:
    """Return the bytes that the collector keeps before an object, which ``getsizeof`` counts."""
    return sys.getsizeof(()) - tuple.__basicsize__


def _list() -> tuple[int, int]:
    marks = [object() for _ in range(53)]
    words = _words(marks, list.__basicsize__)
    size = _place(words, 53, "a list's length")
    items = 0
    for k, w in enumerate(words):
        # The address of the items is the one word besides type and length that leads to them.
        if k > size // WORD and w > 1 << 16:
            first = ctypes.c_int64.from_address(w).value
            if first == id(marks[0]):
                items = WORD * k
    _check(items > 0, "a list's items")
    return size, items


if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != WORD:
    raise UnknownLayout("native recording is made for 64-bit CPython")
if not getattr(sys, "_is_gil_enabled", lambda: True)():
    raise UnknownLayout("native recording relies on the global lock")

COUNT, TYPE = _counted(), _type()
TUPLE = _tuple()
LIST_SIZE, LIST_ITEMS = _list()

T_ARRAY, T_GRAD, T_GRAPH = slot(Tensor, "_array"), slot(Tensor, "_grad"), slot(Tensor, "_graph")
T_KIND, T_MORE, T_SERIAL = slot(Tensor, "_kind"), slot(Tensor, "_more"), slot(Tensor, "_serial")
T_SLOT, T_SPEC, T_VER = slot(Tensor, "_slot"), slot(Tensor, "_spec"), slot(Tensor, "_ver")
R_CODE, R_GRAD, R_INPUTS = slot(Recorder, "code"), slot(Recorder, "grad"), slot(Recorder, "inputs")
R_LEAVES, R_OWNERS = slot(Recorder, "leaves"), slot(Recorder, "owners")
R_SERIAL, R_SLOW = slot(Recorder, "serial"), slot(Recorder, "slow")
R_SOURCES, R_STALE = slot(Recorder, "sources"), slot(Recorder, "stale")
R_COPIES, R_FREED, R_IMPORTS = slot(Recorder, "copies"), slot(Recorder, "freed"), slot(Recorder, "imports")  # fmt: skip
R_LINES, R_NODES, R_SPECIAL = slot(Recorder, "lines"), slot(Recorder, "nodes"), slot(Recorder, "special")  # fmt: skip
G_AGE, G_AHEAD, G_CODE, G_FREED, G_HOOKS, G_IMPORTS, G_INPUTS, G_LEAVES, G_LINES, G_NODES, G_PROGRAM = (
    slot(Segment, name)
    for name in ("age", "ahead", "code", "freed", "node_hooks", "imports", "inputs", "leaves",
                 "lines", "nodes", "program")
)  # fmt: skip
G_ROWS, G_SOURCES, G_SPECIAL, G_STALE = (
    slot(Segment, name) for name in ("_rows", "sources", "special", "stale")
)
P_CODE, P_COMPUTED, P_FAST, P_FORECAST, P_FREED, P_GRAPHS, P_LIVING, P_RECORDED, P_RETAINS = (
    slot(Program, name)
    for name in ("code", "computed", "fast", "forecast", "freed", "graphs", "living", "recorded",
                 "retains")
)  # fmt: skip
S_INPUTS = slot(Spec, "inputs")


def numbers() -> tuple[int, ...]:
    """Return all places, for the name under which machine code is kept."""
    return tuple(v for k, v in sorted(globals().items()) if k.isupper() and isinstance(v, int))
