"""Matrices read once: products with X and with its transpose, and what is between, block by block.

A gradient reads a matrix of examples twice, as ``X @ w`` and as ``X.T @ d``, and d depends on the first
product row by row. Where X does not stay in the caches it comes from memory twice. Here these rows
of the tape become one row `blocks` (see `rules.blocks`), whose code runs over blocks of X that stay.

Every value inside has a *side*: ``rows`` (its first axis is that of X), ``turned`` (its last one is: the left operand
of a product that sums over the rows), ``sum`` (over all rows). A value that needs a finished sum is
*behind*, as is one that takes rows in another way (a gather, say): it stands behind the `blocks` row and
reads what that stores. What does not depend on the products stands before, unless it goes row by
row and nothing else reads it; then it is computed inside.

Invariant: nothing inside reads what is behind. The order of the terms of sums over the rows is all
that differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from ..core.avals import Aval, Shape, TupleAval, aval_id
from ..tape.ir import Builder, Sym, Tape, param_id
from ..tape.primitive import BY_NAME
from .views import Strided, all_views

SMALLEST = 1 << 20
"""Bytes of X from which blocks pay."""
WIDEST = 16
"""Columns of a product of X at most: a wider one computes for longer than it reads."""
NEAR, BLOCK, LONG_BLOCK = 1 << 25, 1 << 15, 1 << 17
"""Bytes of X up to which it stays in the last cache; bytes of a block then, and of one of a larger X."""
FEWEST, LARGEST = 64, 1 << 18
"""Rows of a block at least, while it has no more bytes than this."""
CHUNK = 1 << 21
"""Bytes of a chunk of X: some 60 us."""
WORTH = 1 << 23
"""Bytes of X from which there are chunks."""
MOST = 64
"""Chunks at most: each has sums of its own."""

ROWS, TURNED, WHOLE, SUM, BEHIND = "rows", "turned", "whole", "sum", "behind"


@dataclass
class Region:
    """What runs in blocks: rows with their sides, and what they are given."""

    tape: Tape
    n: int
    views: list[Strided | None]
    side: dict[int, str] = field(default_factory=dict)
    pulled: set[int] = field(default_factory=set)

    def inside(self, i: int) -> bool:
        """Whether a row is computed in blocks."""
        return self.side.get(i) in (ROWS, TURNED, SUM) or i in self.pulled

    def side_of(self, i: int) -> str:
        """Return the side of a row that is inside."""
        turned = self.tape.prim(i).name == "transpose"
        return self.side.get(i) or (TURNED if turned else ROWS)


def row_blocks(tape: Tape) -> Tape:
    """Return the tape with `blocks` rows for matrices that are read twice; it is legal, and stays so."""
    for n, seeds in _seeds(tape).items():
        region = _grown(tape, n, seeds)
        if region is not None:
            return _rewritten(region)
    return tape


def _seeds(tape: Tape) -> dict[int, set[int]]:
    """Return the products with matrices that a product turned reads again, by number of rows."""
    again: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        if tape.prim(i).emit.kind == "product" and len(tape.value(i).shape) == 2:
            left = tape.args(i)[0]
            if tape.prim(left).name == "transpose" and tape.params(left)["axes"] == (1, 0):
                again.add(tape.args(left)[0])
    found: dict[int, set[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        if tape.prim(i).emit.kind == "product" and tape.args(i)[0] in again:
            x, out = tape.value(tape.args(i)[0]), tape.value(i)
            large = x.size * x.dtype.itemsize >= SMALLEST and x.shape[1] > 1
            if large and out.shape[1] <= WIDEST and out.dtype.name in ("float64", "float32"):
                found.setdefault(x.shape[0], set()).add(i)
    return found


# ---------------------------------------------------------------- sides


def _grown(tape: Tape, n: int, seeds: set[int]) -> Region | None:
    """Return what depends on the products row by row; None when no matrix would be read once."""
    r = Region(tape, n, all_views(tape))
    started: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        sides = {r.side[a] for a in tape.args(i) if a in r.side}
        if not sides and i in seeds and _fits(r, i, (ROWS, WHOLE)):
            r.side[i] = ROWS
            started.add(tape.args(i)[0])
        elif sides & {SUM, BEHIND}:
            r.side[i] = BEHIND
        elif sides:
            r.side[i] = _side(r, i)
    once = [i for i, side in r.side.items() if side == SUM and tape.prim(i).emit.kind == "product"]
    if not any(_turned_of(tape, tape.args(i)[0]) in started for i in once):
        return None
    _pull(r)
    return r


def _turned_of(tape: Tape, i: int) -> int:
    return tape.args(i)[0] if tape.prim(i).name == "transpose" else -1


def _side(r: Region, i: int) -> str:
    """Return the side of a row that reads values inside."""
    roles = roles_of(r, i)
    if roles is None or not _fits(r, i, roles):
        return BEHIND
    kind = r.tape.prim(i).emit.kind
    if kind == "product":
        return SUM if roles[0] == TURNED else ROWS
    if kind == "reduce":
        return SUM if 0 in r.tape.params(i)["axis"] else ROWS
    return TURNED if r.tape.prim(i).name == "transpose" else ROWS


def roles_of(r: Region, i: int) -> tuple[str, ...] | None:
    """Return the sides that a row wants its operands to have; None when it cannot be inside."""
    tape, n = r.tape, r.n
    row = tape.row(i)
    if not isinstance(row.aval, Aval) or any(
        not isinstance(tape.any_aval(a), Aval) for a in row.args
    ):
        return None
    shapes = [tape.value(a).shape for a in row.args]
    kind, out = row.prim.emit.kind, row.aval.shape
    if kind == "elementwise":
        return tuple(_along(s, out, n) for s in shapes) if out[:1] == (n,) else None
    if kind == "reduce":
        return (ROWS,) if shapes[0][:1] == (n,) else None
    if kind == "product":
        if len(out) != 2 or row.aval.dtype.name not in ("float64", "float32"):
            return None
        # A product that sums over the rows has a left operand whose last axis is theirs.
        left = row.args[0]
        if r.side.get(left) == TURNED or tape.prim(left).name == "transpose":
            return (TURNED, ROWS) if shapes[0][1] == n else None
        return (ROWS, WHOLE) if shapes[0][0] == n else None
    if kind == "view":
        return _view_roles(r, i, shapes[0], out)
    return None


def _along(shape: Shape, out: Shape, n: int) -> str:
    return ROWS if len(shape) == len(out) and shape[0] == n else WHOLE


def _view_roles(r: Region, i: int, old: Shape, new: Shape) -> tuple[str, ...] | None:
    tape, n = r.tape, r.n
    name, params = tape.prim(i).name, tape.params(i)
    if name == "transpose":
        return (ROWS,) if params["axes"] == (1, 0) and old[0] == n else None
    if new[:1] != (n,):
        return None
    if name == "broadcast_to":
        return (_along(old, new, n),)
    if name == "reshape" or (name == "slice" and params["ranges"][0] == (0, n, 1)):
        return (ROWS,) if old[:1] == (n,) else None
    return None


def _fits(r: Region, i: int, roles: tuple[str, ...]) -> bool:
    return all(_given(r, a, role) for a, role in zip(r.tape.args(i), roles, strict=True))


def _given(r: Region, a: int, role: str) -> bool:
    """Whether a value can be had inside on this side: computed there, or shown by the operands."""
    side = r.side.get(a)
    if side is not None:
        return side == role
    return _source(r, a, role) or _shown(r, a, role) is not None


def _source(r: Region, a: int, role: str) -> bool:
    """Whether a value from outside can be an operand: it lies as its elements follow each other."""
    x, shape = r.views[a], r.tape.value(a).shape
    if role == TURNED or x is None:
        return False
    if r.tape.prim(a).emit.kind == "lit" or not shape:
        return True
    lit = r.tape.value(x.root).shape == ()
    return not lit and x.contiguous(shape) and (role == WHOLE or shape[0] == r.n)


def _shown(r: Region, a: int, role: str) -> str | None:
    """Return the side of what a view from outside looks into, when it can look at that inside."""
    tape = r.tape
    if tape.prim(a).emit.kind != "view":
        return None
    inner: str | None = WHOLE
    if role != WHOLE:
        roles = roles_of(r, a)
        turned = tape.prim(a).name == "transpose"
        inner = roles[0] if roles is not None and turned == (role == TURNED) else None
    return inner if inner is not None and _given(r, tape.args(a)[0], inner) else None


def _pull(r: Region) -> None:
    """Note what goes row by row and is read inside only: it is computed there."""
    tape = r.tape
    readers: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers.setdefault(a, []).append(i)
    for i in range(tape.rows - 1, tape.n_inputs - 1, -1):
        if (
            i in r.side
            or i in tape.outputs
            or tape.prim(i).emit.kind not in ("elementwise", "view")
        ):
            continue
        users = readers.get(i, [])
        if not users or not all(r.inside(u) for u in users):
            continue
        roles = roles_of(r, i)
        asked = {
            role for u in users for a, role in zip(tape.args(u), roles_of(r, u) or ()) if a == i
        }
        if roles is not None and asked == {r.side_of(i)} and _fits(r, i, roles):
            r.pulled.add(i)


# ---------------------------------------------------------------- rewriting


class Body:
    """The tape inside on some number of rows: `operands` are what it is given."""

    def __init__(self, r: Region, rows: int, operands: list[tuple[int, str]]) -> None:
        self.r, self.rows = r, rows
        self.b = Builder()
        self.place: dict[tuple[int, str], int] = {}
        self.found: list[tuple[int, str]] = []
        for a, role in operands:
            self.place[a, role] = self.b.input(self.sized(a, role)).id

    def sized(self, i: int, side: str) -> Aval:
        """Return the aval of a value with this number of rows."""
        aval = self.r.tape.value(i)
        if side == ROWS:
            return Aval(aval.dtype, (self.rows, *aval.shape[1:]), aval.weak)
        return Aval(aval.dtype, (*aval.shape[:-1], self.rows)) if side == TURNED else aval

    def value(self, i: int, role: str) -> int:
        """Return a value inside, from wherever it comes."""
        known = self.place.get((i, role))
        if known is not None:
            return known
        r, tape = self.r, self.r.tape
        kind = tape.prim(i).emit.kind
        if kind == "lit":
            made = self.b.lit(tape.params(i)["value"], tape.value(i)).id
        elif r.inside(i):
            made = self.put(i, role, roles_of(r, i) or ())
        elif _source(r, i, role):
            self.found.append((i, role))
            made = self.b.input(self.sized(i, role)).id
        else:
            inner = _shown(r, i, role)
            assert inner is not None
            made = self.put(i, role, (inner,))
        self.place[i, role] = made
        return made

    def put(self, i: int, side: str, roles: tuple[str, ...]) -> int:
        tape = self.r.tape
        args = [self.value(a, role) for a, role in zip(tape.args(i), roles, strict=True)]
        params, aval = tape.params(i), self.sized(i, side)
        if side == ROWS and "shape" in params:
            params = {**params, "shape": aval.shape}
        elif side == ROWS and "ranges" in params:
            params = {**params, "ranges": ((0, self.rows, 1), *params["ranges"][1:])}
        return self.b.append(tape.op[i], args, aval_id(aval), param_id(params), tape.line[i])


def _body(r: Region, rows: int, results: list[int]) -> tuple[Tape, list[tuple[int, str]]]:
    """Return the tape inside on so many rows, and the operands; inputs stand first."""
    need = set(results)
    for i in range(max(results), -1, -1):
        if i in need:
            need.update(r.tape.args(i))
    operands: list[tuple[int, str]] = []
    while True:
        body = Body(r, rows, operands)
        for i in sorted(need):
            if r.inside(i):
                body.value(i, r.side_of(i))
        if not body.found:
            return body.b.finish([body.place[i, r.side[i]] for i in results]), operands
        operands = [*operands, *body.found]


def _rewritten(r: Region) -> Tape:
    """Return the tape with the row `blocks`, what stands before it, and what is behind."""
    tape = r.tape
    behind = [i for i, side in r.side.items() if side == BEHIND]
    stored = _stored(r, behind)
    results = [i for i in sorted(r.side) if r.side[i] == SUM or i in stored]
    whole, operands = _body(r, r.n, results)
    block, chunk = _lengths(r, operands)
    b = Builder()
    place: dict[int, int] = {}

    def put(i: int) -> None:
        args = [_placed(r, b, place, a) for a in tape.args(i)]
        place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])

    for i in range(tape.rows):
        if i not in r.side and i not in r.pulled:
            put(i)
    params = {
        "whole": whole,
        "block": _body(r, block, results)[0],
        "cut": tuple(role == ROWS for _, role in operands),
        "summed": tuple(r.side[i] == SUM for i in results),
        "chunk": chunk,
    }
    aval = TupleAval(tuple(Aval(tape.value(i).dtype, tape.value(i).shape) for i in results))
    b.line = tape.line[min(r.side)]
    at = b.append(
        BY_NAME["blocks"].index, [place[a] for a, _ in operands], aval_id(aval), param_id(params)
    )
    for k, i in enumerate(results):
        b.line = tape.line[i]
        place[i] = b.out(Sym(b, at), k).id
    for i in behind:
        put(i)
    return b.finish([place[o] for o in tape.outputs])


def _stored(r: Region, behind: list[int]) -> set[int]:
    """Return the values inside that are read behind, or are results."""
    todo = [a for i in behind for a in r.tape.args(i)] + list(r.tape.outputs)
    found: set[int] = set()
    for a in todo:
        while r.side.get(a) in (ROWS, TURNED) and r.tape.prim(a).emit.kind == "view":
            a = r.tape.args(a)[0]
        if r.side.get(a) == ROWS:
            found.add(a)
    return found


def _placed(r: Region, b: Builder, place: dict[int, int], a: int) -> int:
    """Return where a value is; a view into what is inside is one into what that stores."""
    if a not in place:
        tape = r.tape
        args = [_placed(r, b, place, x) for x in tape.args(a)]
        place[a] = b.append(tape.op[a], args, tape.aval[a], tape.param[a], tape.line[a])
    return place[a]


def _lengths(r: Region, operands: list[tuple[int, str]]) -> tuple[int, int]:
    """Return the rows of a block and of a chunk."""
    values = [r.tape.value(a) for a, role in operands if role == ROWS]
    each = sum(prod(a.shape[1:]) * a.dtype.itemsize for a in values)
    size = BLOCK if each * r.n < NEAR else LONG_BLOCK
    rows = max(size // each, min(FEWEST, LARGEST // each), 8)
    block = min(rows // 8 * 8, -(-r.n // 8) * 8)
    if each * r.n < WORTH:
        return block, -(-r.n // block) * block
    chunk = max(-(-CHUNK // (each * block)), -(-r.n // (block * MOST))) * block
    return block, chunk
