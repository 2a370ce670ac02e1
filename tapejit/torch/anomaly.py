"""Anomaly detection: every row is computed at once and a NaN gradient names its forward line."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.sources import is_library_file
from .codes import Op
from .record import Recorder
from .tensor import Tensor


def note_line(rec: Recorder, slot: int) -> None:
    """Remember the line of the user's program that records a row."""
    stack = [f for f in traceback.extract_stack() if not is_library_file(f.filename)]
    rec.lines[slot] = "".join(traceback.format_list(stack[-3:]))


def check_forward(op: Op, made: list[Tensor]) -> None:
    """Nothing is wrong with a NaN on the way forward."""


def check_backward(node: str, made: Sequence[Any], line: str | None) -> None:
    """Raise when a gradient is NaN, naming the forward line.

    Raises
    ------
    RuntimeError
    """
    for k, g in enumerate(made):
        if g is not None and g._spec.np.kind in "fc" and np.isnan(g._value()).any():
            where = line or "No forward pass information available.\n"
            warnings.warn(
                f"Error detected in {node}. Traceback of forward call that caused the error:\n"
                f"{where}",
                UserWarning,
                stacklevel=5,
            )
            at = f" Forward call:\n{line}" if line else ""
            raise RuntimeError(f"Function '{node}' returned nan values in its {k}th output.{at}")
