"""Interiors: a line put together from parts is one nest between its ends.

``u + c * np.pad(u[2:] - 2 * u[1:-1] + u[:-2], 1)`` differs from a sum of windows of u in two places only: the
ends. The same is true of rolls, of concatenations, of windows written into copies, and of what their
adjoints add up. So in the body of a loop a line y of n places is cut where its definition changes,

    y = concatenate(y[0:1], ..., y[lo:hi], ..., y[n-1:n]),

and each part is computed from windows of what the body reads, through all rows between: the long one
is one elementwise nest without temporaries, the others are numbers. Cheap rows that are read at several
offsets are computed again at each, as a hand-written adjoint does; dear ones are stored, as before.

Sums over lines of the same length are cut at the same places, so that they are folded in that nest.

Invariant: the places [lo, hi) of a line have one definition; what is computed at a place is what
was computed there, by the same operations, but for the order of sums and for zeros that are not added.
"""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise

from ..core.avals import Aval, aval_id
from ..core.records import record
from ..rules.declare import ops
from ..tape.ir import PARAMS, Builder, Sym, Tape
from ..tape.primitive import PRIMITIVES
from .dce import dce
from .overlaps import constant_of

SHORTEST = 32
"""Places of a line from which its ends are computed apart."""
ENDS = 8
"""Places at either end, at most, where the definition may change."""
VISITS = 400
"""Rows looked through for one line: past that it stays as it is."""
ROWS = 80
"""Rows of an interior at most, some of them computed again at other offsets."""
CHEAP = frozenset(
    "add subtract multiply gated negative square where maximum minimum absolute sign cast equal "
    "not_equal less less_equal greater greater_equal logical_and logical_or logical_not".split()
)
"""What is computed again at each offset rather than stored."""
PIECED = ("concatenate", "set_slice", "add_slice")

Range = tuple[int, int]


@record
class Line:
    """A line or a sum to be cut.

    Attributes
    ----------
    row : int
        The row; of a sum, the line that is summed.
    total : int or None
        The sum.
    cuts : set of int
        Places where the definition changes.
    offsets : dict
        For each row that it is computed from, how much farther on that is read.
    inner : (int, int)
        The interior.
    """

    row: int
    total: int | None
    cuts: set[int] = field(default_factory=set)
    offsets: dict[int, set[int]] = field(default_factory=dict)
    inner: Range = (0, 0)


def interiors(tape: Tape) -> Tape:
    """Return the body of a loop with lines cut into their interior and their ends."""
    if not any(tape.prim(i).name in PIECED for i in range(tape.n_inputs, tape.rows)):
        return tape
    lines = {line.total or line.row: line for line in _lines(tape)}
    if not any(line.cuts for line in lines.values()):
        return tape
    _align(tape, lines)
    cut = _Cut(tape)
    for i in range(tape.rows):
        cut.b.line = tape.line[i]
        line = lines.get(i)
        made = cut.written(line) if line is not None and line.inner != (0, 0) else None
        if made is None:
            args = [cut.place[a] for a in tape.args(i)]
            cut.place.append(cut.b.append(tape.op[i], args, tape.aval[i], tape.param[i]))
        else:
            assert line is not None
            cut.place.append(made.id)
            if line.total is None:
                cut.stored.add(i)
    return dce(cut.b.finish([cut.place[o] for o in tape.outputs]))


# ---------------------------------------------------------------- finding


def _is_line(tape: Tape, i: int) -> bool:
    if not isinstance(tape.any_aval(i), Aval):
        return False
    value = tape.value(i)
    return value.ndim == 1 and value.shape[0] >= SHORTEST and value.dtype.kind in "fc"


