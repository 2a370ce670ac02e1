"""Copies where memory demands them: for BLAS, for routines, for reshapes of strided views, for outputs.

After this pass every view is expressible by strides, every operand of a product has a unit stride
in one of its last two axes, every operand of a routine is contiguous, and every output is a row of
its own that owns its memory.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..tape.ir import Builder, Row, Sym, Tape
from ..tape.primitive import BY_NAME, PRIMITIVES
from .rewrite import rewrite
from .views import Strided, own, viewed

FREE = ("elementwise", "reduce", "guard", "view", "update", "concatenate", "input", "lit", "out")


def legalise(tape: Tape) -> Tape:
    """Return the tape with the copies that codegen relies on."""
    views: dict[int, Strided] = {}

    def shown(b: Builder, i: int) -> Strided:
        found = views.get(i)
        if found is None:
            found = views[i] = own(i, b.aval(i))
        return found

    def copy(b: Builder, i: int) -> int:
        return BY_NAME["copy"](Sym(b, i)).id

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
        elif kind == "product":
            for k, a in enumerate(args):
                if not _matrix(b, a, shown(b, a)):
                    args[k] = copy(b, a)
        elif kind not in FREE:
            for k, a in enumerate(args):
                if kind == "map" and b.aval(a).shape == ():
                    continue
                x = shown(b, a)
                root = PRIMITIVES[b.op[x.root]].emit.kind
                fits = x.contiguous(b.aval(a).shape) and root != "lit" and b.aval(x.root).shape
                if not fits:
                    args[k] = copy(b, a)
        return None

    return _own_outputs(rewrite(tape, visit))


def _matrix(b: Builder, i: int, x: Strided) -> bool:
    """Whether BLAS can read the last two axes as they lie."""
    shape = b.aval(i).shape
    if PRIMITIVES[b.op[x.root]].emit.kind == "lit" or b.aval(x.root).shape == ():
        return False
    (m, n), (s, t) = shape[-2:], x.strides[-2:]
    if any(step < 0 for step in (s, t)):
        return False
    rows = (t == 1 or n == 1) and (s >= max(n, 1) or m == 1)
    columns = (s == 1 or m == 1) and (t >= max(m, 1) or n == 1)
    return rows or columns


def _own_outputs(tape: Tape) -> Tape:
    """Append a copy for each output that shares memory with something else."""
    b = Builder()
    for i in range(tape.rows):
        b.append(tape.op[i], tape.args(i), tape.aval[i], tape.param[i], tape.line[i])
    outs: list[int] = []
    for o in tape.outputs:
        kind = tape.prim(o).emit.kind
        if o in outs or kind in ("view", "input", "lit"):
            b.line = tape.line[o]
            o = BY_NAME["copy"](Sym(b, o)).id
        outs.append(o)
    return b.finish(outs)
