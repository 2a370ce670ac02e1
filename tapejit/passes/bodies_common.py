"""What the derivative passes over bodies share: rows by number, zeros for what has no derivative."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import Aval
from ..rules.declare import wanted, zeros_like
from ..tape.ir import Builder, Sym

Maybe = Sequence[Sym | None]


def row_of(results: Sequence[Sym]) -> int:
    """Return the row that these results are of."""
    b = results[0].b
    return b.arg[b.off[results[0].id]]


def zeros_of(b: Builder, a: Aval) -> Sym:
    made: Sym = zeros_like(b.lit(0.0, Aval(a.dtype)), a.shape)
    return made


def dense(found: Sym | None, x: Sym) -> Sym:
    """Return a tangent or cotangent of `x`, zeros for None."""
    return zeros_like(x) if found is None else found


def syms(b: Builder, ids: Sequence[int]) -> list[Sym]:
    return [Sym(b, k) for k in ids]


def wants(xs: Sequence[Sym]) -> list[bool]:
    """Return for each operand whether the pass that runs needs its cotangent."""
    return [x.aval.inexact and wanted(x) for x in xs]


def strong(a: Aval) -> Aval:
    """Return an aval that is not weak: stacks and cotangents never are."""
    return Aval(a.dtype, a.shape)
