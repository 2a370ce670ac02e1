"""What the reverse body of a loop or branch gets from the forward one, and what it computes again.

The rows of a body and of its reverse sweep stand in one builder. Reverse rows read forward rows;
of these some are *kept*, as further results of the forward body, and the rest is computed again
from what is kept and from what the reverse body has anyway. A value is computed again when that is
cheap (sums, products, reads of an array, views); what took a division, a transcendental function
or a loop is kept. An array that the loop carries is not kept where a few of its elements will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..core.avals import AVALS, TupleAval
from ..tape.ir import Builder
from ..tape.primitive import BY_NAME, PRIMITIVES

CHEAP = frozenset(
    "lit out cast copy stop_gradient add subtract multiply negative square absolute sign where "
    "maximum minimum equal not_equal less less_equal greater greater_equal logical_and logical_or "
    "logical_not wrap_index window_start gated broadcast_to reshape transpose slice dynamic_slice "
    "real imag conjugate bitwise_and bitwise_or arange".split()
)
"""Primitives whose value costs no more to compute than to store and load."""


def read_by(s: Builder, stop: int, outputs: Sequence[int]) -> list[int]:
    """Return the forward values that `outputs` read, directly or through reverse rows.

    Forward are the rows below `stop` and the results of those with several, wherever they are read.
    """
    out = BY_NAME["out"].index
    forward: set[int] = set()
    need = set(outputs)
    for k in range(len(s) - 1, -1, -1):
        if k not in need:
            continue
        if k < stop or (s.op[k] == out and s.arg[s.off[k]] < stop):
            forward.add(k)
        else:
            need.update(s.arg[s.off[k] : s.off[k + 1]])
    return sorted(forward)


def inputs_read(s: Builder, outputs: Sequence[int], cut: Sequence[int]) -> list[int]:
    """Return the inputs that `outputs` still read when the rows `cut` are given."""
    need, given = set(outputs), set(cut)
    for k in range(len(s) - 1, -1, -1):
        if k in need and k not in given:
            need.update(s.arg[s.off[k] : s.off[k + 1]])
    kind = BY_NAME["input"].index
    return sorted(k for k in need if k not in given and s.op[k] == kind)


def _bytes(s: Builder, k: int) -> int:
    aval = s.aval(k)
    return aval.size * aval.dtype.itemsize


@dataclass
class _Choice:
    """The search for what to keep, in one builder.

    Attributes
    ----------
    free : set of int
        Rows that the reverse body has anyway.
    kept : dict
        The rows to keep, in the order in which they were chosen.
    """

    s: Builder
    free: set[int]
    kept: dict[int, None]

    def here(self, k: int) -> bool:
        return k in self.free or k in self.kept or PRIMITIVES[self.s.op[k]].name == "lit"

    def must_recompute(self, k: int) -> bool:
        """Whether a row has no value that could be kept: several results, or of unknown length."""
        aval = AVALS[self.s.avals[k]]
        return isinstance(aval, TupleAval) or -1 in aval.shape

    def leaves(self, k: int, found: dict[int, None]) -> None:
        """Collect what would have to be kept to compute row `k` again."""
        if self.here(k) or k in found:
            return
        prim = PRIMITIVES[self.s.op[k]]
        again = self.must_recompute(k) or (prim.name in CHEAP and not self._keeps_loop(k))
        if not again or prim.name == "input":
            found[k] = None
            return
        for a in self.s.arg[self.s.off[k] : self.s.off[k + 1]]:
            self.leaves(a, found)

    def _keeps_loop(self, k: int) -> bool:
        """Whether row `k` is a plain result of a loop: kept, so that the loop need not run again."""
        if PRIMITIVES[self.s.op[k]].name != "out" or self.must_recompute(k):
            return False
        return not self.here(self.s.arg[self.s.off[k]])

    def settle(self, k: int) -> None:
        """Make row `k` available to the reverse body."""
        found: dict[int, None] = {}
        self.leaves(k, found)
        if not found:
            return
        if not self.must_recompute(k) and sum(_bytes(self.s, a) for a in found) > _bytes(self.s, k):
            self.kept[k] = None
            return
        self.kept.update(found)


def choose(s: Builder, wanted: Sequence[int], free: set[int]) -> list[int]:
    """Return the forward rows to keep so that all `wanted` ones can be had in the reverse body."""
    made = _Choice(s, set(free), {})
    dear = [k for k in wanted if not made.here(k) and PRIMITIVES[s.op[k]].name not in CHEAP]
    # Inputs that are not free are carried arrays or numbers: they wait, since parts may do.
    inputs = BY_NAME["input"].index
    for k in dear:
        if s.op[k] != inputs and not made.must_recompute(k):
            made.kept[k] = None
    for k in wanted:
        if not made.here(k):
            made.settle(k)
    return list(made.kept)
