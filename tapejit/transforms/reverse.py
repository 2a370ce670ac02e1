"""grad and value_and_grad: reverse mode for functions with one real output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.avals import Aval
from ..core.errors import ArgumentError, DtypeError, TapejitError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.adjoint import adjoint
from ..tape.ir import Sym
from .base import Transformed
from .leaves import Chosen, call, chosen_arguments, numbers_of, wrapped, zeros
from .names import function_name


def scalar_output(cap: Capture, fn: Any, value: Any) -> Sym:
    """Return the output of a function under grad as a row, or say why it has no gradient."""
    name = function_name(fn)
    leaves, _ = flatten(value)
    if len(leaves) != 1 or leaves[0] is not value:
        raise ArgumentError(
            f"{name} under grad must return one scalar, got {type(value).__name__}; use "
            f"has_aux=True for (value, aux), or jacobian ({where()})"
        )
    try:
        sym = sym_of(cap, value)
    except TapejitError:
        raise ArgumentError(
            f"{name} under grad must return a scalar, got {type(value).__name__} ({where()})"
        ) from None
    if sym.size != 1 or sym.ndim:
        raise ArgumentError(
            f"{name} under grad must return a scalar, got shape {sym.shape}; use jacobian, vjp or "
            f"elementwise_grad for arrays ({where()})"
        )
    if sym.dtype.kind == "c":
        raise DtypeError(
            f"{name} under grad returned a complex number ({sym.dtype}); take the real part, the "
            f"imaginary part or the absolute value first ({where()})"
        )
    if sym.dtype.kind != "f":
        raise DtypeError(
            f"{name} under grad returned dtype {sym.dtype}; a gradient needs a float ({where()})"
        )
    return sym


def value_and_grad_rows(
    cap: Capture,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    allow_int: bool = False,
) -> Any:
    """Trace `fn`, append its adjoint and return what value_and_grad returns."""
    replaced, chosen = chosen_arguments(cap, fn, args, argnums, allow_int)
    result, aux = call(fn, replaced, kwargs, has_aux)
    y = scalar_output(cap, fn, result)
    one = cap.b.lit(1.0, Aval(y.dtype))
    gradient = gradients(cap, [y], [one], chosen, isinstance(argnums, int))
    value = Tracer(cap, Root(y))
    return ((value, aux) if has_aux else value), gradient


def gradients(
    cap: Capture, ys: list[Sym], cts: Sequence[Sym | None], chosen: list[Chosen], single: bool
) -> Any:
    """Append the adjoint of `ys` and return cotangents shaped like the chosen arguments."""
    flat = [s for c in chosen for s in c.rows if s is not None]
    found = iter(adjoint(cap.b, ys, cts, flat))
    grads = []
    for c in chosen:
        made: list[Any] = []
        for s in c.rows:
            ct = None if s is None else next(found)
            made.append(None if s is None else wrapped(cap, zeros(s) if ct is None else ct))
        grads.append(unflatten(c.tree, made))
    return grads[0] if single else tuple(grads)


def grad_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], **options: Any
) -> Any:
    """Trace `fn`, append its adjoint and return what grad returns."""
    value, gradient = value_and_grad_rows(cap, fn, args, kwargs, **options)
    return (gradient, value[1]) if options.get("has_aux") else gradient


def value_and_grad(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    allow_int: bool = False,
    *,
    compile: str | None = None,
) -> Any:
    """Return a function that computes the value of `fn` and its gradient in one call.

    Parameters
    ----------
    fn : callable
        A function of NumPy arrays, numbers and containers of them that returns a real scalar.
        Without it, a decorator is returned.
    argnums : int or sequence of int
        The positional arguments to differentiate with respect to.
    has_aux : bool
        Whether `fn` returns ``(value, aux)``; then the result is ``((value, aux), gradient)``.
    allow_int : bool
        Accept integer leaves in the chosen arguments; their gradient is None.
    compile : {"auto", "always", "never"}
        When to compile: once interpreting has cost as much, at the first call, or never.

    Returns
    -------
    callable
        ``(value, gradient)``; the gradient has the structure, shapes and dtypes of the argument
        (a tuple of such when `argnums` is a sequence). For complex arguments it is
        df/dx + i df/dy, the direction of steepest ascent.

    Raises
    ------
    DtypeError
        For an integer argument, and for a complex or integer output.
    ArgumentError
        A `TypeError`: for an output that is not a scalar and for an argument number out of range.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> f = tj.value_and_grad(lambda x: np.sum(x**2))
    >>> f(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    options = {"argnums": numbers_of(argnums), "has_aux": has_aux, "allow_int": allow_int}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("value_and_grad", f, value_and_grad_rows, options, compile)

    return make if fn is None else make(fn)


def grad(
    fn: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    allow_int: bool = False,
    *,
    compile: str | None = None,
) -> Any:
    """Return a function that computes the gradient of `fn`; see `value_and_grad`.

    With `has_aux` the result is ``(gradient, aux)``.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.grad(np.sin)(0.0)
    np.float64(1.0)
    """
    options = {"argnums": numbers_of(argnums), "has_aux": has_aux, "allow_int": allow_int}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("grad", f, grad_rows, options, compile)

    return make if fn is None else make(fn)
