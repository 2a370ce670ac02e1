"""Rounds of a reversed loop that have nothing to pass on are skipped.

The reverse of ``D[i, j] = f(D[i - 1, j], D[i, j - 1], ...)`` reads the cotangent of D[i, j], clears it,
and adds its multiples elsewhere. A hard minimum makes most of these cotangents exactly zero, and what
is added then is zero too: such a round is a branch on the cotangent. Loops that could run in vector
registers are left alone: only rounds that add to the very array that they read are changed.

A running maximum, ``best = max(best, D[i, j])``, hands its cotangent to the one round that has set it.
Such a round is a branch on the cotangent and on that choice, too.

This is done when a tape is finished and never before it is differentiated again: a cotangent that is
zero here may have a derivative that is not, as that of a**2 at zero. Only the reverse loops of adjoints
count down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..rules.declare import ops, zeros_like
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.pieces import extract, inline, load
from .rewrite import rewrite
from .schedule import ROLLED

_UPDATES = frozenset(["dynamic_update", "dynamic_add", "add_slice"])
_KEEP = frozenset(["negative", "cast", "copy", "reshape", "broadcast_to", "transpose", "slice"])


def sparse_rounds(tape: Tape) -> Tape:
    """Return the tape with rounds of reverse loops skipped, in bodies too."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.n_inputs, tape.rows)):
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.emit.kind not in ROLLED:
            return None
        params: dict[str, Any] = dict(row.params)
        params.update((k, sparse_rounds(v)) for k, v in params.items() if isinstance(v, Tape))
        if row.prim.name == "for" and params["reverse"]:
            params["body"] = skip_zero_rounds(params["body"], params["carry"])
        return b.append(row.prim.index, args, tape.aval[row.id], param_id(params))

    return rewrite(tape, visit)


def skip_zero_rounds(body: Tape, carry: int) -> Tape:
    """Return the body of a reverse round as a branch on the one cotangent that it reads, if it is so."""
    seed = _seed(body, carry)
    if seed is None:
        return body
    choices = _choices(body, carry)
    if not _vanishes(body, carry, seed, choices):
        return body
    s = load(body)
    b = Builder()
    ins = [b.input(body.value(k)) for k in range(body.n_inputs)]
    given = inline(extract(s, range(body.n_inputs), [seed, *choices]), b, ins)
    flag = ops.not_equal(given[0], 0.0)
    for choice in given[1:]:
        flag = ops.logical_or(flag, choice)
    idle = Builder()
    same = [idle.input(body.value(k)) for k in range(body.n_inputs)]
    outs: list[Sym] = list(same[1 : 1 + carry])
    for o in body.outputs[carry:]:
        aval = body.value(o)
        outs.append(zeros_like(idle.lit(0.0, type(aval)(aval.dtype)), aval.shape))
    made = ops.cond.on(b, flag, *ins, then=body, orelse=idle.finish(outs))
    return b.finish(b.outs(made))


def _windows(body: Tape, carry: int) -> list[int]:
    """Return the windows that a round reads of carried arrays."""
    return [r.id for r in body if r.prim.name == "dynamic_slice" and 1 <= r.args[0] <= carry]


def _seed(body: Tape, carry: int) -> int | None:
    """Return the one number of a carried array that a round reads, None when it reads more."""
    found = _windows(body, carry)
    if len(found) != 1:
        return None
    window = found[0]
    if body.value(window).size != 1:
        return None
    numbers = [r.id for r in body if r.args == (window,) and r.prim.name == "reshape"]
    return numbers[0] if numbers else None


def _choices(body: Tape, carry: int) -> list[int]:
    """Return the truth values by which a round takes what carried numbers hold, or nothing of it."""
    found = {
        r.args[0]: None
        for r in body
        if r.prim.name == "where" and 1 <= r.args[1] <= carry and body.value(r.args[0]).size == 1
        if body.value(r.args[1]).shape == () and _is_zero(body, r.args[2])
    }
    return list(found)


def _is_zero(body: Tape, i: int) -> bool:
    while body.prim(i).name in ("broadcast_to", "reshape", "copy", "cast"):
        i = body.args(i)[0]
    return body.prim(i).name == "lit" and body.params(i)["value"] == 0


def _vanishes(body: Tape, carry: int, seed: int, choices: Sequence[int] = ()) -> bool:
    """Whether a round changes nothing when the seed is zero and no choice is made."""
    window = body.args(seed)[0]
    zero = {window}
    same: dict[int, int] = {}  # what a row is, when no choice is made
    for row in body:
        name, args = row.prim.name, row.args
        if name in ("gated", "divide"):
            gone = bool(args) and args[0] in zero
        elif name == "multiply":
            gone = any(a in zero for a in args)
        elif name == "where" and args[0] in choices:
            same[row.id] = same.get(args[2], args[2])
            gone = args[2] in zero or _is_zero(body, args[2])
        elif name == "where":
            gone = all(a in zero or _is_zero(body, a) for a in args[1:])
        elif name in ("add", "subtract"):
            gone = all(a in zero for a in args)
        else:
            gone = name in _KEEP and args[0] in zero
        if gone:
            zero.add(row.id)
    home, *starts = body.args(window)
    again = False
    links = {window, *same}  # the rows that may read a carried value
    for k in range(carry):
        at = same.get(body.outputs[k], body.outputs[k])
        while at != 1 + k:
            name, args = body.prim(at).name, body.args(at)
            if name == "dynamic_update":
                cleared = _is_zero(body, args[1]) and list(args[2:]) == starts
                if not cleared or home != 1 + k:
                    return False
            elif name in ("dynamic_add", "add_slice", "add"):
                if name == "add" and args[0] in zero:
                    args = (args[1], args[0])
                if args[1] not in zero:
                    return False
                again = again or (name == "dynamic_add" and home == 1 + k)
            else:
                return False
            links.add(at)
            at = same.get(args[0], args[0])
    for row in body:
        if row.id not in links and any(1 <= a <= carry for a in row.args):
            return False
    return again and all(o in zero or _is_zero(body, o) for o in body.outputs[carry:])
