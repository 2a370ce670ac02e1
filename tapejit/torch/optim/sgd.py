"""Stochastic gradient descent, with momentum, Nesterov's look ahead and weight decay."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .checks import check, number, refuse_differentiable
from .optimizer import Optimizer, closed, no_recording, with_gradients
from .updates import record_update, update, zeros_like


def _sgd(
    p: Any, g: Any, states: Any, numbers: Any,
    *, first: bool, momentum: bool, nesterov: bool, decay: bool, maximize: bool,
) -> tuple[Any, ...]:  # fmt: skip
    lr, mu, take, weight = numbers
    if maximize:
        g = -g
    if decay:
        g = g + p * weight
    if not momentum:
        return (p - g * lr,)
    # The first velocity is the gradient itself, whatever the dampening.
    v = g if first else states[0] * mu + g * take
    g = g + v * mu if nesterov else v
    return p - g * lr, v


sgd_op = update("sgd", _sgd)


class SGD(Optimizer):
    """Stochastic gradient descent.

    With velocity v, each step is ``v = momentum v + (1 - dampening) g`` and ``p -= lr v``; with
    Nesterov's look ahead ``p -= lr (g + momentum v)``.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float
    momentum, dampening : float
    weight_decay : float
        Times the parameter, added to the gradient.
    nesterov : bool
    maximize : bool
        Whether to go up.
    foreach, differentiable, fused
        Accepted as in PyTorch; `differentiable` must be False.

    Raises
    ------
    ValueError
        If a number is negative, or Nesterov is wanted without momentum or with dampening.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check(lr=lr, momentum=momentum, weight_decay=weight_decay)
        refuse_differentiable(differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        """Take one step; with a closure, compute the loss first and return it."""
        with no_recording():
            loss = closed(closure)
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        params = with_gradients(group)
        if not params:
            return
        mu = number(group["momentum"])
        weight = number(group["weight_decay"])
        static = {
            "momentum": mu != 0, "nesterov": bool(group["nesterov"]), "decay": weight != 0,
            "maximize": bool(group["maximize"]),
        }  # fmt: skip
        numbers = (number(group["lr"]), mu, 1 - number(group["dampening"]), weight)
        if mu == 0:
            grads: list[Any] = [p._grad for p in params]
            record_update(sgd_op, params, grads, (), numbers, first=False, **static)
            return
        state = self.state
        fresh = [p for p in params if state[p].get("momentum_buffer") is None]
        if fresh:
            for p in fresh:
                state[p]["momentum_buffer"] = zeros_like(p)
            self._step_with(fresh, numbers, True, static)
            seen = {id(p) for p in fresh}
            params = [p for p in params if id(p) not in seen]
        if params:
            self._step_with(params, numbers, False, static)

    def _step_with(
        self, params: list[Tensor], numbers: tuple[float, ...], first: bool, static: dict[str, bool]
    ) -> None:
        grads: list[Any] = [p._grad for p in params]
        velocities = [self.state[p]["momentum_buffer"] for p in params]
        record_update(sgd_op, params, grads, (velocities,), numbers, first=first, **static)
