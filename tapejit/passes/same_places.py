"""A window that is read where it was just written is what was written.

``H[i + 1] = v; best = max(best, H[i + 1])`` reads v. The reverse round adds the cotangent of that read
to a table and takes the sum out of it again, and what is cleared need not be added to before:

    t[p] += g;  d = t[p];  t[p] = 0        becomes        d = t[p] + g;  t[p] = 0.

A round then reads one number of its table, as those do that may be skipped (`sparse_rounds`).

Invariant: two places are taken for one only when they are computed by the same rows from the same
values; nothing is said of places that differ.
"""

from __future__ import annotations

from typing import Any

from ..rules.declare import ops
from ..tape.ir import PARAMS, Builder, Row, Sym, Tape, param_id
from ..tape.primitive import PRIMITIVES
from .dce import dce
from .rewrite import rewrite
from .schedule import ROLLED

DEPTH = 4
"""Rows that are compared, at most, one behind the other, to find a place computed twice."""


def same_places(tape: Tape) -> Tape:
    """Return the tape with such reads replaced, in bodies too."""
    kinds = {tape.prim(i).emit.kind for i in range(tape.n_inputs, tape.rows)}
    if not kinds & {*ROLLED, "update"}:
        return tape
    changed = False

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        nonlocal changed
        found: int | None = None
        if row.prim.emit.kind in ROLLED:
            params: dict[str, Any] = dict(row.params)
            made = {k: same_places(v) for k, v in params.items() if isinstance(v, Tape)}
            if any(made[k] is not params[k] for k in made):
                found = b.append(row.prim.index, args, tape.aval[row.id], param_id(params | made))
        elif row.prim.name == "dynamic_slice":
            found = _read(b, row, args)
        elif row.prim.name == "dynamic_update":
            found = _overwritten(b, args)
        changed = changed or found is not None
        return found

    made = rewrite(tape, visit)
    return dce(made) if changed else tape


def _read(b: Builder, row: Row, args: list[int]) -> int | None:
    """Return what a window holds that was written, or added to, by the row before."""
    array, *place = args
    name, given = _row(b, array)
    if name not in ("dynamic_update", "dynamic_add") or not _alike(b, given[2:], place):
        return None
    value = Sym(b, given[1])
    if value.shape != row.params["sizes"] or value.dtype != b.aval(array).dtype:
        return None
    if name == "dynamic_update":
        return value.id
    before = ops.dynamic_slice(Sym(b, given[0]), *(Sym(b, p) for p in place), **row.params)
    if value.size > 1:
        return (before + value).id
    number, more = (ops.reshape(x, shape=()) for x in (before, value))
    return ops.reshape(number + more, shape=value.shape).id


def _overwritten(b: Builder, args: list[int]) -> int | None:
    """Return an update without what was written to the same window just before."""
    array, value, *place = args
    name, given = _row(b, array)
    if name not in ("dynamic_update", "dynamic_add") or not _alike(b, given[2:], place):
        return None
    if b.aval(given[1]).shape != b.aval(value).shape:
        return None
    starts = (Sym(b, p) for p in place)
    return ops.dynamic_update(Sym(b, given[0]), Sym(b, value), *starts).id


def _row(b: Builder, i: int) -> tuple[str, list[int]]:
    return PRIMITIVES[b.op[i]].name, list(b.arg[b.off[i] : b.off[i + 1]])


def _alike(b: Builder, one: list[int], other: list[int], depth: int = DEPTH) -> bool:
    """Whether values are computed by the same rows."""
    if one == other:
        return True
    if depth == 0 or len(one) != len(other):
        return False
    for i, j in zip(one, other):
        if i == j:
            continue
        kinds = PRIMITIVES[b.op[i]].emit.kind, PRIMITIVES[b.op[j]].emit.kind
        if kinds != ("elementwise", "elementwise") and kinds != ("lit", "lit"):
            return False
        if b.op[i] != b.op[j] or PARAMS[b.param[i]] != PARAMS[b.param[j]]:
            return False
        if b.aval(i) != b.aval(j) or not _alike(b, _row(b, i)[1], _row(b, j)[1], depth - 1):
            return False
    return True
