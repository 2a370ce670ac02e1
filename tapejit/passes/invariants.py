"""Rows of a loop's body that are the same in every round are computed once, in front of the loop.

A row is invariant when it reads only shared values, literals and invariant rows. Rows that may
raise move only when the loop is sure to run. A view of an array stays in the body: reading through
strides costs nothing, and what moves would be copied; a number that is read from an array moves, or
it would be loaded again in every round, since no compiler knows that no store changes it. A row
that is larger than what it is made of stays too: it is cheaper to compute than to read.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import Aval
from ..tape.ir import Builder, Tape

RAISES = {"wrap_index", "window_start"}
MOVED = ("elementwise", "reduce", "view", "window", "product", "concatenate", "iota", "call")
SHOWN = ("view", "window")


def lift(
    b: Builder, body: Tape, carry: int, shared: Sequence[int], certain: bool
) -> tuple[Tape, list[int]]:
    """Append the invariant rows of a loop's body to `b`.

    Parameters
    ----------
    carry : int
        The number of carried values; the body takes (i, carried, shared, elements).
    shared : sequence of int
        The rows of `b` that are its shared values.
    certain : bool
        Whether the loop runs at least once.

    Returns
    -------
    body : Tape
        The body; the rows that moved are further shared values, behind the others.
    moved : list of int
        Those values, as rows of `b`.
    """
    first = 1 + carry
    invariant = _invariant_rows(body, range(first, first + len(shared)), certain)
    needed = _needed(body, invariant)
    if not needed:
        return body, []
    outside: dict[int, int] = dict(zip(range(first, first + len(shared)), shared))

    def outer(i: int) -> int:
        if i not in outside:
            args = [outer(a) for a in body.args(i)]
            outside[i] = b.append(body.op[i], args, body.aval[i], body.param[i], body.line[i])
        return outside[i]

    moved = [outer(i) for i in needed]
    new = Builder()
    place: dict[int, int] = {}
    for k in range(body.n_inputs):
        if k == first + len(shared):
            place.update((i, new.input(_strong(body.value(i))).id) for i in needed)
        place[k] = new.input(body.value(k)).id
    if body.n_inputs == first + len(shared):
        place.update((i, new.input(_strong(body.value(i))).id) for i in needed)
    for i in range(body.n_inputs, body.rows):
        if i in place:
            continue
        args = [place[a] for a in body.args(i)]
        place[i] = new.append(body.op[i], args, body.aval[i], body.param[i], body.line[i])
    return new.finish([place[o] for o in body.outputs]), moved


def _strong(a: Aval) -> Aval:
    return Aval(a.dtype, a.shape)


def _invariant_rows(body: Tape, shared: range, certain: bool) -> set[int]:
    found = set(shared)
    fixed: set[int] = set()  # literals and views of them: known everywhere, never moved alone
    for i in range(body.n_inputs, body.rows):
        prim, args = body.prim(i), body.args(i)
        kind = prim.emit.kind
        if kind == "lit" or (kind == "view" and args[0] in fixed):
            fixed.add(i)
            continue
        if kind not in MOVED or prim.effect or not isinstance(body.any_aval(i), Aval):
            continue
        if not all(a in found or a in fixed for a in args):
            continue
        if prim.name in RAISES and not certain:
            continue
        size = body.value(i).size
        grows = kind == "elementwise" and size > max(body.value(a).size for a in args)
        if (args or kind == "iota") and any(a in found for a in args) | (not args) and not grows:
            found.add(i)
    return found


def _needed(body: Tape, invariant: set[int]) -> list[int]:
    """Return the invariant rows that the rest of the body reads as values."""
    needed: set[int] = set()
    stays: set[int] = set()

    def reads(a: int) -> None:
        if a not in invariant or a < body.n_inputs:
            return
        if body.prim(a).emit.kind in SHOWN and body.value(a).shape != ():
            if a not in stays:
                stays.add(a)
                for x in body.args(a):
                    reads(x)
        else:
            needed.add(a)

    for i in range(body.n_inputs, body.rows):
        if i not in invariant:
            for a in body.args(i):
                reads(a)
    for o in body.outputs:
        reads(o)
    return sorted(needed)
