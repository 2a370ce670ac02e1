"""Optimisers: a whole step of a group of parameters is one recorded row.

Examples
--------
>>> import tapejit.torch as torch
>>> p = torch.tensor([3.0], requires_grad=True)
>>> optimizer = torch.optim.SGD([p], lr=0.1)
>>> for _ in range(50):
...     optimizer.zero_grad()
...     (p**2).sum().backward()
...     optimizer.step()
>>> p.item() < 1e-4
True
"""

from __future__ import annotations

from . import lr_scheduler, swa_utils
from .adam import Adam, AdamW
from .adam_relatives import Adamax, NAdam, RAdam
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .rooted import Adadelta, Adagrad, RMSprop
from .sgd import SGD
from .without_squares import ASGD, Rprop

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam",
    "RMSprop", "Rprop", "lr_scheduler", "swa_utils",
]  # fmt: skip