def _lines(tape: Tape) -> list[Line]:
    """Return what needs memory or is summed, where its definition changes near its ends only."""
    wanted: dict[tuple[int, int | None], None] = {}
    outputs = set(tape.outputs)
    stored: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        prim = tape.prim(i)
        if prim.emit.kind == "elementwise" or prim.name in PIECED or prim.name == "slice":
            continue
        if prim.name == "sum":
            wanted[tape.args(i)[0], i] = None
        else:
            stored |= set(tape.args(i))
    for i in range(tape.n_inputs, tape.rows):
        name = tape.prim(i).name
        written = tape.prim(i).emit.kind == "elementwise" or name in PIECED
        if written and (i in outputs or i in stored):
            wanted[i, None] = None
    found = []
    for row, total in wanted:
        if not _is_line(tape, row) or (tape.prim(row).name in PIECED and not _plain(tape, row)):
            continue
        line = Line(row, total)
        n = tape.value(row).shape[0]
        if not _look(tape, line, row, 0, (0, n), set()):
            continue
        low = max((c for c in line.cuts if 2 * c < n), default=0)
        high = min((c for c in line.cuts if 2 * c >= n), default=n)
        if low <= ENDS and n - high <= ENDS:
            line.inner = (low, high)
            found.append(line)
    return found


def _look(
    tape: Tape, line: Line, i: int, offset: int, where: Range, seen: set[tuple[int, int, Range]]
) -> bool:
    """Note where a part of a line, read through row `i`, changes its definition; False if too long."""
    if (i, offset, where) in seen:
        return True
    seen.add((i, offset, where))
    if len(seen) > VISITS:
        return False
    line.offsets.setdefault(i, set()).add(offset)
    name, args = tape.prim(i).name, tape.args(i)
    if name == "slice" and _plain(tape, i):
        start = tape.params(i)["ranges"][0][0]
        return _look(tape, line, args[0], offset + start, where, seen)
    if name in PIECED and _plain(tape, i):
        for a, shift, part in _parts(tape, i, offset, where):
            line.cuts |= set(part) - set(where)
            if not _look(tape, line, a, offset - shift, part, seen):
                return False
        return True
    if tape.prim(i).emit.kind == "elementwise":
        lines = [a for a in args if tape.value(a).shape == tape.value(i).shape]
        return all(_look(tape, line, a, offset, where, seen) for a in lines)
    return True


def _plain(tape: Tape, i: int) -> bool:
    """Whether parts of a row that moves lines are parts of its operands, one behind the other."""
    if not isinstance(tape.any_aval(i), Aval) or tape.value(i).ndim != 1:
        return False
    if tape.prim(i).name == "concatenate":
        return all(tape.value(a).dtype == tape.value(i).dtype for a in tape.args(i))
    ((_, _, step),) = tape.params(i)["ranges"]
    return bool(step == 1) and all(tape.value(a).ndim == 1 for a in tape.args(i))


def _parts(tape: Tape, i: int, offset: int, where: Range) -> list[tuple[int, int, Range]]:
    """Return the parts of a range of row `i`: an operand, where it starts in the row, the range.

    Ranges are counted from where the line starts, which is at `offset` in the row. A part of what is
    added to comes twice, for the operand and for what is added.
    """
    args = tape.args(i)
    found: list[tuple[int, int, Range]] = []

    def enter(a: int, shift: int, first: int, last: int) -> None:
        part = max(first - offset, where[0]), min(last - offset, where[1])
        if part[0] < part[1]:
            found.append((a, shift, part))

    if tape.prim(i).name == "concatenate":
        start = 0
        for a in args:
            n = tape.value(a).shape[0]
            enter(a, start, start, start + n)
            start += n
        return found
    ((start, n, _),) = tape.params(i)["ranges"]
    enter(args[0], 0, 0, start)
    if tape.prim(i).name == "add_slice":
        enter(args[0], 0, start, start + n)
    enter(args[1], start, start, start + n)
    enter(args[0], 0, start + n, tape.value(i).shape[0])
    return found


def _align(tape: Tape, lines: dict[int, Line]) -> None:
    """Give lines of about one length interiors of one length; those without cuts only beside others."""
    length = {k: line.inner[1] - line.inner[0] for k, line in lines.items()}
    size = {k: tape.value(line.row).shape[0] for k, line in lines.items()}
    for k, line in lines.items():
        near = [q for q in lines if abs(size[q] - size[k]) <= 2 * ENDS]
        shortest = min(length[q] for q in near)
        extra = length[k] - shortest
        low = line.inner[0] + extra // 2
        fits = low <= 2 * ENDS and size[k] - low - shortest <= 2 * ENDS
        cut = any(lines[q].cuts for q in near)
        line.inner = (low, low + shortest) if fits and cut and shortest >= SHORTEST // 2 else (0, 0)


