"""Convolutions with a short kernel: a stencil whose weights are values.

    z = convolve(x, w)    becomes    z_k = w_0 x_{s+k} + w_1 x_{s+k-1} + ...

for at most four weights: where all of them meet the line, windows of it in one elementwise nest; at the
ends, where fewer do, numbers in front and behind. Zeros are never multiplied by a weight, so an infinite
one reaches just the places that it reaches in NumPy.

The gradient by few weights is a part of few numbers of a convolution of two long lines; each is the
sum of a product of two windows, z_k = sum_i x_i r_{i+c-k} for r the other line reversed, and all of them
are one nest.
"""

from __future__ import annotations

from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape
from .rewrite import rewrite

WEIGHTS = 4
"""Weights at most, for each of which a nest reads a window."""
SHORTEST = 16
"""Elements of the longer operand from which the nest is worth more than a call."""
SUMS = 8
"""Numbers at most that are sums of products of windows; for 64 a routine is as fast."""


def short_kernels(tape: Tape) -> Tape:
    """Return the tape with convolutions of few weights, or to few numbers, as windows."""
    if not any(_is_short(tape, i) or _is_sums(tape, i) for i in range(tape.n_inputs, tape.rows)):
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        few, sums = _is_short(tape, row.id), _is_sums(tape, row.id)
        if not few and not sums:
            return None
        short, long = sorted((Sym(b, a) for a in args), key=lambda s: s.shape[0])
        made = _weighted if few else _sums
        return made(short, long, row.params["start"], row.params["length"]).id

    return rewrite(tape, visit)


def _lengths(tape: Tape, i: int) -> tuple[int, int] | None:
    """Return the lengths of the operands of a convolution, the shorter one first."""
    if tape.prim(i).name != "convolve" or tape.value(i).dtype.kind not in "fc":
        return None
    short, long = sorted(tape.value(a).shape[0] for a in tape.args(i))
    return short, long


def _is_short(tape: Tape, i: int) -> bool:
    """Whether a convolution has few weights, all of which meet the line in most places."""
    lengths = _lengths(tape, i)
    if lengths is None:
        return False
    short, long = lengths
    start, length = tape.params(i)["start"], tape.params(i)["length"]
    low, high = max(0, short - 1 - start), min(length, long - start)
    few = low <= WEIGHTS and length - high <= WEIGHTS
    return 1 < short <= WEIGHTS and high - low >= SHORTEST and few


def _is_sums(tape: Tape, i: int) -> bool:
    lengths = _lengths(tape, i)
    if lengths is None:
        return False
    start, length = tape.params(i)["start"], tape.params(i)["length"]
    whole = bool(lengths[0] - 1 <= start and start + length <= lengths[1])
    return whole and length <= SUMS < SHORTEST <= lengths[0]


def _weighted(w: Sym, x: Sym, start: int, length: int) -> Sym:
    """Append z_k = sum_j w_j x_{start+k-j} over the j at which x has an element."""
    m, n = w.shape[0], x.shape[0]
    weights = [ops.reshape(ops.slice(w, ranges=((j, 1, 1),)), shape=()) for j in range(m)]
    low, high = max(0, m - 1 - start), min(length, n - start)

    def part(first: int, last: int) -> Sym:
        total = None
        for j, weight in enumerate(weights):
            at = start + first - j
            if at >= 0 and at + last - first <= n:
                window = ops.slice(x, ranges=((at, last - first, 1),))
                term = window * ops.broadcast_to(weight, shape=window.shape)
                total = term if total is None else total + term
        if total is None:
            zero = x.b.lit(0, x.aval.__class__(x.dtype))
            return ops.broadcast_to(zero, shape=(last - first,))
        return total

    ends = [*range(low), *range(high, length)]
    parts = {first: part(first, first + 1) for first in ends}
    parts[low] = part(low, high)
    found = [parts[first] for first in sorted(parts)]
    return found[0] if len(found) == 1 else ops.concatenate(*found, axis=0)


def _sums(x: Sym, y: Sym, start: int, length: int) -> Sym:
    """Append z_k = sum_i x_i y_{start+k-i} for the shorter x, of which every element meets y."""
    n = x.shape[0]
    found = []
    for k in range(length):
        last = start + k  # of y, where x_0 is; the reversed window ends at last - (n - 1)
        window = ops.slice(y, ranges=((last - n + 1, n, 1),))
        back = ops.slice(x, ranges=((n - 1, n, -1),))
        total = ops.sum(window * back, axis=(0,), keepdims=False)
        found.append(ops.reshape(total, shape=(1,)))
    return found[0] if length == 1 else ops.concatenate(*found, axis=0)
