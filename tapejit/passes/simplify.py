"""Algebra on rows: copies and trivial views vanish, literals fold, broadcasts become implicit.

`RULES` maps a primitive to functions ``rule(b, row, args)`` that return the id of a simpler value
or None. Rules never change a value beyond rounding, and never the shape or dtype.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import Aval, common_shape
from ..core.dims import Dim, Real
from ..core.sizes import computed, rounded
from ..tape.ir import PARAMS, Builder, Row, Sym, Tape
from ..tape.primitive import BY_NAME, PRIMITIVES
from .rewrite import rewrite

Rule = Callable[[Builder, Row, list[int]], int | None]
RULES: dict[str, list[Rule]] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for primitives."""

    def register(fn: Rule) -> Rule:
        for name in names:
            RULES.setdefault(name, []).append(fn)
        return fn

    return register


def simplify(tape: Tape) -> Tape:
    """Return an equivalent tape with fewer or cheaper rows."""

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.emit.kind == "elementwise":
            args[:] = implicit_broadcasts(b, row, args)
            found = fold(b, row, args)
            if found is None:
                found = scalar_row(b, row, args)
            if found is not None:
                return found
        for each in RULES.get(row.prim.name, ()):
            found = each(b, row, args)
            if found is not None:
                return found
        return None

    return rewrite(tape, visit)


# ---------------------------------------------------------------- reading rows


def name_of(b: Builder, i: int) -> str:
    """Return the primitive of a row."""
    return PRIMITIVES[b.op[i]].name


def operands(b: Builder, i: int) -> list[int]:
    """Return the operands of a row."""
    return list(b.arg[b.off[i] : b.off[i + 1]])


def params_of(b: Builder, i: int) -> dict[str, Any]:
    """Return the static parameters of a row."""
    return PARAMS[b.param[i]]


def lit_value(b: Builder, i: int) -> Any:
    """Return the number of a literal row (also seen through views of it), None for others."""
    while name_of(b, i) in ("broadcast_to", "reshape"):
        i = operands(b, i)[0]
    return params_of(b, i)["value"] if name_of(b, i) == "lit" else None


def scalar_behind(b: Builder, i: int) -> int:
    """Follow broadcasts and reshapes that only repeat a scalar down to the scalar."""
    at = i
    while name_of(b, at) in ("broadcast_to", "reshape"):
        at = operands(b, at)[0]
        if b.aval(at).shape == ():
            return at
    return i


# ---------------------------------------------------------------- rules for all elementwise rows


def implicit_broadcasts(b: Builder, row: Row, args: list[int]) -> list[int]:
    """Read the source of a broadcast operand where the other operands give the shape."""
    if len(args) < 2:
        return args
    new = list(args)
    for k, a in enumerate(args):
        source = scalar_behind(b, a)
        if source == a and name_of(b, a) == "broadcast_to":
            source = operands(b, a)[0]
        if source == a:
            continue
        shapes = [b.aval(source if j == k else c).shape for j, c in enumerate(new)]
        if common_shape(*shapes) == row.aval.shape:  # type: ignore[union-attr]
            new[k] = source
    return new


def fold(b: Builder, row: Row, args: list[int]) -> int | None:
    """Compute a row of literals."""
    aval = row.aval
    assert isinstance(aval, Aval)
    if aval.shape != () or any(name_of(b, a) != "lit" for a in args):
        return None
    given = [params_of(b, a)["value"] for a in args]
    if any(isinstance(x, (Dim, Real)) for x in given):
        dtypes = [b.aval(a).dtype for a in args]
        made = computed(row.prim.name, list(map(rounded, given, dtypes)), aval.dtype)
        return None if made is None else b.lit(made, aval).id
    values = [np.asarray(params_of(b, a)["value"]).astype(b.aval(a).dtype)[()] for a in args]
    with np.errstate(all="ignore"):
        try:
            value = np.asarray(row.prim.numpy(*values, **row.params)).astype(aval.dtype)[()]
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
    return b.lit(value.item(), aval).id


def scalar_row(b: Builder, row: Row, args: list[int]) -> int | None:
    """Compute a row of repeated scalars once, and repeat the result."""
    aval = row.aval
    assert isinstance(aval, Aval)
    sources = [scalar_behind(b, a) for a in args]
    if aval.shape == () or not args or any(b.aval(s).shape != () for s in sources):
        return None
    made = b.apply(row.prim, [Sym(b, s) for s in sources], row.params)
    folded = fold(b, Row(made.id, row.prim, tuple(sources), made.aval, row.params, 0), sources)
    source = made if folded is None else Sym(b, folded)
    return BY_NAME["broadcast_to"](source, shape=aval.shape).id


# ---------------------------------------------------------------- copies, casts, views


@rule("copy", "stop_gradient", "positive")
def _alias(b: Builder, row: Row, args: list[int]) -> int | None:
    return args[0]


@rule("cast")
def _cast(b: Builder, row: Row, args: list[int]) -> int | None:
    return args[0] if b.aval(args[0]).dtype == row.aval.dtype else None  # type: ignore[union-attr]


@rule("reshape")
def _reshape(b: Builder, row: Row, args: list[int]) -> int | None:
    a = args[0]
    shape = row.params["shape"]
    if b.aval(a).shape == shape:
        return a
    if name_of(b, a) == "reshape":
        first = operands(b, a)[0]
        if b.aval(first).shape == shape:
            return first
        return BY_NAME["reshape"](Sym(b, first), shape=shape).id
    source = scalar_behind(b, a)
    if source != a:
        return BY_NAME["broadcast_to"](Sym(b, source), shape=shape).id
    return None


