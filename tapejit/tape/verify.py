"""The invariants of a tape, checked row by row."""

from __future__ import annotations

from ..core.avals import Aval
from ..core.errors import VerifyError
from .ir import Tape


def verify(tape: Tape) -> Tape:
    """Return `tape` if it is well formed.

    Raises
    ------
    VerifyError
        When arrays differ in length, a row reads a later or missing value, an input stands behind
        another row, an output does not exist, or an aval is not what the shape rule gives.
    """
    n = tape.rows
    if not (len(tape.aval) == len(tape.param) == len(tape.line) == n and len(tape.off) == n + 1):
        raise VerifyError("the columns of the tape differ in length")
    for row in tape:
        label = f"row %{row.id} ({row.prim.name})"
        if (row.prim.name == "input") != (row.id < tape.n_inputs):
            raise VerifyError(f"{label}: inputs are the first {tape.n_inputs} rows and no others")
        for a in row.args:
            if not 0 <= a < row.id:
                raise VerifyError(f"{label} reads %{a}, which is not above it")
        if row.prim.name in ("input", "lit"):
            continue
        avals = [tape.any_aval(a) for a in row.args]
        expected = row.prim.infer(*avals, **row.params)
        if isinstance(expected, Aval) and isinstance(row.aval, Aval):
            same = expected.dtype == row.aval.dtype and expected.shape == row.aval.shape
        else:
            same = expected == row.aval
        if not same:
            raise VerifyError(f"{label} is {row.aval}, its rule gives {expected}")
    for o in tape.outputs:
        if not 0 <= o < n:
            raise VerifyError(f"output %{o} does not exist")
    for body in tape.bodies():
        verify(body)
    return tape