# ---------------------------------------------------------------- making


class _Cut:
    """A tape under construction in which lines are cut.

    `place` gives the new row of an old one, `stored` the old rows that were cut, `made` the parts
    of old rows by row and range.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.b = Builder()
        self.place: list[int] = []
        self.stored: set[int] = set()
        self.made: dict[tuple[int, int, int], Sym] = {}
        self.leaves: set[int] = set()
        self.rows = 0

    def written(self, line: Line) -> Sym | None:
        """Append a line, or its sum, as its parts; None where that takes too many rows."""
        tape, n = self.tape, self.tape.value(line.row).shape[0]
        leaves = {i for i in self.stored if line.offsets.get(i, {0}) != {0}}
        if leaves - self.leaves:
            self.made = {}  # what is read again is read behind the nest that stores the leaves
        leaves |= {
            i
            for i, offsets in line.offsets.items()
            if len(offsets) > 1
            and tape.prim(i).emit.kind == "elementwise"
            and tape.prim(i).name not in CHEAP
        }
        self.leaves = leaves
        low, high = line.inner
        ends = sorted({0, low, high, n} | {c for c in line.cuts if not low < c < high})
        self.rows = 0
        parts = {low: self.part(line.row, low, high)}
        if self.rows > ROWS:
            return None
        for first, last in pairwise(ends):
            if first != low:
                parts[first] = self.part(line.row, first, last)
        if line.total is None:
            found = [parts[first] for first in sorted(parts)]
            return found[0] if len(found) == 1 else ops.concatenate(*found, axis=0)
        total = ops.sum(parts[low], axis=(0,), keepdims=False)
        for first in sorted(parts):
            if first != low:
                total = total + ops.sum(parts[first], axis=(0,), keepdims=False)
        return total

    def part(self, i: int, first: int, last: int) -> Sym:
        """Append the places from `first` to `last` of row `i`, which have one definition."""
        key = (i, first, last)
        if key not in self.made:
            self.made[key] = self._part(i, first, last)
        return self.made[key]

    def _part(self, i: int, first: int, last: int) -> Sym:
        tape, b = self.tape, self.b
        n, dtype = last - first, tape.value(i).dtype
        name, args = tape.prim(i).name, tape.args(i)
        if i not in self.leaves:
            constant = constant_of(tape, i)
            if constant is not None:
                return ops.broadcast_to(b.lit(constant, Aval(dtype)), shape=(n,))
            if name == "slice" and _plain(tape, i):
                start = tape.params(i)["ranges"][0][0]
                return self.part(args[0], first + start, last + start)
            if name in PIECED and _plain(tape, i):
                found = _parts(tape, i, 0, (first, last))
                if all(where == (first, last) for _, _, where in found):
                    terms = [self.part(a, first - shift, last - shift) for a, shift, _ in found]
                    if len(terms) == 2 and _is_zero(terms[0]):
                        return terms[1]
                    return terms[0] if len(terms) == 1 else terms[0] + terms[1]
            if tape.prim(i).emit.kind == "elementwise":
                shape = tape.value(i).shape
                given = [
                    self.part(a, first, last).id if tape.value(a).shape == shape else self.place[a]
                    for a in args
                ]
                self.rows += 1
                return Sym(
                    b, b.append(tape.op[i], given, aval_id(Aval(dtype, (n,))), tape.param[i])
                )
        x = Sym(b, self.place[i])
        return x if x.shape == (n,) else ops.slice(x, ranges=((first, n, 1),))


def _is_zero(x: Sym) -> bool:
    """Whether a part is zeros: those of an array that was cleared before it was added to, say."""
    b, i = x.b, x.id
    while PRIMITIVES[b.op[i]].name == "broadcast_to":
        i = b.arg[b.off[i]]
    return PRIMITIVES[b.op[i]].name == "lit" and PARAMS[b.param[i]]["value"] == 0
