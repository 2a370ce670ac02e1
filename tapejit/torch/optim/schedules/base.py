"""What schedulers share: the count of epochs, the first rates, writing rates into groups, states."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor
from ..optimizer import Optimizer


def rate(value: Any) -> Any:
    """Return a rate as it was: a copy of a tensor, so that later writes do not reach it."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def set_rate(group: dict[str, Any], value: Any, key: str = "lr") -> None:
    """Write a rate into a group: into the tensor, where it is one."""
    held = group[key]
    if isinstance(held, Tensor):
        held.fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def per_group(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """Return a number for each group: those given, or the one given for all."""
    if isinstance(value, list | tuple):
        if len(value) != len(optimizer.param_groups):
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. {name} has "
                f"{len(value)} values, param_groups has {len(optimizer.param_groups)}."
            )
        return list(value)
    return [value] * len(optimizer.param_groups)


class LRScheduler:
    """The base of schedulers; a subclass has ``get_lr()``, the rates of the present epoch.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The epoch to go on from; -1 to start, which notes the rates as "initial_lr" in the groups.

    Attributes
    ----------
    base_lrs : list
        The initial rates.
    last_epoch : int

    Raises
    ------
    TypeError
        If `optimizer` is none.
    KeyError
        If a start in the middle finds no "initial_lr".
    """

    _initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming "
                    "scheduler with last_epoch >= 0: load the state of the optimizer first"
                )
        self.base_lrs: list[Any] = [rate(g["initial_lr"]) for g in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._start()

    def _start(self) -> None:
        """Make the first step, which only sets the rates of the first epoch."""
        self._step_count = 0
        self._initial = True
        try:
            self.step()
        finally:
            self._initial = False

    def get_last_lr(self) -> list[Any]:
        """Return the rates that the last step set."""
        return self._last_lr

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch."""
        raise NotImplementedError

    def _rates(self) -> list[Any]:
        """Return the rates that the groups have now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or to a given one, and set its rates."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in "
                "the opposite order: `optimizer.step()` before `lr_scheduler.step()`. Otherwise "
                "the first value of the learning rate schedule is skipped.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(
                "The epoch parameter in `scheduler.step()` was not necessary and is being "
                "deprecated: call `scheduler.step()` to go on by one epoch.",
                UserWarning,
                stacklevel=2,
            )
            self.last_epoch = epoch
            closed = getattr(self, "_get_closed_form_lr", None)
            self._set(self.get_lr() if closed is None else closed())
            return
        self.last_epoch += 1
        self._set(self.get_lr())

    def _set(self, rates: Sequence[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, rates):
            set_rate(group, value)
        self._last_lr = [rate(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave."""
        self.__dict__.update(state_dict)
