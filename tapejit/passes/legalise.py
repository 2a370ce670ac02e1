"""Copies where memory demands them: for BLAS, for routines, for reshapes of strided views, for outputs.

After this pass every view is expressible by strides, every operand of a product has a unit stride
in one of its last two axes (a small one in the last), every operand of a routine is contiguous, and
every output is a row of its own that owns its memory. Bodies are made legal too, and every row that
holds bodies is followed by the ``out`` rows of all its results.
"""

from __future__ import annotations

from typing import Any

from ..core.avals import AVALS, Aval, aval_id
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.primitive import BY_NAME, PRIMITIVES
from .bounds import checks_left
from .carried_elements import carried_elements
from .carried_sums import carried_sums
from .components import components
from .dce import dce
from .gathers import gathers
from .interiors import interiors
from .joins import joins
from .order import reads_first
from .outer_products import outer_products
from .rereads import rereads
from .rewrite import rewrite
from .rings import rings
from .row_blocks import row_blocks
from .schedule import ROLLED
from .short_kernels import short_kernels
from .trim import trim
from .turned import turned
from .views import Strided, own, viewed, windowed

FREE = (
    "elementwise", "reduce", "guard", "view", "update", "concatenate", "input", "lit", "out",
    "window",
)  # fmt: skip

SMALL, MANY = 16, 64
"""The sides of a matrix, and the rows that it meets in a product, for which it is copied; up to twice
the sides for as many rows, larger ones for twice as many."""
SMALL_PIECES, THIN_PIECES = 2_000_000, 32_000_000
"""Multiplications of a product up to which BLAS reads pieces of it as they lie, see `codegen.pieces`."""


def legalise(tape: Tape) -> Tape:
    """Return the tape with the copies that codegen relies on."""
    loops = (checks_left, carried_sums, _trimmed, _reread, carried_elements)
    for each in (*loops, components, turned, outer_products):
        tape = each(tape)
    return row_blocks(_own_outputs(_legal(reads_first(_stencils(tape)))))


def _stencils(tape: Tape, body: bool = False) -> Tape:
    """Return the tape with what shifts arrays in the forms that few passes over memory compute."""
    tape = short_kernels(tape)
    return gathers(joins(rings(interiors(tape) if body else tape)))


def _trimmed(tape: Tape) -> Tape:
    made = trim(tape)
    return made if made is tape else dce(made)


def _reread(tape: Tape) -> Tape:
    made = rereads(tape)
    # first the reverse loops drop what they no longer read, then the forward ones what nobody reads
    return made if made is tape else _trimmed(_trimmed(made))


def _legal(tape: Tape) -> Tape:
    views: dict[int, Strided] = {}

    def shown(b: Builder, i: int) -> Strided:
        found = views.get(i)
        if found is None:
            found = views[i] = own(i, b.aval(i))
        return found

    def copy(b: Builder, i: int) -> int:
        return BY_NAME["copy"](Sym(b, i)).id

    def in_memory(b: Builder, i: int) -> bool:
        """Whether the elements of a value lie in an array: it is no number, repeated or loaded."""
        root = shown(b, i).root
        lit = PRIMITIVES[b.op[root]].emit.kind == "lit"
        return not lit and b.aval(root).shape != () and not _element(b, root)

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        kind = row.prim.emit.kind
        if kind == "view":
            assert isinstance(row.aval, Aval)
            x = viewed(row.prim.name, row.params, shown(b, args[0]), b.aval(args[0]), row.aval)
            if x is None:
                args[0] = copy(b, args[0])
                x = viewed(row.prim.name, row.params, shown(b, args[0]), b.aval(args[0]), row.aval)
            assert x is not None
            views[len(b)] = x
        elif kind == "window":
            if row.params["sizes"] == b.aval(args[0]).shape:
                return args[0]  # the whole array: its starts can only be 0
            if not in_memory(b, args[0]):
                args[0] = copy(b, args[0])
            views[len(b)] = windowed(len(b), shown(b, args[0]))
        elif kind == "product":
            for k, a in enumerate(args):
                if not in_memory(b, a) or not _matrix(b, a, shown(b, a)):
                    args[k] = copy(b, a)
            if _worth_turning(b, args, shown(b, args[0]), shown(b, args[1])):
                args[1] = copy(b, args[1])
        elif kind in ROLLED:
            # What a loop starts from is copied to where the loop runs, however it lies.
            free = range(*carried_operands(row))
            for k, a in enumerate(args):
                aval = b.aval(a)
                if aval.shape != () and k not in free:
                    fits = in_memory(b, a) and shown(b, a).contiguous(aval.shape)
                    args[k] = a if fits else copy(b, a)
            return _rolled(b, row, args)
        elif kind == "out" and PRIMITIVES[b.op[args[0]]].emit.kind in ROLLED:
            return args[0] + 1 + int(row.params["k"])
        elif kind not in FREE:
            for k, a in enumerate(args):
                if kind == "map" and b.aval(a).shape == ():
                    continue
                if not in_memory(b, a) or not shown(b, a).contiguous(b.aval(a).shape):
                    args[k] = copy(b, a)
        return None

    return rewrite(tape, visit)


def _element(b: Builder, i: int) -> bool:
    return PRIMITIVES[b.op[i]].emit.kind == "window" and b.aval(i).size == 1


