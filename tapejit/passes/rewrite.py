"""Copying a tape row by row with changes: what every rewriting pass is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..tape.ir import Builder, Row, Sym, Tape

Visit = Callable[[Builder, Row, list[int]], int | None]


def rewrite(tape: Tape, visit: Visit) -> Tape:
    """Return a copy of `tape` in which `visit` may replace rows.

    ``visit(builder, row, args)`` sees each row behind the inputs with its operands' new ids; it
    returns the new id that stands for the row, or None to copy the row as it is.
    """
    b = Builder()
    place: list[int] = []
    for row in tape:
        args = [place[a] for a in row.args]
        b.line = row.line
        found = None if row.id < tape.n_inputs else visit(b, row, args)
        if found is None:
            found = b.append(tape.op[row.id], args, tape.aval[row.id], tape.param[row.id])
        place.append(found)
    return b.finish([place[o] for o in tape.outputs])


def keep_rows(tape: Tape, keep: Sequence[bool]) -> Tape:
    """Return a copy with only some of the rows; inputs always stay."""
    b = Builder()
    place: dict[int, int] = {}
    for i in range(tape.rows):
        if i < tape.n_inputs or keep[i]:
            args = [place[a] for a in tape.args(i)]
            place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
    return b.finish([Sym(b, place[o]) for o in tape.outputs])
