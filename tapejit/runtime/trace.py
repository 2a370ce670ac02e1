"""Capture a call: turn its arguments into tracers, run the function, keep the tape.

The result says how to bind the tape's inputs at a later call (argument leaves, constants) and how
to build the result from the tape's outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.avals import Aval, aval_of
from ..core.pytree import TreeDef, flatten, unflatten
from ..frontend.capture import Capture, capturing
from ..frontend.tracer import Root, Tracer, sym_of
from ..tape.ir import Tape

Apply = Callable[[Capture, tuple[Any, ...], dict[str, Any]], Any]


@dataclass
class Traced:
    """One captured call.

    Attributes
    ----------
    tape : Tape
        Inputs are the dynamic leaves in order, then the constants.
    consts : list of (array, snapshot)
        The arrays behind the inputs that are not arguments.
    out_tree, out_leaves : TreeDef, list
        The result's structure; each leaf is ``("row", k, aval)`` for output k or ``("is", value)``.
    result : object
        The result of this very call.
    """

    tape: Tape
    consts: list[tuple[Any, Any]]
    out_tree: TreeDef
    out_leaves: list[tuple[Any, ...]]
    result: Any


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument leaf is traced: arrays, NumPy numbers, Python floats and complexes."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind in "biufc"
    return type(leaf) in (float, complex)


def finished(value: Any, aval: Aval) -> Any:
    """Return an output as NumPy would: a Python number when weak, a scalar when 0-d, an array."""
    if aval.weak:
        return np.asarray(value).item()
    found = np.asarray(value)
    return found[()] if found.ndim == 0 else found


def trace(apply: Apply, leaves: list[Any], tree: TreeDef, dynamic: list[bool]) -> Traced:
    """Run `apply` on tracers of the dynamic leaves and record what it does."""
    with capturing() as cap:
        given: list[Any] = []
        for k, (leaf, traced) in enumerate(zip(leaves, dynamic)):
            if not traced:
                given.append(leaf)
                continue
            value = np.asarray(leaf)
            aval = aval_of(leaf)
            sym = cap.b.input(aval, value.astype(aval.dtype, copy=False)[()])
            given.append(Tracer(cap, Root(sym, FROZEN)))
        args, kwargs = unflatten(tree, given)
        result = apply(cap, args, kwargs)
        out_leaves, out_tree = flatten(result)
        spec: list[tuple[Any, ...]] = []
        rows = []
        for leaf in out_leaves:
            if isinstance(leaf, (Tracer, np.ndarray)):
                sym = sym_of(cap, leaf)
                spec.append(("row", len(rows), sym.aval))
                rows.append(sym)
            else:
                spec.append(("is", leaf))
        values = [cap.value(s) for s in rows]
        tape = cap.b.finish(rows)
        consts = [(array, snapshot) for _, array, snapshot in cap.consts]
    made = Traced(tape, consts, out_tree, spec, None)
    made.result = rebuild(made, [np.array(v) for v in values])
    return made


FROZEN = (
    "an argument is written to: arguments are never modified. Copy it first: x = x.copy()"
)


def rebuild(traced: Traced, outputs: list[Any]) -> Any:
    """Build the result of a call from the tape's outputs."""
    made = []
    for leaf in traced.out_leaves:
        made.append(finished(outputs[leaf[1]], leaf[2]) if leaf[0] == "row" else leaf[1])
    return unflatten(traced.out_tree, made)
