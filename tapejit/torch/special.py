"""``torch.special``: special functions under their mathematical names.

Examples
--------
>>> import tapejit.torch as torch
>>> torch.special.expit(torch.zeros(2))
tensor([0.5000, 0.5000])
"""

from __future__ import annotations

from typing import Any

from .nn.softmaxes import log_softmax, softmax
from .ops.reductions import logsumexp
from .ops.transcendental import SPECIAL

SPECIAL.update(log_softmax=log_softmax, logsumexp=logsumexp, softmax=softmax)


def __getattr__(name: str) -> Any:
    found = SPECIAL.get(name)
    if found is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return found


def __dir__() -> list[str]:
    return sorted(SPECIAL)
