"""grad and value_and_grad: reverse mode for functions with one real output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import DtypeError, TapejitError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.adjoint import adjoint
from ..rules.declare import zeros_like
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from .base import Transformed
from .names import function_name


def fresh(cap: Capture, leaf: Any, what: str) -> Sym:
    """Return a new row equal to an argument leaf, which nothing but this call can depend on."""
    sym = as_row(cap, leaf, what)
    sym = BY_NAME["copy"](sym)
    return sym


def as_row(cap: Capture, leaf: Any, what: str) -> Sym:
    """Return a differentiable leaf as a row, or say why it cannot be one."""
    if isinstance(leaf, (bool, int, str, bytes)) or leaf is None or callable(leaf):
        shown = repr(leaf) if not callable(leaf) else "a callable"
        raise DtypeError(
            f"{what} is {shown} of type {type(leaf).__name__}; gradients exist for float and "
            f"complex values only. Pass a float, or choose other argnums ({where()})"
        )
    try:
        sym = sym_of(cap, leaf)
    except TapejitError:
        raise DtypeError(
            f"{what} is of type {type(leaf).__name__}; gradients exist for float and complex "
            f"values only ({where()})"
        ) from None
    if not sym.aval.inexact:
        raise DtypeError(
            f"{what} has dtype {sym.dtype}; gradients exist for float and complex values only. "
            f"Convert it with .astype(float), or choose other argnums ({where()})"
        )
    return sym


def chosen_arguments(
    cap: Capture, fn: Any, args: tuple[Any, ...], argnums: int | Sequence[int], allow_int: bool = False
) -> tuple[list[Any], list[tuple[int, Any, list[Sym | None]]]]:
    """Replace the leaves of chosen arguments by fresh tracers.

    Returns the new arguments and, for each chosen one, its position, structure and rows (None for
    an integer leaf under `allow_int`).
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    replaced = list(args)
    chosen = []
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise TypeError(
                f"argnums={argnums} names argument {n}, but {function_name(fn)} was called with "
                f"{len(args)} positional arguments ({where()})"
            )
        leaves, tree = flatten(args[n])
        rows: list[Sym | None] = []
        made: list[Any] = []
        for leaf in leaves:
            what = f"argument {n % len(args)} of {function_name(fn)}"
            if allow_int and getattr(leaf, "dtype", np.dtype(type(leaf))).kind in "biu":
                rows.append(None)
                made.append(leaf)
                continue
            sym = fresh(cap, leaf, what)
            rows.append(sym)
            made.append(Tracer(cap, Root(sym, FROZEN_ARGUMENT)))
        replaced[n] = unflatten(tree, made)
        chosen.append((n, tree, rows))
    return replaced, chosen


FROZEN_ARGUMENT = (
    "an argument is written to: arguments are never modified. Copy it first: x = x.copy()"
)


def scalar_output(cap: Capture, fn: Any, value: Any) -> Sym:
    """Return the output of a function under grad as a row, or say why it has no gradient."""
    name = function_name(fn)
    leaves, _ = flatten(value)
    if len(leaves) != 1 or leaves[0] is not value:
        raise TypeError(
            f"{name} under grad must return one scalar, got {type(value).__name__}; use "
            f"has_aux=True for (value, aux), or jacobian ({where()})"
        )
    try:
        sym = sym_of(cap, value)
    except TapejitError:
        raise TypeError(
            f"{name} under grad must return a scalar, got {type(value).__name__} ({where()})"
        ) from None
    if sym.size != 1 or sym.ndim:
        raise TypeError(
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
    result = fn(*replaced, **kwargs)
    aux = None
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{function_name(fn)} under has_aux=True must return (value, aux), got "
                f"{type(result).__name__} ({where()})"
            )
        result, aux = result
    y = scalar_output(cap, fn, result)
    one = cap.b.lit(1.0, Aval(y.dtype))
    flat = [s for _, _, rows in chosen for s in rows if s is not None]
    cts = dict(zip((s.id for s in flat), adjoint(cap.b, [y], [one], flat)))
    grads = []
    for _, tree, rows in chosen:
        made = []
        for s in rows:
            ct = None if s is None else cts[s.id]
            if s is not None and ct is None:
                ct = BY_NAME["copy"](zeros_like(s))
            made.append(None if ct is None else Tracer(cap, Root(strong(ct))))
        grads.append(unflatten(tree, made))
    gradient = grads[0] if isinstance(argnums, int) else tuple(grads)
    value = Tracer(cap, Root(y))
    return ((value, aux) if has_aux else value), gradient


def strong(x: Sym) -> Sym:
    """Return a weak value as an ordinary one."""
    return x.b.cast(x, x.dtype) if x.aval.weak else x


def grad_rows(
    cap: Capture, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], **options: Any
) -> Any:
    """Trace `fn`, append its adjoint and return what grad returns."""
    value, gradient = value_and_grad_rows(cap, fn, args, kwargs, **options)
    return (gradient, value[1]) if options.get("has_aux") else gradient


def _numbers(argnums: int | Sequence[int]) -> int | tuple[int, ...]:
    if isinstance(argnums, (int, np.integer)):
        return int(argnums)
    return tuple(int(n) for n in argnums)


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
    TypeError
        For an output that is not a scalar.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> f = tj.value_and_grad(lambda x: np.sum(x**2))
    >>> f(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    options = {"argnums": _numbers(argnums), "has_aux": has_aux, "allow_int": allow_int}

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
    options = {"argnums": _numbers(argnums), "has_aux": has_aux, "allow_int": allow_int}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("grad", f, grad_rows, options, compile)

    return make if fn is None else make(fn)
