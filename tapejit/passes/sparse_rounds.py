"""Rounds of a reversed loop that have nothing to pass on are skipped.

The reverse of ``D[i, j] = f(D[i - 1, j], D[i, j - 1], ...)`` reads the cotangent of D[i, j], clears it,
and adds its multiples elsewhere. A hard minimum makes most of these cotangents exactly zero, and what
is added then is zero too: such a round is a branch on the cotangent. Loops that could run in vector
registers are left alone: only rounds that add to the very array that they read are changed.
"""

from __future__ import annotations

from ..rules.declare import ops, zeros_like
from ..tape.ir import Builder, Sym, Tape
from ..tape.pieces import extract, inline, load

_UPDATES = frozenset(["dynamic_update", "dynamic_add", "add_slice"])
_KEEP = frozenset(["negative", "cast", "copy", "reshape", "broadcast_to", "transpose", "slice"])


def skip_zero_rounds(body: Tape, carry: int) -> Tape:
    """Return the body of a reverse round as a branch on the one cotangent that it reads, if it is so."""
    seed = _seed(body, carry)
    if seed is None or not _vanishes(body, carry, seed):
        return body
    s = load(body)
    b = Builder()
    ins = [b.input(body.value(k)) for k in range(body.n_inputs)]
    (value,) = inline(extract(s, range(body.n_inputs), [seed]), b, ins)
    idle = Builder()
    same = [idle.input(body.value(k)) for k in range(body.n_inputs)]
    outs: list[Sym] = list(same[1 : 1 + carry])
    for o in body.outputs[carry:]:
        aval = body.value(o)
        outs.append(zeros_like(idle.lit(0.0, type(aval)(aval.dtype)), aval.shape))
    made = ops.cond.on(b, ops.not_equal(value, 0.0), *ins, then=body, orelse=idle.finish(outs))
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


def _is_zero(body: Tape, i: int) -> bool:
    while body.prim(i).name in ("broadcast_to", "reshape", "copy", "cast"):
        i = body.args(i)[0]
    return body.prim(i).name == "lit" and body.params(i)["value"] == 0


def _vanishes(body: Tape, carry: int, seed: int) -> bool:
    """Whether a round changes nothing when the seed is zero."""
    window = body.args(seed)[0]
    zero = {window}
    for row in body:
        name, args = row.prim.name, row.args
        if name in ("gated", "divide"):
            gone = bool(args) and args[0] in zero
        elif name == "multiply":
            gone = any(a in zero for a in args)
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
    links = {window}  # the rows that may read a carried value
    for k in range(carry):
        at = body.outputs[k]
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
            at = args[0]
    for row in body:
        if row.id not in links and any(1 <= a <= carry for a in row.args):
            return False
    return again and all(o in zero or _is_zero(body, o) for o in body.outputs[carry:])
