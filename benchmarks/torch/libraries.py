"""The two columns: how the module `torch` is found and made ready.

A library is loaded under the thread count that `environment.fix_threads` has set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import environment


@dataclass(frozen=True)
class Library:
    """One column. `load` returns the module, or raises ImportError where there is none."""

    key: str
    label: str
    load: Callable[[], Any]


def _pytorch() -> Any:
    import torch

    torch.set_num_threads(environment.threads())
    return torch


def _tapejit() -> Any:
    import tapejit.torch

    return tapejit.torch


PYTORCH = Library("torch", "PyTorch", _pytorch)
TAPEJIT = Library("tapejit", "tapejit", _tapejit)
LIBRARIES = (TAPEJIT, PYTORCH)


def by_key(key: str) -> Library:
    """The library with this key."""
    return next(library for library in LIBRARIES if library.key == key)


def set_policy(policy: str) -> None:
    """Set when tapejit compiles: "always", "auto" or "never"."""
    from tapejit.core.config import config

    config.compile = policy
