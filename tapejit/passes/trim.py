"""Rows with bodies, reduced to what is read of them, and bodies to what changes between rounds.

A loop drops the stacks that nobody reads, the carried values that only feed themselves, and the
operands that its body no longer reads; a branch drops results and operands. Bodies are optimised as
tapes are. Then what a loop's body computes from shared values alone is moved in front of the loop,
see `invariants`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..core.avals import aval_id
from ..tape.ir import Builder, Row, Tape, param_id
from .cse import cse
from .dce import dce
from .invariants import lift
from .schedule import ROLLED
from .simplify import simplify


def trim(tape: Tape) -> Tape:
    """Return the tape with its loops, branches and calls reduced."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.rows)):
        return tape
    read: dict[int, set[int]] = {}
    for row in tape:
        if row.prim.emit.kind == "out":
            read.setdefault(row.args[0], set()).add(row.params["k"])
    b = Builder()
    place: list[int] = []
    new_result: dict[int, dict[int, int]] = {}
    for row in tape:
        args = [place[a] for a in row.args]
        b.line = row.line
        if row.prim.emit.kind in ROLLED and row.id not in tape.outputs:
            found, kept = _reduced(b, row, args, sorted(read.get(row.id, ())))
            new_result[found] = {k: n for n, k in enumerate(kept)}
        elif row.prim.emit.kind == "out" and args[0] in new_result:
            pid = param_id({"k": new_result[args[0]][row.params["k"]]})
            found = b.append(tape.op[row.id], args, tape.aval[row.id], pid)
        else:
            found = b.append(tape.op[row.id], args, tape.aval[row.id], tape.param[row.id])
        place.append(found)
    return b.finish([place[o] for o in tape.outputs])


def _reduced(b: Builder, row: Row, args: list[int], read: list[int]) -> tuple[int, list[int]]:
    """Append a reduced row; return it and which of the old results it has, in order."""
    params: dict[str, Any] = dict(row.params)
    kind = row.prim.emit.kind
    if kind in ("for", "while"):
        args, kept = _loop(b, kind, params, args, read)
    else:
        args, kept = _branches(kind, params, args, read)
    avals = [b.aval(a) for a in args]
    aval = aval_id(row.prim.infer(*avals, **params))
    return b.append(row.prim.index, args, aval, param_id(params)), kept


def optimised(body: Tape, outputs: Sequence[int] | None = None) -> Tape:
    """Return a body that computes some of its outputs, by position, and no more."""
    if outputs is not None:
        body = Tape(
            body.op, body.off, body.arg, body.aval, body.param, body.line, body.n_inputs,
            tuple(body.outputs[k] for k in outputs),
        )  # fmt: skip
    for step in (dce, simplify, cse, simplify, dce, trim, dce):
        body = step(body)
    return body


def reached(tape: Tape, outputs: Iterable[int]) -> set[int]:
    """Return the inputs that some rows depend on, and those that rows with an effect depend on."""
    needed = set(outputs)
    for i in range(tape.rows - 1, -1, -1):
        if i in needed or tape.prim(i).effect:
            needed.update(tape.args(i))
    return {i for i in needed if i < tape.n_inputs}


def with_inputs(tape: Tape, keep: Sequence[int]) -> Tape:
    """Return the tape with only some of its inputs; nothing reads the others."""
    if len(keep) == tape.n_inputs:
        return tape
    b = Builder()
    place = {k: b.input(tape.value(k)).id for k in keep}
    for i in range(tape.n_inputs, tape.rows):
        args = [place[a] for a in tape.args(i)]
        place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
    return b.finish([place[o] for o in tape.outputs])


def _branches(
    kind: str, params: dict[str, Any], args: list[int], read: list[int]
) -> tuple[list[int], list[int]]:
    names = ("then", "orelse") if kind == "cond" else ("body",)
    first = 1 if kind == "cond" else 0
    bodies = {name: optimised(params[name], read) for name in names}
    used = sorted(set().union(*(reached(body, body.outputs) for body in bodies.values())))
    for name, body in bodies.items():
        params[name] = with_inputs(body, used)
    return [*args[:first], *(args[first + k] for k in used)], read


def _loop(
    b: Builder, kind: str, params: dict[str, Any], args: list[int], read: list[int]
) -> tuple[list[int], list[int]]:
    first = 1 if kind == "for" else 0
    extra = 0 if kind == "for" else 1  # a ``while`` also gives the number of its rounds
    carry = params["carry"]
    n_shared = params["shared"] if kind == "for" else len(args) - carry
    body = params["body"]
    # Outputs of the body, by position: result k of a ``while`` behind the rounds is one less.
    wanted = {k if k < carry else k - extra for k in read if not (extra and k == carry)}
    tested: set[int] = set()
    if kind == "while":
        params["test"] = optimised(params["test"])
        asked = reached(params["test"], params["test"].outputs)
        tested = {k for k in asked if k < carry}
    outputs: list[int] = list(range(len(body.outputs)))
    before: list[int] | None = None
    while before != outputs:  # a smaller body may need still fewer carried values
        before = outputs
        outputs = _live_outputs(body, outputs, carry, wanted, tested)
        body = optimised(body, [before.index(k) for k in outputs])
    carried = [k for k in outputs if k < carry]
    needed = reached(body, body.outputs)
    if kind == "while":
        needed |= {1 + k for k in asked}
    shared = [k for k in range(carry, carry + n_shared) if 1 + k in needed]
    stacked = [k for k in range(carry + n_shared, len(args) - first) if 1 + k in needed]
    keep = [*carried, *shared, *stacked]
    body = with_inputs(body, [0, *(1 + k for k in keep)])
    if kind == "while":
        params["test"] = with_inputs(params["test"], keep)
    params["carry"] = len(carried)
    certain = kind == "for" and params["length"] > 0
    given = [args[first + k] for k in (*carried, *shared)]
    body, lifted = lift(b, body, len(carried), given[len(carried) :], certain)
    if kind == "for":
        params["shared"] = len(shared) + len(lifted)
    else:
        params["test"] = _with_more(params["test"], [b.aval(x) for x in lifted])
    params["body"] = dce(body)
    operands = [*args[:first], *given, *lifted, *(args[first + k] for k in stacked)]
    kept = [k for k in outputs if k < carry]
    if extra:
        kept.append(carry)
    return operands, kept + [k + extra for k in outputs if k >= carry]


def _live_outputs(
    body: Tape, outputs: list[int], carry: int, wanted: set[int], tested: set[int]
) -> list[int]:
    """Return the outputs that matter, by their old numbers: read ones and the carries they need."""
    at = {k: body.outputs[n] for n, k in enumerate(outputs)}
    live = (wanted | tested) & set(outputs)
    while True:
        needed = reached(body, [at[k] for k in live])
        more = ({i - 1 for i in needed if 1 <= i <= carry} & set(outputs)) - live
        if not more:
            return sorted(live)
        live = live | more


def _with_more(tape: Tape, avals: Sequence[Any]) -> Tape:
    """Return a tape that takes further inputs and does not read them."""
    if not avals:
        return tape
    b = Builder()
    place = {k: b.input(tape.value(k)).id for k in range(tape.n_inputs)}
    for a in avals:
        b.input(a)
    for i in range(tape.n_inputs, tape.rows):
        args = [place[a] for a in tape.args(i)]
        place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
    return b.finish([place[o] for o in tape.outputs])
