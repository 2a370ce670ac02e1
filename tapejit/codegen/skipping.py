"""Loops that go from one round that does something to the next.

Where a round of a reversed loop is a branch on one element of a carried array and hands everything on
unchanged when that element is zero (`passes.sparse_rounds`), and the rounds look at elements that lie
side by side, the loop searches for the next element that is not zero, see ``kernels.searching``:

    for i = n-1 .. 0: if c[a + i] != 0: step       i = n
                                            =>     while (i = last k < i with c[a + k] != 0) >= 0: step

A step may change elements that are still to be looked at: they lie below i, and are read after it.
"""

from __future__ import annotations

from ..passes.carried_elements import Affine, Places
from ..passes.views import strides_of
from ..tape.ir import Tape
from .values import Values


def searched(inner: Values, carry: int, shared: int) -> str | None:
    """Return the pointer to the element of round 0, None where a loop has to run all rounds."""
    body = inner.tape
    flag = _flag_of_idle_branch(body, carry)
    if flag is None or body.prim(flag).name != "not_equal":
        return None
    seed, zero = body.args(flag)
    if body.prim(zero).name != "lit" or body.params(zero)["value"] != 0:
        return None
    while body.prim(seed).name == "reshape":
        seed = body.args(seed)[0]
    if body.prim(seed).name != "dynamic_slice" or body.value(seed).size != 1:
        return None
    array, *starts = body.args(seed)
    if not 1 <= array <= carry or body.value(array).dtype.kind != "f":
        return None
    places = Places(body, carry, shared).place(starts)
    if places is None or [p.slope for p in places] != [0] * (len(places) - 1) + [1]:
        return None
    if any(r >= body.n_inputs for p in places for r in p.rows):
        return None
    strides = strides_of(body.value(array).shape)
    if strides[-1] != 1:
        return None
    return f"memory.shift({inner.pointer(array)}, {_first(inner, places, strides)})"


def _flag_of_idle_branch(body: Tape, carry: int) -> int | None:
    """Return the flag of the branch that is the whole body and else hands on what it was given."""
    if len(body.outputs) != carry or any(body.prim(o).name != "out" for o in body.outputs):
        return None
    branch = {body.args(o)[0] for o in body.outputs}
    row = branch.pop() if len(branch) == 1 else 0
    if body.prim(row).name != "cond":
        return None
    flag, *given = body.args(row)
    idle = body.params(row)["orelse"]
    for k, o in enumerate(body.outputs):
        x = idle.outputs[body.params(o)["k"]]
        if x >= idle.n_inputs or given[x] != 1 + k:
            return None
    return flag


def _first(inner: Values, places: tuple[Affine, ...], strides: tuple[int, ...]) -> str:
    terms = [
        inner.number(r) + (f" * {stride}" if stride != 1 else "")
        for p, stride in zip(places, strides)
        for r in p.rows
    ]
    offset = sum(p.offset * stride for p, stride in zip(places, strides))
    return " + ".join([*terms, str(offset)] if offset or not terms else terms)
