"""Run a function in a capture of its own and bring what it recorded back to the one around.

Values that differ from call to call of the inner function (slices of a map, cotangents of a rule)
are its moving inputs; values of enclosing captures and arrays from outside are lifted, and rows
that depend on nothing moving end up in the capture around.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..frontend.capture import Capture, capturing
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.split import Split, split
from ..tape.ir import Sym
from .leaves import FROZEN_ARGUMENT

Run = Callable[[Capture, list[Tracer]], Sequence[Sym | None]]


def run_inside(cap: Capture, avals: Sequence[Aval], values: Sequence[Any], run: Run) -> Split:
    """Capture ``run(inner capture, tracers)`` and split it by what depends on the tracers.

    Parameters
    ----------
    avals, values : sequences
        What the tracers stand for, and the values that they show to Python meanwhile.
    run : callable
        Returns rows of the inner capture.
    """
    with capturing() as inner:
        moving = [inner.b.input(a, v) for a, v in zip(avals, values)]
        if cap.abstract:
            inner.abstract = True
            inner.b.pending.update(s.id for s in moving)
        found = list(run(inner, [Tracer(inner, Root(s, FROZEN_ARGUMENT)) for s in moving]))
    place = {s.id: sym_of(cap, tracer).id for s, tracer in inner.lifted}
    place.update((s.id, source.id) for s, source in inner.adopted)
    for s, array, snapshot in inner.consts:
        same = np.array_equal(array, snapshot, equal_nan=snapshot.dtype.kind in "fc")
        place[s.id] = cap.const(array if same else snapshot).id
    return split(inner.b, 0, moving, found, cap.b, place)
