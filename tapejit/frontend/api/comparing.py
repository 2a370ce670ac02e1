"""Comparisons of whole arrays, whose answer is a Python bool and so a guard; and ``piecewise``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.avals import common_shape
from ...core.errors import UnsupportedError
from ...core.sources import where as user_line
from ...rules.declare import broadcast, zeros_like
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME, PRIMITIVES
from ..dispatch import _operand, implements
from ..tracer import Tracer, active, sym_of, wrap
from .elementwise import operand


def all_hold(flags: Sym) -> bool:
    """Whether all flags are true in this call, guarded for later ones."""
    axes = tuple(range(flags.ndim))
    wrong = BY_NAME["sum"](~flags, axis=axes, keepdims=False) if axes else ~flags
    return not bool(wrap(active(), wrong.ne(0)))


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1.0e-5, atol: Any = 1.0e-8, equal_nan: bool = False) -> Sym:
    """``|a - b| <= atol + rtol |b|``, or equal, or (with `equal_nan`) both nan."""
    x, y, rtol, atol = operand(a), operand(b), operand(rtol), operand(atol)
    if y.dtype.kind not in "fc":
        y = y.b.cast(y, np.result_type(y.dtype, np.float64), y.aval.weak)
    size = BY_NAME["absolute"]
    near = size(x - y) <= atol + rtol * size(y)
    found: Sym = (near & BY_NAME["isfinite"](y)) | x.eq(y)
    if equal_nan:
        found = found | (BY_NAME["isnan"](x) & BY_NAME["isnan"](y))
    return found


@implements(np.allclose)
def allclose(
    a: Any, b: Any, rtol: Any = 1.0e-5, atol: Any = 1.0e-8, equal_nan: bool = False
) -> bool:
    return all_hold(isclose(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    x, y = operand(a1), operand(a2)
    if x.shape != y.shape:
        return False
    same = x.eq(y)
    if equal_nan and x.aval.inexact and y.aval.inexact:
        same = same | (BY_NAME["isnan"](x) & BY_NAME["isnan"](y))
    return all_hold(same)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    x, y = operand(a1), operand(a2)
    try:
        common_shape(x.shape, y.shape)
    except ValueError:
        return False
    return all_hold(x.eq(y))


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Sym:
    x = operand(a)
    if x.dtype.kind != "c":
        return BY_NAME["reshape"](x, shape=x.shape)
    if tol > 1:
        tol = float(np.finfo(x.dtype).eps) * tol
    real = all_hold(BY_NAME["absolute"](BY_NAME["imag"](x)) < tol)
    return BY_NAME["real"](x) if real else x


# ---------------------------------------------------------------- piecewise


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Sym:
    """Functions on parts of the domain, each evaluated everywhere and selected.

    NumPy hands a function the selected elements only. That is the same thing for an elementwise
    function; one whose result depends on which elements it is given is refused.
    """
    x = operand(x)
    single = isinstance(condlist, (Sym, bool, np.bool_)) and (
        not isinstance(condlist, Sym) or condlist.ndim <= x.ndim
    )
    conditions = [condlist] if single else list(condlist)
    if conditions and x.ndim and not isinstance(conditions[0], (list, Sym)):
        conditions = [conditions]
    flags = [operand(c) for c in conditions]
    flags = [broadcast(f if f.dtype.kind == "b" else f.ne(0), x.shape) for f in flags]
    n = len(flags)
    if len(funclist) == n + 1:
        rest = ~flags[0]
        for f in flags[1:]:
            rest = rest & ~f
        flags.append(rest)
    elif len(funclist) != n:
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    found = zeros_like(x)
    for flag, fn in zip(flags, funclist):
        part = _on_all(fn, x, args, kw) if callable(fn) else operand(fn)
        if part.dtype.kind == "c" and x.dtype.kind != "c":
            raise TypeError(f"piecewise: a complex part of a real array ({user_line()})")
        found = BY_NAME["where"](flag, part.b.cast(part, x.dtype), found)
    return found


def _on_all(fn: Any, x: Sym, args: Any, kw: Any) -> Sym:
    cap = active()
    start = len(x.b)
    given = [wrap(cap, a) if isinstance(a, Sym) else a for a in args]
    named = {k: wrap(cap, a) if isinstance(a, Sym) else a for k, a in kw.items()}
    part = fn(Tracer(cap, wrap(cap, x).root), *given, **named)
    for i in range(start, len(x.b)):
        prim = PRIMITIVES[x.b.op[i]]
        if not prim.domain and prim.name not in ("lit", "cast", "copy", "stop_gradient", "input"):
            raise UnsupportedError(
                f"piecewise: a function that is not elementwise (it uses {prim.name}); use "
                f"np.where or index with the condition yourself ({user_line()})"
            )
    found = sym_of(cap, _operand(part))
    if found.shape not in ((), x.shape):
        raise UnsupportedError(f"piecewise: a part of shape {found.shape} ({user_line()})")
    return found
