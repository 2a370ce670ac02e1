"""hessian and hvp: second derivatives of scalar functions, forward over reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.avals import Aval
from ..core.errors import ArgumentError
from ..core.pytree import unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..passes.pushforward import pushforward
from ..tape.ir import Sym
from .base import Transformed
from .jacobians import jacobian_rows
from .leaves import (
    call,
    chosen_arguments,
    derivative_row,
    leaves_like,
    numbers_of,
    results,
    wrapped,
    zeros,
)
from .names import function_name
from .reverse import grad_rows


def hessian_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    argnums: int | tuple[int, ...] = 0, has_aux: bool = False,
) -> Any:  # fmt: skip
    """Append the Jacobian, by forward sweeps, of the gradient."""

    def gradient(*xs: Any, **named: Any) -> Any:
        return grad_rows(cap, fn, xs, named, argnums=argnums, has_aux=has_aux)

    gradient.__qualname__ = function_name(fn)
    return jacobian_rows(cap, gradient, args, kwargs, argnums, has_aux, mode="forward")


def hessian(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    compile: str | None = None,
) -> Any:
    """Return a function that computes the matrix of second derivatives of a scalar function.

    Forward sweeps over the gradient: H = J(grad f), one sweep for each element of the arguments.

    Parameters
    ----------
    fn, argnums, has_aux, compile
        As in `jacobian`; `fn` returns a real scalar.

    Returns
    -------
    callable
        An array of shape ``in.shape + in.shape``. For containers: the structure of the argument,
        with the structure of the argument in each leaf; for several `argnums` a tuple of tuples.

    Raises
    ------
    ArgumentError, DtypeError
        As for `grad`; complex arguments are refused.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    options = {"argnums": numbers_of(argnums), "has_aux": has_aux}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("hessian", f, hessian_rows, options, compile)

    return make if fn is None else make(fn)


def hvp_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    argnums: int | tuple[int, ...] = 0, has_aux: bool = False,
) -> Any:  # fmt: skip
    """Append the pushforward, in direction v, of the gradient."""
    if len(args) < 2:
        raise ArgumentError(
            f"hvp of {function_name(fn)} takes the arguments and then the vector, got {len(args)} "
            f"({where()})"
        )
    *primals, vector = args
    single = isinstance(argnums, int)
    replaced, chosen = chosen_arguments(cap, fn, tuple(primals), argnums)
    vectors = [vector] if single else leaves_or_refuse(vector, len(chosen), fn)
    xs: list[Sym] = []
    ts: list[Sym | None] = []
    for c, v in zip(chosen, vectors):
        what = f"the vector for argument {c.number} of {function_name(fn)} under hvp"
        for row, leaf in zip(c.rows, leaves_like(c.tree, v, what)):
            assert row is not None
            xs.append(row)
            ts.append(derivative_row(cap, leaf, Aval(row.dtype, row.shape), what))

    def gradient(*given: Any, **named: Any) -> Any:
        return grad_rows(cap, fn, given, named, argnums=argnums, has_aux=has_aux)

    value, aux = call(gradient, replaced, kwargs, has_aux)
    out = results(cap, value)
    found = iter(pushforward(cap.b, xs, ts, out.live))
    made = []
    for row in out.live:
        t = next(found)
        made.append(wrapped(cap, zeros(row) if t is None else t))
    product = unflatten(out.tree, made)
    return (product, aux) if has_aux else product


def leaves_or_refuse(vector: Any, n: int, fn: Any) -> list[Any]:
    """Return the vectors for several arguments."""
    if not isinstance(vector, (tuple, list)) or len(vector) != n:
        raise ArgumentError(
            f"hvp of {function_name(fn)} with {n} argnums takes a tuple of {n} vectors ({where()})"
        )
    return list(vector)


def hvp(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    compile: str | None = None,
) -> Any:
    """Return a function that multiplies the Hessian of a scalar function by a vector.

    Forward over reverse: H v = d/dt grad f(x + t v) at t = 0, for about twice the cost of the
    gradient, without forming H (Pearlmutter 1994).

    Parameters
    ----------
    fn, argnums, has_aux, compile
        As in `hessian`.

    Returns
    -------
    callable
        Called as ``hvp(f)(*arguments, v)``, v being shaped like the chosen argument (a tuple of
        such when `argnums` is a sequence; None is zero); returns H v, shaped likewise.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
        As for `grad`, and when v is not shaped like the argument.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.hvp(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([4., 2.])
    """
    options = {"argnums": numbers_of(argnums), "has_aux": has_aux}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("hvp", f, hvp_rows, options, compile)

    return make if fn is None else make(fn)