def _matrix(b: Builder, i: int, x: Strided) -> bool:
    """Whether BLAS can read the last two axes as they lie."""
    shape = b.aval(i).shape
    (m, n), (s, t) = shape[-2:], x.strides[-2:]
    if any(step < 0 for step in (s, t)):
        return False
    rows = (t == 1 or n == 1) and (s >= max(n, 1) or m == 1)
    columns = (s == 1 or m == 1) and (t >= max(m, 1) or n == 1)
    return rows or columns


def _worth_turning(b: Builder, args: list[int], left: Strided, right: Strided) -> bool:
    """Whether a transposed right operand is to be copied: one that many rows meet.

    OpenBLAS takes 11.9 us for (1000, 10) @ (10, 10) when the right one is read down its columns, 7.6
    when along its rows; 24.0 and 18.4 for (128, 64) @ (64, 64), where the copy takes 1.9; 14.8 and 6.3
    for (128, 128) @ (128, 10). Products too long for `SMALL_PIECES` it packs, however they lie.
    """
    (m, k), n = b.aval(args[0]).shape[-2:], b.aval(args[1]).shape[-1]
    if right.strides[-1] == 1 or right.strides[-2] != 1 or min(k, n) == 1:
        return False
    if max(k, n) <= SMALL and m >= MANY:
        return True
    packed = m * k * n > (THIN_PIECES if min(k, n) <= SMALL else SMALL_PIECES)
    rows = MANY if max(k, n) <= 2 * SMALL else 2 * MANY
    return left.strides[-1] == 1 and m >= rows and not packed


def _own_outputs(tape: Tape) -> Tape:
    """Append a copy for each output that shares memory with something else."""
    b = Builder()
    for i in range(tape.rows):
        b.append(tape.op[i], tape.args(i), tape.aval[i], tape.param[i], tape.line[i])
    outs: list[int] = []
    for o in tape.outputs:
        kind = tape.prim(o).emit.kind
        if o in outs or kind in ("view", "input", "lit", "window"):
            b.line = tape.line[o]
            o = BY_NAME["copy"](Sym(b, o)).id
        outs.append(o)
    return b.finish(outs)


# ---------------------------------------------------------------- bodies


def carried_operands(row: Row) -> tuple[int, int]:
    """Return the range of the operands that a loop starts from."""
    first = 1 if row.prim.emit.kind == "for" else 0
    count = row.params["carry"] if row.prim.emit.kind in ("for", "while") else 0
    return first, first + count


def _rolled(b: Builder, row: Row, args: list[int]) -> int:
    """Append a row with legal bodies and all its results."""
    params: dict[str, Any] = dict(row.params)
    kind = row.prim.emit.kind
    if kind in ("for", "while"):
        carry = params["carry"]
        body = params["body"]
        lent = frozenset(1 + k for k in range(carry) if body.value(1 + k).shape)
        params["body"] = _legal_body(body, lent, dict.fromkeys(range(carry), lent))
        if kind == "while":
            params["test"] = _legal_body(params["test"], frozenset(), {})
    else:
        # Whatever a branch was given may be handed on: the code copies it where it must.
        for name in ("then", "orelse") if kind == "cond" else ("body",):
            body = params[name]
            given = frozenset(k for k in range(body.n_inputs) if body.value(k).shape)
            params[name] = _legal_body(body, given, dict.fromkeys(range(len(body.outputs)), given))
    i = b.append(row.prim.index, args, aval_id(row.aval), param_id(params))
    for k in range(len(AVALS[b.avals[i]].items)):  # type: ignore[union-attr]
        b.out(Sym(b, i), k)
    return i


def _legal_body(tape: Tape, lent: frozenset[int], handed: dict[int, frozenset[int]]) -> Tape:
    """Return a legal body whose array outputs are distinct rows with memory of their own.

    Parameters
    ----------
    handed : dict
        For each output, by position, the inputs that it may be as they are.
    """
    tape = _legal(reads_first(_stencils(components(tape), True), lent))
    outs: list[int] = []
    copies: dict[int, list[int]] = {}
    for k, o in enumerate(tape.outputs):
        kind = tape.prim(o).emit.kind
        if tape.value(o).shape:
            as_it_is = o in handed.get(k, ()) if kind == "input" else kind not in ("view", "window")
            if not as_it_is or o in outs:
                # Copied at once, so that what is copied may then be overwritten.
                copies.setdefault(_behind(tape, o), []).append(k)
        outs.append(o)
    if not copies:
        return tape
    b = Builder()
    place: list[int] = []
    made: dict[int, int] = {}
    for i in range(tape.rows):
        args = [place[a] for a in tape.args(i)]
        place.append(b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i]))
        for k in copies.get(i, ()):
            b.line = tape.line[i]
            made[k] = BY_NAME["copy"](Sym(b, place[tape.outputs[k]])).id
    return b.finish([made.get(k, place[o]) for k, o in enumerate(outs)])


def _behind(tape: Tape, o: int) -> int:
    """Return the row behind which `o` can be copied: behind all inputs, and all of a row's results."""
    if o < tape.n_inputs:
        return tape.n_inputs - 1
    if tape.prim(o).emit.kind == "out":
        parent = tape.args(o)
        while o + 1 < tape.rows and tape.args(o + 1) == parent and is_out(tape, o + 1):
            o += 1
    return o


def is_out(tape: Tape, i: int) -> bool:
    return tape.prim(i).emit.kind == "out"
