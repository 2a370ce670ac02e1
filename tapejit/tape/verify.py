"""The invariants of a tape, checked row by row."""

from __future__ import annotations

from operator import gt

import numpy as np

from ..core.avals import AVALS, AnyAval, Aval
from ..core.errors import VerifyError
from .ir import PARAMS, Tape
from .primitive import PRIMITIVES, Params


def verify(tape: Tape) -> Tape:
    """Return `tape` if it is well formed.

    Raises
    ------
    VerifyError
        When arrays differ in length, an index has no entry in its table, a row reads a later or
        missing value, an input stands behind another row, a literal is no number, an output does
        not exist, or an aval is not what the shape rule gives.
    """
    n = tape.rows
    if not (len(tape.aval) == len(tape.param) == len(tape.line) == n and len(tape.off) == n + 1):
        raise VerifyError("the columns of the tape differ in length")
    if tape.off[0] != 0 or tape.off[n] != len(tape.arg) or any(map(gt, tape.off, tape.off[1:])):
        raise VerifyError("the offsets do not divide the operands")
    if not 0 <= tape.n_inputs <= n:
        raise VerifyError(f"there are {n} rows, fewer than {tape.n_inputs} inputs")
    for name, column, table in (
        ("primitive", tape.op, PRIMITIVES),
        ("aval", tape.aval, AVALS),
        ("parameters", tape.param, PARAMS),
    ):
        for i, k in enumerate(column):
            if not 0 <= k < len(table):
                raise VerifyError(f"row %{i}: there are no {name} number {k}")
    for row in tape:
        label = f"row %{row.id} ({row.prim.name})"
        if (row.prim.name == "input") != (row.id < tape.n_inputs):
            raise VerifyError(f"{label}: inputs are the first {tape.n_inputs} rows and no others")
        for a in row.args:
            if not 0 <= a < row.id:
                raise VerifyError(f"{label} reads %{a}, which is not above it")
        if row.prim.name in ("input", "lit"):
            if row.args or (row.prim.name == "lit" and not _is_number(row.params, row.aval)):
                raise VerifyError(f"{label} has operands or is not one number")
            continue
        avals = [tape.any_aval(a) for a in row.args]
        try:
            expected = row.prim.infer(*avals, **row.params)
        except Exception as error:
            raise VerifyError(f"{label} is refused by its own shape rule: {error}") from error
        if not _same(expected, row.aval):
            raise VerifyError(f"{label} is {row.aval}, its rule gives {expected}")
    for o in tape.outputs:
        if not 0 <= o < n:
            raise VerifyError(f"output %{o} does not exist")
    for body in tape.bodies():
        verify(body)
    return tape


def _same(a: AnyAval, b: AnyAval) -> bool:
    """Whether avals agree up to weakness: a pass may put a literal in the place of an operand."""
    if isinstance(a, Aval) and isinstance(b, Aval):
        return a.dtype == b.dtype and a.shape == b.shape
    if isinstance(a, Aval) or isinstance(b, Aval):
        return False
    return len(a.items) == len(b.items) and all(map(_same, a.items, b.items))


def _is_number(params: Params, aval: AnyAval) -> bool:
    value = params.get("value")
    # a long double has no Python number that holds it
    number = isinstance(value, int | float | complex | np.longdouble | np.clongdouble)
    return isinstance(aval, Aval) and not aval.shape and number
