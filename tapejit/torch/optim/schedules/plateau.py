"""Rates that fall when a measure of success no longer improves."""

from __future__ import annotations

import math
from typing import Any

from ...tensor import Tensor
from ..optimizer import Optimizer
from .base import LRScheduler, rate, set_rate


class ReduceLROnPlateau(LRScheduler):
    """The rates times `factor` after more than `patience` epochs without improvement.

    Parameters
    ----------
    mode : {"min", "max"}
        Whether the metric is to fall or to rise.
    factor : float
    patience : int
    threshold : float
        What counts as an improvement.
    threshold_mode : {"rel", "abs"}
        Whether `threshold` is a share of the best value or a difference.
    cooldown : int
        Epochs after a fall in which nothing is counted.
    min_lr : float or list of float
    eps : float
        A change of the rate that is no greater is not made.

    Raises
    ------
    ValueError
        If the factor is 1 or more, a mode is unknown, or there are not as many bounds as groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        groups = optimizer.param_groups
        if isinstance(min_lr, list | tuple):
            if len(min_lr) != len(groups):
                raise ValueError(f"expected {len(groups)} min_lrs, got {len(min_lr)}")
            self.min_lrs = list(min_lr)
        else:
            self.min_lrs = [min_lr] * len(groups)
        self.optimizer, self.factor, self.patience, self.cooldown = (
            optimizer,
            factor,
            patience,
            cooldown,
        )
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.eps, self.last_epoch = eps, 0
        self._last_lr = [rate(g["lr"]) for g in groups]
        self._reset()

    def _reset(self) -> None:
        """Forget the best value and the counts."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of the metric of an epoch; lower the rates if it is time."""
        now = float(metrics.item() if isinstance(metrics, Tensor) else metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(now, self.best):
            self.best, self.num_bad_epochs = now, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [rate(g["lr"]) for g in self.optimizer.param_groups]

    def _reduce_lr(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_rate(group, new)

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted because the rates have just fallen."""
        return self.cooldown_counter > 0

    def is_better(self, a: float, best: float) -> bool:
        """Return whether a value improves on the best by more than the threshold."""
        if self.threshold_mode == "abs":
            gap = self.threshold
            return a < best - gap if self.mode == "min" else a > best + gap
        if self.mode == "min":
            return a < best * (1.0 - self.threshold)
        return a > best * (1.0 + self.threshold)
