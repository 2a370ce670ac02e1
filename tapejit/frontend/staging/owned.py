"""``S.own``: an array of plain numbers that the function has made becomes a traced one.

A traced array in place of a plain one is a copy, and a copy differs from the array itself for whoever
holds the array too: another variable, a container, a view, the world outside the call. So it is made
only where the reference count proves that nobody does. Arguments, globals and whatever else outlives
the call have an owner; writing to them raises as ever.

Invariant: the array given is freshly made, owns its memory (or is a view of one that does, made on
the way), and the reference in hand is the only one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ...tape.primitive import BY_NAME
from ..capture import current
from ..tracer import Root, Tracer


def _references(value: Any) -> int:
    return sys.getrefcount(value)


def _variable() -> int:
    made = np.empty(1)
    return _references(made)


def _base_references(value: Any) -> int:
    base = value.base
    return sys.getrefcount(base)


_TEMPORARY = _references(np.empty(1))
"""What a function counts for an argument that was made for it alone."""
_VARIABLE = _variable()
"""What it counts for an argument that one variable holds besides."""
_BASE = _base_references(np.empty(2)[:1])


def own(value: Any) -> Any:
    """Return a value just made; a plain array of numbers that nothing else holds is traced."""
    if type(value) is not np.ndarray or sys.getrefcount(value) > _TEMPORARY:
        return value
    return _traced(value)


def owned(value: Any) -> Any:
    """Return the value of a variable as `own` does, when that variable alone holds it."""
    if type(value) is not np.ndarray or sys.getrefcount(value) > _VARIABLE:
        return value
    return _traced(value)


def _traced(value: Any) -> Any:
    cap = current()
    dtype = value.dtype
    if cap is None or dtype.kind not in "biufc" or not dtype.isnative or not _alone(value):
        return value
    whole = value if value.ndim else value.reshape(1)
    made = BY_NAME["copy"](cap.const(whole))
    # Whether a later reshape is a view depends on the strides, which a copy would not keep.
    cap.b.known[made.id] = whole
    import tapejit.numpy as tnp

    return tnp.as_array(Tracer(cap, Root(made)), value.shape)


def _alone(value: Any) -> bool:
    """Whether the memory of an array is its own, or that of an array which only it refers to."""
    flags = value.flags
    if not flags.writeable or not (flags.c_contiguous or flags.f_contiguous or value.size):
        return False
    if value.base is None:
        return bool(flags.owndata)
    base = value.base
    if type(base) is not np.ndarray or base.base is not None or not base.flags.owndata:
        return False
    del base
    return _base_references(value) <= _BASE
