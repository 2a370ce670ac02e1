"""Common rows: two rows of one primitive with the same operands and parameters are one row."""

from __future__ import annotations

from ..tape.ir import Builder, Row, Tape
from .rewrite import rewrite

_COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "equal"}


def cse(tape: Tape) -> Tape:
    """Return the tape with repeated rows shared."""
    seen: dict[tuple[object, ...], int] = {}

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        order = sorted(args) if row.prim.name in _COMMUTATIVE else args
        key = (tape.op[row.id], tape.param[row.id], tape.aval[row.id], *order)
        found = seen.get(key)
        if found is None:
            seen[key] = len(b)
        return found

    return rewrite(tape, visit)
