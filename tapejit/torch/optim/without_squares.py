"""ASGD, which averages parameters, and Rprop, which follows the signs of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import check, number, refuse_differentiable
from .optimizer import with_gradients
from .stepping import Counting
from .updates import number_state, put_number, update, zeros_like


def _asgd(
    p: Any, g: Any, states: Any, numbers: Any, *, decay: bool, maximize: bool, averages: bool
) -> tuple[Any, ...]:
    eta, shrink, mu, weight = numbers
    g = -g if maximize else g
    g = g + p * weight if decay else g
    p = p * shrink - g * eta
    return p, states[0] + (p - states[0]) * mu if averages else p


class ASGD(Counting):
    """Averaged stochastic gradient descent; the average is kept in the state "ax".

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    lambd : float
        The rate at which parameters shrink.
    alpha : float
        The power with which the learning rate falls.
    t0 : float
        The step from which on parameters are averaged.
    weight_decay : float
        Times the parameter, added to the gradient.
    maximize : bool
        Whether to go up.
    foreach, differentiable, capturable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is negative.

    References
    ----------
    Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992).
    """

    _op = update("asgd", _asgd)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check(lr=lr, weight_decay=weight_decay)
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("ax",)

    def _begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": number_state(0.0), "eta": number_state(number(group["lr"])),
            "mu": number_state(1.0), "ax": zeros_like(p),
        }  # fmt: skip

    def _step_group(self, group: dict[str, Any]) -> None:
        self._rates = {}
        for p in with_gradients(group):
            mine = self.state[p]
            if not mine:
                mine.update(self._begin(p, group))
            step = float(mine["step"]._value()) + 1
            self._rates[step] = (float(mine["eta"]._value()), float(mine["mu"]._value()))
        super()._step_group(group)
        lr, lambd, alpha, t0 = (number(group[k]) for k in ("lr", "lambd", "alpha", "t0"))
        for p in with_gradients(group):
            mine = self.state[p]
            step = float(mine["step"]._value())
            put_number(mine["eta"], lr / (1 + lambd * lr * step) ** alpha)
            put_number(mine["mu"], 1 / max(1, step - t0))

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        eta, mu = self._rates[step]
        weight = number(group["weight_decay"])
        static = {
            "decay": weight != 0, "maximize": bool(group["maximize"]), "averages": mu != 1,
        }  # fmt: skip
        return (eta, 1 - number(group["lambd"]) * eta, mu, weight), static

    _rates: dict[float, tuple[float, float]]


def _rprop(p: Any, g: Any, states: Any, numbers: Any, *, maximize: bool) -> tuple[Any, ...]:
    minus, plus, least, most = numbers
    before, size = states
    g = -g if maximize else g
    agree = g * before
    factor = np.where(agree > 0, plus, np.where(agree < 0, minus, np.where(agree == 0, 1.0, agree)))
    size = np.minimum(np.maximum(size * factor, least), most)
    # Where the sign has turned, this step is left out and forgets the gradient.
    g = np.where(agree < 0, 0.0, g)
    return p - np.sign(g) * size, g, size


class Rprop(Counting):
    """Resilient propagation: steps follow the sign of the gradient and grow while it stays.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
        The first step.
    etas : (float, float)
        The factors of a step after the sign has turned, and after it has stayed.
    step_sizes : (float, float)
        The least and the greatest step.
    maximize : bool
        Whether to go up.
    capturable, foreach, differentiable
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    _op = update("rprop", _rprop)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        refuse_differentiable(differentiable)
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        return ("prev", "step_size")

    def _begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": number_state(0.0), "prev": zeros_like(p),
            "step_size": zeros_like(p, number(group["lr"])),
        }  # fmt: skip

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        minus, plus = group["etas"]
        least, most = group["step_sizes"]
        numbers = (float(minus), float(plus), float(least), float(most))
        return numbers, {"maximize": bool(group["maximize"])}
