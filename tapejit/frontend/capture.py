"""A capture in progress: the builder, the constants it met, and the stack of captures.

Invariant: the innermost capture of a thread receives every row; values of enclosing captures are
lifted into it as inputs when they are used. A `Body` is the capture of a loop's round or of a
branch: its values are not known, and what it writes to arrays of the captures around it becomes
part of what the loop or branch gives back.
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
    from .tracer import Root, Tracer


_TWO_NAMES = (
    "an array is read after it may have been written to by another name: a branch or a loop has "
    "bound a name to it, or put it into a list. Read it by that name, or copy it before: a.copy()"
)


class Unstageable(BaseException):
    """The body of a loop or branch does what only Python can do with the values of one call.

    The loop is then unrolled, or the branch guarded. Code under capture that catches every
    exception must not catch this one.
    """


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
    around : object
        What the function reaches, for functions that are met on the way (outermost capture).
    notes : list of (int, str)
        What became of each loop and branch, by line, for `explain`; those of a body count when
        its row is recorded.
    evaluate : callable
        ``evaluate(tape, inputs)`` runs a tape whose loops were put off (outermost capture).
    places : dict
        The generators of random numbers kept outside, by bit generator (outermost capture).
    held : list of (array, copy)
        Plain arrays that traced values stand for, see `staging.held` (outermost capture).
    is_body : bool
        Whether this is the capture of one round or one branch.
    unrolls : bool
        Whether Python runs a short loop of few rows: those inside are no longer than that.
    """

    abstract = False
    is_body = False
    unrolls = False

    def __init__(self, parent: Capture | None = None) -> None:
        self.b = Builder(eager=True, limit=config.max_unroll)
        self.b.defers = True
        self.parent = parent
        self.around: Any = None
        self.notes: list[tuple[int, str]] = []
        self.evaluate: Any = None
        self.consts: list[tuple[Sym, Any, Any]] = []
        self.places: dict[int, Any] = {}
        self.paths: dict[int, Any] = {}
        self.lifted: list[tuple[Sym, Tracer]] = []
        self.effects: list[str] = []
        self._by_id: dict[int, int] = {}
        self._input = BY_NAME["input"].index
        self._snapshots: set[int] = set()
        self._settled: list[bool] = []
        self._lift_index: dict[tuple[int, int], Sym] = {}
        self.adopted: list[tuple[Sym, Sym]] = []
        self.held: list[tuple[Any, Any]] = []

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

    @property
    def outermost(self) -> Capture:
        return self if self.parent is None else self.parent.outermost

    def lift(self, tracer: Tracer) -> Sym:
        """Return a value of an enclosing capture as an input of this one."""
        source = self._around(tracer.cap).shown(tracer)
        return self._lifted(source, tracer)

    def _around(self, owner: Capture) -> Capture:
        """Return the capture around this one, which must be in or at `owner`."""
        outer = self.parent
        while outer is not None and outer is not owner:
            outer = outer.parent
        if outer is None or self.parent is None:
            raise CaptureError(
                "a traced value was used outside the call that traced it; do not keep traced "
                f"values in globals or attributes: return them instead ({where()})"
            )
        return self.parent

    def _lifted(self, source: Sym, tracer: Tracer) -> Sym:
        key = (id(source.b), source.id)
        found = self._lift_index.get(key)
        if found is None:
            found = self._lift_index[key] = self._input_for(source)
            self.lifted.append((found, tracer))
        return found

    def _input_for(self, source: Sym) -> Sym:
        """Return a new input that stands for a row of the capture around."""
        found = self.b.input(source.aval, source.b.known[source.id])
        if self.abstract or source.id in source.b.pending:
            self.b.pending.add(found.id)
        return found

    def shown(self, tracer: Tracer) -> Sym:
        """Return what a tracer shows, as a row of this capture."""
        return tracer.sym if tracer.cap is self else self.lift(tracer)

    def follows(self, tracer: Tracer) -> bool:
        """Whether views of a tracer that are made here write through to it."""
        return tracer.cap is self

    def state(self, root: Root) -> Any:
        """Return what keeps the current value of an array in this capture."""
        return root

    def note(self, line: int, what: str) -> None:
        """Note what became of a loop or branch, once."""
        if (line, what) not in self.notes:
            self.notes.append((line, what))

    def wrote(self, root: Root) -> None:
        """Forbid reading what may be the same array as one that has been written to."""
        for other in root.shares or ():
            other.lost = _TWO_NAMES
            other.version += 1

    def entry(self, root: Root) -> Sym:
        """Return the current value of an array of this capture or of one around it."""
        found: Sym = self.state(root).sym
        if found.b is self.b:
            return found
        if self.parent is None:
            raise CaptureError(
                "a traced value was used outside the call that traced it; do not keep traced "
                f"values in globals or attributes: return them instead ({where()})"
            )
        return self._adopted(self.parent.entry(root))

    def adopt(self, sym: Sym) -> Sym:
        """Return a row of this capture or of one around it as a row of this one."""
        if sym.b is self.b:
            return sym
        if self.parent is None:
            raise CaptureError(f"a traced value was used outside its call ({where()})")
        return self._adopted(self.parent.adopt(sym))

    def _adopted(self, source: Sym) -> Sym:
        """Return the input that stands for a row of the capture around."""
        key = (id(source.b), source.id)
        found = self._lift_index.get(key)
        if found is None:
            found = self._lift_index[key] = self._input_for(source)
            self.adopted.append((found, source))
        return found

    def value(self, sym: Sym) -> Any:
        """The concrete value that a row has in this call."""
        if sym.id in self.b.pending:
            return self.force(sym)
        return self.b.known[sym.id]

    def force(self, sym: Sym) -> Any:
        """Run the loops that a value waits for."""
        if self.parent is not None or self.evaluate is None:
            raise Unstageable(f"it asks for a value that differs from round to round ({where()})")
        b, kind = self.b, self._input
        inputs = [b.known[i] for i in range(len(b)) if b.op[i] == kind]
        (found,) = self.evaluate(b.finish([sym]), inputs)
        b.known[sym.id] = found
        b.pending.discard(sym.id)
        return found

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
        if self.abstract:
            raise Unstageable(f"Python needs a value that differs from round to round ({where()})")
        self.b.line = here()
        self.b.apply(BY_NAME["guard"], (sym,), {"expected": expected})

    def outcome(self, sym: Sym) -> Any:
        """Return the value of a scalar, guarded: for what raises, or not, by a value."""
        found = np.asarray(self.value(sym)).item()
        self.guard(sym, found)
        return found


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
        if any(cap.abstract for cap in _stack.captures):
            raise Unstageable(what)
        _stack.captures[0].effects.append(what)


@contextmanager
def capturing(made: Capture | None = None) -> Iterator[Capture]:
    """Open a capture nested in the current one."""
    from .dispatch import load

    load()
    cap = Capture(current()) if made is None else made
    _stack.captures.append(cap)
    try:
        with np.errstate(all="ignore"):
            yield cap
    finally:
        _stack.captures.pop()
