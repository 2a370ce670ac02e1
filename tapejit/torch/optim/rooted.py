"""Methods that divide by roots of squares: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import check, number, refuse_differentiable
from .stepping import Counting
from .updates import number_state, update, zeros_like


def _decayed(p: Any, g: Any, weight: Any, decay: bool, maximize: bool) -> Any:
    g = -g if maximize else g
    return g + p * weight if decay else g


def _rmsprop(
    p: Any, g: Any, states: Any, numbers: Any,
    *, decay: bool, maximize: bool, centered: bool, momentum: bool,
) -> tuple[Any, ...]:  # fmt: skip
    lr, alpha, take, eps, mu, weight = numbers
    g = _decayed(p, g, weight, decay, maximize)
    v = states[0] * alpha + g * take * g
    rest: tuple[Any, ...] = ()
    if centered:
        mean = states[-1] + (g - states[-1]) * take
        root, rest = np.sqrt(v - mean * mean) + eps, (mean,)
    else:
        root = np.sqrt(v) + eps
    if not momentum:
        return p - g * lr / root, v, *rest
    speed = states[1] * mu + g / root
    return p - speed * lr, v, speed, *rest


class RMSprop(Counting):
    """RMSprop: each entry of the gradient divided by its running root mean square.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    alpha : float
        How much of the mean square is kept.
    eps : float
        Added to the root.
    weight_decay : float
        Times the parameter, added to the gradient.
    momentum : float
    centered : bool
        Whether the variance takes the place of the mean square.
    maximize : bool
        Whether to go up.
    capturable, foreach, differentiable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is negative.
    """

    _op = update("rmsprop", _rmsprop)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return names

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        alpha, weight = number(group["alpha"]), number(group["weight_decay"])
        mu = number(group["momentum"])
        static = {
            "decay": weight != 0, "maximize": bool(group["maximize"]),
            "centered": bool(group["centered"]), "momentum": mu > 0,
        }  # fmt: skip
        return (number(group["lr"]), alpha, 1 - alpha, number(group["eps"]), mu, weight), static


def _adagrad(
    p: Any, g: Any, states: Any, numbers: Any, *, decay: bool, maximize: bool
) -> tuple[Any, ...]:
    lr, eps, weight = numbers
    g = _decayed(p, g, weight, decay, maximize)
    total = states[0] + g * g
    return p - g * lr / (np.sqrt(total) + eps), total


class Adagrad(Counting):
    """Adagrad: each entry of the gradient divided by the root of the sum of its squares so far.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    lr_decay : float
        The rate of step k is ``lr / (1 + k lr_decay)``, k from 0.
    weight_decay : float
        Times the parameter, added to the gradient.
    initial_accumulator_value : float
        What the sums start from.
    eps : float
        Added to the root.
    maximize : bool
        Whether to go up.
    foreach, differentiable, fused
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is negative.
    """

    _op = update("adagrad", _adagrad)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; their sums exist from the start."""
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            self.state[p].update(self._begin(p, self.param_groups[-1]))

    def _begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        start = float(group["initial_accumulator_value"])
        return {"step": number_state(0.0), "sum": zeros_like(p, start)}

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("sum",)

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        weight = number(group["weight_decay"])
        rate = number(group["lr"]) / (1 + (step - 1) * number(group["lr_decay"]))
        static = {"decay": weight != 0, "maximize": bool(group["maximize"])}
        return (rate, number(group["eps"]), weight), static

    def share_memory(self) -> None:
        """Do nothing: states are in this process's memory."""


def _adadelta(
    p: Any, g: Any, states: Any, numbers: Any, *, decay: bool, maximize: bool
) -> tuple[Any, ...]:
    lr, rho, take, eps, weight = numbers
    v, moved = states
    g = _decayed(p, g, weight, decay, maximize)
    v = v * rho + g * take * g
    d = np.sqrt(moved + eps) / np.sqrt(v + eps) * g
    return p - d * lr, v, moved * rho + d * take * d


class Adadelta(Counting):
    """Adadelta: steps as large as past steps, over the root mean square of gradients.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
        A factor of the step.
    rho : float
        How much of the mean squares is kept.
    eps : float
        Added under the roots.
    weight_decay : float
        Times the parameter, added to the gradient.
    maximize : bool
        Whether to go up.
    foreach, capturable, differentiable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    _op = update("adadelta", _adadelta)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check(eps=eps, weight_decay=weight_decay)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("square_avg", "acc_delta")

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        rho, weight = number(group["rho"]), number(group["weight_decay"])
        static = {"decay": weight != 0, "maximize": bool(group["maximize"])}
        return (number(group["lr"]), rho, 1 - rho, number(group["eps"]), weight), static
