"""Replay a tape with NumPy. This is the definition of a tape's meaning, and tier 0."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.avals import Aval
from .ir import PARAMS, Tape
from .primitive import BY_NAME, PRIMITIVES

Step = tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int, tuple[int, ...]]


class OverBudget(Exception):
    """A replay has run more rows than it may."""


class Budget:
    """How many rows replays may still run."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def spend(self, rows: int) -> None:
        self.rows -= rows
        if self.rows < 0:
            raise OverBudget


class _Limit(threading.local):
    def __init__(self) -> None:
        self.budget: Budget | None = None


_limit = _Limit()


@contextmanager
def budget(given: Budget) -> Iterator[None]:
    """Limit the rounds of loops that this thread replays."""
    outer, _limit.budget = _limit.budget, given
    try:
        yield
    finally:
        _limit.budget = outer


def spend(rows: int) -> None:
    """Count rows of a loop's round."""
    if _limit.budget is not None:
        _limit.budget.spend(rows)


class GuardFailure(Exception):
    """A guard row found another value than the one it was captured with."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class Interpreter:
    """A tape prepared for replay: one Python call a row, values dropped after their last use."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        last: dict[int, int] = {}
        for i in range(tape.rows):
            for k in tape.args(i):
                last[k] = i
        for o in tape.outputs:
            last[o] = tape.rows
        guard, lit = BY_NAME["guard"].index, BY_NAME["lit"].index
        self.lits: list[tuple[int, Any]] = []
        self.steps: list[Step] = []
        self.guards = set()
        for i in range(tape.n_inputs, tape.rows):
            params = PARAMS[tape.param[i]]
            if tape.op[i] == lit:
                aval = tape.value(i)
                self.lits.append((i, literal(params["value"], aval)))
                continue
            if tape.op[i] == guard:
                self.guards.add(i)
            args = tape.args(i)
            dead = tuple({k for k in args if last[k] == i and tape.op[k] != lit})
            self.steps.append((PRIMITIVES[tape.op[i]].numpy, args, params, i, dead))

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the outputs for these inputs.

        Raises
        ------
        GuardFailure
            When a guard row does not hold.
        """
        with np.errstate(all="ignore"):
            return self.run(inputs)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Replay under the error state of the caller, as the replay of an enclosing tape does."""
        values: list[Any] = [None] * self.tape.rows
        values[: len(inputs)] = inputs
        for i, value in self.lits:
            values[i] = value
        guards = self.guards
        for fn, args, params, i, dead in self.steps:
            found = fn(*[values[k] for k in args], **params)
            values[i] = found
            if guards and i in guards and not found:
                raise GuardFailure(i)
            for k in dead:
                values[k] = None
        return [values[o] for o in self.tape.outputs]


def literal(value: Any, aval: Aval) -> Any:
    """Return a literal as a NumPy scalar of its dtype."""
    if isinstance(value, int):
        try:
            return aval.dtype.type(value)
        except OverflowError:  # beyond int64: read as a float only, from a row of its own
            return value
    return np.asarray(value).astype(aval.dtype)[()]


def interpreter(tape: Tape) -> Interpreter:
    """Return the prepared replay of a tape, kept with the tape."""
    found = tape.replay
    if found is None:
        found = tape.replay = Interpreter(tape)
    return found  # type: ignore[no-any-return]


def interpret(tape: Tape, inputs: Sequence[Any]) -> list[Any]:
    """Replay `tape` on `inputs`."""
    return interpreter(tape)(inputs)
