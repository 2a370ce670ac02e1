"""Looking inside: what `source`, `explain` and `compile` of a transformed function do.

A report is made from the program that answers the given call, captured when it is new; making it
neither compiles nor imports Numba.
"""

from __future__ import annotations

import inspect as python_inspect
import linecache
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, aval_of
from ..core.pytree import children, flatten
from ..core.sources import LINES
from ..core.streams import is_generator, kind_of, rewinding
from ..frontend.rebind import Check, Path
from ..passes.schedule import Step
from ..tape.ir import Tape
from .dispatch import Dispatcher, Signature
from .pipeline import PASSES, checked, estimate_compile_seconds
from .program import Program
from .stages import (
    HostStage,
    KernelStage,
    bodies,
    bytes_of,
    row_text,
    source_text,
    stages_of,
    traffic,
)
from .trace import Traced

SHOWN = 12


def source(dispatcher: Dispatcher, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the generated source of the program that answers a call."""
    return source_text(dispatcher.program(args, kwargs).tape, dispatcher.name)


def compile_now(dispatcher: Dispatcher, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Compile the program that answers a call, whatever the policy says.

    A function whose capture differs from call to call is not compiled; a `ReplayWarning` says why.
    """
    leaves, tree = flatten((args, kwargs))
    for _ in range(3):  # what the first run records is dropped where it fills a cache
        program = dispatcher.program(args, kwargs)
        entry = dispatcher.signature(leaves, tree)
        if entry.python_only is not None:
            return
        if program in entry.variants and not program.trusted:
            with rewinding():
                entry.capture(leaves, entry.inputs(leaves), looking=True)
        if program.trusted:
            program.compile(dispatcher)
            return


# ---------------------------------------------------------------- the report


def explain(dispatcher: Dispatcher, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return a report of what a call runs and why."""
    program = dispatcher.program(args, kwargs)
    leaves, tree = flatten((args, kwargs))
    entry = dispatcher.signature(leaves, tree)
    names = leaf_names(dispatcher.fn, args, kwargs)
    lines = [dispatcher.name, ""]
    for title, section in (
        ("signature", _signature(names, leaves, entry)),
        ("state", _state(dispatcher, entry, program)),
        ("tape", _tape(program)),
        ("loops and branches", _control(program.traced)),
        ("runs", _runs(program.tape, dispatcher.name)),
        ("guards", _guards(entry, program)),
        ("reads besides its arguments", _captured(program.traced)),
        ("counters", _counters(dispatcher)),
    ):
        lines.append(title)
        lines += [f"  {line}" for line in section]
        lines.append("")
    return "\n".join(lines[:-1])


def _signature(names: list[str], leaves: list[Any], entry: Signature) -> Iterator[str]:
    rows = []
    for name, leaf, dynamic in zip(names, leaves, entry.dynamic):
        shown = _shown(leaf) if dynamic else f"static {_short(leaf)}"
        rows.append((name, shown))
    yield from _table(rows) if rows else ["no arguments"]


def _state(dispatcher: Dispatcher, entry: Signature, program: Program) -> Iterator[str]:
    if entry.python_only is not None:
        yield f"run by Python at every call: {entry.python_only}"
        yield "what follows is the tape of this call, which is not used"
        return
    yield from _program_state(dispatcher, program)
    others = [p for p in entry.variants if p is not program]
    for k, other in enumerate(others):
        inner = list(_program_state(dispatcher, other))
        yield f"other variant {k + 1}: {inner[0]}"


def _program_state(dispatcher: Dispatcher, program: Program) -> Iterator[str]:
    calls = _count(program.runs + program.fast_calls[0], "call")
    if program.kernel is not None:
        how = "loaded from the disk cache" if program.cached else "compiled"
        if program.shared:
            how = "taken over from a function with the same tape"
        shapes = _shapes(program)
        if program.shared and shapes:
            how = "an instance of a kernel that was there"
        yield f"{how} in {_seconds(program.compile_seconds)}; {calls} so far"
        if shapes:
            yield f"sizes: run-time values, shared with {_count(shapes - 1, 'other shape')}"
        yield from _makers(program)
        return
    if program.failed is not None:
        yield f"interpreted, because compiling failed: {program.failed}"
        return
    if not program.trusted:
        yield "captured once; used from the second call on, when that records the same"
    else:
        yield f"interpreted by NumPy: {calls}, {_seconds(program.spent)} so far"
    if dispatcher.policy == "never":
        yield 'not compiled: compile="never"'
    elif dispatcher.policy == "auto":
        estimate = estimate_compile_seconds(program.tape)
        yield f"compiled once interpreting has taken {_seconds(estimate)}, what compiling may take"


def _shapes(program: Program) -> int:
    """Return how many shapes the kernels of many sizes serve that a program has; 0 without such."""
    from .compile import kernels_of

    found = [k.found.general for k in kernels_of(program.kernel)]
    return max((len(g.shapes) for g in found if g is not None), default=0)


def _makers(program: Program) -> Iterator[str]:
    """Say which kernels were not made without Numba."""
    from .compile import kernels_of

    assert program.kernel is not None
    notes = [k.note for k in kernels_of(program.kernel)]
    asked, left = notes.count("asked"), len(notes) - notes.count("direct") - notes.count("asked")
    if asked:
        yield f"{_count(asked, 'kernel')} with code that Numba has for some calls"
    if left:
        yield f"{_count(left, 'kernel')} compiled by Numba's own pipeline"


def _tape(program: Program) -> Iterator[str]:
    """Run the passes once more on the captured tape, with a report."""
    report: list[tuple[str, int, float]] = []
    tape = program.traced.tape
    rows = [("captured", f"{len(tape)} rows", _seconds(program.capture_seconds))]
    for step in PASSES:
        tape = checked(step, tape, report)
    rows += [(name, f"{n} rows", _seconds(spent)) for name, n, spent in report]
    yield from _table(rows)


def _control(traced: Traced) -> Iterator[str]:
    """Say for each loop and branch on traced values what became of it."""
    notes = sorted(traced.notes, key=lambda note: (LINES[note[0]].file, LINES[note[0]].line))
    for line, what in notes:
        place = LINES[line]
        yield from _wrapped_at(f"{place.short} in {place.function}: {what}")
        text = linecache.getline(place.file, place.line).strip()
        if text:
            yield f"    {text}"
    if not notes:
        yield "none on traced values"


def _wrapped_at(text: str) -> Iterator[str]:
    first, *rest = textwrap.wrap(text, 90, break_long_words=False)
    yield first
    yield from (f"  {line}" for line in rest)


def _runs(tape: Tape, title: str) -> Iterator[str]:
    stages = stages_of(tape, title)
    kernels = [s for s in stages if isinstance(s, KernelStage)]
    hosts = len(stages) - len(kernels)
    read = written = workspace = 0
    detail: list[str] = []
    for k, stage in enumerate(stages):
        if isinstance(stage, HostStage):
            detail.append(f"stage {k + 1}, host step: {stage.why}")
            detail.append(f"    {row_text(stage.tape, stage.row)}")
            continue
        if len(stages) > 1:
            detail.append(f"stage {k + 1}, kernel")
        moved = traffic(stage)
        read += sum(t.read for t in moved)
        written += sum(t.written for t in moved)
        workspace += stage.text.workspace
        detail += _steps(stage, moved)
    yield f"{_count(len(kernels), 'kernel')}, {_count(hosts, 'host step')}"
    yield from detail
    arguments = sum(_array_bytes(tape.any_aval(i)) for i in range(tape.n_inputs))
    results = sum(_array_bytes(tape.any_aval(o)) for o in tape.outputs)
    yield (
        f"bytes of one call: inputs {_bytes(arguments)}, results {_bytes(results)}, "
        f"workspace {_bytes(workspace)};"
    )
    yield f"kernels read {_bytes(read)} and write {_bytes(written)}"


def _steps(stage: KernelStage, moved: list[Any]) -> Iterator[str]:
    tape = stage.tape
    for step, t in zip(stage.text.plan.steps, moved):
        inner = [b for i in step.rows for b in bodies(tape, i)]
        names = [tape.prim(i).name for i in step.rows]
        if inner:
            names = [b.prim(k).name for b in inner for k in range(b.n_inputs, b.rows)]
        shown = _wrapped(", ".join(_runs_of(names)))
        places = [LINES[tape.line[i]] for i in step.rows]
        span = _span([p for p in places if p.line])
        if step.kind == "nest":
            space = " x ".join(map(str, step.space)) or "scalars"
            head = f"nest {space}: {_count(len(step.rows), 'row')}"
        elif inner:
            head = f"{_rounds(tape, step)}: {_count(len(names), 'row')}{_each(step.kind)}"
        else:
            head = f"{step.kind}: {tape.any_aval(step.rows[0])}"
        cost = f", {_bytes(t.read)} in, {_bytes(t.written)} out" if t.read or t.written else ""
        yield f"{head}{cost}{f'  ({span})' if span else ''}"
        for line in shown:
            yield f"    {line}"


def _rounds(tape: Tape, step: Step) -> str:
    """Name a step with bodies, and how often they run."""
    i = step.rows[0]
    length = tape.params(i).get("length", -1)
    return f"{tape.prim(i).name} {length}" if length >= 0 else tape.prim(i).name


def _each(kind: str) -> str:
    return {"map": " for each index", "for": " a round", "while": " a round"}.get(kind, "")


def _runs_of(names: list[str]) -> Iterator[str]:
    """Write consecutive repeats once."""
    at = 0
    while at < len(names):
        end = at
        while end < len(names) and names[end] == names[at]:
            end += 1
        yield names[at] if end - at == 1 else f"{end - at} {names[at]}"
        at = end


def _span(places: list[Any]) -> str:
    files: dict[str, list[int]] = {}
    for place in places:
        files.setdefault(place.short.rpartition(":")[0], []).append(place.line)
    parts = []
    for file, numbers in files.items():
        low, high = min(numbers), max(numbers)
        parts.append(f"{file}:{low}" if low == high else f"{file}:{low}-{high}")
    return ", ".join(parts)


def _guards(entry: Signature, program: Program) -> Iterator[str]:
    variants = [program, *[p for p in entry.variants if p is not program]]
    empty = True
    for k, variant in enumerate(variants):
        tape = variant.tape
        rows = [i for i in range(tape.rows) if tape.prim(i).name == "guard"]
        if rows and len(variants) > 1:
            yield "this variant:" if k == 0 else f"other variant {k}:"
        for i in rows:
            empty = False
            a = tape.args(i)[0]
            expected = tape.params(i)["expected"]
            place = LINES[tape.line[i]]
            yield f"%{a} ({tape.prim(a).name}) is {expected!r} at {place.short} in {place.function}"
            text = linecache.getline(place.file, place.line).strip()
            if text:
                yield f"    {text}"
    if empty:
        yield "none: no Python branch was taken on a traced value"


def _shown(value: Any) -> str:
    """Return the aval of an input, or what kind of generator it is."""
    if is_generator(value):
        return " on ".join(kind.__name__ for kind in kind_of(value))
    return str(aval_of(value))


def _captured(traced: Traced) -> Iterator[str]:
    rows = []
    for array, origin in traced.consts:
        where = origin.label if isinstance(origin, Path) else "made in the function"
        note = "read at every call" if isinstance(origin, Path) else "the same in two captures"
        if is_generator(array):
            note = "draws at every call"
        elif not isinstance(array, np.ndarray):
            note = "a number that has been seen to vary, read at every call"
        rows.append((where, _shown(array), note))
    yield from _table(rows[:SHOWN])
    if len(rows) > SHOWN:
        yield f"and {len(rows) - SHOWN} more arrays"
    values = [c for c in traced.checks if c.by_value and not _is_length(c)]
    for check in values[:SHOWN]:
        yield f"{check.path.label} == {_short(check.expected)}, checked at every call"
    if len(values) > SHOWN:
        yield f"and {len(values) - SHOWN} more values"
    rest = len(traced.checks) - len(values)
    if rest:
        yield f"{_count(rest, 'function, type or container')} checked to be the same object"
    if not rows and not traced.checks:
        yield "nothing"


def _is_length(check: Check) -> bool:
    return check.path.kind == "len"


def counters_of(dispatcher: Dispatcher) -> dict[str, Any]:
    """Return the counters of a function, the calls of its hot paths included."""
    found = dict(dispatcher.counters)
    for entry in list(dispatcher.table.values()):
        found["compiled"] += sum(p.fast_calls[0] for p in list(entry.variants))
    return found


def _counters(dispatcher: Dispatcher) -> Iterator[str]:
    counters = counters_of(dispatcher)
    spent = counters.pop("compile_seconds", 0.0)
    shown = [f"{name.replace('_', ' ')} {n}" for name, n in counters.items()]
    yield from _wrapped(", ".join([*shown, f"compile time {_seconds(spent)}"]))


# ---------------------------------------------------------------- names and numbers


def leaf_names(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """Return what the user calls each argument leaf, such as ``params['W']``.

    Examples
    --------
    >>> leaf_names(lambda p, x: 0, ({"W": 1.0, "b": 2.0},), {"x": 3.0})
    ["p['W']", "p['b']", 'x']
    """
    try:
        parameters = list(python_inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names: list[str] = []
    for k, value in enumerate(args):
        names += _paths(plain[k] if k < len(plain) else f"argument {k}", value)
    for name, value in kwargs.items():
        names += _paths(name, value)
    return names


def _paths(prefix: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    parts = children(value)
    if parts is None:
        yield prefix
        return
    keys, values = parts
    indexed = type(value) in (dict, list, tuple)
    for key, part in zip(keys, values):
        yield from _paths(f"{prefix}[{key!r}]" if indexed else f"{prefix}.{key}", part)


def _array_bytes(aval: Any) -> int:
    return bytes_of(aval) if isinstance(aval, Aval) else sum(bytes_of(a) for a in aval.items)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _bytes(n: float) -> str:
    """Return a number of bytes for reading.

    Examples
    --------
    >>> _bytes(80), _bytes(81920), _bytes(3.2e9)
    ('80 B', '82 kB', '3.2 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            return f"{n:.0f} {unit}" if n >= 10 or unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    raise AssertionError


def _seconds(t: float) -> str:
    """Return a duration for reading.

    Examples
    --------
    >>> _seconds(1.5), _seconds(0.0123), _seconds(42e-6)
    ('1.5 s', '12 ms', '42 us')
    """
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if t >= scale:
            n = t / scale
            return f"{n:.2g} {unit}" if n < 100 else f"{n:.0f} {unit}"
    return "0 us"


def _short(value: Any) -> str:
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(len(r[k]) for r in rows) for k in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(n) for text, n in zip(row, widths)).rstrip()


def _wrapped(text: str) -> list[str]:
    """Return a list of items in lines."""
    kept = text.replace(" ", "\xa0").replace(",\xa0", ", ")  # lines break behind commas only
    return [line.replace("\xa0", " ") for line in textwrap.wrap(kept, 72)]
