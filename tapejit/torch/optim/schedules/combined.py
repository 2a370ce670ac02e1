"""Schedulers of schedulers: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, rate, set_rate


def _check_same(schedulers: Sequence[Any], optimizer: Optimizer, name: str) -> None:
    if not schedulers:
        raise ValueError(
            f"{name} expects at least one scheduler to be chained, but got no scheduler."
        )
    for k, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{name} at index {k} should have `optimizer` as its attribute.")
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(scheduler).__name__} at index {k} in {[type(s).__name__ for s in schedulers]} "
                f"whose optimizer is another."
            )


class SequentialLR(LRScheduler):
    """One scheduler after the other, changing at `milestones`.

    Parameters
    ----------
    schedulers : list of LRScheduler
    milestones : list of int
        The epochs from which on the second, the third, .. acts.

    Raises
    ------
    ValueError
        If there are not one fewer milestones than schedulers, or they belong to several optimizers.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        _check_same(schedulers, optimizer, type(self).__name__)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each has made its first step: take them back, then let the first make it again.
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        for scheduler in schedulers:
            scheduler.last_epoch -= 1
        schedulers[0]._start()
        self._last_lr = schedulers[0].get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go on by one epoch with the scheduler whose turn it is."""
        self.last_epoch += 1
        k = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[k]
        if k > 0 and self._milestones[k - 1] == self.last_epoch:
            _restart(scheduler)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, schedulers as their states."""
        state = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "_schedulers")}
        return {**state, "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave."""
        state = dict(state_dict)
        saved = state.pop("_schedulers")
        self.__dict__.update(state)
        for scheduler, mine in zip(self._schedulers, saved):
            scheduler.load_state_dict(mine)


def _restart(scheduler: LRScheduler) -> None:
    """Set the rates of a scheduler's epoch 0, whatever the rates are now."""
    for group, base in zip(scheduler.optimizer.param_groups, scheduler.base_lrs):
        set_rate(group, base)
    scheduler.last_epoch = -1
    count = scheduler._step_count
    scheduler._initial = True
    try:
        scheduler._step_count = 0
        scheduler.step()
    finally:
        scheduler._initial = False
        scheduler._step_count = count + 1


class ChainedScheduler(LRScheduler):
    """Several schedulers that step together.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
    optimizer : Optimizer, optional
        Whose schedulers they are; that of the first if not given.

    Raises
    ------
    ValueError
        If there are none, or they belong to several optimizers.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler to be chained, but got no "
                "scheduler."
            )
        optimizer = optimizer or schedulers[0].optimizer
        _check_same(schedulers, optimizer, type(self).__name__)
        self._schedulers, self.optimizer = schedulers, optimizer
        self._last_lr = [rate(g["lr"]) for g in optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Let all go on by one epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = [rate(g["lr"]) for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all."""
        state = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "_schedulers")}
        return {**state, "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave."""
        state = dict(state_dict)
        saved = state.pop("_schedulers")
        self.__dict__.update(state)
        for scheduler, mine in zip(self._schedulers, saved):
            scheduler.load_state_dict(mine)
