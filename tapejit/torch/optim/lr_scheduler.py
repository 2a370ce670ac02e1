"""Learning-rate schedulers: rules that set the rates of an optimiser's groups, epoch by epoch.

Most rules are recursions: they multiply the present rate, so that several act on one optimiser
together. A scheduler makes its first step when it is made.
"""

from __future__ import annotations

from .schedules.annealing import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    OneCycleLR,
)
from .schedules.base import LRScheduler
from .schedules.combined import ChainedScheduler, SequentialLR
from .schedules.plateau import ReduceLROnPlateau
from .schedules.rules import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

_LRScheduler = LRScheduler

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "MultiplicativeLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
