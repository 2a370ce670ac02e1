"""Replay a tape with NumPy. This is the definition of a tape's meaning, and tier 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from .ir import PARAMS, Tape
from .primitive import BY_NAME, PRIMITIVES

Step = tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int, tuple[int, ...]]


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
