"""A capture in progress: the builder, the constants it met, and the stack of captures.

Invariant: the innermost capture of a thread receives every row; values of enclosing captures are
lifted into it as inputs when they are used.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.avals import aval_of
from ..core.config import config
from ..core.errors import CaptureError, UnsupportedError
from ..core.sources import here, where
from ..tape.ir import Builder, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES

if TYPE_CHECKING:
    from .tracer import Tracer


class Capture:
    """One recording.

    Attributes
    ----------
    b : Builder
        Where the rows go; eager, so that every row has its value of this call.
    consts : list of (Sym, array, origin)
        Arrays met on the way that are not arguments. The origin is the path where the array is
        kept, or a snapshot of its contents when it was made on the way.
    paths : dict
        Where arrays that the function can reach are kept, by identity.
    lifted : list of (Sym, Tracer)
        Values of enclosing captures used in this one.
    effects : list of str
        What was done on the way that a tape cannot replay; noted on the outermost capture.
    """

    def __init__(self, parent: Capture | None = None) -> None:
        self.b = Builder(eager=True, limit=config.max_unroll)
        self.parent = parent
        self.consts: list[tuple[Sym, Any, Any]] = []
        self.paths: dict[int, Any] = {}
        self.lifted: list[tuple[Sym, Tracer]] = []
        self.effects: list[str] = []
        self._by_id: dict[int, int] = {}
        self._input = BY_NAME["input"].index
        self._snapshots: set[int] = set()
        self._settled: list[bool] = []
        self._lift_index: dict[tuple[int, int], Sym] = {}

    def const(self, array: Any, path: Any = None) -> Sym:
        """Return the input row that stands for an array that is not an argument.

        With a `path`, the array is read from there at each later call; without, its contents are
        a snapshot that a second capture must reproduce.
        """
        if isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap):
            raise UnsupportedError(
                f"a {type(array).__module__}.{type(array).__name__} gives NumPy's operators "
                f"another meaning; take np.asarray(a) of it ({where()})"
            )
        if path is not None:
            aval = aval_of(array)
            sym = self.b.input(aval, np.asarray(array).astype(aval.dtype, copy=False)[()])
            self.consts.append((sym, array, path))
            return sym
        k = self._by_id.get(id(array))
        if k is None and id(array) in self.paths:
            self._by_id[id(array)] = len(self.consts)
            return self.const(array, self.paths[id(array)])
        if k is not None:
            sym, _, snapshot = self.consts[k]
            if not isinstance(snapshot, np.ndarray):
                snapshot = self.value(sym)
            if snapshot.shape == array.shape and np.array_equal(
                snapshot, array, equal_nan=snapshot.dtype.kind in "fc"
            ):
                return sym
        snapshot = np.array(array, dtype=aval_of(array).dtype)
        sym = self.b.input(aval_of(array), snapshot)
        self._snapshots.add(sym.id)
        self._by_id[id(array)] = len(self.consts)
        self.consts.append((sym, array, snapshot))
        return sym

    def lift(self, tracer: Tracer) -> Sym:
        """Return a value of an enclosing capture as an input of this one."""
        outer: Capture | None = self.parent
        while outer is not None and outer is not tracer.cap:
            outer = outer.parent
        if outer is None:
            raise CaptureError(
                "a traced value was used outside the call that traced it; do not keep traced "
                f"values in globals or attributes: return them instead ({where()})"
            )
        source = tracer.sym
        key = (id(tracer.cap), source.id)
        found = self._lift_index.get(key)
        if found is None:
            found = self.b.input(source.aval, tracer.cap.b.known[source.id])
            self._lift_index[key] = found
            self.lifted.append((found, tracer))
        return found

    def value(self, sym: Sym) -> Any:
        """The concrete value that a row has in this call."""
        return self.b.known[sym.id]

    def settled(self, i: int) -> bool:
        """Whether row `i` depends on no input but snapshots, which every capture reproduces."""
        b, known = self.b, self._settled
        for k in range(len(known), i + 1):
            if b.op[k] == self._input:
                known.append(k in self._snapshots)
            else:
                args = b.arg[b.off[k] : b.off[k + 1]]
                known.append(not PRIMITIVES[b.op[k]].effect and all(known[a] for a in args))
        return known[i]

    def guard(self, sym: Sym, expected: Any) -> None:
        """Record that the rest of the capture holds only while `sym` equals `expected`."""
        self.b.line = here()
        self.b.apply(BY_NAME["guard"], (sym,), {"expected": expected})


class _Stack(threading.local):
    def __init__(self) -> None:
        self.captures: list[Capture] = []


_stack = _Stack()


def current() -> Capture | None:
    """Return the innermost capture of this thread, None when nothing is being traced."""
    return _stack.captures[-1] if _stack.captures else None


def note_effect(what: str) -> None:
    """Note on the outermost capture of this thread that a tape cannot replay the function."""
    if _stack.captures:
        _stack.captures[0].effects.append(what)


@contextmanager
def capturing() -> Iterator[Capture]:
    """Open a capture nested in the current one."""
    from .dispatch import load

    load()
    cap = Capture(current())
    _stack.captures.append(cap)
    try:
        with np.errstate(all="ignore"):
            yield cap
    finally:
        _stack.captures.pop()
