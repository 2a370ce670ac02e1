"""Loop nests: elementwise rows, the reductions they feed, and the stores of what is kept.

Adjacent axes that every operand walks evenly become one loop. A load or a statement stands in the
outermost loop in which it varies. A reduction over the innermost loops accumulates in a local, one
for each loop so that rounding errors grow with the sum of the lengths and not their product; a
long single loop is cut into blocks for the same reason. A reduction over outer loops alone adds
into memory.
"""

from __future__ import annotations

import math
import re
from itertools import accumulate
from operator import mul

from ..core.avals import Shape
from ..core.records import record
from ..passes.schedule import is_element
from ..tape.ir import Row
from .chunks import Total, length_of, write_chunks
from .gates import FEWEST, without_gates
from .overlaps import Overlap, chains_of, overlap_of
from .stretches import NEAR, STACK, cut
from .text import cast, index, number
from .values import Values
from .windows import place_of

BLOCK = 2048
WIDTH = 90
"""How long a joined statement may be, digits not counted: texts of other sizes are joined alike."""
_DIGITS = str.maketrans("", "", "0123456789.e+-")
_WORD = re.compile(r"\w+")


@record
class Access:
    """A place in memory for each point of the nest's space."""

    pointer: str
    offset: int
    strides: tuple[int, ...]


@record
class Fold:
    """A reduction: which axes, where its result goes."""

    row: Row
    axes: frozenset[int]
    access: Access | None
    init: str
    template: str
    element: str = ""
    start: int = 0


def aligned(strides: tuple[int, ...], shape: Shape, space: Shape) -> tuple[int, ...]:
    """Return strides over the axes of `space` for an operand that is broadcast to it."""
    lead = len(space) - len(shape)
    return (0,) * lead + tuple(0 if n == 1 else s for n, s in zip(shape, strides))


def collapse(
    space: Shape, vectors: list[tuple[int, ...]], groups: list[frozenset[int]]
) -> list[list[int]]:
    """Return the loops of a nest as lists of axes that run as one."""
    loops: list[list[int]] = []
    for d, n in enumerate(space):
        if n == 1:
            continue
        if loops:
            p = loops[-1][-1]
            even = all(v[p] == v[d] * n for v in vectors)
            alike = all((p in g) == (d in g) for g in groups)
            if even and alike:
                loops[-1].append(d)
                continue
        loops.append([d])
    return loops


def _covers(fold: Fold, loops: list[list[int]]) -> bool:
    """Whether a fold runs over all loops."""
    return all(axis in fold.axes for axes in loops for axis in axes)


