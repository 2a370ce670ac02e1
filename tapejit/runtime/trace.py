"""Capture a call: turn its arguments into tracers, run the function, keep the tape.

The result says how to bind the tape's inputs at a later call (argument leaves, constants) and how
to build the result from the tape's outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zlib

import numpy as np

from ..core.avals import Aval, aval_of
from ..core.pytree import TreeDef, flatten, unflatten
from ..core.tables import freeze
from ..frontend.capture import Capture, capturing
from ..frontend.rebind import Check, Path, Surroundings
from ..frontend.tracer import Root, Tracer, sym_of
from ..tape.ir import Tape

Apply = Callable[[Capture, Any, tuple[Any, ...], dict[str, Any]], Any]

FROZEN = (
    "an argument is written to: arguments are never modified. Copy it first: x = x.copy()"
)
FROZEN_GLOBAL = (
    "{} is written to: arrays outside the function are never modified. Copy it first: a = a.copy()"
)


@dataclass
class Traced:
    """One captured call.

    Attributes
    ----------
    tape : Tape
        Inputs are the dynamic leaves in order, then the constants.
    consts : list of (array, origin)
        The arrays behind the inputs that are not arguments: a path, or a snapshot.
    checks : list of Check
        What the function read besides arrays and must find again.
    fragile : list of (array, int)
        Arrays reachable only through objects, with checksums, when snapshots may depend on them.
    out_tree, out_leaves : TreeDef, list
        The result's structure; each leaf is ``("row", k, aval)`` for output k or ``("is", value)``.
    result : object
        The result of this very call.
    """

    tape: Tape
    consts: list[tuple[Any, Any]]
    checks: list[Check]
    fragile: list[tuple[Any, int]]
    out_tree: TreeDef
    out_leaves: list[tuple[Any, ...]]
    result: Any = None


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


def checksum(array: Any) -> int:
    """Return a checksum of an array's contents."""
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1))


def trace(apply: Apply, fn: Any, leaves: list[Any], tree: TreeDef, dynamic: list[bool]) -> Traced:
    """Run ``apply(capture, fn, args, kwargs)`` on tracers of the dynamic leaves and record it."""
    with capturing() as cap:
        given: list[Any] = []
        for leaf, traced in zip(leaves, dynamic):
            if not traced:
                given.append(leaf)
                continue
            aval = aval_of(leaf)
            value = np.asarray(leaf).astype(aval.dtype, copy=False)[()]
            given.append(Tracer(cap, Root(cap.b.input(aval, value), FROZEN)))

        def capture_array(array: Any, path: Path) -> Tracer:
            return Tracer(cap, Root(cap.const(array, path), FROZEN_GLOBAL.format(path.label)))

        around = Surroundings(capture_array)
        args, kwargs = unflatten(tree, given)
        bound = around.rebind(fn)
        cap.paths = around.arrays
        try:
            result = apply(cap, bound, args, kwargs)
        finally:
            around.restore()
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
        consts = [(array, origin) for _, array, origin in cap.consts]
    snapshots = any(not isinstance(origin, Path) for _, origin in consts)
    fragile = [(a, checksum(a)) for a in around.opaque] if snapshots else []
    made = Traced(tape, consts, around.checks, fragile, out_tree, spec)
    made.result = rebuild(made, [np.array(v) for v in values])
    return made


def rebuild(traced: Traced, outputs: list[Any]) -> Any:
    """Build the result of a call from the tape's outputs."""
    made = []
    for leaf in traced.out_leaves:
        made.append(finished(outputs[leaf[1]], leaf[2]) if leaf[0] == "row" else leaf[1])
    return unflatten(traced.out_tree, made)


def same_trace(a: Traced, b: Traced) -> bool:
    """Whether two captures recorded the same program: rows, constants and static results."""
    if a.tape.hash != b.tape.hash or a.out_tree != b.out_tree or len(a.consts) != len(b.consts):
        return False
    for (x, p), (y, q) in zip(a.consts, b.consts):
        if isinstance(p, Path) or isinstance(q, Path):
            if p != q:
                return False
        elif not np.array_equal(p, q, equal_nan=p.dtype.kind in "fc"):
            return False
    for u, v in zip(a.out_leaves, b.out_leaves):
        if u[0] == "is" and v[0] == "is" and freeze(u[1]) != freeze(v[1]):
            return False
    return True
