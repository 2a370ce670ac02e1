"""Functions whose derivative PyTorch defines differently where there is none, as primitives.

tapejit takes the least subgradient at a vertical tangent, PyTorch what the formula says: d sqrt(x)
at 0 is 0 in one and inf in the other. The functions here are NumPy's, with PyTorch's partials:

    sqrt              1 / (2 y), inf at 0
    hypot             x / z, nan at the origin
    logaddexp         1 / (1 + e**(y - x)), nan where both are the same infinity
    maximum, minimum  1/2 each at a tie; all of it to both beside a nan
    logit             1 / (x (1 - x)) inside [0, 1], nan outside
    arccosh           1 / sqrt(x**2 - 1), of both signs
    xlogy             by x: log y, 0 where x is 0 and y not above; by y: x / y
    attached          the second operand, with the gradient going to the first
    no_gradient       the first operand; a derivative by the second is refused

Cotangents that a `where` has cut off stay exactly zero, as everywhere in tapejit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...frontend.tracer import Tracer, active, sym_of, wrap
from ...rules.declare import Domain, const, elementwise, field, ops
from ...tape.ir import Sym
from ...tape.primitive import Primitive, primitive


def _first(y: Any, x: Any) -> Any:
    return y


def _second(old: Any, new: Any) -> Any:
    return new


_LN2 = float(np.log(2.0))


def callable_of(prim: Primitive, numpy: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is NumPy's on arrays, and a row of the primitive on tracers."""
    prim.family = "torch"

    def function(*xs: Any) -> Any:
        if any(isinstance(x, Tracer) for x in xs):
            cap = active()
            return wrap(cap, prim(*[sym_of(cap, x) for x in xs]))
        return numpy(*xs)

    return function


def like(name: str, other: str, *partials: Any) -> Callable[..., Any]:
    """Return the function of another primitive with these partials in place of its own."""
    prim = primitive(other)
    domain: tuple[Domain, ...] = prim.domain

    def resolve(*avals: Any) -> tuple[Any, ...]:
        assert prim.promote is not None
        result: Any = prim.infer(*avals)
        return (*prim.promote(*avals), result.dtype)

    made = elementwise(name, prim.numpy, partials, domain=domain, resolve=resolve, masks=prim.masks)
    made.emit = prim.emit
    return callable_of(made, prim.numpy)


def _refuse(z: Sym, y: Sym, x: Sym) -> Any:
    raise RuntimeError("derivative for this operation is not implemented")


def _share(x: Sym, y: Sym, less: bool) -> Any:
    """The part of x in an extreme: 1/2 at a tie, 0 where y wins, else 1, also beside a nan."""
    loses = ops.less(x, y) if less else ops.greater(x, y)
    half, one, zero = const(0.5, x), const(1.0, x), const(0.0, x)
    return ops.where(x.eq(y), half, ops.where(loses, zero, one))


def _inside(y: Sym, x: Sym) -> Any:
    outside = ops.logical_or(ops.less(x, 0.0), ops.greater(x, 1.0))
    return ops.where(outside, const(np.nan, x), 1.0 / (x * (1.0 - x)))


def _log_unless_zero(z: Sym, x: Sym, y: Sym) -> Any:
    nothing = ops.logical_and(x.eq(0.0), ops.less_equal(y, 0.0))
    return ops.where(nothing, const(0.0, x), ops.log(y))


sqrt = like("steep_sqrt", "sqrt", lambda y, x: 0.5 / y)
hypot = like("steep_hypot", "hypot", lambda z, x, y: x / z, lambda z, x, y: y / z)
maximum = like(
    "maximum_of_two",
    "maximum",
    lambda z, x, y: _share(x, y, True),
    lambda z, x, y: _share(y, x, True),
)
minimum = like(
    "minimum_of_two",
    "minimum",
    lambda z, x, y: _share(x, y, False),
    lambda z, x, y: _share(y, x, False),
)
logaddexp = like(
    "steep_logaddexp",
    "logaddexp",
    lambda z, x, y: ops.expit(x - y),
    lambda z, x, y: ops.expit(y - x),
)
logaddexp2 = like(
    "steep_logaddexp2",
    "logaddexp2",
    lambda z, x, y: ops.expit((x - y) * _LN2),
    lambda z, x, y: ops.expit((y - x) * _LN2),
)
logit = like("logit_inside", "logit", _inside)
arccosh = like("even_arccosh", "arccosh", lambda y, x: 1.0 / ops.sqrt(ops.square(x) - 1.0))
xlogy = like("steep_xlogy", "xlogy", _log_unless_zero, lambda z, x, y: x / y)
attached = callable_of(
    elementwise(
        "attached",
        _second,
        (lambda z, old, new: 1, None),
        emit="{1}",
        kinds="fc",
        domain=(field(), field()),
        resolve=lambda old, new: (old.dtype, old.dtype, old.dtype),
    ),
    _second,
)
_undefined = callable_of(
    elementwise(
        "no_gradient",
        _first,
        (lambda z, y, x: 1, _refuse),
        emit="{0}",
        kinds="fiuc",
        domain=(field(), Domain(fixed=True)),
        resolve=lambda y, x: (y.dtype, None, y.dtype),
    ),
    _first,
)


def no_gradient(y: Any, *operands: Any) -> Any:
    """Return y, made of operands; a derivative by one of them is refused."""
    for x in operands:
        if getattr(x, "shape", ()) or isinstance(x, Tracer):
            y = _undefined(y, x)
    return y
