"""Gradients made smaller: by their total norm, or entry by entry. Clipping is one recorded row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...codes import op, three
from ...ops.convert import to
from ...record import LOCAL
from ...replacing import dense, replace
from ...spec import spec_of
from ...tensor import Tensor, leaf_of
from ..common import record
from ..distances import p_norm

Tensors = Tensor | Iterable[Tensor]


def _total(grads: Sequence[Any], p: float) -> Any:
    """Return the norm of the norms, in the widest dtype of the gradients."""
    norms = [p_norm(g.reshape(-1), p, 0, False) if np.ndim(g) else p_norm(g, p, None, False)
             for g in grads]  # fmt: skip
    return p_norm(np.stack(norms), p, 0, False)


@op("total_norm", node="LinalgVectorNormBackward0")
def total_op(*grads: Any, p: float) -> Any:
    """The norm of all entries together."""
    return _total(grads, p)


@op("clip_grad_norm", differentiable=False)
def clip_norm_op(bound: Any, *grads: Any, p: float) -> Any:
    """Gradients times bound / (total + 1e-6) where that is less than one; and the total."""
    total = _total(grads, p)
    return (*_scaled(grads, bound, total), total)


def _scaled(grads: Sequence[Any], bound: Any, total: Any) -> list[Any]:
    kind = np.dtype(total.dtype).name
    factor = to(bound, kind) / (total + 1e-6)
    # A NaN stays a NaN: it is not less than one.
    factor = np.where(factor > 1.0, 1.0, factor).astype(kind)
    return [g * factor.astype(np.dtype(g.dtype)) for g in grads]


@op("clip_grads_with_norm", differentiable=False)
def scale_op(bound: Any, total: Any, *grads: Any) -> Any:
    """Gradients times bound / (total + 1e-6) where that is less than one."""
    return tuple(_scaled(grads, bound, total))


@op("clip_grad_value", differentiable=False)
def clip_value_op(bound: Any, *grads: Any) -> Any:
    """Entries cut off to [-bound, bound]."""
    made = []
    for g in grads:
        b = to(bound, np.dtype(g.dtype).name)
        made.append(np.where(g > b, b, np.where(g < -b, -b, g)))
    return tuple(made)


def _gradients(parameters: Tensors) -> list[Tensor]:
    several = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p._grad for p in several if p._grad is not None]


def _rewrite(
    op_: Any, before: Sequence[Any], grads: list[Tensor], extra: int, **params: Any
) -> Any:
    """Record a row whose first results replace the gradients; return the others."""
    rec = LOCAL.rec
    args = (*before, *grads)
    slow = [g._more is not None or bool(g._kind) or rec.eager for g in grads]
    key = (*params.items(), *[a._spec if isinstance(a, Tensor) else type(a) for a in args])
    first = op_.memo.get(key)
    if first is None:
        kinds = tuple(a._spec if isinstance(a, Tensor) else type(a) for a in args)
        specs = tuple(dense(g._spec) for g in grads)
        if extra:
            widest = np.result_type(*[g._spec.np for g in grads])
            specs += (spec_of(np.empty(0, widest).real.dtype, ()),)
        first = op_.memo[key] = three(op_, params, kinds, specs)
    serial = rec.serial
    slots = [
        (a._slot if a._serial == serial else rec.admit(a))
        if isinstance(a, Tensor)
        else rec.number(a)
        for a in args
    ]
    at = len(rec.owners)
    n = len(grads)
    rec.code += (first, *slots)
    rec.owners += [None] * (n + extra)
    made = None
    if extra:
        from ...codes import CODES

        made = rec.owners[at + n] = Tensor(serial, at + n, CODES[first].specs[n], 0)
    before_grad, rec.grad = rec.grad, False
    try:
        replace(rec, grads, slow, at, (0,) * n)
    finally:
        rec.grad = before_grad
    return made


def _finite(total: Tensor, norm_type: float) -> None:
    if not np.isfinite(total._value()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of the entries of all tensors together.

    Raises
    ------
    RuntimeError
        If it is not finite and that is asked for.
    """
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not several:
        return _zero()
    total = record(total_op, several, p=float(norm_type))
    if error_if_nonfinite:
        _finite(total, float(norm_type))
    return total


def _zero() -> Tensor:
    return leaf_of(np.float32(0.0), spec_of(np.dtype("float32"), ()))


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that their total norm is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    norm_type : float
        The p of the norm; may be infinite.
    error_if_nonfinite : bool
        Whether a norm that is NaN or infinite is an error.

    Returns
    -------
    Tensor
        The norm before.

    Raises
    ------
    RuntimeError
        If the norm is not finite and that is asked for.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> p = torch.zeros(2, requires_grad=True)
    >>> p.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([p], 1.0), p.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    grads = _gradients(parameters)
    if not grads:
        return _zero()
    p = float(norm_type)
    if error_if_nonfinite:
        before, LOCAL.rec.grad = LOCAL.rec.grad, False
        try:
            _finite(record(total_op, grads, p=p), p)
        finally:
            LOCAL.rec.grad = before
    made: Tensor = _rewrite(clip_norm_op, (float(max_norm),), grads, 1, p=p)
    return made


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients, in place, by `max_norm` over a total norm that is known."""
    grads = _gradients(parameters)
    if grads:
        _rewrite(scale_op, (float(max_norm), total_norm), grads, 0)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Cut the entries of the gradients off, in place, to ``[-clip_value, clip_value]``."""
    grads = _gradients(parameters)
    if grads:
        _rewrite(clip_value_op, (float(clip_value),), grads, 0)
