"""First the same losses and parameters, then the times, interleaved.

The libraries make the same number of steps from the same start. PyTorch's losses are the reference;
where it is absent there is nothing to check against, and the row says so.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks import measure, trees
from benchmarks.measure import Cell, Runner
from benchmarks.torch.libraries import PYTORCH, TAPEJIT
from benchmarks.torch.programs import Program, Training

SAMPLE_SECONDS = 10e-3  # a loop of training steps, not the first few after the other library's
SETTLE = 5  # steps after the check before anything is timed


@dataclass(frozen=True)
class Row:
    """One program, its cells by library key, and what tapejit did in a timed step."""

    program: Program
    cells: dict[str, Cell] = field(default_factory=dict)
    kernel_calls: float | None = None
    interpreted: float | None = None
    checked: bool = True

    @property
    def ratio(self) -> float | None:
        """How many times faster tapejit is than PyTorch."""
        mine, theirs = self.cells.get(TAPEJIT.key), self.cells.get(PYTORCH.key)
        if mine is None or theirs is None or mine.status != "ok" or theirs.status != "ok":
            return None
        return theirs.median / mine.median

    def to_json(self) -> dict[str, Any]:
        """Everything about this row."""
        return {
            "about": self.program.about,
            "goal": self.program.goal,
            "ratio": self.ratio,
            "checked": self.checked,
            "kernel_calls_per_step": self.kernel_calls,
            "interpreted_per_step": self.interpreted,
            "cells": {key: cell.to_json() for key, cell in self.cells.items()},
        }


def array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor's values as float64, whatever library it is of."""
    return np.array(tensor.detach().tolist(), dtype=np.float64)


def first_steps(training: Training, steps: int) -> dict[str, Any]:
    """The losses of the first steps and the parameters after them, as arrays."""
    losses = [training.step() for _ in range(steps)]
    return {
        "loss": np.stack([array(loss) for loss in losses]),
        "parameters": [array(p) for p in training.parameters],
    }


def _counted(torch: Any, counts: dict[str, int]) -> dict[str, int]:
    """Kernel calls and interpreted runs since `counts`."""
    now = torch.stats()
    return {key: now[key] - counts.get(key, 0) for key in ("kernel_calls", "interpreted")}


def run_row(
    program: Program,
    modules: Mapping[str, Any],
    *,
    repeats: int,
    absent: Mapping[str, Cell] = {},
    sizes: Mapping[str, int] = {},
    log: Callable[[str], None] = lambda line: None,
) -> Row:
    """Check and time one program with every library."""
    cells: dict[str, Cell] = dict(absent)
    runners: dict[str, Runner] = {}
    reference: Any = None
    # PyTorch comes first: its numbers are what the others are held to.
    for key in sorted(modules, key=lambda key: key != PYTORCH.key):
        log(f"{program.name}: checking {key}")
        try:
            training = program.build(modules[key], **sizes)
            found = first_steps(training, program.checked)
            if key == PYTORCH.key:
                reference = found
            elif reference is not None:
                reason = trees.disagreement(found, reference, rtol=program.rtol)
                if reason is not None:
                    cells[key] = Cell("WRONG", reason)
                    continue
            for _ in range(SETTLE):
                training.step()
            inner = measure.calibrate(training.step, SAMPLE_SECONDS)
            runners[key] = Runner(training.step, inner=inner)
        except Exception as error:  # shown in the library's cell
            cells[key] = measure.failure(error)
    subject = modules.get(TAPEJIT.key)
    before = _counted(subject, {}) if subject is not None else {}
    gc.collect()  # the collector stays on: the objects that a step makes are part of its cost
    cells |= measure.interleave(
        runners, repeats=repeats, log=partial(measure.log_turn, log, program.name)
    )
    done: dict[str, float | None] = {"kernel_calls": None, "interpreted": None}
    if subject is not None and TAPEJIT.key in runners:
        steps = max(repeats * runners[TAPEJIT.key].inner, 1)
        done |= {key: n / steps for key, n in _counted(subject, before).items()}
    return Row(
        program,
        cells,
        done["kernel_calls"],
        done["interpreted"],
        checked=reference is not None,
    )
