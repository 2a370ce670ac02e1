"""Concatenations of one large part: a window written into an array.

A step of a field is often written ``u = np.concatenate([u[:1], inner, u[-1:]])``. As a concatenation, the
inner part is an array of its own that is copied. Where parts show the very places of an array of the
same shape that they get in the result, it is that array with another window,

    concatenate(u[:1], v, u[-1:])    =    set_slice(u, v, 1:-1),

which the nest that computes v writes, over u when nothing else reads it (see `overlaps`); otherwise
it is zeros with windows set, of which the nest writes the large one.
"""

from __future__ import annotations

from ..core.avals import Aval, Shape
from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape
from .rewrite import rewrite
from .simplify import name_of, operands, params_of

Ranges = tuple[tuple[int, int, int], ...]

SMALLEST = 16
"""Elements from which a part is large."""


def joins(tape: Tape) -> Tape:
    """Return the tape with such concatenations as windows that are set."""
    if not any(_large(tape, i) is not None for i in range(tape.n_inputs, tape.rows)):
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        large = _large(tape, row.id)
        return None if large is None else _written(b, tape, row, args, large)

    return rewrite(tape, visit)


def _large(tape: Tape, i: int) -> int | None:
    """Return the part of a concatenation that a nest computes and that is most of it, by position."""
    if tape.prim(i).name != "concatenate" or tape.value(i).dtype.kind not in "fc":
        return None
    whole = tape.value(i)
    for k, a in enumerate(tape.args(i)):
        part = tape.value(a)
        most = SMALLEST <= part.size < whole.size and 5 * part.size >= 4 * whole.size
        if most and part.dtype == whole.dtype and tape.prim(a).emit.kind == "elementwise":
            return k
    return None


def _written(b: Builder, tape: Tape, row: Row, args: list[int], large: int) -> int:
    """Append the windows: the large one first, for its nest to write."""
    axis = row.params["axis"]
    shape, dtype = tape.value(row.id).shape, tape.value(row.id).dtype
    places: list[Ranges] = []
    start = 0
    for a in row.args:
        n = tape.value(a).shape[axis]
        places.append(tuple((start, n, 1) if d == axis else (0, m, 1) for d, m in enumerate(shape)))
        start += n
    bases = [_shown(b, a, ranges, shape) for a, ranges in zip(args, places)]
    base = next((x for x in bases if x is not None and b.aval(x).dtype == dtype), None)
    if base is None:
        total = ops.broadcast_to(b.lit(0, Aval(dtype)), shape=shape)
    else:
        total = Sym(b, base)
    for k in [large, *(k for k in range(len(args)) if k != large)]:
        if base is None or bases[k] != base:
            total = ops.set_slice(total, Sym(b, args[k]), ranges=places[k])
    return total.id


def _shown(b: Builder, a: int, ranges: Ranges, shape: Shape) -> int | None:
    """Return the array of a shape of which `a` is the part at these places."""
    if name_of(b, a) != "slice" or params_of(b, a)["ranges"] != ranges:
        return None
    x = operands(b, a)[0]
    return x if b.aval(x).shape == shape else None
