"""Sums that a loop starts from zeros, started from what they are added to.

The reverse of a loop in a loop gives for an array that both read a sum of its own in each round of
the outer one, from zeros, and then adds it to the outer sum:

    for i: (t = 0; for j: t[p] += u);  s = s + t    becomes    for i, j: s[p] += u.

With zeros, a round of the outer loop takes time in proportion to the array, however few of its
elements the inner loop reads. Only arrays are joined; numbers are as fast apart.

The additions may stand in branches, as they do where rounds are skipped whose cotangent is zero.

Invariant: the loop does nothing with the sum but add to it. The order of the sum changes.
"""

from __future__ import annotations

from ..tape.ir import Builder, Tape

_ADDS = frozenset(["add_slice", "dynamic_add", "scatter_add", "add"])


def joined_sums(tape: Tape) -> Tape:
    """Return the tape with such sums started from what they are added to."""
    starts, ends = _found(tape)
    if not ends:
        return tape
    b = Builder()
    place: list[int] = []
    for i in range(tape.rows):
        if i in ends:
            place.append(place[ends[i]])
            continue
        args = [place[a] for a in tape.args(i)]
        for k, other in starts.get(i, {}).items():
            args[k] = place[other]
        place.append(b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i]))
    return b.finish([place[o] for o in tape.outputs])


def _found(tape: Tape) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
    """Return new operands of loops, by position, and for each sum that vanishes the loop's result."""
    readers: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers.setdefault(a, []).append(i)
    starts: dict[int, dict[int, int]] = {}
    ends: dict[int, int] = {}
    for out in range(tape.n_inputs, tape.rows):
        if tape.prim(out).emit.kind != "out" or out in tape.outputs or not tape.value(out).shape:
            continue
        loop, k = tape.args(out)[0], tape.params(out)["k"]
        if tape.prim(loop).name != "for" or k >= tape.params(loop)["carry"]:
            continue
        users = readers.get(out, [])
        if len(users) != 1 or tape.prim(users[0]).name != "add":
            continue
        one, other = tape.args(users[0])
        other = one if other == out else other
        alike = tape.value(other) == tape.value(out) == tape.value(users[0])
        fresh = other < loop and alike and _is_zero(tape, tape.args(loop)[1 + k])
        if fresh and _only_adds(body := tape.params(loop)["body"], body.outputs[k], 1 + k):
            starts.setdefault(loop, {})[1 + k] = other
            ends[users[0]] = out
    return starts, ends


def _is_zero(tape: Tape, i: int) -> bool:
    while tape.prim(i).name in ("broadcast_to", "reshape"):
        i = tape.args(i)[0]
    return tape.prim(i).name == "lit" and tape.params(i)["value"] == 0


def _only_adds(body: Tape, end: int, start: int) -> bool:
    """Whether value `end` is input `start` with something added, which is read nowhere else."""
    count: dict[int, int] = {}
    for i in range(body.n_inputs, body.rows):
        for a in body.args(i):
            count[a] = count.get(a, 0) + 1
    for o in body.outputs:
        count[o] = count.get(o, 0) + 1
    at = end
    while at != start:
        prim, args = body.prim(at), body.args(at)
        if count[at] != 1:
            return False
        if prim.name in _ADDS:
            sides = args[:2] if prim.name == "add" else args[:1]
            found = [a for a in sides if _leads_to(body, a, start)]
            if len(found) != 1 or body.value(found[0]).shape != body.value(at).shape:
                return False
            at = found[0]
        elif prim.emit.kind == "out":
            before = _before(body, args[0], body.params(at)["k"])
            if before is None:
                return False
            at = before
        else:
            return False
    return count.get(at, 0) == 1


def _before(body: Tape, i: int, k: int) -> int | None:
    """Return the operand of a loop or branch to which its result `k` only adds, if there is one."""
    name, params, args = body.prim(i).name, body.params(i), body.args(i)
    if name == "for" and k < params["carry"]:
        inner = params["body"]
        return args[1 + k] if _only_adds(inner, inner.outputs[k], 1 + k) else None
    if name == "cond":
        sides = [params["then"], params["orelse"]]
        ways = range(sides[0].n_inputs)
        found = (x for x in ways if all(_only_adds(s, s.outputs[k], x) for s in sides))
        return next((args[1 + x] for x in found), None)
    return None


def _leads_to(body: Tape, i: int, start: int) -> bool:
    """Whether a value is input `start` with something added to it, as far as names tell."""
    todo, seen = [i], set[int]()
    while todo:
        i = todo.pop()
        if i == start:
            return True
        if i in seen or i < body.n_inputs:
            continue
        seen.add(i)
        prim, args = body.prim(i), body.args(i)
        if prim.name == "add":
            todo += args
        elif prim.name in _ADDS:
            todo.append(args[0])
        elif prim.emit.kind == "out":
            before = _before(body, args[0], body.params(i)["k"])
            todo += [] if before is None else [before]
    return False
