"""Sums into a part of an array, kept apart while a loop runs.

The cotangent of a parameter ``p[2]`` that every round reads is a sum into element 2 of an array. In
memory each addition waits for the store of the round before it, nine cycles where a register takes
four. When a loop does nothing with a carried array but add to its elements, the additions to places
that are the same in every round are carried as numbers, and added to the array behind the loop:

    for i: a[2] += t_i    becomes    for i: s += t_i;    a[2] += s.

A small window is a carried array of its own: it is added to in the nest that computes what is added,
where an addition into the middle of another array is a loop behind that nest.

Invariant: the array is not read in the loop, so when an addition happens cannot be seen. The order
of a sum changes.
"""

from __future__ import annotations

from typing import Any

from ..core.avals import Aval
from ..core.records import record
from ..rules.declare import ops, zeros_like
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.primitive import BY_NAME
from .dce import dce
from .rewrite import rewrite
from .schedule import ROLLED
from .simplify import simplify
from .spread_sums import spread_sums

LARGEST = 512
"""Elements of a window that is carried apart."""


@record(frozen=True)
class Addition:
    """A row of a body that adds a window to carried array `k`; what it adds stands in `value`."""

    row: int
    k: int
    value: int
    aval: Aval
    """Of the sum: the window without its axes of one element, so a number where it is one."""


def carried_sums(tape: Tape) -> Tape:
    """Return the tape with such sums carried as numbers, in loops at any depth."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.n_inputs, tape.rows)):
        return tape
    results: dict[int, list[Sym]] = {}

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        kind = row.prim.emit.kind
        if kind == "out" and row.args[0] in results:
            return results[row.args[0]][row.params["k"]].id
        if kind not in ROLLED:
            return None
        params: dict[str, Any] = {
            k: carried_sums(v) if isinstance(v, Tape) else v for k, v in row.params.items()
        }
        if kind == "for" and row.id not in tape.outputs:
            params["body"] = spread_sums(params["body"])
            found = _additions(params["body"], params["carry"], params["shared"])
            if found:
                results[row.id] = _with_numbers(b, [Sym(b, a) for a in args], params, found)
                return results[row.id][0].id
        return b.append(row.prim.index, args, tape.aval[row.id], param_id(params))

    return rewrite(tape, visit)


def _additions(body: Tape, carry: int, shared: int) -> list[Addition]:
    """Return the additions to windows at places that are the same in every round."""
    readers: dict[int, int] = {}
    for i in range(body.n_inputs, body.rows):
        for a in body.args(i):
            readers[a] = readers.get(a, 0) + 1
    for o in body.outputs:
        readers[o] = readers.get(o, 0) + 1
    fixed = range(1 + carry, 1 + carry + shared)
    found: list[Addition] = []
    for k in range(carry):
        at, mine = body.outputs[k], []
        while at != 1 + k:
            name, args = body.prim(at).name, body.args(at)
            if name not in ("add_slice", "dynamic_add") or readers[at] != 1:
                break
            still = all(s in fixed or body.prim(s).name == "lit" for s in args[2:])
            part, whole = body.value(args[1]), body.value(at)
            small = 0 < part.size <= LARGEST and part.size < whole.size
            if still and (small or part.size == 1) and part.dtype == whole.dtype:
                aval = Aval(part.dtype, tuple(n for n in part.shape if n != 1))
                mine.append(Addition(at, k, args[1], aval))
            at = args[0]
        if at == 1 + k and readers.get(at, 0) == 1 and body.value(at).dtype.kind in "fc":
            found += mine
    return found


def _with_numbers(
    b: Builder, xs: list[Sym], params: dict[str, Any], found: list[Addition]
) -> list[Sym]:
    """Append the loop without these additions, then the additions of the sums; return its results."""
    body, carry = params["body"], params["carry"]
    zeros = [zeros_like(b.lit(0.0, Aval(each.aval.dtype)), each.aval.shape) for each in found]
    operands = [*xs[: 1 + carry], *zeros, *xs[1 + carry :]]
    new = {**params, "body": _without(body, carry, found), "carry": carry + len(found)}
    made = list(b.outs(BY_NAME["for"].on(b, *operands, **new)))
    sums, kept = made[carry : carry + len(found)], [*made[:carry], *made[carry + len(found) :]]
    for each, total in zip(reversed(found), reversed(sums)):
        args = body.args(each.row)
        starts = [
            b.lit(body.params(s)["value"], body.value(s)) if body.prim(s).name == "lit" else xs[s]
            for s in args[2:]
        ]
        term = ops.reshape(total, shape=body.value(each.value).shape)
        prim = body.prim(each.row)
        kept[each.k] = prim.on(b, kept[each.k], term, *starts, **body.params(each.row))
    return kept


def _without(body: Tape, carry: int, found: list[Addition]) -> Tape:
    """Return the body with numbers in place of these additions, one more carried value for each."""
    b = Builder()
    gone = {each.row: n for n, each in enumerate(found)}
    place: list[Sym] = []
    sums: list[Sym] = []
    for i in range(body.rows):
        if i == 1 + carry:
            sums = [b.input(each.aval) for each in found]
        b.line = body.line[i]
        if i < body.n_inputs:
            place.append(b.input(body.value(i)))
            continue
        args = [place[a] for a in body.args(i)]
        if i in gone:
            n = gone[i]
            sums[n] = sums[n] + ops.reshape(args[1], shape=found[n].aval.shape)
            place.append(args[0])
            continue
        row = b.append(body.op[i], [x.id for x in args], body.aval[i], body.param[i])
        place.append(Sym(b, row))
    outs = [place[o] for o in body.outputs]
    return dce(simplify(b.finish([*outs[:carry], *sums, *outs[carry:]])))