@rule("broadcast_to")
def _broadcast(b: Builder, row: Row, args: list[int]) -> int | None:
    a = args[0]
    shape = row.params["shape"]
    if b.aval(a).shape == shape:
        return a
    source = scalar_behind(b, a)
    if source == a and name_of(b, a) == "broadcast_to":
        source = operands(b, a)[0]
    return None if source == a else BY_NAME["broadcast_to"](Sym(b, source), shape=shape).id


@rule("transpose")
def _transpose(b: Builder, row: Row, args: list[int]) -> int | None:
    a, axes = args[0], row.params["axes"]
    if axes == tuple(range(len(axes))):
        return a
    if name_of(b, a) == "transpose":
        inner = params_of(b, a)["axes"]
        joined = tuple(inner[k] for k in axes)
        source = operands(b, a)[0]
        if joined == tuple(range(len(joined))):
            return source
        return BY_NAME["transpose"](Sym(b, source), axes=joined).id
    return None


@rule("slice")
def _slice(b: Builder, row: Row, args: list[int]) -> int | None:
    full = tuple((0, n, 1) for n in b.aval(args[0]).shape)
    return args[0] if row.params["ranges"] == full else None


@rule("add_slice", "set_slice")
def _whole_update(b: Builder, row: Row, args: list[int]) -> int | None:
    full = tuple((0, n, 1) for n in b.aval(args[0]).shape)
    if row.params["ranges"] != full:
        return None
    if row.prim.name == "set_slice" or lit_value(b, args[0]) == 0:
        return args[1]
    return (Sym(b, args[0]) + Sym(b, args[1])).id


@rule("add_slice")
def _same_window(b: Builder, row: Row, args: list[int]) -> int | None:
    """Two additions to the same window, others between them or not, are one addition of the sum."""
    base, u = args
    between: list[int] = []
    while name_of(b, base) == "add_slice" and len(between) < _WINDOWS:
        inner, first = operands(b, base)
        if params_of(b, base) == row.params:
            found = BY_NAME["add_slice"](Sym(b, inner), Sym(b, first) + Sym(b, u), **row.params)
            for k in reversed(between):
                found = BY_NAME["add_slice"](found, Sym(b, operands(b, k)[1]), **params_of(b, k))
            return found.id
        between.append(base)
        base = inner
    return None


_WINDOWS = 4


@rule("sum", "max", "min", "prod")
def _no_axes(b: Builder, row: Row, args: list[int]) -> int | None:
    """A fold over no axes is its operand; bools and short integers widen as sums do."""
    if row.params["axis"] != ():
        return None
    return b.cast(Sym(b, args[0]), row.aval.dtype).id  # type: ignore[union-attr]


# ---------------------------------------------------------------- arithmetic


def _same(b: Builder, row: Row, a: int) -> int | None:
    """Return value `a` when it has the row's shape and dtype."""
    aval = b.aval(a)
    return a if aval.shape == row.aval.shape and aval.dtype == row.aval.dtype else None  # type: ignore[union-attr]


@rule("multiply")
def _times_one(b: Builder, row: Row, args: list[int]) -> int | None:
    """Not for complex values: (1 + 0i)(inf + 0i) is inf + nan i, and (1 + 0i)(1 - 0i) is 1 + 0i."""
    if row.aval.dtype.kind == "c":  # type: ignore[union-attr]
        return None
    for a, other in ((args[0], args[1]), (args[1], args[0])):
        value = lit_value(b, a)
        if value is not None and value is not True and value == 1:
            return _same(b, row, other)
        if value is not None and value == -1 and _same(b, row, other) is not None:
            return (-Sym(b, other)).id
    return None


@rule("divide")
def _over_one(b: Builder, row: Row, args: list[int]) -> int | None:
    if row.aval.dtype.kind == "c":  # type: ignore[union-attr]
        return None
    return _same(b, row, args[0]) if lit_value(b, args[1]) == 1 else None


@rule("negative")
def _negative_negative(b: Builder, row: Row, args: list[int]) -> int | None:
    return operands(b, args[0])[0] if name_of(b, args[0]) == "negative" else None


@rule("gated")
def _open(b: Builder, row: Row, args: list[int]) -> int | None:
    """A gate cannot matter when the cotangent is a number other than 0 or the partial finite.

    Behind a gate that is closed for certain lies 0.
    """
    ct, p = lit_value(b, args[0]), lit_value(b, args[1])
    if ct is not None and ct == 0:
        return _same(b, row, args[0])
    if (ct is not None and ct != 0) or (p is not None and cmath.isfinite(p)):
        found = Sym(b, args[0]) * Sym(b, args[1])
        again = _times_one(b, row, operands(b, found.id))
        return found.id if again is None else again
    return None


@rule("where")
def _decided(b: Builder, row: Row, args: list[int]) -> int | None:
    flag = lit_value(b, args[0])
    return None if flag is None else _same(b, row, args[1] if flag else args[2])


@rule("power")
def _small_power(b: Builder, row: Row, args: list[int]) -> int | None:
    n = lit_value(b, args[1])
    if n is None or isinstance(n, complex) or row.aval.dtype.kind not in "fc":  # type: ignore[union-attr]
        return None
    if b.aval(args[0]).shape != row.aval.shape:  # type: ignore[union-attr]
        return None
    x = Sym(b, args[0])
    if n == 1:
        return x.id
    if n == 2:
        return BY_NAME["square"](x).id
    if n == 3:
        return (BY_NAME["square"](x) * x).id
    if n == -1:
        return (1.0 / x).id
    if abs(n) in (0.5, 1.5, 2.5) and row.aval.dtype.name in ("float32", "float64"):  # type: ignore[union-attr]
        return BY_NAME["half_power"](x, n=int(2 * n)).id
    return None
