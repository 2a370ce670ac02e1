"""Convolutions with a short kernel: a stencil whose weights are values.

    z = convolve(x, w)    becomes    z = 0;  z[0:n] += w_0 x;  z[1:n+1] += w_1 x;  ...

for at most four weights, the windows that one nest writes at once (see `overlaps`). Zeros are never
multiplied by a weight, so an infinite one reaches just the places that it reaches in NumPy.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape
from .overlaps import FARTHEST
from .rewrite import rewrite

SHORTEST = 16
"""Elements of the longer operand from which the nest is worth more than a call."""


def short_kernels(tape: Tape) -> Tape:
    """Return the tape with convolutions with short kernels as sums of windows."""
    if not any(_is_short(tape, i) for i in range(tape.n_inputs, tape.rows)):
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if not _is_short(tape, row.id):
            return None
        w, x = sorted((Sym(b, a) for a in args), key=lambda s: s.shape[0])
        n, shape = x.shape[0], tape.value(row.id).shape
        total = ops.broadcast_to(b.lit(0, Aval(x.dtype)), shape=shape)
        for k in range(w.shape[0]):
            weight = ops.reshape(ops.slice(w, ranges=((k, 1, 1),)), shape=())
            term = x * ops.broadcast_to(weight, shape=x.shape)
            total = ops.add_slice(total, term, ranges=((k, n, 1),))
        return total.id

    return rewrite(tape, visit)


def _is_short(tape: Tape, i: int) -> bool:
    if tape.prim(i).name != "convolve" or tape.value(i).dtype.kind not in "fc":
        return False
    short, long = sorted(tape.value(a).shape[0] for a in tape.args(i))
    return 1 < short <= FARTHEST + 1 and long >= SHORTEST
