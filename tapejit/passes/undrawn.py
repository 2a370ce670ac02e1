"""Refuse derivatives through parameters of draws, also where no cotangent comes along.

The number of events n that poisson(lam) gives is an integer: no cotangent reaches the draw, and its
rule is not asked. The gradient with respect to lam would silently lack what moves n. So the reverse
sweep looks first: a draw that the outputs read, with a parameter that depends smoothly on what is
differentiated, is an error.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS, TupleAval
from ..rules.random import refusal
from ..tape.ir import PARAMS, Builder, Sym, Tape
from ..tape.pieces import load
from ..tape.primitive import BY_NAME, PRIMITIVES
from ..tape.tokens import draws


def smooth(prim_id: int) -> bool:
    """Whether a primitive has a derivative, or hands on those of its parts."""
    prim = PRIMITIVES[prim_id]
    return prim.jvp is not None or prim.vjp is not None or prim.emit.kind == "out"


def dependents(b: Builder, sources: Sequence[Sym], stop: int) -> set[int]:
    """Return the ids below `stop` whose value may change smoothly with `sources`."""
    found = {s.id for s in sources}
    if not found:
        return found
    for i in range(min(found) + 1, stop):
        if any(k in found for k in b.arg[b.off[i] : b.off[i + 1]]) and smooth(b.op[i]):
            aval = AVALS[b.avals[i]]
            if isinstance(aval, TupleAval) or aval.inexact:
                found.add(i)
    return found


def refuse_draws(b: Builder, live: set[int], outputs: Sequence[Sym], stop: int) -> None:
    """Raise when a draw that `outputs` read has a parameter among `live`.

    Raises
    ------
    UnsupportedError
        With the method, the parameter and the user's line.
    """
    rows = [i for i in sorted(live) if i < stop and _may_draw(b, i)]
    if not rows:
        return
    reads = {y.id for y in outputs}
    for i in range(max(reads, default=-1), -1, -1):
        if i in reads:
            reads.update(b.arg[b.off[i] : b.off[i + 1]])
    for i in rows:
        if i in reads:
            _look(b, i, live)


def _may_draw(b: Builder, i: int) -> bool:
    if b.op[i] == BY_NAME["draw"].index:
        return True
    return any(isinstance(v, Tape) and draws(v) for v in PARAMS[b.param[i]].values())


def _look(b: Builder, i: int, live: set[int]) -> None:
    """Look at one row that draws, or holds bodies that do."""
    prim, params = PRIMITIVES[b.op[i]], PARAMS[b.param[i]]
    args = b.arg[b.off[i] : b.off[i + 1]]
    if prim.name == "draw":
        names = params["names"]
        moving = [n for n, k in zip(names, args[1:]) if k in live and b.aval(k).inexact]
        if moving:
            raise refusal(params["method"], moving, b.lines[i])
        return
    shift = {"while": 1, "cond": -1}.get(prim.name, 0)
    carry = params["carry"] if prim.name in ("for", "while") else 0
    for body in params.values():
        if isinstance(body, Tape) and body is not params.get("test"):
            given = {k + shift for k, a in enumerate(args) if a in live}
            _look_inside(body, given - {-1}, carry)


def _look_inside(body: Tape, given: set[int], carry: int) -> None:
    """Look at the rows of a body of which these inputs move."""
    s = load(body)
    while True:
        live = dependents(s, [Sym(s, k) for k in sorted(given)], len(s))
        more = {k + 1 for k in range(carry) if body.outputs[k] in live} - given
        if not more:
            break
        given = given | more
    for i in sorted(live):
        if i >= body.n_inputs and _may_draw(s, i):
            _look(s, i, live)
