"""jit, stop_gradient and elementwise_grad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.avals import Aval
from ..core.errors import ArgumentError, DtypeError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture, current
from ..frontend.tracer import Root, Tracer, sym_of
from ..rules.declare import broadcast, ops
from .base import Transformed
from .leaves import call, chosen_arguments, numbers_of, results
from .names import function_name
from .reverse import gradients


def jit_rows(cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Trace `fn`."""
    return fn(*args, **kwargs)


def jit(fn: Callable[..., Any] | None = None, *, compile: str | None = None) -> Any:
    """Return a function that captures `fn` once and then runs the compiled tape.

    Parameters
    ----------
    fn : callable
        A function of arrays, numbers and containers of them. Without it, a decorator is returned.
    compile : {"auto", "always", "never"}
        When to compile: once interpreting has cost as much, at the first call, or never.

    Returns
    -------
    callable
        A function with the arguments and results of `fn`. Results are new arrays. Integers,
        strings and other static arguments are part of the signature: each value has its own tape.

    Raises
    ------
    CaptureError, UnsupportedError
        For code that cannot be traced, with the line at fault.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> f = tj.jit(lambda x: np.sum(np.sin(x) ** 2 + np.cos(x) ** 2))
    >>> round(float(f(np.linspace(0.0, 1.0, 5))), 12)
    5.0
    """

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("jit", f, jit_rows, {}, compile)

    return make if fn is None else make(fn)


def stop_gradient(x: Any) -> Any:
    """Return `x`, as a constant for every derivative.

    Parameters
    ----------
    x : array, number or container of them
        Outside of a transformation, and for leaves that are not traced, `x` itself is returned.

    Returns
    -------
    same as `x`

    Examples
    --------
    >>> import tapejit as tj
    >>> tj.grad(lambda x: x * tj.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    cap = current()
    if cap is None:
        return x
    leaves, tree = flatten(x)
    made = [
        Tracer(cap, Root(ops.stop_gradient(sym_of(cap, leaf))))
        if isinstance(leaf, Tracer)
        else leaf
        for leaf in leaves
    ]
    return unflatten(tree, made)


def elementwise_grad_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    argnums: int | tuple[int, ...] = 0, has_aux: bool = False,
) -> Any:  # fmt: skip
    """Trace `fn` and append its adjoint with a cotangent of ones."""
    replaced, chosen = chosen_arguments(cap, fn, args, argnums)
    value, aux = call(fn, replaced, kwargs, has_aux)
    out = results(cap, value)
    name = function_name(fn)
    if not out.leaves:
        raise ArgumentError(f"{name} under elementwise_grad returned no array ({where()})")
    cts = []
    for leaf, row in zip(out.leaves, out.rows):
        if row is None or row.dtype.kind == "c":
            shown = leaf.dtype if hasattr(leaf, "dtype") else type(leaf).__name__
            raise DtypeError(
                f"{name} under elementwise_grad returned {shown}; results must be real floats "
                f"({where()})"
            )
        cts.append(broadcast(cap.b.lit(1.0, Aval(row.dtype)), row.shape))
    found = gradients(cap, out.live, cts, chosen, isinstance(argnums, int))
    return (found, aux) if has_aux else found


def elementwise_grad(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    compile: str | None = None,
) -> Any:
    """Return a function that computes the derivative of each element of an elementwise function.

    It is the gradient of the sum of the results; when element i of the result depends on element
    i of the argument alone, this is the vector of derivatives, for the cost of one reverse sweep.

    Parameters
    ----------
    fn, argnums, has_aux, compile
        As in `grad`; `fn` may return arrays of any shape, and containers of them.

    Returns
    -------
    callable
        The derivative, shaped like the argument.

    Raises
    ------
    DtypeError
        For integer arguments, and for integer and complex results.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    options = {"argnums": numbers_of(argnums), "has_aux": has_aux}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("elementwise_grad", f, elementwise_grad_rows, options, compile)

    return make if fn is None else make(fn)
