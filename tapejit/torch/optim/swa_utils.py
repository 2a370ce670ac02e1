"""Averages of weights over training: a second model that follows the first.

The average of n models is updated as ``a + (p - a) / (n + 1)``, which is their arithmetic mean, or
as ``a + (1 - d) (p - a)``, the exponential mean with the decay d.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from ..autograd.grad_mode import no_grad
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..surface import FUNCTIONS
from ..tensor import Tensor
from .optimizer import Optimizer
from .schedules.base import LRScheduler, per_group

One = Callable[[Tensor, Tensor, Any], Any]
Many = Callable[[Sequence[Tensor], Sequence[Tensor], Any], Any]


def get_swa_avg_fn() -> One:
    """Return the rule of the arithmetic mean: ``f(average, parameter, number averaged)``."""

    def swa_update(averaged: Any, current: Any, num_averaged: Any) -> Any:
        return averaged + (current - averaged) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> One:
    """Return the rule of the exponential mean: ``decay * average + (1 - decay) * parameter``.

    Raises
    ------
    ValueError
        If the decay is not in [0, 1].
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )

    def ema_update(averaged: Any, current: Any, num_averaged: Any) -> Any:
        return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_multi_avg_fn() -> Many:
    """Return the rule of the arithmetic mean for lists, which writes into the averages."""
    return _for_each(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Many:
    """Return the rule of the exponential mean for lists, which writes into the averages."""
    return _for_each(get_ema_avg_fn(decay))


def _for_each(rule: One) -> Many:
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for a, p in zip(averaged, current):
                a.copy_(rule(a, p, num_averaged))

    return update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    Parameters
    ----------
    model : Module
        It is copied deeply; the copy is `module`.
    device : optional
        There is only the cpu.
    avg_fn : callable, optional
        ``f(average, parameter, number averaged)`` gives the new average; the arithmetic mean if
        neither this nor `multi_avg_fn` is given.
    multi_avg_fn : callable, optional
        The same for lists, in place.
    use_buffers : bool
        Whether buffers are averaged as well; else they are those of the model at the last update.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> model = torch.nn.Linear(1, 1)
    >>> mean = torch.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = model.weight.data.fill_(value)
    ...     mean.update_parameters(model)
    >>> mean.module.weight.item(), int(mean.n_averaged)
    (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: One | None = None,
        multi_avg_fn: Many | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        assert avg_fn is None or multi_avg_fn is None, (
            "Only one of avg_fn and multi_avg_fn should be provided"
        )
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", FUNCTIONS["tensor"](0, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of a model into the average; the first ones are copied."""
        ours: list[Tensor] = list(self.module.parameters())
        theirs: list[Tensor] = list(model.parameters())
        buffers = list(self.module.buffers()), list(model.buffers())
        if self.use_buffers:
            ours, theirs = ours + buffers[0], theirs + buffers[1]
        with no_grad():
            count: Any = self.n_averaged
            if not int(count):
                for a, p in zip(ours, theirs):
                    a.copy_(p)
            elif self.avg_fn is not None:
                for a, p in zip(ours, theirs):
                    a.copy_(self.avg_fn(a, p.detach(), count))
            else:
                rule = self.multi_avg_fn or get_swa_multi_avg_fn()
                rule(ours, [p.detach() for p in theirs], count)
            if not self.use_buffers:
                for held, now in zip(*buffers):
                    held.copy_(now)
            count.add_(1)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running means and variances of batch norm layers anew, from all of some data.

    Parameters
    ----------
    loader : iterable
        Batches, or tuples whose first item is one.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not layers:
        return
    momenta = [m.momentum for m in layers]
    training = model.training
    for m in layers:
        m.reset_running_stats()
        m.momentum = None  # the mean over all batches
    model.train()
    try:
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, list | tuple) else batch
                model(x if device is None else x.to(device))
    finally:
        for m, momentum in zip(layers, momenta):
            m.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """Rates that go from what they are to a constant within some epochs.

    Parameters
    ----------
    swa_lr : float or list of float
        The rate at the end, one or one for each group.
    anneal_epochs : int
    anneal_strategy : {"cos", "linear"}

    Raises
    ------
    ValueError
        For another strategy or a negative number of epochs.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, value in zip(optimizer.param_groups, per_group(optimizer, "swa_lr", swa_lr)):
            group["swa_lr"] = value
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """Return how much of the way has been gone after some steps."""
        t = min(1.0, max(0.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> Sequence[Any]:
        """Return the rates of the present epoch: each divides what is left of its way."""
        step = self._step_count - 1
        if not self.anneal_epochs:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            end, rate = group["swa_lr"], group["lr"]
            start = end if before == 1 else (rate - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates
