"""Functions whose derivative PyTorch defines differently where there is none, as primitives.

tapejit takes the least subgradient at a vertical tangent, PyTorch the limit: d sqrt(x) at 0 is 0 in
one and inf in the other. The functions here are NumPy's, with PyTorch's partials:

    sqrt         1 / (2 y), inf at 0
    no_gradient  x itself, with a derivative that is refused

Cotangents that a `where` has cut off stay exactly zero, as everywhere in tapejit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...frontend.tracer import Tracer, active, sym_of, wrap
from ...rules.declare import elementwise, field, positive
from ...tape.ir import Sym
from ...tape.primitive import Primitive


def callable_of(prim: Primitive, numpy: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is NumPy's on arrays, and a row of the primitive on tracers."""

    def function(*xs: Any) -> Any:
        if any(isinstance(x, Tracer) for x in xs):
            cap = active()
            return wrap(cap, prim(*[sym_of(cap, x) for x in xs]))
        return numpy(*xs)

    return function


def _refuse(y: Sym, x: Sym) -> Any:
    raise RuntimeError("derivative for this operation is not implemented")


sqrt = callable_of(
    elementwise(
        "steep_sqrt",
        np.sqrt,
        (lambda y, x: 0.5 / y,),
        emit="np.sqrt({0})",
        kinds="fc",
        domain=(positive(complex=True),),
    ),
    np.sqrt,
)

no_gradient = callable_of(
    elementwise(
        "no_gradient", np.positive, (_refuse,), emit="{0}", kinds="fiuc", domain=(field(),)
    ),
    lambda x: x,
)
