"""Adam and AdamW: means of gradients and of their squares, corrected for their start at zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import check, number, refuse_differentiable
from .stepping import Counting
from .updates import update


def _adam(
    p: Any, g: Any, states: Any, numbers: Any,
    *, decay: bool, decoupled: bool, amsgrad: bool, maximize: bool,
) -> tuple[Any, ...]:  # fmt: skip
    take1, beta2, take2, step, root, eps, weight = numbers
    m, v = states[:2]
    if maximize:
        g = -g
    if decay:
        # Decoupled, the parameter shrinks by itself: weight is then 1 - lr * weight_decay.
        p, g = (p * weight, g) if decoupled else (p, g + p * weight)
    m = m + (g - m) * take1
    v = v * beta2 + g * take2 * g
    if not amsgrad:
        return p - m * step / (np.sqrt(v) / root + eps), m, v
    most = np.maximum(states[2], v)
    return p - m * step / (np.sqrt(most) / root + eps), m, v, most


class Adam(Counting):
    """Adam: a step along the mean gradient, each entry divided by its root mean square.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    betas : (float, float)
        How much of the means of gradients and of squares is kept.
    eps : float
        Added to the root.
    weight_decay : float
        Times the parameter, added to the gradient; or, decoupled, taken off the parameter.
    amsgrad : bool
        Whether the greatest mean square so far divides.
    maximize : bool
        Whether to go up.
    foreach, capturable, differentiable, fused
        Accepted as in PyTorch; `differentiable` must be False.
    decoupled_weight_decay : bool
        Whether this is AdamW.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015); Reddi, Kale and Kumar, "On
    the Convergence of Adam and Beyond" (2018); Loshchilov and Hutter, "Decoupled Weight Decay
    Regularization" (2019).
    """

    _op = update("adam", _adam)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        beta1, beta2 = (number(b) for b in group["betas"])
        lr, weight = number(group["lr"]), number(group["weight_decay"])
        decoupled = bool(group["decoupled_weight_decay"])
        static = {
            "decay": weight != 0, "decoupled": decoupled, "amsgrad": bool(group["amsgrad"]),
            "maximize": bool(group["maximize"]),
        }  # fmt: skip
        numbers = (
            1 - beta1, beta2, 1 - beta2, lr / (1 - beta1**step), math.sqrt(1 - beta2**step),
            number(group["eps"]), 1 - lr * weight if decoupled else weight,
        )  # fmt: skip
        return numbers, static


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by ``lr * weight_decay`` each step.

    The arguments are those of `Adam`; `weight_decay` is 0.01 unless given.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True,
        )  # fmt: skip
