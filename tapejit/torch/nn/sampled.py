"""Checks that look at values: class numbers and row numbers in range, probabilities in [0, 1].

A tensor that has been found in range is not looked at again until it is written to, so the targets
of a training loop cost nothing after the first step. Memory that code outside may write to is
looked at each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..record import LOCAL
from ..rows import decoded_now
from ..tensor import Tensor

_BOUNDED = frozenset({"sigmoid", "softmax"})


def span(t: Tensor, without: int | None = None) -> tuple[int, int] | None:
    """Return the least and the greatest entry of a tensor of integers; None if it has none.

    Parameters
    ----------
    without : int, optional
        Entries that do not count.
    """
    more = t._more
    known = t.__dict__.get("_span")
    root = t if more is None or more.base is None else more.root
    outside = root._more is not None and root._more.exposed
    version = root._ver
    if known is not None and known[0] == (version, without) and not outside:
        return known[1]  # type: ignore[no-any-return]
    values = np.asarray(t._value())
    if without is not None:
        values = values[values != without]
    found = (int(values.min()), int(values.max())) if values.size else None
    if not outside:
        t.__dict__["_span"] = ((version, without), found)
    return found


def is_probability(t: Tensor) -> bool:
    """Return whether all entries lie in [0, 1]; NaN does not, unless it comes from a sigmoid."""
    rec = LOCAL.rec
    if t._serial == rec.serial:
        rows = decoded_now(rec.code)
        if rows.rows[rows.producer[t._slot]].code.op.name in _BOUNDED:
            return True
    values: Any = np.asarray(t._value())
    return bool(((values >= 0) & (values <= 1)).all())
