"""Capture a call: turn its arguments into tracers, run the function, keep the tape.

The result says how to bind the tape's inputs at a later call (argument leaves, constants) and how
to build the result from the tape's outputs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import field
from typing import Any

import numpy as np

from ..core.avals import Aval, aval_of
from ..core.pytree import TreeDef, flatten, unflatten
from ..core.records import record
from ..core.streams import GENERATOR, Stream, Token, bits_of, is_generator
from ..core.tables import freeze
from ..frontend.capture import Capture, capturing
from ..frontend.effects import random_state
from ..frontend.paths import Check, Path
from ..frontend.random import Drawing, entered, generator_of, synced
from ..frontend.reach import Reach
from ..frontend.rebind import Surroundings
from ..frontend.staging.held import check_held
from ..frontend.tracer import Root, Tracer, sym_of
from ..tape.ir import Tape
from ..tape.primitive import PRIMITIVES
from .evaluate import run_tape

Apply = Callable[[Capture, Any, tuple[Any, ...], dict[str, Any]], Any]

FROZEN = "an argument is written to: arguments are never modified. Copy it first: x = x.copy()"
FROZEN_GLOBAL = (
    "{} is written to: arrays outside the function are never modified. Copy it first: a = a.copy()"
)


@record
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
        Arrays that code sees as they are, with checksums of their contents.
    doubts : list of str
        Why the tape cannot stand for the function: random draws, clocks, output, unknown state.
    changed : list of str
        What the function changed outside itself.
    numbers : dict
        The numbers read besides arrays, by path.
    notes : list of (int, str)
        What became of each loop and branch, by line.
    put_off : bool
        Whether the result of this call waited for loops, and came from the finished tape.
    streams : list of Stream
        The generators among the inputs, with what this very call has drawn.
    shared : list of int
        For each of them, the first that draws from the same bits.
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
    doubts: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    numbers: dict[Path, Any] = field(default_factory=dict)
    notes: list[tuple[int, str]] = field(default_factory=list)
    put_off: bool = False
    caught: str | None = None
    streams: list[Stream] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)


def sharing(rngs: list[Any]) -> list[int]:
    """Return for each generator the first one that draws from the same bits."""
    bits = [id(bits_of(rng)) for rng in rngs]
    return [bits.index(b) for b in bits]


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument leaf is traced: arrays, NumPy numbers, floats, complexes, generators."""
    if is_generator(leaf):
        return True
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind in "biufc"
    return type(leaf) in (float, complex)


def finished(value: Any, aval: Aval) -> Any:
    """Return an output as NumPy would: a Python number when weak, a scalar when 0-d, an array."""
    if aval.weak:
        return np.asarray(value).item()
    found = np.asarray(value, aval.dtype)  # a kernel returns a float32 as a Python float
    return found[()] if found.ndim == 0 else found


def _static(around: Surroundings, leaf: Any, k: int) -> Any:
    """Return what the function sees of a static argument: what it holds is noted and replaced."""
    if leaf is None or isinstance(leaf, (bool, int, str, bytes)):
        return leaf
    return around.value(Path("is", leaf, None, f"argument leaf {k}"), leaf)


def distinct(checks: list[Check]) -> list[Check]:
    """Return the checks without repeats, and without those that cannot fail."""
    kept: dict[Any, Check] = {}
    for check in checks:
        if check.path.kind != "is" or check.dumped:
            kept.setdefault((check.path, check.by_value, check.dumped), check)
    return list(kept.values())


def checksum(array: Any) -> int:
    """Return a checksum of an array's contents."""
    raw: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return zlib.crc32(raw)


