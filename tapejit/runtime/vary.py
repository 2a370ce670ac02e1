"""Numbers are static until they are seen to vary.

A Python int among the arguments, and a Python number that a function reads from a global, a closure
or an attribute, is part of what a program is made for: another value is another program. That is
right for a size and wasteful for a step counter or a decaying rate. So the values seen at each place
are counted; from the third on, the place is tried as an input of the tape. It stays one unless the
function needs the number itself (as an index, a dict key, a loop count) or the result would differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.pytree import flatten
from ..core.tables import freeze
from ..tape.ir import Tape
from .trace import Traced

SEEN = 3
"""How many different values make a place vary."""
_INT64 = range(-(2**63), 2**63)
_PLACES = 1024


def fits(value: Any) -> bool:
    """Whether an int can be an input."""
    return type(value) is int and value in _INT64


class Varying:
    """Which places vary, of one kind of key.

    Attributes
    ----------
    inputs : set
        The places that have become inputs.
    """

    def __init__(self) -> None:
        self.inputs: set[Any] = set()
        self._pinned: set[Any] = set()
        self._values: dict[Any, set[Any]] = {}

    def note(self, place: Any, value: Any) -> bool:
        """Count a value; return whether the place should now be tried as an input."""
        if place in self.inputs or place in self._pinned:
            return False
        if len(self._values) > _PLACES:
            self._values.clear()
        seen = self._values.setdefault(place, set())
        seen.add(freeze(value))
        return len(seen) >= SEEN

    def settle(self, places: Any, good: bool) -> None:
        """Make places inputs, or static for ever."""
        (self.inputs if good else self._pinned).update(places)
        for place in places:
            self._values.pop(place, None)


def needs_python(traced: Traced) -> bool:
    """Whether a number had to be a Python int: some guard fixes the value of an input itself."""
    tape = traced.tape
    for i in range(tape.n_inputs, tape.rows):
        if tape.prim(i).name == "guard" and type(tape.params(i)["expected"]) is not bool:
            at = tape.args(i)[0]
            while at >= tape.n_inputs and (step := _determining(tape, at)) is not None:
                at = step
            if at < tape.n_inputs and tape.value(at).weak:
                return True
    return False


_ONE_TO_ONE = frozenset({"trunc", "cast", "reshape", "copy", "negative"})
_WITH_A_NUMBER = frozenset({"add", "subtract", "multiply", "maximum"})


def _determining(tape: Tape, at: int) -> int | None:
    """Return the operand that a row's value tells, as ``max(n - 1, 0)`` tells n; None if none.

    Not one of a remainder: ``n % 3`` has three outcomes for all n, and so three variants at most.
    """
    name, args = tape.prim(at).name, tape.args(at)
    if name in _ONE_TO_ONE:
        return args[0]
    if name in _WITH_A_NUMBER:
        moving = [a for a in args if a < tape.n_inputs or tape.prim(_uncast(tape, a)).name != "lit"]
        return moving[0] if len(moving) == 1 else None
    return None


def _uncast(tape: Tape, at: int) -> int:
    while at >= tape.n_inputs and tape.prim(at).name == "cast":
        at = tape.args(at)[0]
    return at


def agrees(a: Any, b: Any) -> bool:
    """Whether two results are the same up to rounding: structure, types, dtypes and values."""
    (xs, one), (ys, other) = flatten(a), flatten(b)
    if one != other:
        return False
    return all(_close(x, y) for x, y in zip(xs, ys))


def _close(x: Any, y: Any) -> bool:
    if type(x) is not type(y):
        return False
    if not isinstance(x, (np.ndarray, np.generic, float, complex)):
        return x is y or freeze(x) == freeze(y)
    p, q = np.asarray(x), np.asarray(y)
    if p.dtype != q.dtype or p.shape != q.shape:
        return False
    if p.dtype.kind not in "fc":
        return bool(np.array_equal(p, q))
    with np.errstate(all="ignore"):
        tol = 64 * float(np.finfo(p.dtype).eps)
        scale = float(np.max(np.abs(p[np.isfinite(p)]), initial=0.0))
        return bool(np.allclose(p, q, rtol=1e3 * tol, atol=tol * scale, equal_nan=True))
