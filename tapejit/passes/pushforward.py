"""Forward mode: append the tangents of a stretch of rows to the same tape."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS, TupleAval
from ..core.errors import UnsupportedError
from ..core.sources import LINES
from ..tape.ir import PARAMS, Builder, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES
from .undrawn import dependents


def pushforward(
    b: Builder, inputs: Sequence[Sym], tangents: Sequence[Sym | None], outputs: Sequence[Sym]
) -> list[Sym | None]:
    """Append the forward sweep and return the tangent of each output, None being zero."""
    stop = len(b)
    live = dependents(b, inputs, stop)
    found: dict[int, Sym] = {}
    parts: dict[int, tuple[Sym | None, ...]] = {}
    for x, t in zip(inputs, tangents):
        if t is not None:
            found[x.id] = t
    ends = {s.id for s in inputs}
    out_op = BY_NAME["out"].index
    line, outer = b.line, b.active
    b.active = live
    for i in range(min(ends, default=stop), stop):
        if i not in live or i in ends:
            continue
        args = list(b.arg[b.off[i] : b.off[i + 1]])
        params = PARAMS[b.param[i]]
        b.line = b.lines[i]
        if b.op[i] == out_op:
            part = parts.get(args[0])
            t = None if part is None else part[params["k"]]
            if t is not None:
                found[i] = t
            continue
        ts = [found.get(k) for k in args]
        if all(t is None for t in ts):
            continue
        prim = PRIMITIVES[b.op[i]]
        if prim.jvp is None:
            if prim.vjp is not None:
                raise UnsupportedError(
                    f"{prim.name} has no forward-mode rule ({LINES[b.lines[i]]}); use vjp or jacrev"
                )
            continue
        xs = [Sym(b, k) for k in args]
        aval = AVALS[b.avals[i]]
        if isinstance(aval, TupleAval):
            whole = Sym(b, i)
            results = tuple(b.out(whole, k) for k in range(len(aval.items)))
            parts[i] = tuple(prim.jvp(ts, results, *xs, **params))
        else:
            t = prim.jvp(ts, Sym(b, i), *xs, **params)
            if t is not None:
                found[i] = t
    b.line, b.active = line, outer
    return [found.get(y.id) for y in outputs]
