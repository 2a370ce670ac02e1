"""Matrices read once: products with X and with its transpose, and what is between, block by block.

A gradient reads a matrix of examples twice, as ``X @ w`` and as ``X.T @ d``, and d depends on the first
product row by row. Where X does not stay in the caches it comes from memory twice. Here these rows
of the tape become one row `blocks` (see `rules.blocks`), whose code runs over blocks of X that stay.

Every value inside has an axis along which the rows of X lie: 0 for X itself, 1 for its transpose, the last one for
arrays that `turned` has turned. A sum over all rows has none, and nothing inside reads it. What needs such
a sum is *behind*, as is what takes rows in another way (a gather, say): it stands behind the
`blocks` row and reads what that stores. What does not depend on the products stands before, unless
it goes row by row and nothing else reads it; then it is computed inside.

Invariant: nothing inside reads what is behind. The order of the terms of sums over the rows is all
that differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from ..core.avals import Aval, TupleAval, aval_id
from ..tape.ir import Builder, Sym, Tape, param_id
from ..tape.primitive import BY_NAME
from .views import Strided, all_views

SMALLEST = 1 << 20
"""Bytes of X from which blocks pay."""
PRODUCT, LEAST = 1 << 18, 32
"""Multiplications of a product of a block: OpenBLAS runs larger ones on threads of its own, which
chunks already are. Rows of a block: wider products than leave so many gain nothing, they compute."""
COLUMNS = 2048
"""Of a matrix that meets vectors: their products are code written out."""
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

WHOLE, SUM, BEHIND = -1, -2, -3
"""Where other values have an axis: those without rows, sums over all rows, those behind."""
FLOATS = ("float64", "float32")


@dataclass
class Region:
    """What runs in blocks: where its rows have the rows of X, and what else is computed there.

    Attributes
    ----------
    axis : dict
        For what depends on a product with X, the axis of the rows, or `SUM` or `BEHIND`.
    pulled : dict
        The same for what does not, and is computed inside.
    """

    tape: Tape
    n: int
    views: list[Strided | None]
    axis: dict[int, int] = field(default_factory=dict)
    pulled: dict[int, int] = field(default_factory=dict)

    def inside(self, i: int) -> bool:
        """Whether a row is computed in blocks."""
        return i in self.pulled or self.axis.get(i, BEHIND) != BEHIND

    def axis_of(self, i: int) -> int:
        """Return the axis of a row that is inside."""
        return self.pulled[i] if i in self.pulled else self.axis[i]


def row_blocks(tape: Tape) -> Tape:
    """Return the tape with a `blocks` row for matrices that are read twice; it is legal, and stays so."""
    for n, products in seeds(tape).items():
        region = _grown(tape, n, products)
        if region is not None:
            return _rewritten(region)
    return tape


def seeds(tape: Tape) -> dict[int, set[int]]:
    """Return the products with matrices that a product turned reads again, by number of rows."""
    products = [
        i
        for i in range(tape.n_inputs, tape.rows)
        if tape.prim(i).emit.kind == "product" and len(tape.value(i).shape) == 2
    ]
    again = {_turned_of(tape, tape.args(i)[0]) for i in products}
    found: dict[int, set[int]] = {}
    for i in products:
        if tape.args(i)[0] in again and tape.value(i).dtype.name in FLOATS:
            x = tape.value(tape.args(i)[0])
            if x.size * x.dtype.itemsize >= SMALLEST and x.shape[1] > 1:
                found.setdefault(x.shape[0], set()).add(i)
    return found


def _turned_of(tape: Tape, i: int) -> int:
    """Return the matrix whose transpose a row shows, or -1."""
    turned = tape.prim(i).name == "transpose" and tape.params(i)["axes"] == (1, 0)
    return tape.args(i)[0] if turned else -1


# ---------------------------------------------------------------- axes


def _grown(tape: Tape, n: int, products: set[int]) -> Region | None:
    """Return what depends on the products row by row; None when no matrix would be read once."""
    r = Region(tape, n, all_views(tape))
    started: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        axes = {r.axis[a] for a in tape.args(i) if a in r.axis}
        if not axes and i in products and _fits(r, i, (0, WHOLE)):
            r.axis[i] = 0
            started.add(tape.args(i)[0])
        elif axes & {SUM, BEHIND}:
            r.axis[i] = BEHIND
        elif axes:
            r.axis[i] = _axis(r, i)
    sums = [i for i, axis in r.axis.items() if axis == SUM and tape.prim(i).emit.kind == "product"]
    if not any(_turned_of(tape, tape.args(i)[0]) in started for i in sums):
        return None
    if any(r.axis[i] for i in _stored(r)) or _most(r) < LEAST:
        return None
    _pull(r)
    return r


def _axis(r: Region, i: int) -> int:
    """Return the axis of a row that reads values inside."""
    tape = r.tape
    k, a = next((k, a) for k, a in enumerate(tape.args(i)) if a in r.axis)
    out = _forward(r, i, k, r.axis[a])
    if out == BEHIND:
        return BEHIND
    roles = roles_of(r, i, out)
    return out if roles is not None and _fits(r, i, roles) else BEHIND


def _forward(r: Region, i: int, k: int, axis: int) -> int:
    """Return the axis of a row whose operand `k` has the rows along `axis`; `BEHIND` for none."""
    tape, n = r.tape, r.n
    row = tape.row(i)
    if not isinstance(row.aval, Aval) or any(
        not isinstance(tape.any_aval(a), Aval) for a in row.args
    ):
        return BEHIND
    old, new = tape.value(row.args[k]).shape, row.aval.shape
    kind, name, params = row.prim.emit.kind, row.prim.name, row.params
    if kind == "elementwise" or name == "broadcast_to":
        out = axis + len(new) - len(old)
        return out if new[out] == n else BEHIND
    if kind == "reduce":
        if axis in params["axis"]:
            return SUM
        return axis if params["keepdims"] else axis - sum(d < axis for d in params["axis"])
    if kind == "product" and len(new) == 2 and row.aval.dtype.name in FLOATS:
        return SUM if (k, axis) in ((0, 1), (1, 0)) else axis
    if name == "transpose":
        return int(params["axes"].index(axis))
    if name == "reshape":
        before = prod(old[:axis])
        return next((d for d, m in enumerate(new) if m == n and prod(new[:d]) == before), BEHIND)
    return axis if name == "slice" and params["ranges"][axis] == (0, n, 1) else BEHIND


def roles_of(r: Region, i: int, out: int) -> tuple[int, ...] | None:
    """Return the axes that the operands of a row inside have, whose own axis is `out`."""
    tape, n = r.tape, r.n
    row = tape.row(i)
    shapes = [tape.value(a).shape for a in row.args]
    kind, name, params = row.prim.emit.kind, row.prim.name, row.params
    new = tape.value(i).shape
    if kind == "elementwise" or name == "broadcast_to":
        places = [out - len(new) + len(s) for s in shapes]
        return tuple(d if d >= 0 and s[d] == n else WHOLE for d, s in zip(places, shapes))
    if kind == "reduce":
        if out == SUM:
            found = [d for d in params["axis"] if r.axis.get(row.args[0]) == d]
            return (found[0],) if found else None
        kept = [d for d in range(len(shapes[0])) if d not in params["axis"]]
        return (out if params["keepdims"] else kept[out],)
    if kind == "product":
        return {SUM: (1, 0), 0: (0, WHOLE), 1: (WHOLE, 1)}[out]
    if name == "transpose":
        return (params["axes"][out],)
    if name == "reshape":
        before, old = prod(new[:out]), shapes[0]
        found = [d for d, m in enumerate(old) if m == n and prod(old[:d]) == before]
        return (found[0],) if found else None
    return (out,) if name == "slice" and params["ranges"][out] == (0, n, 1) else None


def _fits(r: Region, i: int, roles: tuple[int, ...]) -> bool:
    return all(_given(r, a, role) for a, role in zip(r.tape.args(i), roles, strict=True))


def _given(r: Region, a: int, role: int) -> bool:
    """Whether a value can be had inside with this axis: computed there, or shown by the operands."""
    if a in r.axis:
        return r.axis[a] == role
    return _source(r, a, role) or _shown(r, a, role) is not None or _pullable(r, a, role)


def _source(r: Region, a: int, role: int) -> bool:
    """Whether a value from outside can be an operand: it lies as its elements follow each other."""
    x, shape = r.views[a], r.tape.value(a).shape
    if x is None or role > 0:
        return False
    if not shape:
        return True
    return r.tape.value(x.root).shape != () and x.contiguous(shape)


def _shown(r: Region, a: int, role: int) -> int | None:
    """Return the axis of what a view from outside looks into, when it can look at that inside."""
    if r.tape.prim(a).emit.kind != "view":
        return None
    inner: int | None = WHOLE
    if role != WHOLE:
        roles = roles_of(r, a, role)
        inner = None if roles is None else roles[0]
    return inner if inner is not None and _given(r, r.tape.args(a)[0], inner) else None


def _pullable(r: Region, a: int, role: int) -> bool:
    """Whether a value from outside that lies otherwise can be computed inside."""
    if role == WHOLE or r.tape.prim(a).emit.kind != "elementwise":
        return False
    roles = roles_of(r, a, role)
    return roles is not None and _fits(r, a, roles)


def _pull(r: Region) -> None:
    """Note what goes row by row and is read inside only: it is computed there."""
    tape = r.tape
    readers: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers.setdefault(a, []).append(i)
    for i in range(tape.rows - 1, tape.n_inputs - 1, -1):
        if (
            i in r.axis
            or i in tape.outputs
            or tape.prim(i).emit.kind not in ("elementwise", "view")
        ):
            continue
        users = readers.get(i, [])
        if not users or not all(r.inside(u) for u in users):
            continue
        asked = {
            role
            for u in users
            for a, role in zip(tape.args(u), roles_of(r, u, r.axis_of(u)) or ())
            if a == i
        }
        role = asked.pop()
        roles = None if asked or role == WHOLE else roles_of(r, i, role)
        if roles is not None and _fits(r, i, roles):
            r.pulled[i] = role


# ---------------------------------------------------------------- rewriting


class Body:
    """The tape inside on some number of rows: `operands` are what it is given."""

    def __init__(self, r: Region, rows: int, operands: list[tuple[int, int]]) -> None:
        self.r, self.rows = r, rows
        self.b = Builder()
        self.axes: list[int] = []
        self.place: dict[tuple[int, int], int] = {}
        self.found: list[tuple[int, int]] = []
        for a, role in operands:
            self.place[a, role] = self.b.input(self.sized(a, role)).id
            self.axes.append(role)

    def sized(self, i: int, axis: int) -> Aval:
        """Return the aval of a value with this number of rows."""
        aval = self.r.tape.value(i)
        shape = tuple(self.rows if d == axis else m for d, m in enumerate(aval.shape))
        return Aval(aval.dtype, shape, aval.weak)

    def value(self, i: int, role: int) -> int:
        """Return a value inside, from wherever it comes."""
        known = self.place.get((i, role))
        if known is not None:
            return known
        r, tape = self.r, self.r.tape
        if tape.prim(i).emit.kind == "lit":
            made = self.b.lit(tape.params(i)["value"], tape.value(i)).id
            self.axes.append(WHOLE)
        elif r.inside(i):
            made = self.put(i, role, roles_of(r, i, role) or ())
        elif _source(r, i, role):
            self.found.append((i, role))
            made = self.b.input(self.sized(i, role)).id
            self.axes.append(role)
        else:
            inner = _shown(r, i, role)
            made = self.put(i, role, (inner,) if inner is not None else roles_of(r, i, role) or ())
        self.place[i, role] = made
        return made

    def put(self, i: int, axis: int, roles: tuple[int, ...]) -> int:
        """Append a row whose operands have these axes."""
        tape = self.r.tape
        args = [self.value(a, role) for a, role in zip(tape.args(i), roles, strict=True)]
        params, aval = tape.params(i), self.sized(i, axis)
        if "shape" in params:
            params = {**params, "shape": aval.shape}
        elif "ranges" in params and axis >= 0:
            whole = (0, self.rows, 1)
            ranges = tuple(whole if d == axis else x for d, x in enumerate(params["ranges"]))
            params = {**params, "ranges": ranges}
        self.axes.append(axis)
        return self.b.append(tape.op[i], args, aval_id(aval), param_id(params), tape.line[i])


def _body(r: Region, rows: int, results: list[int]) -> Body:
    """Return the rows inside on so many rows of X; inputs stand first."""
    need = set(results)
    for i in range(max(results), -1, -1):
        if i in need:
            need.update(r.tape.args(i))
    operands: list[tuple[int, int]] = []
    while True:
        body = Body(r, rows, operands)
        for i in sorted(need):
            if r.inside(i):
                body.value(i, r.axis_of(i))
        if not body.found:
            return body
        operands = [*operands, *body.found]


def _rewritten(r: Region) -> Tape:
    """Return the tape with the row `blocks`, what stands before it, and what is behind."""
    tape = r.tape
    stored = _stored(r)
    results = [i for i in sorted(r.axis) if r.axis[i] == SUM or i in stored]
    whole = _body(r, r.n, results)
    operands = list(whole.place)[: whole.b.n_inputs]
    length, chunk = _lengths(r, operands)
    block = _body(r, length, results)
    b = Builder()
    place: dict[int, int] = {}

    def put(i: int) -> None:
        args = [_placed(r, b, place, a) for a in tape.args(i)]
        place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])

    for i in range(tape.rows):
        if i not in r.axis and i not in r.pulled:
            put(i)
    params = {
        "whole": whole.b.finish([whole.place[i, r.axis[i]] for i in results]),
        "block": block.b.finish([block.place[i, r.axis[i]] for i in results]),
        "axes": tuple(block.axes),
        "cut": tuple(role == 0 for _, role in operands),
        "summed": tuple(r.axis[i] == SUM for i in results),
        "chunk": chunk,
    }
    aval = TupleAval(tuple(Aval(tape.value(i).dtype, tape.value(i).shape) for i in results))
    b.line = tape.line[min(r.axis)]
    at = b.append(
        BY_NAME["blocks"].index, [place[a] for a, _ in operands], aval_id(aval), param_id(params)
    )
    for k, i in enumerate(results):
        b.line = tape.line[i]
        place[i] = b.out(Sym(b, at), k).id
    for i, axis in r.axis.items():
        if axis == BEHIND:
            put(i)
    return b.finish([place[o] for o in tape.outputs])


def _stored(r: Region) -> set[int]:
    """Return the values inside that are read behind, or are results."""
    behind = [i for i, axis in r.axis.items() if axis == BEHIND]
    found: set[int] = set()
    for a in [a for i in behind for a in r.tape.args(i)] + list(r.tape.outputs):
        while r.axis.get(a, BEHIND) >= 0 and r.tape.prim(a).emit.kind == "view":
            a = r.tape.args(a)[0]
        if r.axis.get(a, BEHIND) >= 0:
            found.add(a)
    return found


def _placed(r: Region, b: Builder, place: dict[int, int], a: int) -> int:
    """Return where a value is; a view into what is inside is one into what that stores."""
    if a not in place:
        tape = r.tape
        args = [_placed(r, b, place, x) for x in tape.args(a)]
        place[a] = b.append(tape.op[a], args, tape.aval[a], tape.param[a], tape.line[a])
    return place[a]


def _most(r: Region) -> int:
    """Return how many rows a block may have for its products by BLAS; all where there are none."""
    found = r.n
    for i, axis in r.axis.items():
        if axis != BEHIND and r.tape.prim(i).emit.kind == "product":
            (m, k), n = r.tape.value(r.tape.args(i)[0]).shape, r.tape.value(i).shape[1]
            one = m * k * n // r.n
            if n > 1 or one > COLUMNS:
                found = min(found, PRODUCT // one)
    return found


def _lengths(r: Region, operands: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the rows of a block and of a chunk."""
    values = [r.tape.value(a) for a, role in operands if role == 0]
    each = sum(prod(a.shape[1:]) * a.dtype.itemsize for a in values)
    size = BLOCK if _most(r) == r.n and each * r.n < NEAR else LONG_BLOCK
    rows = min(max(size // each, min(FEWEST, LARGEST // each), 8), _most(r))
    block = min(rows // 8 * 8, -(-r.n // 8) * 8)
    # Where a shape has the length of a block along an axis, that is the axis of the rows.
    others = {
        m
        for i in range(r.tape.rows)
        if isinstance(r.tape.any_aval(i), Aval)
        for m in r.tape.value(i).shape
    }
    while block in others:
        block += 8
    if each * r.n < WORTH:
        return block, -(-r.n // block) * block
    chunk = max(-(-CHUNK // (each * block)), -(-r.n // (block * MOST))) * block
    return block, chunk
