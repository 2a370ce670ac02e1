"""Reverse mode: append the adjoint of a stretch of rows to the same tape.

The reverse sweep visits the rows between the inputs and the outputs backwards; each asks its
primitive for the cotangents of its operands, which are rows again. A cotangent that is None is
zero and costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.avals import AVALS
from ..core.errors import UnsupportedError
from ..core.sources import LINES
from ..tape.ir import PARAMS, Builder, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES
from .undrawn import dependents, refuse_draws


def adjoint(
    b: Builder, outputs: Sequence[Sym], cts: Sequence[Sym | None], inputs: Sequence[Sym]
) -> list[Sym | None]:
    """Append the reverse sweep and return the cotangent of each input, None being zero.

    Parameters
    ----------
    outputs, cts : sequences of Sym
        The outputs and their cotangents (of the same shape and dtype; None is zero).
    inputs : sequence of Sym
        The values to differentiate with respect to; rows that `outputs` do not reach through them
        are left alone.
    """
    stop = len(b)
    live = dependents(b, inputs, stop)
    refuse_draws(b, live, outputs, stop)
    found: dict[int, Sym] = {}
    parts: dict[int, dict[int, Sym]] = {}
    for y, ct in zip(outputs, cts):
        if ct is not None and y.id in live:
            accumulate(b, found, y.id, ct)
    out_op, lit_op = BY_NAME["out"].index, BY_NAME["lit"].index
    ends = {s.id for s in inputs}
    line, outer = b.line, b.active
    b.active = live
    mark = stop
    first = min(ends, default=stop)
    kept = {y.id for y in outputs}
    for i in range(stop - 1, first, -1):
        if b.eager and i + 1 < stop and i + 1 not in kept:
            _let_go(b, i + 1, mark, found, parts)
        mark = len(b)
        ct = found.get(i)
        if i in ends or i not in live or (ct is None and i not in parts):
            continue
        args = list(b.arg[b.off[i] : b.off[i + 1]])
        params = PARAMS[b.param[i]]
        b.line = b.lines[i]
        if b.op[i] == out_op:
            assert ct is not None
            accumulate(b, parts.setdefault(args[0], {}), params["k"], ct)
            del found[i]
            continue
        prim = PRIMITIVES[b.op[i]]
        if prim.vjp is None:
            if prim.jvp is not None:
                raise UnsupportedError(
                    f"{prim.name} has no reverse-mode rule ({LINES[b.lines[i]]}); use jvp or jacfwd"
                )
            continue
        xs = [Sym(b, k) for k in args]
        if i in parts:
            items = AVALS[b.avals[i]].items  # type: ignore[union-attr]
            whole = Sym(b, i)
            results = tuple(b.out(whole, k) for k in range(len(items)))
            given: Any = tuple(parts[i].get(k) for k in range(len(items)))
            gate = any(g is not None and g.id in b.masked for g in given)
            back = prim.vjp(given, results, *xs, **params)
        else:
            assert ct is not None
            gate = ct.id in b.masked
            back = prim.vjp(ct, Sym(b, i), *xs, **params)
            del found[i]
        for k, x_ct in zip(args, back):
            if x_ct is None or k not in live or b.op[k] == lit_op:
                continue
            if gate or prim.masks:
                b.masked.add(x_ct.id)
            accumulate(b, found, k, x_ct)
    b.line, b.active = line, outer
    return [found.get(s.id) for s in inputs]


def _let_go(
    b: Builder, i: int, mark: int, found: dict[int, Sym], parts: dict[int, dict[int, Sym]]
) -> None:
    """Drop large values that the rest of the sweep does not read.

    Row `i` has been passed, and of the rows appended since `mark` only the cotangents that wait to
    be passed on are read again. A gradient of a long function then needs the memory of its forward
    values, not that of all it computes on the way.
    """
    large = [k for k in (i, *range(mark, len(b))) if b.is_large(k)]
    if not large:
        return  # what waits may be many: a sum over a thousand parameters
    waiting = {ct.id for ct in found.values()}
    waiting.update(ct.id for some in parts.values() for ct in some.values())
    for k in large:
        if k not in waiting:
            b.drop(k)


def accumulate(b: Builder, found: dict[int, Sym], key: int, ct: Sym) -> None:
    """Add a cotangent to what is known; scattered ones are added in place of a dense sum."""
    known = found.get(key)
    if known is None:
        found[key] = ct
        return
    prim = PRIMITIVES[b.op[ct.id]]
    args = b.arg[b.off[ct.id] : b.off[ct.id + 1]]
    if prim.name in SCATTERS and is_zeros(b, args[0]):
        rest = [Sym(b, k) for k in args[1:]]
        total = prim(known, *rest, **PARAMS[b.param[ct.id]])
    else:
        other = PRIMITIVES[b.op[known.id]]
        args = b.arg[b.off[known.id] : b.off[known.id + 1]]
        if other.name in SCATTERS and is_zeros(b, args[0]):
            rest = [Sym(b, k) for k in args[1:]]
            total = other(ct, *rest, **PARAMS[b.param[known.id]])
        else:
            total = known + ct
    if known.id in b.masked and ct.id in b.masked:
        b.masked.add(total.id)
    found[key] = total


SCATTERS = {"add_slice", "scatter_add", "dynamic_add"}


def is_zeros(b: Builder, i: int) -> bool:
    """Whether a row is a broadcast literal zero."""
    name = PRIMITIVES[b.op[i]].name
    if name == "broadcast_to":
        return is_zeros(b, b.arg[b.off[i]])
    return name == "lit" and PARAMS[b.param[i]]["value"] == 0
