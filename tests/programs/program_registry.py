"""Programs as people write them: a registry with the arguments that each is run on.

A program is a plain NumPy function of a differentiable first argument (any nesting of containers)
and fixed further ones, written with ``import numpy as np`` and no thought of tapejit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """A program and how to check it.

    Attributes
    ----------
    fn : callable
        The function; it returns a real scalar.
    make_args : callable
        ``make_args(rng)`` returns its arguments; the first one is differentiated.
    order : int
        2 when second derivatives are checked too (the program is smooth at these arguments).
    quick : bool
        Whether the compiled form, which takes seconds to compile otherwise, is checked by every
        run of the tests and not only when TAPEJIT_ALL_PROGRAMS is set.
    single : bool
        Whether it must keep float32 when all arguments are float32.
    rolled : int or None
        How many ``for`` and ``while`` rows its tape is meant to hold, those in the bodies of others
        included and each textual loop counted once for every place it is called from: 0 where its
        loops must be unrolled. None for a program that is not about Python's control flow. `rolled`
        states an intention; a loop over rows of one shape, or over a range, is meant to be rolled
        whatever its trip count.
    """

    fn: Callable[..., Any]
    make_args: Callable[[np.random.Generator], tuple[Any, ...]]
    order: int = 2
    quick: bool = True
    single: bool = False
    rolled: int | None = None

    @property
    def name(self) -> str:
        return self.fn.__name__


PROGRAMS: list[Program] = []  # array programs: what control flow they have is incidental
LOOPS: list[Program] = []  # programs of loops, branches and mutation: those that state `rolled`


def program(
    make_args: Callable[[np.random.Generator], tuple[Any, ...]], **options: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a program with its arguments."""

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        found = Program(fn, make_args, **options)
        (PROGRAMS if found.rolled is None else LOOPS).append(found)
        return fn

    return register
