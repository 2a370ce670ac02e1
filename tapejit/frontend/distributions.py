"""Draws with traced parameters, written as standard variates and ordinary rows that differentiate.

NumPy's own loops compute the same things element by element, in C order: normal is
loc + scale z, uniform low + (high - low) u, exponential scale e, and so on, each from one standard
variate; so the stream and the values agree. Parameters that cannot be moved out of the method
(the shape of a gamma, the p of a binomial) stay operands of the draw, which has no derivative.

NumPy refuses negative scales. Here that is checked, and guarded, where the value is at hand; inside
a rolled loop a negative scale gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import common_shape
from ..core.errors import DtypeError
from ..core.sources import where
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from .capture import Capture, current
from .random import Drawer, _plain_seed, is_array, sized
from .tracer import Root, Tracer, sym_of

F64 = np.dtype(np.float64)


def _now() -> Capture:
    cap = current()
    assert cap is not None
    return cap


def _double(name: str, x: Any) -> Sym:
    """Return a parameter as NumPy reads it: in double precision."""
    cap = _now()
    sym = sym_of(cap, np.asarray(x, F64) if isinstance(x, (list, tuple)) else x)
    if sym.dtype.kind == "c":
        raise DtypeError(f"{name}: a parameter is complex ({where()})")
    return cap.b.cast(sym, F64)


def _checked(name: str, what: str, x: Sym) -> Sym:
    """Return a scale that is known not to be negative, or NaN where it is."""
    cap, ops = _now(), BY_NAME
    if x.b.op[x.id] == ops["lit"].index and cap.b.known[x.id] >= 0:
        return x
    low = ops["less"](x, 0.0)
    if cap.abstract or x.id in cap.b.pending:
        nan = cap.b.lit(np.float64("nan"))
        return ops["where"](low, nan, x)
    negative = bool(np.any(cap.value(x) < 0))
    if not cap.settled(x.id):
        some = sym_of(cap, np.any(Tracer(cap, Root(low)))) if low.ndim else low
        cap.guard(some, negative)
    if negative:
        raise ValueError(f"{what} < 0")
    return x


def _shape(size: Any, *parameters: Sym) -> Any:
    """Return the shape of the samples, None for a single number.

    Raises
    ------
    ValueError
        When the parameters do not broadcast to the size, as NumPy does.
    """
    size = sized(size)
    common = common_shape(*[p.shape for p in parameters])
    if size is None:
        return common or None
    if len(common) > len(size) or any(
        d not in (1, n) for d, n in zip(reversed(common), reversed(size))
    ):
        raise ValueError(
            f"Output size {size} is not compatible with broadcast dimensions of inputs {common}."
        )
    return size


def _number(found: Sym, shape: Any) -> Tracer:
    """Return the samples; a single one is a Python number, whose dtype yields to others."""
    cap = _now()
    return Tracer(cap, Root(cap.b.cast(found, F64, True) if shape is None else found))


def _standard(d: Drawer, method: str, shape: Any, **options: Any) -> Sym:
    cap = _now()
    return cap.b.cast(sym_of(cap, d.standard(method, shape, **options)), F64)


def _located(method: str, **options: Any) -> Callable[..., Any]:
    """A family loc + scale z."""

    def draw(d: Drawer, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Tracer:
        m, s = _double(d.name, loc), _double(d.name, scale)
        shape = _shape(size, m, s)
        s = _checked(d.name, "scale", s)
        return _number(m + s * _standard(d, method, shape, **options), shape)

    return draw


def _scaled(method: str, **options: Any) -> Callable[..., Any]:
    """A family scale z."""

    def draw(d: Drawer, scale: Any = 1.0, size: Any = None) -> Tracer:
        s = _double(d.name, scale)
        shape = _shape(size, s)
        s = _checked(d.name, "scale", s)
        return _number(s * _standard(d, method, shape, **options), shape)

    return draw


def _uniform(d: Drawer, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Tracer:
    a, b = _double(d.name, low), _double(d.name, high)
    shape = _shape(size, a, b)
    span = b - a
    if not d.legacy:
        span = _checked(d.name, "high - low", span)
    method = "random_sample" if d.legacy else "random"
    return _number(a + span * _standard(d, method, shape), shape)


def _lognormal(d: Drawer, mean: Any = 0.0, sigma: Any = 1.0, size: Any = None) -> Tracer:
    m, s = _double(d.name, mean), _double(d.name, sigma)
    shape = _shape(size, m, s)
    s = _checked(d.name, "sigma", s)
    z = _standard(d, "standard_normal", shape)
    return _number(BY_NAME["exp"](m + s * z), shape)


def _gamma(d: Drawer, shape: Any, scale: Any = 1.0, size: Any = None) -> Tracer:
    s = _double(d.name, scale)
    k = _double(d.name, shape) if is_array(shape) else None
    dims = _shape(size, s) if k is None else _shape(size, s, k)
    s = _checked(d.name, "scale", s)
    given = {} if dims is None else {"size": dims}
    if k is None:
        z = d.row("standard_gamma", {}, {"shape": shape, **given})
    else:
        z = d.row("standard_gamma", {"shape": Tracer(_now(), Root(k))}, given)
    return _number(s * _now().b.cast(sym_of(_now(), z), F64), dims)


def _multivariate_normal(d: Drawer, mean: Any, cov: Any, **options: Any) -> Any:
    """Normal with a traced mean: NumPy adds it last."""
    m = _double(d.name, mean)
    zeros = np.zeros(m.shape)
    z = sym_of(_now(), d.sample(d.name, {"mean": zeros, "cov": cov, **options}))
    return Tracer(_now(), Root(z + m))


SCALED: dict[str, Callable[..., Any]] = {
    "normal": _located("standard_normal"),
    "laplace": _located("laplace"),
    "logistic": _located("logistic"),
    "gumbel": _located("gumbel"),
    "uniform": _uniform,
    "exponential": _scaled("standard_exponential"),
    "rayleigh": _scaled("rayleigh"),
    "lognormal": _lognormal,
    "gamma": _gamma,
    "multivariate_normal": _multivariate_normal,
}
"""Methods of which traced parameters are taken out."""


# ---------------------------------------------------------------- choices


def _positions(d: Drawer, n: int, axis: int, x: Any, options: dict[str, Any]) -> Any:
    """Return the items of `x` along an axis at positions that are drawn."""
    arrays = {k: v for k, v in options.items() if is_array(v)}
    plain = {k: v for k, v in options.items() if k not in arrays}
    at = d.row("choice", arrays, {"a": n, **plain})
    return np.take(_traced(x), at, axis=axis)


def _traced(x: Any) -> Tracer:
    cap = _now()
    return x if isinstance(x, Tracer) else Tracer(cap, Root(sym_of(cap, np.asarray(x))))


def choice(d: Drawer, a: Any, size: Any = None, replace: Any = True, p: Any = None, axis: Any = 0,
           shuffle: Any = True) -> Any:  # fmt: skip
    """``choice``: positions are drawn, items taken."""
    if p is not None and not is_array(p):
        p = np.asarray(p, F64)
    options = {"size": sized(size), "replace": bool(replace), "p": p, "shuffle": bool(shuffle)}
    options = {k: v for k, v in options.items() if v is not None}
    if d.legacy:
        options.pop("shuffle")
    if isinstance(a, (int, np.integer)) and not isinstance(a, bool):
        arrays = {k: v for k, v in options.items() if is_array(v)}
        return d.row(
            "choice", arrays, {"a": int(a), **{k: v for k, v in options.items() if k not in arrays}}
        )
    if not is_array(a) and not (type(a) in (list, tuple) and np.asarray(a).dtype.kind in "biufc"):
        return NotImplemented
    items = _traced(a)
    if not items.ndim:
        return NotImplemented
    return _positions(d, items.shape[axis], axis, items, options)


def permutation(d: Drawer, x: Any, axis: Any = 0) -> Any:
    """``permutation``: NumPy shuffles positions, items are taken."""
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return d.row("permutation", {}, {"x": int(x)})
    if not is_array(x) and not (type(x) in (list, tuple) and np.asarray(x).dtype.kind in "biufc"):
        return NotImplemented
    items = _traced(x)
    if not items.ndim:
        return NotImplemented
    return np.take(items, d.row("permutation", {}, {"x": items.shape[axis]}), axis=axis)


def shuffle(d: Drawer, x: Any, axis: Any = 0) -> Any:
    """``shuffle`` of a traced array: the permutation that NumPy draws, written back."""
    if not isinstance(x, Tracer) or not x.ndim:
        return NotImplemented
    x[...] = np.take(x, d.row("permutation", {}, {"x": x.shape[axis]}), axis=axis)
    return None


# ---------------------------------------------------------------- generators made inside


def static_seed(seed: Any) -> Any:
    """Return a seed that a row can hold, None for any other."""
    if not _plain_seed(seed):
        return None
    return tuple(int(s) for s in seed) if type(seed) in (list, tuple) else int(seed)
