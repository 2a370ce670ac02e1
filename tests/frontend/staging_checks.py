"""Checks of staged control flow: against plain Python, and what became of each loop and branch."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import tapejit as tj
from tapejit.core.sources import LINES


def notes(f: Any, *args: Any) -> list[str]:
    """Return what a transformed function says of its loops and branches, in the order of lines."""
    traced = f._dispatcher.program(args, {}).traced
    found = sorted(traced.notes, key=lambda note: LINES[note[0]].line)
    return [what for _, what in found]


def kinds(f: Any, *args: Any) -> list[str]:
    """Return the first word of each note."""
    return [re.split(r"[,: ]", what)[0] for what in notes(f, *args)]


def slopes(fn: Any, x: Any, *rest: Any, h: float = 1e-6) -> Any:
    """Return the gradient of a function of an array by central differences."""
    found = np.zeros(np.shape(x))
    for at in np.ndindex(np.shape(x)):
        e = np.zeros(np.shape(x))
        e[at] = h
        found[at] = (fn(x + e, *rest) - fn(x - e, *rest)) / (2 * h)
    return found


def agrees(f: Any, fn: Any, x: Any, *rest: Any, tol: float = 1e-6) -> None:
    """Check value and gradient of one call against plain Python."""
    v, g = f(x, *rest)
    np.testing.assert_allclose(v, fn(x, *rest), rtol=1e-12, atol=1e-14)
    assert type(v) is type(fn(x, *rest))
    np.testing.assert_allclose(g, slopes(fn, x, *rest), rtol=tol, atol=tol)


def staged(
    fn: Any, x: Any, *rest: Any, became: list[str] | None = None, policy: str = "never"
) -> Any:
    """Check a function, captured and then replayed, at several arguments.

    Parameters
    ----------
    became : list of str
        The first words of what its loops and branches become, by line.
    """
    f = tj.value_and_grad(fn, compile=policy)
    for at in (x, x, 1.1 * x, x * 0.9 + 0.01):
        agrees(f, fn, at, *rest)
    if became is not None:
        assert kinds(f, x, *rest) == became, notes(f, x, *rest)
        if not {"guarded", "unrolled"} & set(became):
            assert f.stats()["captures"] == 2 and "guard" not in str(f.tape(x, *rest))
    return f


def rows(fn: Any, *args: Any) -> int:
    """Return the length of the tape of value and gradient; a long loop is compiled for it."""
    return len(tj.value_and_grad(fn).tape(*args))
