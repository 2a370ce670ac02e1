"""Rolled arrays read from one array with a margin: periodic boundaries.

``np.roll(u, 1)`` is the last element of u in front of the others: a copy of u for each roll, two in
a step on a line and four on a plane. When an array is rolled by a few places more than once, here it is
copied once, with its ends repeated in a margin, and each roll is a window of that:

    r = u[-1:], u, u[:1];      roll(u, 1) = r[:-2];      roll(u, -1) = r[2:]

The adjoint of a roll adds two windows that together are a rolled array; they become one again first.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..rules.declare import ops
from ..tape.ir import Builder, Sym, Tape
from .dce import dce

FARTHEST = 8
"""Places by which an array is rolled at most."""
SMALLEST = 16
"""Elements from which an array is given a margin."""

Roll = tuple[int, int, int]
"""An array, an axis, and by how many places it is rolled: element i is at i + k."""


def rings(tape: Tape) -> Tape:
    """Return the tape with rolls of one array as windows of one array."""
    tape = _joined(tape)
    rolls = {i: roll for i in range(tape.rows) if (roll := _roll_of(tape, i)) is not None}
    wanted: dict[int, set[tuple[int, int]]] = {}
    for x, axis, k in rolls.values():
        wanted.setdefault(x, set()).add((axis, k))
    wanted = {x: found for x, found in wanted.items() if len(found) > 1}
    if not wanted:
        return tape
    b = Builder()
    place: list[int] = []
    made: dict[int, Sym] = {}
    for i in range(tape.rows):
        b.line = tape.line[i]
        if i in rolls and rolls[i][0] in wanted:
            x, axis, k = rolls[i]
            if x not in made:
                made[x] = _ring(Sym(b, place[x]), wanted[x])
            low, _ = _margins(wanted[x], len(made[x].shape))
            ranges = tuple(
                (m - k if d == axis else m, n, 1)
                for d, (m, n) in enumerate(zip(low, tape.value(x).shape))
            )
            place.append(ops.slice(made[x], ranges=ranges).id)
        else:
            args = [place[a] for a in tape.args(i)]
            place.append(b.append(tape.op[i], args, tape.aval[i], tape.param[i]))
    return dce(b.finish([place[o] for o in tape.outputs]))


def _part(tape: Tape, i: int) -> tuple[int, int, int, int] | None:
    """Return row `i` as a slice along one axis: the array, the axis, first and last place."""
    if tape.prim(i).name != "slice":
        return None
    x = tape.args(i)[0]
    ranges, shape = tape.params(i)["ranges"], tape.value(x).shape
    cut = [d for d, (r, n) in enumerate(zip(ranges, shape)) if r != (0, n, 1)]
    if len(cut) != 1 or ranges[cut[0]][2] != 1:
        return None
    first, length, _ = ranges[cut[0]]
    return x, cut[0], first, first + length


def _rolled(tape: Tape, front: int, back: int) -> Roll | None:
    """Return the roll that two parts of an array are, one behind the other."""
    one, other = _part(tape, front), _part(tape, back)
    if one is None or other is None or one[:2] != other[:2]:
        return None
    x, axis, first, last = one
    n = tape.value(x).shape[axis]
    if last != n or other[2] != 0 or other[3] != first:
        return None
    by = n - first
    k = by if 2 * by <= n else by - n
    few = abs(k) <= FARTHEST and tape.value(x).size >= SMALLEST and 2 * abs(k) <= n
    return (x, axis, k) if few else None


def _roll_of(tape: Tape, i: int) -> Roll | None:
    """Return row `i` as a roll by a few places, or None."""
    if tape.prim(i).name != "concatenate" or len(tape.args(i)) != 2:
        return None
    found = _rolled(tape, *tape.args(i))
    return found if found is not None and found[1] == tape.params(i)["axis"] else None


def _joined(tape: Tape) -> Tape:
    """Return the tape with windows added that are a rolled array as the addition of that array."""
    readers: dict[int, int] = dict.fromkeys(tape.outputs, 2)
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers[a] = readers.get(a, 0) + 1
    found: dict[int, tuple[int, int, int, int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        if tape.prim(i).name != "add_slice" or tape.value(i).dtype.kind not in "fc":
            continue
        below, v = tape.args(i)
        if tape.prim(below).name != "add_slice" or readers[below] != 1 or below in found:
            continue
        base, u = tape.args(below)
        for front, back, where in ((u, v, (below, i)), (v, u, (i, below))):
            roll = _rolled(tape, front, back)
            if roll is None or tape.value(roll[0]).shape != tape.value(i).shape:
                continue
            axis = roll[1]
            starts = [tape.params(r)["ranges"] for r in where]
            n = tape.value(front).shape[axis]
            if all(step == 1 for r in starts for _, _, step in r) and (
                starts[0][axis][0] == 0 and starts[1][axis][0] == n
            ):
                found[i] = (base, front, back, axis)
                break
    if not found:
        return tape
    b = Builder()
    place: list[int] = []
    for i in range(tape.rows):
        b.line = tape.line[i]
        if i in found:
            base, front, back, axis = found[i]
            parts = [Sym(b, place[front]), Sym(b, place[back])]
            place.append((Sym(b, place[base]) + ops.concatenate(*parts, axis=axis)).id)
        else:
            args = [place[a] for a in tape.args(i)]
            place.append(b.append(tape.op[i], args, tape.aval[i], tape.param[i]))
    return dce(b.finish([place[o] for o in tape.outputs]))


def _margins(rolls: set[tuple[int, int]], ndim: int) -> tuple[list[int], list[int]]:
    """Return the margins in front of each axis and behind it."""
    low, high = [0] * ndim, [0] * ndim
    for axis, k in rolls:
        low[axis], high[axis] = max(low[axis], k), max(high[axis], -k)
    return low, high


def _ring(x: Sym, rolls: set[tuple[int, int]]) -> Sym:
    """Append an array in a frame: in its margins the other end along one axis; corners are zero."""
    low, high = _margins(rolls, x.ndim)
    shape = tuple(a + n + c for a, n, c in zip(low, x.shape, high))
    middle = tuple((a, n, 1) for a, n in zip(low, x.shape))
    total = ops.broadcast_to(x.b.lit(0, Aval(x.dtype)), shape=shape)
    total = ops.set_slice(total, x, ranges=middle)
    whole = tuple((0, n, 1) for n in x.shape)
    for axis, n in enumerate(x.shape):
        for width, source, target in (
            (low[axis], n - low[axis], 0),
            (high[axis], 0, low[axis] + n),
        ):
            if width:
                part = (*whole[:axis], (source, width, 1), *whole[axis + 1 :])
                into = (*middle[:axis], (target, width, 1), *middle[axis + 1 :])
                total = ops.set_slice(total, ops.slice(x, ranges=part), ranges=into)
    return total