class Nest:
    """Writes one nest."""

    def __init__(self, values: Values, space: Shape, rows: list[int]) -> None:
        self.values, self.space = values, space
        self.rows = [values.tape.row(i) for i in rows]
        self.mine = set(rows)
        self.loads: dict[tuple[str, int, tuple[int, ...]], str] = {}
        self.behind: dict[tuple[str, int, tuple[int, ...]], str] = {}
        self.flags: set[str] = set()
        self.accesses: list[Access] = []
        self.folds: list[Fold] = []
        self.statements: list[tuple[str, list[str], str]] = []
        self.stores: list[tuple[Access, str]] = []
        self.overlaps: list[Overlap] = []
        self.gates: dict[str, str] = {}
        self.factors: dict[str, None] = {}

    def write(self) -> list[str]:
        """Return the lines of the nest, indented from column 0."""
        values = self.values
        for row in self.rows:
            if row.prim.emit.kind == "window":
                self._window(row)
            elif row.prim.emit.kind == "reduce" and self.space:
                self._fold(row)
            elif row.prim.emit.kind == "reduce":
                self._number(row)
            elif row.prim.emit.kind != "update":
                self._statement(row)
        for chain in chains_of(values.tape, [row.id for row in self.rows]):
            added = [self._operand(values.tape.args(i)[1]) for i in chain]
            made = overlap_of(values, [row.id for row in self.rows], chain, added)
            self.overlaps.append(made)
        empty = 0 in self.space
        vectors = [a.strides for a in self.accesses] + [a.strides for a, _ in self.stores]
        vectors += [f.access.strides for f in self.folds if f.access is not None]
        vectors += [o.strides for o in self.overlaps]
        groups = [f.axes for f in self.folds]
        if any(o.farthest for o in self.overlaps):
            groups.append(frozenset([len(self.space) - 1]))
        if values.rows:
            groups.append(frozenset(range(self._row_axis())))
        loops = [] if empty else collapse(self.space, vectors, groups)
        lines = self._loops(loops, empty)
        if self.gates and values.prefix and math.prod(self.space) >= FEWEST:
            return without_gates(lines, self.gates, self.factors)
        return lines

    # ------------------------------------------------------------ collecting

    def _operand(self, i: int) -> str:
        """Return the name that holds operand `i` at a point of the nest."""
        values = self.values
        if i in self.mine and values.tape.prim(i).emit.kind != "reduce":
            return values.local(i)
        constant = values.constant(i)
        if constant is not None:
            return constant
        x = values.strided(i)
        aval = values.tape.value(i)
        access = Access(
            values.pointer(x.root), x.offset, aligned(x.strides, aval.shape, self.space)
        )
        key = (access.pointer, access.offset, access.strides)
        name = self.loads.get(key)
        if name is None and x.root in self.mine:
            # Loads stand before statements: one behind a window of this nest is a statement.
            name = self.behind.get(key)
            if name is None:
                name = self.behind[key] = values.fresh("l")
                self.statements.append((name, [access.pointer], values.number(i)))
        elif name is None:
            name = self.loads[key] = values.fresh("l")
            if values.tape.value(x.root).dtype.kind == "b":
                self.flags.add(name)
            self.accesses.append(access)
        return name

    def _window(self, row: Row) -> None:
        """A window at a computed place is a pointer; one of one element is loaded here."""
        values = self.values
        x = values.strided(row.args[0])
        pointer, sizes = values.pointer(x.root), row.params["sizes"]
        where = place_of(values, row.args[0], row.args[1:], sizes)
        if is_element(values.tape, row.id):
            truth = " != 0" if values.tape.value(row.id).dtype.kind == "b" else ""
            self.statements.append((values.local(row.id), [], f"{pointer}[{where}]{truth}"))
        else:
            text = pointer if where == "0" else f"memory.shift({pointer}, {where})"
            self.statements.append((f"{values.prefix}d{row.id}", [], text))

    def _statement(self, row: Row) -> None:
        values = self.values
        names = [self._operand(a) for a in row.args]
        local = values.local(row.id)
        if row.prim.name == "guard":
            expected = number(row.params["expected"], values.tape.value(row.args[0]).dtype)
            values.guards.append((local, f"{names[0]} == {expected}", row.id))
            self.statements.append((local, names, f"{names[0]} == {expected}"))
            return
        text = values.expression(row, names)
        self.statements.append((local, names, text))
        if row.prim.name == "gated" and self._is_outside(row.args[1]):
            self.gates[text] = f"({names[0]} * {names[1]})"
            self.factors[names[1]] = None
        if row.id in values.plan.stored:
            strides = values.strided(row.id).strides
            access = Access(values.pointer(row.id), 0, aligned(strides, self.space, self.space))
            byte = values.tape.value(row.id).dtype.kind == "b"
            self.stores.append((access, f"np.uint8({local})" if byte else local))

    def _is_outside(self, i: int) -> bool:
        """Whether a value is a real number that is there before the nest, under a name."""
        values, root = self.values, self.values.strided(i).root
        number = values.constant(i) is not None and root not in self.mine
        real = values.tape.value(i).dtype.kind == "f"
        return number and real and values.tape.prim(root).name != "lit"

    def _number(self, row: Row) -> None:
        """A fold of a number, over no axes, is a statement: later ones of this nest may read it."""
        values = self.values
        source, target = values.tape.value(row.args[0]).dtype, values.tape.value(row.id).dtype
        name = self._operand(row.args[0])
        self.statements.append((values.local(row.id), [name], cast(name, source, target)))

    def _fold(self, row: Row) -> None:
        values = self.values
        source = values.tape.value(row.args[0])
        target = values.tape.value(row.id)
        axes = frozenset(row.params["axis"])
        init, template = values.fold(row)
        access = None
        if row.id in values.plan.stored:
            kept = [n for d, n in enumerate(self.space) if d not in axes]
            steps = list(accumulate([1, *kept[:0:-1]], mul))[::-1] if kept else []
            strides = []
            for d, n in enumerate(self.space):
                strides.append(0 if d in axes or n == 1 else steps[0])
                if d not in axes:
                    steps.pop(0)
            access = Access(values.pointer(row.id), 0, tuple(strides))
        fold = Fold(row, axes, access, init, template)
        fold.element = cast(self._operand(row.args[0]), source.dtype, target.dtype)
        self.folds.append(fold)

    # ------------------------------------------------------------ writing

    def _loops(self, loops: list[list[int]], empty: bool) -> list[str]:
        depth = len(loops)
        names = [f"i{d}" for d in range(depth)]
        sizes = [math.prod([self.space[k] for k in axes]) for axes in loops]
        counts = [str(n) for n in sizes]
        if self.values.rows:
            d = next(d for d, axes in enumerate(loops) if self._row_axis() == axes[0])
            counts[d] = self._rows(sizes[d], self._row_axis())

        def over(strides: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(strides[axes[-1]] for axes in loops)

        def level(strides: tuple[int, ...]) -> int:
            return max((d + 1 for d, s in enumerate(over(strides)) if s), default=0)

        body: list[list[str]] = [[] for _ in range(depth + 1)]
        at: dict[str, int] = {}
        for (pointer, offset, strides), name in self.loads.items():
            at[name] = level(strides)
            where = index(offset, over(strides), names)
            truth = " != 0" if name in self.flags else ""
            body[at[name]].append(f"{name} = {pointer}[{where}]{truth}")
        for local, operands, _ in self.statements:
            at[local] = max((at.get(o, 0) for o in operands), default=0)
        for local, text in self._joined(at, depth):
            body[at[local]].append(f"{local} = {text}")
        for access, local in self.stores:
            where = index(access.offset, over(access.strides), names)
            body[depth].append(f"{access.pointer}[{where}] = {local}")

        lines: list[str] = []
        tails: list[list[str]] = [[] for _ in range(depth + 1)]
        heads: list[list[str]] = [[] for _ in range(depth + 1)]
        for overlap in self.overlaps:
            lines += overlap.prologue()
            heads[depth - 1] += overlap.head(over, names)
            body[depth] += overlap.body(over, names)
            tails[depth - 1] += overlap.tail(over, names, sizes[-1])
        for fold in self.folds:
            self._write_fold(fold, loops, names, over, body, heads, tails, lines, empty)
        if empty:
            return lines + heads[0] + tails[0]
        prologue, bounds = lines, list(counts)
        short = not loops or self.overlaps or self.values.body or self.values.prefix
        length = self._chunk(loops, sizes, body)
        room = STACK if length else NEAR
        made = None if short else cut(self.values, body[depth], sizes[-1], names[-1], room)
        if made and not made.local:
            length = 0
        if length:
            lines, bounds[0] = [], "lo, hi"
        lines += made.before if made else []

        def innermost(start: str, stop: str, pad: str) -> None:
            if made:
                lines.extend(pad + t for t in made.loop(start, stop))
                return
            bounds = stop if start == "0" else f"{start}, {stop}"
            lines.append(f"{pad}for i{depth - 1} in range({bounds}):")
            emit(depth, pad + "    ")

        def emit(d: int, pad: str) -> None:
            lines.extend(pad + t for t in heads[d])
            lines.extend(pad + t for t in body[d])
            if d < depth:
                if d == depth - 1 and sizes[d] > 2 * BLOCK and self._long:
                    start, stop = ("lo", "hi") if length and not d else ("0", counts[d])
                    lines.append(f"{pad}for b{d} in range({start}, {stop}, {BLOCK}):")
                    lines.extend(f"{pad}    {t}" for t in self._block_heads)
                    innermost(f"b{d}", f"min(b{d} + {BLOCK}, {stop})", pad + "    ")
                    lines.extend(f"{pad}    {t}" for t in self._block_tails)
                elif d == depth - 1:
                    innermost(*("lo", "hi") if length and not d else ("0", counts[d]), pad)
                else:
                    lines.append(f"{pad}for i{d} in range({bounds[d]}):")
                    emit(d + 1, pad + "    ")
                if lines[-1].endswith(":"):
                    lines.append(f"{pad}    pass")
            lines.extend(pad + t for t in tails[d] if d or not length)

        emit(0, "")
        lines += made.behind if made else []
        if not length:
            return lines
        return [
            *prologue,
            *write_chunks(self.values, lines, sizes[0], length, self._totals(loops)),
            *tails[0],
        ]

    def _row_axis(self) -> int:
        """Return the axis along which a body over blocks of rows has them in this nest."""
        row = self.rows[0]
        at = row.args[0] if row.prim.emit.kind == "reduce" else row.id
        return self.values.axes[at]

    def _rows(self, size: int, axis: int) -> str:
        """Return how many of `size` elements a block has, from axis `axis` on, that of the rows."""
        each = size // self.space[axis]
        return self.values.rows if each == 1 else f"{self.values.rows} * {each}"

    def _chunk(self, loops: list[list[int]], sizes: list[int], body: list[list[str]]) -> int:
        """Return the length of the chunks of the outermost loop, 0 for a nest in one piece.

        No two chunks may write to one place. Bodies are left alone: what is around them is long.
        """
        outer = set(loops[0]) if loops else set()
        shared = any(f.axes & outer and not _covers(f, loops) for f in self.folds)
        handed = any(o.farthest or o.ordered for o in self.overlaps) and len(loops) == 1
        still = any(not o.strides[loops[0][-1]] for o in self.overlaps) if loops else False
        if self.values.body or self.values.prefix or not loops or shared or handed or still:
            return 0
        inner = math.prod(sizes[1:])
        length = length_of(sizes[0], inner, [line for part in body for line in part])
        return length if length < sizes[0] else 0

    def _totals(self, loops: list[list[int]]) -> list[Total]:
        tape = self.values.tape
        return [
            Total(self.values.local(f.row.id), f.init, f.template, tape.value(f.row.id).dtype.name)
            for f in self.folds
            if _covers(f, loops)
        ]

    def _joined(self, at: dict[str, int], depth: int) -> list[tuple[str, str]]:
        """Return the statements, those read once written inside the one that reads them.

        The source then reads as formulas. Nothing is moved into an inner loop, or behind a
        condition where it would not always run and the loop could not be vectorised.
        """
        texts = {local: text for local, _, text in self.statements}
        rows = {self.values.local(row.id): row.id for row in self.rows}
        for local, _, _ in self.statements:
            reader = self.values.only_reader(rows.get(local, -1))
            if reader not in self.mine:
                continue
            text, name = texts[local], self.values.local(reader)
            fold = next((f for f in self.folds if f.row.id == reader), None)
            into = texts.get(name, "") if fold is None else fold.element
            home = at.get(name, 0) if fold is None else depth
            fits = _width(into) + _width(text) < WIDTH and " if " not in into + text
            if not fits or at[local] != home:
                continue
            found = [m.span() for m in _WORD.finditer(into) if m[0] == local]
            if len(found) != 1:
                continue
            into = into[: found[0][0]] + text + into[found[0][1] :]
            del texts[local]
            if fold is None:
                texts[name] = into
            else:
                fold.element = into
        return [(local, texts[local]) for local, _, _ in self.statements if local in texts]

    _long = False

    def _write_fold(self, fold, loops, names, over, body, heads, tails, lines, empty) -> None:  # type: ignore[no-untyped-def]
        depth = len(loops)
        trailing = 0
        while trailing < depth and loops[depth - 1 - trailing][-1] in fold.axes:
            trailing += 1
        start = depth - trailing
        outer_reduced = any(axes[-1] in fold.axes for axes in loops[:start])
        local = self.values.local(fold.row.id)
        access = fold.access
        place = None
        adds = fold.row.id in self.values.adds
        byte = self.values.tape.value(fold.row.id).dtype.kind == "b"
        store, load = ("np.uint8({})", "({} != 0)") if byte else ("{}", "{}")
        if access is not None:
            place = f"{access.pointer}[{index(access.offset, over(access.strides), names)}]"
            if (outer_reduced or empty) and not adds:
                kept = self.values.tape.value(fold.row.id).shape
                size = math.prod(kept)
                count = str(size)
                if self.values.rows and math.prod(kept[: self.values.axes[fold.row.id]]) == 1:
                    count = self._rows(size, self._row_axis())
                lines.append(f"for i in range({count}):")
                lines.append(f"    {access.pointer}[i] = {store.format(fold.init)}")
                if empty:
                    return
        if empty:
            heads[0].append(f"{local} = {fold.init}")
            return
        if trailing == 0:
            if depth and outer_reduced:
                assert place is not None
                joined = fold.template.format(load.format(place), fold.element)
                body[depth].append(f"{place} = {store.format(joined)}")
            else:
                body[depth].append(f"{local} = {fold.template.format(fold.init, fold.element)}")
                if place is not None:
                    body[depth].append(f"{place} = {store.format(local)}")
            return
        # One accumulator a loop: partial sums of the inner loop are added to those outside it.
        accumulators = [local] + [f"{local}_{d}" for d in range(start + 1, depth)]
        for k, name in enumerate(accumulators):
            heads[start + k].append(f"{name} = {fold.init}")
        inner = accumulators[-1]
        size = math.prod([self.space[a] for a in loops[-1]])
        if size > 2 * BLOCK:
            block = f"{local}_b"
            if not self._long:
                self._long = True
                self._block_heads: list[str] = []
                self._block_tails: list[str] = []
            self._block_heads.append(f"{block} = {fold.init}")
            self._block_tails.append(f"{inner} = {fold.template.format(inner, block)}")
            inner = block
        body[depth].append(f"{inner} = {fold.template.format(inner, fold.element)}")
        for k in range(len(accumulators) - 1, 0, -1):
            outer, name = accumulators[k - 1], accumulators[k]
            tails[start + k].append(f"{outer} = {fold.template.format(outer, name)}")
        if place is not None:
            if outer_reduced or adds:
                joined = fold.template.format(load.format(place), local)
                tails[start].append(f"{place} = {store.format(joined)}")
            else:
                tails[start].append(f"{place} = {store.format(local)}")


def _width(text: str) -> int:
    return len(text.translate(_DIGITS))
