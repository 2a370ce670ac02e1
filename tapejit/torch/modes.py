"""Switches of the front end: laziness, the default dtype."""

from __future__ import annotations

from . import dtypes
from .codes import OPS
from .record import LOCAL


def set_eager(eager: bool) -> None:
    """Compute every operation of this thread when it is called, or record and compute later.

    Results are the same; eager mode makes errors and timings appear at the line that causes them.
    """
    rec = LOCAL.rec
    rec.flush()
    rec.set_modes(eager=bool(eager))


def is_eager() -> bool:
    """Return whether this thread computes every operation when it is called."""
    return LOCAL.rec.eager


def set_default_dtype(d: dtypes.dtype, /) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises
    ------
    TypeError
        If `d` is not a floating point dtype.
    """
    from .operators import HOT

    before = dtypes.get_default_dtype()
    dtypes.set_default_dtype(d)
    if d is not before:  # what integers and numbers become has changed
        for op in OPS.values():
            op.memo.clear()
        for hot in HOT:
            hot.clear()


def stats() -> dict[str, int]:
    """Return what has been recorded and run in this process.

    Returns
    -------
    dict
        ``pending``: rows that this thread has recorded and not computed; ``programs``: traces
        known; ``compiled``: those that have a kernel; ``interpreted`` and ``kernel_calls``: how
        often traces have been run by NumPy and compiled.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> x = torch.ones(3)
    >>> y = x + 1
    >>> torch.stats()["pending"]  # the input, the number and the sum
    3
    >>> y.tolist()
    [2.0, 2.0, 2.0]
    >>> torch.stats()["pending"]
    0
    """
    from .program import programs, runs
    from .rows import Rows

    known = programs()
    interpreted, calls = runs()
    return {
        "pending": len(Rows(tuple(LOCAL.rec.code)).rows),
        "programs": len(known),
        "compiled": sum(p.fast is not None for p in known),
        "interpreted": interpreted,
        "kernel_calls": calls,
    }
