"""Draws of several kinds in turn as compiled tapes make them: by NumPy's calls, then natively.

A call of NumPy costs about a microsecond, a native draw about ten nanoseconds, compiling the loop
that makes them two seconds, once in a process. So it is compiled when the calls have cost as much.
Uniform, normal and exponential numbers in double precision from a Generator are drawn natively,
everything else by NumPy.
"""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np

from ..core.streams import Token
from ..rules.random import draw_in_turn

PRICE = 2.0
"""Seconds that compiling the native loop takes."""

_spent = [0.0]
_METHODS = {
    "random": (0, None, None, (0.0, 1.0)),
    "uniform": (0, "low", "high", (0.0, 1.0)),
    "standard_normal": (1, None, None, (0.0, 1.0)),
    "normal": (1, "loc", "scale", (0.0, 1.0)),
    "standard_exponential": (2, None, None, (0.0, 1.0)),
    "exponential": (2, None, "scale", (0.0, 1.0)),
}


@functools.lru_cache(256)
def plan(sites: Any) -> Any:
    """Return codes, sizes, shifts and scales of the sites; None when NumPy must draw."""
    codes, sizes, shifts, scales = [], [], [], []
    for method, options, dtype, shape in sites:
        given = {k: v for k, v in options if k != "size"}
        if method not in _METHODS or dtype != "float64":
            return None
        code, low, high, (a, b) = _METHODS[method]
        a, b = given.pop(low, a), given.pop(high, b)
        if given or not all(isinstance(v, (int, float)) for v in (a, b)):
            return None
        width = float(b) - float(a) if method == "uniform" else float(b)
        if not (math.isfinite(a) and math.isfinite(width) and width >= 0.0):
            return None  # NumPy has something to say to that
        codes.append(code)
        sizes.append(math.prod(shape))
        shifts.append(float(a))
        scales.append(width)
    return tuple(map(np.array, (codes, sizes, shifts, scales)))


def draw(rng: Any, rounds: int, sites: Any) -> tuple[Any, ...]:
    """Return the samples of all rounds, one stack for each site."""
    found = plan(sites) if isinstance(rng, np.random.Generator) else None
    if found is None or _spent[0] < PRICE:
        started = time.perf_counter()
        made = draw_in_turn(rng, rounds, sites)
        if found is not None:
            _spent[0] += time.perf_counter() - started
        return made
    return natively(rng, rounds, sites, found)


def natively(rng: Any, rounds: int, sites: Any, found: Any) -> tuple[Any, ...]:
    """Return the samples, drawn by compiled code."""
    from ..kernels.draws import fill

    out = np.empty((rounds, int(found[1].sum())))
    with rng.bit_generator.lock:
        fill(rng, *found, out)
    ends = np.cumsum(found[1])
    return tuple(
        np.ascontiguousarray(out[:, end - size : end]).reshape(rounds, *shape)
        for (_, _, _, shape), end, size in zip(sites, ends, found[1])
    )


def draws_in_turn(token: Token, *, rounds: int, sites: Any) -> tuple[Any, ...]:
    """Do what the row of this name means."""
    made, after = token.draw(lambda rng: draw(rng, rounds, sites))
    return (*made, after)
