"""Adam's relatives: Adamax, NAdam with Nesterov's momentum, RAdam with a rectified start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import check, number, refuse_differentiable
from .optimizer import with_gradients
from .stepping import Counting
from .updates import number_state, put_number, update


def _decayed(p: Any, g: Any, weight: Any, decay: bool, decoupled: bool, maximize: bool) -> Any:
    g = -g if maximize else g
    if not decay:
        return p, g
    return (p * weight, g) if decoupled else (p, g + p * weight)


def _adamax(
    p: Any, g: Any, states: Any, numbers: Any, *, decay: bool, maximize: bool
) -> tuple[Any, ...]:
    take1, beta2, step, eps, weight = numbers
    p, g = _decayed(p, g, weight, decay, False, maximize)
    m = states[0] + (g - states[0]) * take1
    most = np.maximum(states[1] * beta2, np.absolute(g) + eps)
    return p - m * step / most, m, most


class Adamax(Counting):
    """Adamax: Adam with the decayed maximum of gradients in place of their root mean square.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    betas : (float, float)
    eps : float
        Added to the size of the gradient.
    weight_decay : float
        Times the parameter, added to the gradient.
    maximize : bool
        Whether to go up.
    foreach, differentiable, capturable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    _op = update("adamax", _adamax)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("exp_avg", "exp_inf")

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        beta1, beta2 = (number(b) for b in group["betas"])
        weight = number(group["weight_decay"])
        static = {"decay": weight != 0, "maximize": bool(group["maximize"])}
        rate = number(group["lr"]) / (1 - beta1**step)
        return (1 - beta1, beta2, rate, number(group["eps"]), weight), static


def _nadam(
    p: Any, g: Any, states: Any, numbers: Any, *, decay: bool, decoupled: bool, maximize: bool
) -> tuple[Any, ...]:
    take1, beta2, take2, correction, eps, by_g, by_m, weight = numbers
    p, g = _decayed(p, g, weight, decay, decoupled, maximize)
    m = states[0] + (g - states[0]) * take1
    v = states[1] * beta2 + g * take2 * g
    root = np.sqrt(v / correction) + eps
    return p - g * by_g / root - m * by_m / root, m, v


class NAdam(Counting):
    """NAdam: Adam with Nesterov's momentum, whose rate grows as ``1 - 0.96**(k decay) / 2``.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    betas : (float, float)
    eps : float
    weight_decay : float
    momentum_decay : float
    decoupled_weight_decay : bool
        Whether weight decay is that of AdamW.
    maximize : bool
        Whether to go up.
    foreach, capturable, differentiable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Dozat, "Incorporating Nesterov Momentum into Adam" (2016).
    """

    _op = update("nadam", _nadam)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay, momentum_decay=momentum_decay)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("exp_avg", "exp_avg_sq")

    def _begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        made = super()._begin(p, group)
        step = made.pop("step")
        return {"step": step, "mu_product": number_state(1.0), **made}

    def _step_group(self, group: dict[str, Any]) -> None:
        # The product of the momenta is a state in single precision, multiplied before it is read.
        self._momenta = {}
        beta1, decay = number(group["betas"][0]), number(group["momentum_decay"])
        for p in with_gradients(group):
            mine = self.state[p]
            if not mine:
                mine.update(self._begin(p, group))
            step = float(mine["step"]._value()) + 1
            now = beta1 * (1 - 0.5 * 0.96 ** (step * decay))
            kind = mine["mu_product"]._spec.np.type
            product = float(kind(mine["mu_product"]._value()) * kind(now))
            put_number(mine["mu_product"], product)
            following = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
            self._momenta[step] = (now, following, product)
        super()._step_group(group)

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        beta1, beta2 = (number(b) for b in group["betas"])
        lr, weight = number(group["lr"]), number(group["weight_decay"])
        now, following, product = self._momenta[step]
        decoupled = bool(group["decoupled_weight_decay"])
        static = {
            "decay": weight != 0, "decoupled": decoupled, "maximize": bool(group["maximize"]),
        }  # fmt: skip
        numbers = (
            1 - beta1, beta2, 1 - beta2, 1 - beta2**step, number(group["eps"]),
            lr * (1 - now) / (1 - product), lr * following / (1 - product * following),
            1 - lr * weight if decoupled else weight,
        )  # fmt: skip
        return numbers, static

    _momenta: dict[float, tuple[float, float, float]]


def _radam(
    p: Any, g: Any, states: Any, numbers: Any,
    *, decay: bool, decoupled: bool, maximize: bool, rectified: bool,
) -> tuple[Any, ...]:  # fmt: skip
    take1, beta2, take2, correction, root, rate, rectifier, eps, weight = numbers
    p, g = _decayed(p, g, weight, decay, decoupled, maximize)
    m = states[0] + (g - states[0]) * take1
    v = states[1] * beta2 + g * take2 * g
    step = m / correction * rate
    if rectified:
        step = step * (root / (np.sqrt(v) + eps)) * rectifier
    return p - step, m, v


class RAdam(Counting):
    """RAdam: Adam whose division starts once the variance of the mean square is finite.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    betas : (float, float)
    eps : float
    weight_decay : float
    decoupled_weight_decay : bool
        Whether weight decay is that of AdamW.
    maximize : bool
        Whether to go up.
    foreach, capturable, differentiable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2020).
    """

    _op = update("radam", _radam)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("exp_avg", "exp_avg_sq")

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        beta1, beta2 = (number(b) for b in group["betas"])
        lr, weight = number(group["lr"]), number(group["weight_decay"])
        longest = 2 / (1 - beta2) - 1
        correction2 = 1 - beta2**step
        length = longest - 2 * step * beta2**step / correction2
        rectified = length > 5.0
        rectifier = 1.0
        if rectified:
            rectifier = math.sqrt(
                (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            )
        decoupled = bool(group["decoupled_weight_decay"])
        static = {
            "decay": weight != 0, "decoupled": decoupled, "maximize": bool(group["maximize"]),
            "rectified": rectified,
        }  # fmt: skip
        numbers = (
            1 - beta1, beta2, 1 - beta2, 1 - beta1**step, math.sqrt(correction2), lr, rectifier,
            number(group["eps"]), 1 - lr * weight if decoupled else weight,
        )  # fmt: skip
        return numbers, static
