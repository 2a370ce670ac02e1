"""gradcheck and gradgradcheck: gradients against central differences in double precision."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..record import LOCAL
from ..spec import spec_of
from ..tensor import Tensor, leaf_of
from . import grad


class GradcheckError(RuntimeError):
    """Gradients that disagree with differences."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of a function with central differences.

    Parameters
    ----------
    func : callable
        Takes tensors; returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple
        Those that require gradients are checked; they should be of double precision.
    eps, atol, rtol : float
        The step of the differences and the tolerances.
    raise_exception : bool
        Whether a difference raises rather than returns False.

    Raises
    ------
    GradcheckError
    ValueError
        When no input requires a gradient.
    """
    given = inputs if isinstance(inputs, tuple | list) else (inputs,)
    given = tuple(given)
    places = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them "
            "have requires_grad=True."
        )
    for k in places:
        if given[k]._spec.np not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{k} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double precision "
                "floating point or complex. ",
                UserWarning,
                stacklevel=2,
            )
    try:
        _check(func, given, places, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _outputs(func: Callable[..., Any], args: tuple[Any, ...]) -> list[Tensor]:
    out = func(*args)
    found = list(out) if isinstance(out, tuple | list) else [out]
    return [o for o in found if isinstance(o, Tensor) and o._spec.floating]


def _leaf(array: Any, requires_grad: bool = False) -> Tensor:
    array = np.array(array)
    value = array if array.ndim else array[()]
    return leaf_of(value, spec_of(array.dtype, array.shape), requires_grad)


def _check(
    func: Callable[..., Any],
    given: tuple[Any, ...],
    places: list[int],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
) -> None:
    outputs = _outputs(func, given)
    values = {k: np.array(given[k]._value()) for k in places}
    numeric = _numeric(func, given, places, values, eps)
    for n, y in enumerate(outputs):
        if not y.requires_grad:
            if any(np.abs(numeric[k][n]).max(initial=0) > atol for k in places):
                raise GradcheckError(
                    f"Numerical gradient for function expected to be zero: output {n} does not "
                    "require a gradient but depends on the inputs"
                )
            continue
        analytic = _analytic(y, [given[k] for k in places])
        again = _analytic(y, [given[k] for k in places])
        for k, a, b in zip(places, analytic, again):
            if not np.allclose(a, b, rtol=0, atol=nondet_tol, equal_nan=True):
                raise GradcheckError(
                    f"Backward is not reentrant, i.e., running backward with same input and "
                    f"grad_output multiple times gives different values, although analytical "
                    f"gradient matches numerical gradient. The tolerance for nondeterminism was "
                    f"{nondet_tol}."
                )
            if not np.allclose(a, numeric[k][n], rtol=rtol, atol=atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {n} with respect to input {k},\nnumerical:"
                    f"{numeric[k][n]}\nanalytical:{a}\n"
                )


def _analytic(y: Tensor, xs: list[Tensor]) -> list[Any]:
    """Return for each input the matrix (elements of the input) x (elements of the output)."""
    shape, size = tuple(y._spec.shape), y._spec.numel
    columns: list[list[Any]] = [[] for _ in xs]
    directions = (1.0,) if y._spec.np.kind == "f" else (1.0, 1.0j)
    for k in range(size):
        for unit in directions:
            seed = np.zeros(size, y._spec.np)
            seed[k] = unit
            found = grad(
                [y], xs, [_leaf(seed.reshape(shape))], retain_graph=True, allow_unused=True
            )
            for col, x, g in zip(columns, xs, found):
                if g is not None and g._spec.np != x._spec.np:
                    raise GradcheckError("the gradient has another dtype than its input")
                flat = np.zeros(x._spec.numel, x._spec.np) if g is None else _flat(g)
                col.append(flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat)
    return [np.array(c).T if c else np.zeros((x._spec.numel, 0)) for c, x in zip(columns, xs)]


def _flat(t: Tensor) -> Any:
    return np.ascontiguousarray(t._value()).reshape(-1)


def _numeric(
    func: Callable[..., Any],
    given: tuple[Any, ...],
    places: list[int],
    values: dict[int, Any],
    eps: float,
) -> dict[int, list[Any]]:
    """Return the same matrices from central differences, by input and output."""
    rec = LOCAL.rec
    before = rec.grad
    result: dict[int, list[Any]] = {}
    for k in places:
        base = values[k].reshape(-1)
        real = base.view(base.real.dtype) if base.dtype.kind == "c" else base
        rows: list[list[Any]] = []
        for i in range(real.size):
            ends = []
            for step in (eps, -eps):
                moved = real.copy()
                moved[i] += step
                x = _leaf(moved.view(base.dtype).reshape(values[k].shape), True)
                args = (*given[:k], x, *given[k + 1 :])
                rec.grad = before
                ends.append([np.array(o._value()).reshape(-1) for o in _outputs(func, args)])
            rows.append([_real((a - b) / (2 * eps)) for a, b in zip(*ends)])
        n_out = len(rows[0]) if rows else 0
        result[k] = [np.array([r[n] for r in rows]) for n in range(n_out)]
    rec.grad = before
    return result


def _real(x: Any) -> Any:
    return np.ascontiguousarray(x).view(x.real.dtype) if x.dtype.kind == "c" else x


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare second derivatives with differences of gradients; see `gradcheck`."""
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    outputs = _outputs(func, given)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        seeds = [
            _leaf(rng.normal(size=tuple(y._spec.shape)).astype(y._spec.np), True) for y in outputs
        ]
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, tuple | list) else [grad_outputs]
    n = len(given)
    places = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]

    def gradients(*args: Any) -> Any:
        xs, us = args[:n], args[n:]
        ys = _outputs(func, xs)
        live = [k for k, y in enumerate(ys) if y.requires_grad]
        found = grad(
            [ys[k] for k in live],
            [xs[k] for k in places],
            [us[k] for k in live],
            create_graph=True,
            allow_unused=True,
        )
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients,
        (*given, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )
