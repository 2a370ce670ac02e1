"""What is left when running a trace raises: everything that does not depend on the row that failed.

An error, of memory or of an operation, belongs to some of the values that were to be computed. The
others are computed without it. Gradients that the failing pass was to add to are put back: after a
backward pass that raises, ``.grad`` is what it was. An interruption is not an error of any value:
the trace stays, and runs when it is looked at next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .lower import trace_rows
from .program import evaluate
from .rows import Rows, decoded, decoded_now

Grad = tuple[Any, Any, int, Any]
"""A leaf, its old gradient or None, and that one's slot (-1: none), else its value."""


def salvage(code: tuple[int, ...], inputs: list[Any], owners: Any, slots: Sequence[int]) -> None:
    """Compute what can be computed of some slots; note on the others what raised.

    Halving finds f failures among n slots in about f log n runs.
    """
    rows = decoded(code)
    todo = [tuple(slots)]
    while todo:
        part = todo.pop()
        try:
            values = trace_rows(rows, inputs, part).values
        except Exception as error:
            if len(part) == 1:
                owners[part[0]]._failed(error)
            else:
                half = len(part) // 2
                todo += [part[half:], part[:half]]
        else:
            for k, value in zip(part, values):
                owners[k]._array = value


def gradients_now(serial: int, leaves: Iterable[Any]) -> list[Grad]:
    """Return what `put_back` needs to know of the gradients before a pass."""
    found: list[Grad] = []
    for leaf in leaves:
        g = leaf._grad
        pending = g is not None and g._array is None and g._serial == serial
        found.append((leaf, g, g._slot if pending else -1, None if g is None else g._array))
    return found


def put_back(code: list[int], inputs: list[Any], before: Iterable[Grad]) -> None:
    """Give leaves their old gradients where the new ones could not be computed."""
    rows: Rows = decoded_now(code)
    for leaf, old, slot, value in before:
        g = leaf._grad
        if g is None or "_error" not in g.__dict__:
            continue
        if old is None:
            leaf._grad = None
            continue
        try:
            value = evaluate(rows, inputs, slot) if slot >= 0 else value
        except Exception:
            continue  # the old gradient cannot be computed either, and says so
        if value is not None:
            del g.__dict__["_error"]
            old._array, old._serial = value, 0
            leaf._grad = old
