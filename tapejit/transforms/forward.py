"""jvp, vjp and linearize: derivatives at a point, as values and as linear maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.avals import Aval
from ..core.errors import ArgumentError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..passes.adjoint import adjoint
from ..passes.pushforward import pushforward
from ..tape.ir import Builder, Sym
from .leaves import (
    Results,
    call,
    chosen_arguments,
    derivative_row,
    leaves_like,
    results,
    wrapped,
    zeros,
)
from .linearmap import LinearMap, linear_map
from .names import function_name
from .programs import call_transformed


def tangent_leaves(cap: Capture, out: Results, tangents: Sequence[Sym | None]) -> Any:
    """Return the tangent of a result: rows for its live leaves, None for the others."""
    found = iter(tangents)
    made: list[Any] = []
    for row in out.rows:
        t = None if row is None else next(found)
        made.append(None if row is None else wrapped(cap, zeros(row) if t is None else t))
    return unflatten(out.tree, made)


def jvp_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], has_aux: bool = False
) -> Any:
    """Trace `fn`, append its pushforward and return what jvp returns."""
    primals, tangents = args
    name = function_name(fn)
    # A primal whose tangent is None is held fixed, so that it may be of any kind.
    fixed = [t is None and p is not None for p, t in zip(primals, tangents)]
    numbers = tuple(k for k, hold in enumerate(fixed) if not hold)
    replaced, chosen = chosen_arguments(cap, fn, primals, numbers)
    xs: list[Sym] = []
    ts: list[Sym | None] = []
    for c in chosen:
        what = f"the tangent of argument {c.number} of {name} under jvp"
        for row, leaf in zip(c.rows, leaves_like(c.tree, tangents[c.number], what)):
            assert row is not None
            xs.append(row)
            ts.append(derivative_row(cap, leaf, Aval(row.dtype, row.shape), what))
    value, aux = call(fn, replaced, {}, has_aux)
    out = results(cap, value)
    found = pushforward(cap.b, xs, ts, out.live)
    made = unflatten(out.tree, out.leaves), tangent_leaves(cap, out, found)
    return (*made, aux) if has_aux else made


def jvp(
    fn: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
    *,
    compile: str | None = None,
) -> Any:
    """Evaluate a function and its derivative along a direction, in one forward sweep.

    Parameters
    ----------
    fn : callable
        A function of arrays, numbers and containers of them, returning the same.
    primals, tangents : sequences
        The arguments and, of the same structure, shapes and dtypes, the direction. A tangent of
        None is zero; the argument may then be of any type.
    has_aux : bool
        Whether `fn` returns ``(out, aux)``; then the result is ``(out, tangent_out, aux)``.
    compile : {"auto", "always", "never"}
        When to compile.

    Returns
    -------
    tuple
        ``(out, tangent_out)`` with tangent_out = J(primals) tangents, shaped like out; None where
        a leaf of out is an integer or no array.

    Raises
    ------
    ArgumentError
        When the tangents do not have the structure of the primals.
    ShapeError, DtypeError
        For a tangent of another shape or dtype, and for an integer primal with a tangent.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise ArgumentError(
                f"jvp: {name} must be a tuple or list of arguments, got {type(value).__name__} "
                f"({where()})"
            )
    if len(primals) != len(tangents):
        raise ArgumentError(
            f"jvp: {len(primals)} primals but {len(tangents)} tangents for {function_name(fn)} "
            f"({where()})"
        )
    args = (tuple(primals), tuple(tangents))
    return call_transformed("jvp", fn, jvp_rows, args, {"has_aux": has_aux}, compile)


def _traced_primals(cap: Capture, fn: Any, primals: Sequence[Any], has_aux: bool) -> Any:
    replaced, chosen = chosen_arguments(cap, fn, tuple(primals), tuple(range(len(primals))))
    value, aux = call(fn, replaced, {}, has_aux)
    tree = flatten(tuple(primals))[1]
    rows = [row for c in chosen for row in c.rows]
    return tree, rows, results(cap, value), aux