def trace(
    apply: Apply,
    fn: Any,
    leaves: list[Any],
    tree: TreeDef,
    dynamic: list[bool],
    moving: Set[Path] = frozenset(),
    evaluate: Callable[[Tape, list[Any]], list[Any]] = run_tape,
    avals: Sequence[Aval] | None = None,
) -> Traced:
    """Run ``apply(capture, fn, args, kwargs)`` on tracers of the dynamic leaves and record it.

    Numbers at the `moving` paths are inputs of the tape, as arrays are. Values that wait for loops
    are computed by ``evaluate(tape, inputs)``. With `avals` the arrays among the leaves have these
    instead of their own, of symbolic sizes, and there is no result.
    """
    with capturing() as cap:
        cap.evaluate = evaluate
        given: list[Any] = []
        symbolic = iter(avals or ())
        statics = [leaf for leaf, traced in zip(leaves, dynamic) if not traced]

        def capture_array(array: Any, path: Path) -> Any:
            if is_generator(array):
                return generator_of(cap, array, path)
            return Tracer(cap, Root(cap.const(array, path), FROZEN_GLOBAL.format(path.label)))

        reach = Reach(fn, *statics)
        around = cap.around = Surroundings(capture_array, reach, moving)
        for leaf, traced in zip(leaves, dynamic):
            if traced and is_generator(leaf):
                token = cap.b.input(GENERATOR, Token(Stream(leaf)))
                given.append(entered(cap, token, leaf))
                around.clones.stands_for(given[-1], leaf)
            elif traced:
                aval = aval_of(leaf) if avals is None else next(symbolic)
                value = np.asarray(leaf).astype(aval.dtype, copy=False)[()]
                given.append(Tracer(cap, Root(cap.b.input(aval, value), FROZEN)))
            else:
                given.append(leaf)
        for k, traced in enumerate(dynamic):
            if not traced:
                given[k] = _static(around, given[k], k)
        args, kwargs = unflatten(tree, given)
        bound = around.rebind(fn)
        cap.paths = around.arrays
        around.opaque = list({id(a): a for a in around.opaque}.values())
        before = [checksum(a) for a in around.opaque]
        # code that is copied notes its draws; here those of code that is not
        raw = around.sees_raw_code()
        drawn = random_state() if raw else None
        try:
            result = apply(cap, bound, args, kwargs)
            check_held(cap)
        except Exception:
            _draw_what_waits(cap)
            raise
        finally:
            around.restore()
        if raw and random_state() != drawn:
            cap.effects.append("it draws from NumPy's global random generator")
        if before != [checksum(a) for a in around.opaque[: len(before)]]:
            around.changed.append("an array that it reaches")
        out_leaves, out_tree = flatten(result)
        spec: list[tuple[Any, ...]] = []
        rows: list[Any] = []
        for leaf in out_leaves:
            if isinstance(leaf, (Tracer, np.ndarray)):
                sym = sym_of(cap, leaf)
                spec.append(("row", len(rows), sym.aval))
                rows.append(sym)
            elif type(leaf) is Drawing:
                inner = not leaf._place.outside
                rng = synced(leaf._place, "returned") if inner else leaf._place.rng
                spec.append(("is", rng))
            else:
                spec.append(("is", around.clones.original(leaf)))
        # behind the results: where the generators have got to, so that no draw is a dead row
        places = [p for p in cap.places.values() if p.root.version]
        rows += [cap.entry(p.root) for p in places]
        tape = cap.b.finish(rows)
        put_off = any(s.id in cap.b.pending for s in rows)
        if avals is not None:
            values = []
        elif put_off:
            values = evaluate(tape, input_values(cap))
        else:
            values = [cap.value(s) for s in rows]
        consts = [(array, origin) for _, array, origin in cap.consts]
        tokens = [v for v in input_values(cap) if isinstance(v, Token)]
        for i in range(
            len(cap.b)
        ):  # tracers and captures refer to each other: the collector is late
            cap.b.drop(i)
    opaque = {id(a): a for a in around.opaque}.values()
    fragile = [(a, checksum(a)) for a in opaque]
    made = Traced(tape, consts, distinct(around.checks), fragile, out_tree, spec)
    made.doubts = [*cap.effects, *around.doubts]
    made.changed, made.numbers = around.changed, around.numbers
    made.notes, made.put_off, made.caught = cap.notes, put_off, cap.b.raised
    made.streams = [t.stream for t in tokens]
    made.shared = sharing([t.stream.rng for t in tokens])
    if avals is None:
        made.result = rebuild(made, [np.array(v) for v in values[: len(values) - len(places)]])
    return made


def _draw_what_waits(cap: Capture) -> None:
    """Let generators draw what the loops that were put off draw: the function ends with an error."""
    for place in cap.places.values():
        if place.root.sym.b is cap.b and place.root.sym.id in cap.b.pending:
            with suppress(Exception):  # what the user sees is the error that ended the function
                cap.value(place.root.sym)


def input_values(cap: Capture) -> list[Any]:
    """Return the values of a capture's inputs, in order."""
    b = cap.b
    return [b.known[i] for i in range(len(b)) if PRIMITIVES[b.op[i]].emit.kind == "input"]


def rebuild(traced: Traced, outputs: list[Any]) -> Any:
    """Build the result of a call from the tape's outputs."""
    made = []
    for leaf in traced.out_leaves:
        made.append(finished(outputs[leaf[1]], leaf[2]) if leaf[0] == "row" else leaf[1])
    return unflatten(traced.out_tree, made)


def same_trace(a: Traced, b: Traced) -> bool:
    """Whether two captures recorded the same program: rows, constants and static results."""
    return a.tape.hash == b.tape.hash and same_surroundings(a, b)


def same_surroundings(a: Traced, b: Traced) -> bool:
    """Whether two captures agree in all but their rows: constants and static results."""
    if a.out_tree != b.out_tree or len(a.consts) != len(b.consts):
        return False
    for (x, p), (y, q) in zip(a.consts, b.consts):
        if isinstance(p, Path) or isinstance(q, Path):
            if p != q:
                return False
        elif x is y or not np.array_equal(p, q, equal_nan=p.dtype.kind in "fc"):
            return False
    for u, v in zip(a.out_leaves, b.out_leaves):
        if u[0] == "is" and v[0] == "is" and freeze(u[1]) != freeze(v[1]):
            return False
    return True
