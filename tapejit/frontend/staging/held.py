"""Arrays of plain numbers that a branch or a loop gives a name to, while others hold them.

``b = p if x > 0 else q`` makes a traced value of what Python has as a second name of ``p``. Reading it
is right as long as nothing writes to either. So a write through the new name raises, and so does the
end of a capture that finds the plain array changed.

Invariant: a traced value that may stand for a plain array which existed before is frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import CaptureError
from ..capture import Capture
from ..tracer import Tracer
from .slots import State

HELD = (
    "an array is written to that a branch or a loop has bound a name to, and that something else may "
    "hold as well. Copy it before: a.copy()"
)


def owner_of(array: Any) -> Any:
    """Return the array whose memory an array shows."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def is_held(state: State, value: Any) -> bool:
    """Whether a value is, or may be, a plain array that was there before a statement."""
    if isinstance(value, Tracer):
        return value.root.frozen is HELD
    if type(value) is not np.ndarray or not value.ndim or not value.flags.writeable:
        return False
    owner = owner_of(value)
    return any(p.kind == "array" and owner_of(p.holder) is owner for p in state.places)


def hold(cap: Capture, state: State, values: Sequence[Any], made: Any) -> None:
    """Freeze what was made of some values, when one of them is held by others."""
    if not isinstance(made, Tracer) or not made.ndim:
        return
    for value in values:
        if is_held(state, value):
            made.root.frozen = HELD
            if type(value) is np.ndarray:
                cap.outermost.held.append((value, value.copy()))


def check_held(cap: Capture) -> None:
    """Refuse a capture in which a plain array has changed that a traced value stands for.

    Raises
    ------
    CaptureError
        The tape holds what the array was before.
    """
    for array, before in cap.held:
        if array.tobytes() != before.tobytes():
            raise CaptureError(
                "an array of plain numbers is written to after a branch or a loop has bound another "
                "name to it. Copy it before: a.copy()"
            )
