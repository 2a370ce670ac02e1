"""Rows with bodies, reduced to what is read of them, and bodies to what changes between rounds.

A loop drops the stacks that nobody reads, the carried values that only feed themselves, and the
operands that its body no longer reads; what every round hands on unchanged is shared, and shared
literals are literals of the body. A branch drops results and operands. Bodies are optimised as
tapes are. Then what a loop's body computes from shared values alone is moved in front of the loop,
see `invariants`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.avals import aval_id
from ..tape.ir import PARAMS, Builder, Row, Tape, param_id
from ..tape.primitive import BY_NAME, PRIMITIVES, Params
from .cse import cse
from .dce import dce
from .invariants import lift
from .joined_sums import joined_sums
from .schedule import ROLLED
from .simplify import simplify


def trim(tape: Tape) -> Tape:
    """Return the tape with its loops, branches and calls reduced."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.rows)):
        return tape
    tape = joined_sums(tape)
    read: dict[int, set[int]] = {}
    for row in tape:
        if row.prim.emit.kind == "out":
            read.setdefault(row.args[0], set()).add(row.params["k"])
    b = Builder()
    place: list[int] = []
    # For each new row with bodies, what stands for its old results: a value, or its result number.
    stands: dict[int, dict[int, int]] = {}
    result: dict[int, dict[int, int]] = {}
    for row in tape:
        args = [place[a] for a in row.args]
        b.line = row.line
        if row.prim.emit.kind in ROLLED and row.id not in tape.outputs:
            params: dict[str, Any] = dict(row.params)
            reduce = _loop if row.prim.emit.kind in ("for", "while") else _branches
            args, kept, same = reduce(b, row, params, args, sorted(read.get(row.id, ())))
            aval = aval_id(row.prim.infer(*[b.aval(a) for a in args], **params))
            found = b.append(row.prim.index, args, aval, param_id(params))
            result[found], stands[found] = {k: n for n, k in enumerate(kept)}, same
        elif row.prim.emit.kind == "out" and args[0] in result:
            k = row.params["k"]
            if k in stands[args[0]]:
                found = stands[args[0]][k]
            else:
                pid = param_id({"k": result[args[0]][k]})
                found = b.append(tape.op[row.id], args, tape.aval[row.id], pid)
        else:
            found = b.append(tape.op[row.id], args, tape.aval[row.id], tape.param[row.id])
        place.append(found)
    return b.finish([place[o] for o in tape.outputs])


Reduced = tuple[list[int], list[int], dict[int, int]]
"""The operands of a reduced row, which old results it has, and what stands for others."""


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


def with_inputs(tape: Tape, keep: Sequence[int], lits: Mapping[int, Params] | None = None) -> Tape:
    """Return the tape with some of its inputs, in this order; nothing reads the others.

    Inputs in `lits` become the literals given there.
    """
    b = Builder()
    place = {k: b.input(tape.value(k)).id for k in keep}
    for k, params in (lits or {}).items():
        lit = BY_NAME["lit"].index
        place[k] = b.append(lit, (), aval_id(tape.value(k)), param_id(params))
    for i in range(tape.n_inputs, tape.rows):
        args = [place[a] for a in tape.args(i)]
        place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
    return b.finish([place[o] for o in tape.outputs])


def _branches(
    b: Builder, row: Row, params: dict[str, Any], args: list[int], read: list[int]
) -> Reduced:
    kind = row.prim.emit.kind
    names = ("then", "orelse") if kind == "cond" else ("body",)
    first = 1 if kind == "cond" else 0
    bodies = {name: optimised(params[name], read) for name in names}
    used = sorted(set().union(*(reached(body, body.outputs) for body in bodies.values())))
    for name, body in bodies.items():
        params[name] = with_inputs(body, used)
    return [*args[:first], *(args[first + k] for k in used)], read, {}


def _loop(
    b: Builder, row: Row, params: dict[str, Any], args: list[int], read: list[int]
) -> Reduced:
    kind = row.prim.emit.kind
    first = 1 if kind == "for" else 0
    extra = 0 if kind == "for" else 1  # a ``while`` also gives the number of its rounds
    carry = params["carry"]
    n_shared = params["shared"] if kind == "for" else len(args) - carry
    body = params["body"]
    # Outputs of the body, by position: result k of a ``while`` behind the rounds is one less.
    wanted = {k if k < carry else k - extra for k in read if not (extra and k == carry)}
    tested: set[int] = set()
    asked: set[int] = set()
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
    # A value that every round hands on as it is, is shared.
    through = [k for n, k in enumerate(outputs) if k < carry and body.outputs[n] == 1 + k]
    if through:
        body = optimised(body, [n for n, k in enumerate(outputs) if k not in through])
        outputs = [k for k in outputs if k not in through]
    carried = [k for k in outputs if k < carry]
    others = [*through, *range(carry, carry + n_shared)]
    known = {k: literal for k in others if (literal := _literal(b, args[first + k])) is not None}
    needed = reached(body, body.outputs) | {1 + k for k in asked}
    shared = [k for k in others if 1 + k in needed and k not in known]
    stacked = [k for k in range(carry + n_shared, len(args) - first) if 1 + k in needed]
    keep = [*carried, *shared, *stacked]
    body = with_inputs(
        body, [0, *(1 + k for k in keep)], {1 + k: value for k, value in known.items()}
    )
    if known:
        body = optimised(body)
    params["carry"] = len(carried)
    certain = kind == "for" and params["length"] > 0
    given = [args[first + k] for k in (*carried, *shared)]
    body, lifted = lift(b, body, len(carried), given[len(carried) :], certain)
    params["body"] = dce(body)
    if kind == "for":
        params["shared"] = len(shared) + len(lifted)
    else:
        test = with_inputs(params["test"], keep, known)
        params["test"] = _with_more(test, [b.aval(x) for x in lifted])
    operands = [*args[:first], *given, *lifted, *(args[first + k] for k in stacked)]
    kept = [k for k in outputs if k < carry]
    if extra:
        kept.append(carry)
    kept += [k + extra for k in outputs if k >= carry]
    return operands, kept, {k: args[first + k] for k in through}


def _literal(b: Builder, i: int) -> Params | None:
    """Return the parameters of a row that is a literal."""
    return PARAMS[b.param[i]] if PRIMITIVES[b.op[i]].name == "lit" else None


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
