"""Index checks that cannot fail are removed: what ranges whole numbers lie in.

The index of a loop of n rounds lies in 0..n-1, and sums, differences, products, quotients, minima and
maxima of bounded numbers are bounded, as is what a quotient leaves. ``wrap_index`` of a number in
0..size-1 is that number, of one in -size..-1 it is the number plus size, and neither can raise. Left
are the checks of what is known only when the kernel runs; without the others, windows of loops cost
what they cost in C.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from .rewrite import rewrite
from .schedule import ROLLED

Bounds = tuple[int, int]
LIMIT = 1 << 62
"""Beyond this nothing is claimed, so that no sum of two bounds leaves int64."""


def checks_left(tape: Tape, known: dict[int, Bounds] | None = None) -> Tape:
    """Return the tape without the index checks that hold for certain.

    Parameters
    ----------
    known : dict
        The ranges of inputs.
    """
    if not any(
        tape.prim(i).name in RULES or tape.prim(i).emit.kind in ROLLED for i in range(tape.rows)
    ):
        return tape
    found: dict[int, Bounds] = dict(known or {})

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.emit.kind in ROLLED:
            return b.append(
                row.prim.index, args, tape.aval[row.id], param_id(_inside(row, args, found))
            )
        if not isinstance(row.aval, Aval) or row.aval.shape or row.aval.dtype.kind not in "iu":
            return None
        rule = RULES.get(row.prim.name)
        if row.prim.name == "lit":
            bounds: Bounds | None = (row.params["value"], row.params["value"])
        elif rule is None:
            return None
        else:
            given = [found.get(a) for a in args]
            if row.prim.name == "where":
                given[0] = (0, 1)
            whole = all(x is not None for x in given)
            bounds = (
                rule(row.params, *given)
                if whole
                else UNKNOWN.get(row.prim.name, _nothing)(row.params)
            )
        if bounds is None or not _fits(bounds, row.aval):
            return None
        if row.prim.name in ("wrap_index", "window_start"):
            same = _unchecked(b, row, args, found.get(args[0]))
            if same is not None:
                found.setdefault(same, bounds)
                return same
        found[len(b)] = bounds
        return None

    return rewrite(tape, visit)


def _fits(bounds: Bounds, aval: Aval) -> bool:
    """Whether a result in these bounds cannot have wrapped around."""
    limits = np.iinfo(aval.dtype)
    return max(-LIMIT, limits.min) <= bounds[0] <= bounds[1] <= min(LIMIT, limits.max)


def _unchecked(b: Builder, row: Row, args: list[int], given: Bounds | None) -> int | None:
    """Return the position that a checked index is for certain."""
    if given is None:
        return None
    low, high = given
    size, length = row.params["size"], row.params.get("length", 1)
    x = Sym(b, args[0])
    if low >= 0 and high <= size - length:
        return b.cast(x, row.aval.dtype).id  # type: ignore[union-attr]
    if -size <= low and high <= -length:
        return b.cast(x + size, row.aval.dtype).id  # type: ignore[union-attr]
    return None


def _nothing(params: dict[str, Any]) -> Bounds | None:
    return None


def _positions(params: dict[str, Any], *given: Bounds) -> Bounds:
    return 0, params["size"] - params.get("length", 1)


def _product(params: dict[str, Any], x: Bounds, y: Bounds) -> Bounds:
    corners = [a * b for a in x for b in y]
    return min(corners), max(corners)


def _quotient(params: dict[str, Any], x: Bounds, y: Bounds) -> Bounds | None:
    corners = [a // b for a in x for b in y if b > 0]
    return (min(corners), max(corners)) if y[0] > 0 else None


def _remainder(params: dict[str, Any], x: Bounds, y: Bounds) -> Bounds | None:
    if y[0] <= 0:
        return None
    return x if x[0] >= 0 and x[1] < y[0] else (0, y[1] - 1)


RULES: dict[str, Any] = {
    "lit": None,
    "add": lambda params, x, y: (x[0] + y[0], x[1] + y[1]),
    "subtract": lambda params, x, y: (x[0] - y[1], x[1] - y[0]),
    "multiply": _product,
    "negative": lambda params, x: (-x[1], -x[0]),
    "minimum": lambda params, x, y: (min(x[0], y[0]), min(x[1], y[1])),
    "maximum": lambda params, x, y: (max(x[0], y[0]), max(x[1], y[1])),
    "floor_divide": _quotient,
    "remainder": _remainder,
    "where": lambda params, test, x, y: (min(x[0], y[0]), max(x[1], y[1])),
    "cast": lambda params, x: x,
    "copy": lambda params, x: x,
    "wrap_index": _positions,
    "window_start": _positions,
}
UNKNOWN: dict[str, Any] = {"wrap_index": _positions, "window_start": _positions}


def _inside(row: Row, args: list[int], found: dict[int, Bounds]) -> dict[str, Any]:
    """Return the parameters of a row with the checks of its bodies removed."""
    params: dict[str, Any] = dict(row.params)
    kind = row.prim.emit.kind
    if kind in ("cond", "body"):
        first = 1 if kind == "cond" else 0
        known = {k: found[a] for k, a in enumerate(args[first:]) if a in found}
        for name in ("then", "orelse") if kind == "cond" else ("body",):
            params[name] = checks_left(params[name], known)
        return params
    carry = params["carry"]
    first = 1 if kind == "for" else 0
    shared = params["shared"] if kind == "for" else len(args) - carry
    known = {
        1 + k: found[args[first + k]]
        for k in range(carry, carry + shared)
        if args[first + k] in found
    }
    if kind == "for" and args[0] in found:
        known[0] = (0, max(found[args[0]][1] - 1, 0))
    params["body"] = checks_left(params["body"], known)
    if kind == "while":
        params["test"] = checks_left(params["test"], {k - 1: v for k, v in known.items() if k})
    return params
