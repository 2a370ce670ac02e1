"""Rules of one line: steps, powers, lines, functions of the epoch."""

from __future__ import annotations

import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler

Factor = Callable[[int], float]


class LambdaLR(LRScheduler):
    """The initial rates times a function of the epoch.

    Parameters
    ----------
    lr_lambda : callable, or list of them, one per group
        From the epoch, from 0 on, to a factor.

    Raises
    ------
    ValueError
        If there are not as many functions as groups.
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        self.lr_lambdas = _functions(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer; functions are left out, callable objects not."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(f, types.FunctionType) else dict(vars(f)) for f in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave."""
        state = dict(state_dict)
        saved = state.pop("lr_lambdas")
        super().load_state_dict(state)
        for f, mine in zip(self.lr_lambdas, saved):
            if mine is not None:
                vars(f).update(mine)


def _functions(optimizer: Optimizer, given: Factor | Sequence[Factor]) -> list[Factor]:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    n = len(optimizer.param_groups)
    if not isinstance(given, list | tuple):
        return [given] * n  # type: ignore[list-item]
    if len(given) != n:
        raise ValueError(f"Expected {n} lr_lambdas, but got {len(given)}")
    return list(given)


class MultiplicativeLR(LambdaLR):
    """The present rates times a function of the epoch, from epoch 1 on."""

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self._initial:
            return self._rates()
        return [now * f(self.last_epoch) for f, now in zip(self.lr_lambdas, self._rates())]


class StepLR(LRScheduler):
    """The rates times `gamma` every `step_size` epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self.last_epoch == 0 or self.last_epoch % self.step_size:
            return self._rates()
        return [now * self.gamma for now in self._rates()]

    def _get_closed_form_lr(self) -> Sequence[Any]:
        return [b * self.gamma ** (self.last_epoch // self.step_size) for b in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rates times `gamma` at each of the epochs `milestones`; one given twice counts twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self.last_epoch not in self.milestones:
            return self._rates()
        return [now * self.gamma ** self.milestones[self.last_epoch] for now in self._rates()]

    def _get_closed_form_lr(self) -> Sequence[Any]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """The rates times `factor` for the first `total_iters` epochs.

    Raises
    ------
    ValueError
        If the factor is outside [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self.last_epoch == 0:
            return [now * self.factor for now in self._rates()]
        if self.last_epoch != self.total_iters:
            return self._rates()
        return [now * (1.0 / self.factor) for now in self._rates()]

    def _get_closed_form_lr(self) -> Sequence[Any]:
        early = self.last_epoch < self.total_iters
        return [base * (self.factor if early else 1.0) for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rates times a factor that goes in a line from `start_factor` to `end_factor`.

    Raises
    ------
    ValueError
        If the first factor is outside (0, 1] or the last outside [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1."
            )
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        part = min(self.total_iters, epoch) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * part

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self.last_epoch == 0:
            return [now * self.start_factor for now in self._rates()]
        if self.last_epoch > self.total_iters:
            return self._rates()
        growth = 1.0 + (self.end_factor - self.start_factor) / (
            self.total_iters * self.start_factor
            + (self.last_epoch - 1) * (self.end_factor - self.start_factor)
        )
        return [now * growth for now in self._rates()]

    def _get_closed_form_lr(self) -> Sequence[Any]:
        return [base * self._factor(self.last_epoch) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """The rates times `gamma` each epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self._initial:
            return self._rates()
        return [now * self.gamma for now in self._rates()]

    def _get_closed_form_lr(self) -> Sequence[Any]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """The initial rates times ``(1 - epoch / total_iters)**power``, then zero."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        if self._initial or self.last_epoch > self.total_iters:
            return self._rates()
        now, before = (1.0 - e / self.total_iters for e in (self.last_epoch, self.last_epoch - 1))
        return [value * (now / before) ** self.power for value in self._rates()]

    def _get_closed_form_lr(self) -> Sequence[Any]:
        part = (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        return [base * part for base in self.base_lrs]
