"""Sums of shifted windows in gather form: the adjoint of a stencil.

The cotangent of a field that was read as u[2:], u[1:-1] and u[:-2] is an array d with windows added,
one behind the other. Here every place gathers what is added there,

    d[W + s] += v;  d[W + t] += v;  d[U] += w    becomes    d[U] = d[U] + p[U - s] + p[U - t] + w,

where p is v with a margin of zeros, so that one nest of elementwise rows reads and writes each place
once. When a step of a field was written to its inner window W, the cotangent is cleared there first,

    d[W] = 0;  d[W + s] += v;  ...            becomes    d[W] = p[W - s] + ...;  d[W + s - W] += v,

and what is added outside of W, runs along its edges, is added there alone.

Invariant: a row that is taken in is read by the next one of its sum only, so the rows disappear. The
terms of a place are added in another order than before, as cotangents may be, and zeros are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from ..core.records import record
from ..rules.declare import ops
from ..tape.ir import Builder, Sym, Tape
from .dce import dce
from .overlaps import constant_of, is_overlap

Ranges = tuple[tuple[int, int, int], ...]
Box = tuple[tuple[int, int], ...]
"""Places from one to another along each axis."""

SMALLEST = 16
"""Elements from which a window is gathered; smaller ones are added."""
MARGIN = 8
"""Zeros at most on one side of what is gathered."""
EDGES = 8
"""Runs along the edges of a cleared window; when there are more, it is cleared and added to."""

DEEPEST = 64
"""Additions that a sum is looked for in: recursion ends, and a chain of a thousand takes no second."""


@record
class Sum:
    """Windows added to an array.

    Attributes
    ----------
    base : int
        The array.
    cleared : tuple of range or None
        The window of the array that is zero before.
    terms : list of (int, tuple of int, bool)
        What is added, where its window starts, and whether it is subtracted.
    rows : set of int
        The rows that this replaces, but for the last.
    readers : dict
        How many rows read each row of the tape.
    """

    base: int
    cleared: Ranges | None = None
    terms: list[tuple[int, tuple[int, ...], bool]] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    readers: dict[int, int] = field(default_factory=dict)


def gathers(tape: Tape) -> Tape:
    """Return the tape with sums of windows in gather form, where that saves passes over memory."""
    readers: dict[int, int] = dict.fromkeys(tape.outputs, 2)
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers[a] = readers.get(a, 0) + 1
    holds = _with_windows(tape, readers)
    found: dict[int, Sum] = {}
    taken: set[int] = set()
    for i in range(tape.rows - 1, tape.n_inputs - 1, -1):
        if i in taken or i not in holds:
            continue
        total = _sum_of(tape, i, readers)
        if total is not None and _pays(tape, i, total):
            total.readers = readers
            found[i] = total
            taken |= total.rows
    if not found:
        return tape
    b = Builder()
    place: list[int] = []
    for i in range(tape.rows):
        b.line = tape.line[i]
        if i in found:
            place.append(_gathered(b, tape, found[i], place).id)
        else:
            args = [place[a] for a in tape.args(i)]
            place.append(b.append(tape.op[i], args, tape.aval[i], tape.param[i]))
    return dce(b.finish([place[o] for o in tape.outputs]))


# ---------------------------------------------------------------- finding


def _with_windows(tape: Tape, readers: dict[int, int]) -> set[int]:
    """Return the additions that a window is among, at whatever depth: no other sum is looked at.

    A thousand steps of a solver are a chain of a thousand additions, each the end of a sum.
    """
    found: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        name = tape.prim(i).name
        sums = name == "add" and any(a in found and readers[a] == 1 for a in tape.args(i))
        if sums or name == "add_slice":
            found.add(i)
    return found


def _sum_of(tape: Tape, i: int, readers: dict[int, int], deep: int = DEEPEST) -> Sum | None:
    """Return row `i` as a sum of windows, or None when it is none; what is deeper is its base."""
    if not deep:
        return None
    name, args = tape.prim(i).name, tape.args(i)
    if name == "add_slice":
        ranges: Ranges = tape.params(i)["ranges"]
        if any(step != 1 for _, _, step in ranges):
            return None
        total = _below(tape, args[0], readers, deep - 1)
        v, less = args[1], False
        while tape.prim(v).name == "negative" and readers[v] == 1:
            v, less = tape.args(v)[0], not less
        total.terms.append((v, tuple(start for start, _, _ in ranges), less))
        return total
    x, y = args
    shape = tape.value(i).shape
    if x == y or tape.value(x).shape != shape or tape.value(y).shape != shape:
        return None
    for whole, other in ((x, y), (y, x)):
        if tape.prim(whole).name not in ("add_slice", "add") or readers[whole] != 1:
            continue
        found = _sum_of(tape, whole, readers, deep - 1)
        if found is None:
            continue
        found.rows.add(whole)
        if constant_of(tape, found.base) == 0:  # windows of zeros are added to the other
            under = _below(tape, other, readers, deep - 1)
            under.terms += found.terms
            under.rows |= found.rows
            return under
        found.terms.append((other, (0,) * len(shape), False))
        return found
    return None


def _below(tape: Tape, i: int, readers: dict[int, int], deep: int) -> Sum:
    """Return what a sum adds to: another sum, an array of which a window is cleared, or an array."""
    if readers.get(i) != 1:
        return Sum(i)
    name = tape.prim(i).name
    if name in ("add_slice", "add"):
        below = _sum_of(tape, i, readers, deep)
        if below is None:
            return Sum(i)
        below.rows.add(i)
        return below
    if name == "set_slice" and constant_of(tape, tape.args(i)[1]) == 0:
        ranges = tape.params(i)["ranges"]
        if all(step == 1 for _, _, step in ranges):
            return Sum(tape.args(i)[0], ranges, [], {i})
    return Sum(i)


def _pays(tape: Tape, i: int, total: Sum) -> bool:
    """Whether a sum is to be gathered: two windows or more, most of one box, near to each other."""
    if tape.value(i).dtype.kind not in "fc":
        return False
    if constant_of(tape, total.base) is not None:
        chain = [r for r in sorted({*total.rows, i}) if tape.prim(r).name == "add_slice"]
        simple = all(tape.prim(r).name == "add_slice" for r in total.rows)
        if total.cleared is not None or constant_of(tape, total.base) != 0:
            return False
        if simple and is_overlap(tape, chain):
            return False
    box = _box(tape, total)
    return box is not None and len(_near(tape, total, box)) > 1


def _box(tape: Tape, total: Sum) -> Box | None:
    """Return the places that are gathered: what is cleared, or what the large windows cover."""
    cleared = total.cleared
    if cleared is not None:
        box = tuple((start, start + length) for start, length, _ in cleared)
        edges = [_outside(w, box) for w in _windows(tape, total) if _size(w) >= SMALLEST]
        if sum(map(len, edges)) <= EDGES:
            return box
    large = max((_size(w) for w in _windows(tape, total)), default=0)
    near = [w for w in _windows(tape, total) if 2 * _size(w) >= large and large >= SMALLEST]
    if not near:
        return None
    box = tuple(
        (min(w[d][0] for w in near), max(w[d][1] for w in near)) for d in range(len(near[0]))
    )
    return box if 2 * _size(box) <= 3 * large else None


def _windows(tape: Tape, total: Sum) -> list[Box]:
    return [
        tuple((s, s + n) for s, n in zip(start, tape.value(v).shape)) for v, start, _ in total.terms
    ]


def _size(box: Box) -> int:
    made = 1
    for first, last in box:
        made *= last - first
    return made


def _near(tape: Tape, total: Sum, box: Box) -> list[int]:
    """Return the terms, by position, that are gathered over a box: small margins make them cover it.

    A part of an array would be copied into its margins, in a pass of its own: it is added.
    """
    found = []
    for k, window in enumerate(_windows(tape, total)):
        margins = [abs(w - u) for a, b in zip(window, box) for w, u in zip(a, b)]
        large = _size(window) >= SMALLEST and 2 * _size(window) >= _size(box)
        covers = all(a[0] <= b[0] and b[1] <= a[1] for a, b in zip(window, box))
        made = tape.prim(total.terms[k][0]).emit.kind in ("elementwise", "update")
        if large and (covers or made) and max(margins, default=0) <= MARGIN:
            found.append(k)
    return found


def _outside(window: Box, box: Box) -> list[Box]:
    """Return boxes that cover what of a window lies outside of a box.

    >>> _outside(((0, 4), (1, 6)), ((1, 5), (1, 5)))
    [((0, 1), (1, 6)), ((1, 4), (5, 6))]
    """
    found: list[Box] = []
    inside: list[tuple[int, int]] = []
    for d, ((first, last), (low, high)) in enumerate(zip(window, box)):
        for a, b in ((first, min(last, low)), (max(first, high), last)):
            if a < b:
                found.append((*inside, (a, b), *window[d + 1 :]))
        a, b = max(first, low), min(last, high)
        if a >= b:
            return found
        inside.append((a, b))
    return found


# ---------------------------------------------------------------- making


def _ranges(box: Box, start: Sequence[int] = ()) -> Ranges:
    """Return a box as the parameter of a slice, counted from a start."""
    start = start or (0,) * len(box)
    return tuple((first - s, last - first, 1) for (first, last), s in zip(box, start))


def _shown(x: Sym, box: Box, start: Sequence[int]) -> Sym:
    """Return the part of `x`, which starts at `start`, over a box."""
    ranges = _ranges(box, start)
    if all(r == (0, n, 1) for r, n in zip(ranges, x.shape)):
        return x
    return ops.slice(x, ranges=ranges)


def _gathered(b: Builder, tape: Tape, total: Sum, place: Sequence[int]) -> Sym:
    """Append a sum in gather form."""
    box = _box(tape, total)
    assert box is not None
    near = set(_near(tape, total, box))
    windows = _windows(tape, total)
    base = Sym(b, place[total.base])
    cleared = total.cleared
    if cleared is not None and _ranges(box) != cleared:
        zero = b.lit(0, base.aval.__class__(base.dtype))
        zeros = ops.broadcast_to(zero, shape=tuple(n for _, n, _ in cleared))
        base, cleared = ops.set_slice(base, zeros, ranges=cleared), None
    origin = (0,) * len(box)
    parts: list[tuple[Sym, bool]] = []
    if cleared is None and constant_of(tape, total.base) is None:
        parts.append((_shown(base, box, origin), False))
    frames = _frames(b, tape, total, box, near, place)
    again = _again(b, tape, total, frames, place)
    for k, (v, start, less) in enumerate(total.terms):
        if k in near:
            made, first = frames[v]
            made = again.get(v, made) if made.id == place[v] else made
            parts.append((_shown(made, box, [s - f for s, f in zip(start, first)]), less))
    (inside, less), *others = sorted(parts, key=lambda part: part[1])
    inside = ops.negative(inside) if less else inside
    for part, less in others:
        inside = inside - part if less else inside + part
    whole = _ranges(box) == tuple((0, n, 1) for n in base.shape)
    result = inside if whole else ops.set_slice(base, inside, ranges=_ranges(box))
    for k, (v, start, less) in enumerate(total.terms):
        for piece in _outside(windows[k], box) if k in near else [windows[k]]:
            shown = _shown(again.get(v, Sym(b, place[v])), piece, start)
            shown = ops.negative(shown) if less else shown
            result = ops.add_slice(result, shown, ranges=_ranges(piece))
    return result


def _frames(
    b: Builder, tape: Tape, total: Sum, box: Box, near: set[int], place: Sequence[int]
) -> dict[int, tuple[Sym, tuple[int, ...]]]:
    """Return for each gathered value itself, or with a margin of zeros, and how wide that is in front."""
    starts: dict[int, list[tuple[int, ...]]] = {}
    for k, (v, start, _) in enumerate(total.terms):
        if k in near:
            starts.setdefault(v, []).append(start)
    made: dict[int, tuple[Sym, tuple[int, ...]]] = {}
    for v, places in starts.items():
        shape = tape.value(v).shape
        low = tuple(max(0, *(s[d] - box[d][0] for s in places)) for d in range(len(box)))
        high = [max(n, *(box[d][1] - s[d] for s in places)) for d, n in enumerate(shape)]
        x = Sym(b, place[v])
        if any(low) or tuple(high) != shape:
            framed = tuple(f + h for f, h in zip(low, high))
            zero = ops.broadcast_to(b.lit(0, x.aval.__class__(x.dtype)), shape=framed)
            x = ops.set_slice(zero, x, ranges=tuple((f, n, 1) for f, n in zip(low, shape)))
        made[v] = (x, low)
    return made


def _again(
    b: Builder,
    tape: Tape,
    total: Sum,
    frames: dict[int, tuple[Sym, tuple[int, ...]]],
    place: Sequence[int],
) -> dict[int, Sym]:
    """Return what the sum reads in other rows: framed values inside of their frames.

    They are then stored there alone. A term w = f(v) that only the sum reads is computed where the
    sum is, from v in its frame.
    """
    made: dict[int, Sym] = {}
    for v, (x, first) in frames.items():
        if x.id != place[v]:
            box = tuple((f, f + n) for f, n in zip(first, tape.value(v).shape))
            made[v] = _shown(x, box, (0,) * len(box))
    own: set[int] = set()
    todo = [v for v, _, _ in total.terms]
    while todo:
        i = todo.pop()
        plain = tape.prim(i).emit.kind == "elementwise" and tape.value(i).shape
        if i not in made and i not in own and plain and total.readers.get(i) == 1:
            own.add(i)
            todo += tape.args(i)
    for i in sorted(own):
        if any(a in made for a in tape.args(i)):
            args = [made[a].id if a in made else place[a] for a in tape.args(i)]
            made[i] = Sym(b, b.append(tape.op[i], args, tape.aval[i], tape.param[i]))
    return made
