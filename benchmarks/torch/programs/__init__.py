"""Every program, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.torch.programs import adam, fits, function, lstm, mlp
from benchmarks.torch.programs.base import Program, Torch, Training

PROGRAMS: tuple[Program, ...] = (
    *fits.PROGRAMS,
    *mlp.PROGRAMS,
    *lstm.PROGRAMS,
    *adam.PROGRAMS,
    *function.PROGRAMS,
)

__all__ = ["PROGRAMS", "Program", "Torch", "Training", "by_name", "select"]


def by_name(name: str) -> Program:
    """The program of this name."""
    return next(p for p in PROGRAMS if p.name == name)


def select(only: Sequence[str]) -> list[Program]:
    """The programs whose name contains one of these; all when there are none."""
    return [p for p in PROGRAMS if not only or any(part in p.name for part in only)]
