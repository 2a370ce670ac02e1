"""A sum of windows that is added to a window of an array: its windows are added to the array.

``w = weights[layer]; ... w[0] ... w[1] ...`` gives the cotangent of the weights as zeros of the shape of
w with windows added, added to a window of the whole. Without the zeros between,

    c[R] += (0; [A] += a; [B] += b)    becomes    c[R[A]] += a;  c[R[B]] += b.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.avals import Shape
from ..rules.declare import ops
from ..tape.ir import Builder, Sym, Tape
from .dce import dce

Ranges = tuple[tuple[int, int, int], ...]


def spread_sums(tape: Tape) -> Tape:
    """Return the tape with such additions spread."""
    readers: dict[int, int] = dict.fromkeys(tape.outputs, 2)
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers[a] = readers.get(a, 0) + 1
    found = {
        i: pieces
        for i in range(tape.n_inputs, tape.rows)
        if tape.prim(i).name == "add_slice" and (pieces := _pieces(tape, i, readers)) is not None
    }
    if not found:
        return tape
    b = Builder()
    place: list[int] = []
    for i in range(tape.rows):
        b.line = tape.line[i]
        args = [place[a] for a in tape.args(i)]
        if i not in found:
            place.append(b.append(tape.op[i], args, tape.aval[i], tape.param[i]))
            continue
        total = Sym(b, args[0])
        for value, ranges in found[i]:
            term = ops.reshape(Sym(b, place[value]), shape=tuple(n for _, n, _ in ranges))
            total = ops.add_slice(total, term, ranges=ranges)
        place.append(total.id)
    return dce(b.finish([place[o] for o in tape.outputs]))


def _pieces(tape: Tape, i: int, readers: Mapping[int, int]) -> list[tuple[int, Ranges]] | None:
    """Return what an addition adds and where, window by window; None when it adds one thing."""
    outer: Ranges = tape.params(i)["ranges"]
    at = tape.args(i)[1]
    window = tape.value(at).shape
    axes: list[int] | None = list(range(len(window)))
    if tape.prim(at).name == "reshape" and readers[at] == 1:
        at = tape.args(at)[0]
        axes = _axes(tape.value(at).shape, window)
    if axes is None:
        return None
    found: list[tuple[int, Ranges]] = []
    while tape.prim(at).name == "add_slice" and readers[at] == 1:
        ranges = list(outer)
        for d, (start, length, step) in zip(axes, tape.params(at)["ranges"]):
            first, _, stride = outer[d]
            ranges[d] = (first + start * stride, length, step * stride)
        found.append((tape.args(at)[1], tuple(ranges)))
        at = tape.args(at)[0]
    return found[::-1] if found and _is_zero(tape, at) else None


def _axes(old: Shape, new: Shape) -> list[int] | None:
    """Return the axes of `new` that those of `old` are when the others have one element.

    >>> _axes((4, 14), (1, 4, 14)), _axes((4, 14), (56,))
    ([1, 2], None)
    """
    found: list[int] = []
    for d, n in enumerate(new):
        if len(found) < len(old) and old[len(found)] == n:
            found.append(d)
    return found if len(found) == len(old) else None


def _is_zero(tape: Tape, i: int) -> bool:
    while tape.prim(i).name in ("broadcast_to", "reshape"):
        i = tape.args(i)[0]
    return tape.prim(i).name == "lit" and tape.params(i)["value"] == 0