def vjp_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], has_aux: bool, policy: Any
) -> Any:
    """Trace `fn` and cut its adjoint out: return out, residuals, plan and aux."""
    tree, rows, out, aux = _traced_primals(cap, fn, args, has_aux)

    def make(s: Builder, cts: list[Sym]) -> Sequence[Sym | None]:
        ys = [Sym(s, y.id) for y in out.live]
        return adjoint(s, ys, cts, [Sym(s, x.id) for x in rows])

    what = f"the pullback of {function_name(fn)}"
    plan, residuals = linear_map(cap, what, make, out.tree, out.rows, tree, rows, policy)
    return unflatten(out.tree, out.leaves), residuals, plan, aux


def linearize_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], has_aux: bool, policy: Any
) -> Any:
    """Trace `fn` and cut its pushforward out: return out, residuals, plan and aux."""
    tree, rows, out, aux = _traced_primals(cap, fn, args, has_aux)

    def make(s: Builder, ts: list[Sym]) -> Sequence[Sym | None]:
        ys = [Sym(s, y.id) for y in out.live]
        return pushforward(s, [Sym(s, x.id) for x in rows], ts, ys)

    what = f"the pushforward of {function_name(fn)}"
    plan, residuals = linear_map(cap, what, make, tree, rows, out.tree, out.rows, policy)
    return unflatten(out.tree, out.leaves), residuals, plan, aux


def vjp(
    fn: Callable[..., Any], *primals: Any, has_aux: bool = False, compile: str | None = None
) -> Any:
    """Evaluate a function and return its pullback, the transpose of its derivative.

    Parameters
    ----------
    fn : callable
        A function of arrays, numbers and containers of them, returning the same.
    *primals
        The arguments; all of their leaves must be floats or complex.
    has_aux : bool
        Whether `fn` returns ``(out, aux)``; then the result is ``(out, pullback, aux)``.
    compile : {"auto", "always", "never"}
        When to compile, the pullback too.

    Returns
    -------
    tuple
        ``(out, pullback)``. ``pullback(ct)`` takes a cotangent of the structure, shapes and dtypes
        of out (None is zero) and returns a tuple with one cotangent for each primal: J^T ct, for
        complex values the adjoint in the real inner product Re(conj(a) b). The pullback can be
        called any number of times, and pickled.

    Raises
    ------
    DtypeError
        For a primal that is an integer, a string or the like, and for a cotangent of the wrong
        dtype; `ShapeError` and `ArgumentError` for one of the wrong shape and structure.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> out, pullback = tj.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    >>> pullback(np.ones(2))
    (array([3., 3.]), np.float64(3.0))
    """
    options = {"has_aux": has_aux, "policy": compile}
    out, residuals, plan, aux = call_transformed("vjp", fn, vjp_rows, primals, options, compile)
    pullback = LinearMap(plan, residuals, spread=False)
    return (out, pullback, aux) if has_aux else (out, pullback)


def linearize(
    fn: Callable[..., Any], *primals: Any, has_aux: bool = False, compile: str | None = None
) -> Any:
    """Evaluate a function and return its pushforward, the derivative as a linear function.

    Unlike `jvp`, the function is evaluated once and the derivative applied to as many directions
    as wanted.

    Parameters
    ----------
    fn, *primals, has_aux, compile
        As in `vjp`.

    Returns
    -------
    tuple
        ``(out, pushforward)``; ``pushforward(*tangents)`` takes one tangent for each primal (None
        is zero) and returns the tangent of out.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
        As for `vjp`.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> out, pushforward = tj.linearize(np.square, np.array([1.0, 2.0]))
    >>> pushforward(np.array([1.0, 0.0]))
    array([2., 0.])
    """
    options = {"has_aux": has_aux, "policy": compile}
    out, residuals, plan, aux = call_transformed(
        "linearize", fn, linearize_rows, primals, options, compile
    )
    pushed = LinearMap(plan, residuals, spread=True)
    return (out, pushed, aux) if has_aux else (out, pushed)
