"""The source of a kernel: one Python function of the tape's arrays, in Numba's subset.

The arguments are the inputs that are used, then one preallocated array for each array output. The
result is a status, 0 when every guard holds, else one more than the position of the first that
failed, and -1 when an argument has another shape; scalar outputs follow it in a tuple.
"""

from __future__ import annotations

import re

from ..core.avals import AnyAval, Aval, TupleAval, full_name
from ..core.records import record
from ..core.sources import LINES
from ..passes.schedule import ROLLED, Schedule, is_open, schedule
from ..tape.ir import Row, Tape
from .alike import shared
from .blocks import write_blocks
from .branches import write_branches
from .maps import write_map
from .nests import Nest
from .parts import split
from .rounds import opening, write_loop
from .steps import write_step
from .text import number
from .values import NoCode, Values, template_of

CODED = {
    "elementwise", "reduce", "guard", "view", "lit", "input", "product", "update", "concatenate",
    "iota", "call", "window", "spread",
}  # fmt: skip
UPDATES = {"set_slice", "add_slice", "dynamic_update", "dynamic_add"}
KERNEL_DTYPES = {
    "float64", "float32", "complex128", "complex64", "bool", "int64", "int32", "int16", "int8",
    "uint64", "uint32", "uint16", "uint8",
}  # fmt: skip


@record(frozen=True)
class KernelText:
    """The source of a kernel and how to call it.

    Attributes
    ----------
    source : str
        A module's text; it defines ``kernel``.
    inputs : tuple of int
        Which inputs of the tape are arguments, in order.
    arrays : tuple of (int, Aval)
        Which outputs of the tape are arrays to be allocated and passed, in order.
    scalars : tuple of int
        Which outputs of the tape come back as scalars, in order.
    guards : tuple of int
        The rows of the guards, by status.
    parallel : bool
        Whether nests of the kernel run in chunks, on several threads.
    """

    source: str
    inputs: tuple[int, ...]
    arrays: tuple[tuple[int, Aval], ...]
    scalars: tuple[int, ...]
    guards: tuple[int, ...]
    plan: Schedule
    workspace: int
    parallel: bool = False


def has_code(tape: Tape, i: int) -> bool:
    """Whether a row can stand in a kernel; otherwise it is a host step."""
    row = tape.row(i)
    kind = row.prim.emit.kind
    if kind == "out":
        parent = tape.prim(row.args[0]).emit.kind
        inner = parent in ("map", "call", "blocks") or parent in ROLLED
        return inner and has_code(tape, row.args[0])
    if kind in ROLLED:
        return _rolled_has_code(tape, i)
    if kind == "map":
        body = row.params["body"]
        good = all(full_name(tape.value(a).dtype) in KERNEL_DTYPES for a in row.args)
        return good and all(has_code(body, k) for k in range(body.rows))
    if kind == "blocks":
        body = row.params["block"]
        return all(has_code(body, k) for k in range(body.rows))
    if kind == "call":
        return _call_has_code(row, [tape.any_aval(a) for a in row.args])
    if kind not in CODED or not isinstance(row.aval, Aval):
        return False
    if kind in ("input", "lit"):
        return True
    avals = [row.aval, *[tape.any_aval(a) for a in row.args]]
    if any(not isinstance(a, Aval) or full_name(a.dtype) not in KERNEL_DTYPES for a in avals):
        return False
    try:
        if kind == "elementwise" and row.prim.name != "cast":
            template_of(tape, i)
        elif kind == "update":
            return row.prim.name in UPDATES
        elif kind == "reduce" and row.prim.name in ("max", "min"):
            return row.aval.dtype.kind != "c"  # no order that LLVM knows
        elif kind == "product":
            return row.aval.dtype.kind in "fc"
        elif kind == "guard":
            return tape.value(row.args[0]).shape == ()
    except NoCode:
        return False
    return True


def _call_has_code(row: Row, operands: list[AnyAval]) -> bool:
    """Whether there is a routine: of arrays, for one result or for several that are numbers."""
    results = row.aval.items if isinstance(row.aval, TupleAval) else (row.aval,)
    if any(full_name(a.dtype) not in KERNEL_DTYPES for a in results):
        return False
    for a in operands:
        if not isinstance(a, Aval) or a.shape == () or full_name(a.dtype) not in KERNEL_DTYPES:
            return False
    if isinstance(row.aval, TupleAval) and any(a.shape for a in results):
        return False
    assert row.prim.emit.text is not None
    return row.prim.emit.text(operands, row.aval, row.params) is not None


def _rolled_has_code(tape: Tape, i: int) -> bool:
    """Whether a loop or branch can stand in a kernel: all of its bodies can.

    A guard ends a call: inside a body it cannot. Stacks of unknown length are read by ``for``
    rows alone, element by element, and no kernel hands them out.
    """
    row = tape.row(i)
    items = row.aval.items if isinstance(row.aval, TupleAval) else ()
    operands = [tape.any_aval(a) for a in row.args]
    if any(not isinstance(a, Aval) or full_name(a.dtype) not in KERNEL_DTYPES for a in operands):
        return False
    if any(full_name(a.dtype) not in KERNEL_DTYPES for a in items):
        return False
    stacked = 1 + row.params["carry"] + row.params["shared"] if row.prim.name == "for" else None
    fixed = operands if stacked is None else operands[:stacked]
    if any(isinstance(a, Aval) and is_open(a) for a in fixed):
        return False
    if any(map(is_open, items)) and not all(_read_by_loops(tape, k) for k in _outs(tape, i)):
        return False
    for body in tape_bodies(row):
        for k in range(body.n_inputs, body.rows):
            if body.prim(k).effect or not has_code(body, k):
                return False
        if any(not isinstance(body.any_aval(o), Aval) for o in body.outputs):
            return False
    return True


def tape_bodies(row: Row) -> list[Tape]:
    """Return the tapes that a row holds."""
    return [v for v in row.params.values() if isinstance(v, Tape)]


def _outs(tape: Tape, i: int) -> list[int]:
    return [k for k in range(i + 1, tape.rows) if tape.args(k) == (i,)]


def _read_by_loops(tape: Tape, k: int) -> bool:
    """Whether a stack of unknown length is read by ``for`` rows only."""
    if not is_open(tape.value(k)):
        return True
    readers = [r for r in range(k + 1, tape.rows) if k in tape.args(r)]
    return k not in tape.outputs and all(tape.prim(r).name == "for" for r in readers)


def write_steps(values: Values) -> list[str]:
    """Return the lines of all steps of a tape."""
    return [line for step in steps_of(values) for line in step]


def steps_of(values: Values) -> list[list[str]]:
    """Return the lines of each step of a tape, under a comment that names its rows."""
    tape = values.tape
    steps: list[list[str]] = []
    for step in values.plan.steps:
        place = LINES[tape.line[step.rows[0]]]
        names = ", ".join(dict.fromkeys(tape.prim(i).name for i in step.rows))
        shown = names if len(names) < 60 else names[:57] + "..."
        space = "x".join(map(str, step.space)) if step.space else ""
        title = f"# {step.kind} {space}: {shown}  ({place.short})".replace(" :", ":")
        if step.kind == "nest":
            lines = Nest(values, step.space, step.rows).write()
        elif step.kind == "map":
            lines = write_map(values, step.rows[0], write_steps)
        elif step.kind == "blocks":
            lines = write_blocks(values, step.rows[0], write_steps)
        elif step.kind in ("for", "while"):
            lines = write_loop(values, step.rows[0], write_steps)
        elif step.kind in ROLLED:
            lines = write_branches(values, step.rows[0], write_steps)
        else:
            lines = write_step(values, step)
        steps.append([title, *lines])
    return steps


def named_by_size(text: str) -> str:
    """Return the lines that make the tiny products and local arrays that a source names."""
    lines: list[str] = []
    products = sorted(set(re.findall(r"\bproduct(?:_\d+)+\b", text)))
    if products:
        lines = ["from tapejit.kernels import products", ""]
        lines += [f"{name} = products.small({', '.join(name.split('_')[1:])})" for name in products]
        lines.append("")
    rows = sorted(set(re.findall(r"\brows_(dot|sum|last)_(f\d+)_(\d+)\b", text)))
    if rows:
        lines += ["from tapejit.kernels import rows", ""]
        lines += [
            f'rows_{w}_{kind}_{n} = rows.product("{w}", "{kind}", {n})' for w, kind, n in rows
        ]
        lines.append("")
    arrays = sorted(set(re.findall(r"\blocal_([a-z]+\d+)_(\d+)\b", text)))
    if arrays:
        lines += [] if products or rows else [""]
        lines += [f'local_{kind}_{n} = memory.local("{kind}", {n})' for kind, n in arrays]
        lines.append("")
    return "\n".join(lines)


def write_kernel(tape: Tape, title: str = "") -> KernelText:
    """Return the source of a kernel for a legalised tape without host rows."""
    plan = schedule(tape)
    values = Values(plan)
    steps = steps_of(values)
    used = {a for i in range(tape.n_inputs, tape.rows) for a in tape.args(i)}
    inputs = tuple(i for i in range(tape.n_inputs) if i in used)
    arrays = tuple(
        (k, tape.value(o)) for k, o in enumerate(tape.outputs) if tape.value(o).shape != ()
    )
    scalars = tuple(k for k, o in enumerate(tape.outputs) if tape.value(o).shape == ())
    head: list[str] = []
    for i in inputs:
        if tape.value(i).shape != ():
            head.append(f"a{i} = memory.flat(x{i})")
    head += [f"o{k} = memory.flat(y{k})" for k, _ in arrays]
    opened, closed = opening(values)
    tail = [*closed]
    status = "0"
    if values.guards:
        tail.append("status = 0")
        for n in range(len(values.guards), 0, -1):
            tail += [f"if not {values.guards[n - 1][0]}:", f"    status = {n}"]
        status = "status"
    results = []
    for k in scalars:
        o = tape.outputs[k]
        lit = tape.prim(o).emit.kind == "lit"
        aval = tape.value(o)
        results.append(
            number(tape.params(o)["value"], aval.dtype) if lit else (values.constant(o) or "")
        )
    tail.append(f"return {', '.join([status, *results])}")
    dummies = [number(0, tape.value(tape.outputs[k]).dtype) for k in scalars]
    given = [(f"x{i}", tape.value(i)) for i in inputs] + [(f"y{k}", a) for k, a in arrays]
    fits = [f"{name}.shape[{d}] != {n}" for name, a in given for d, n in enumerate(a.shape)]
    if fits:
        head[:0] = [f"if {' or '.join(fits)}:", f"    return {', '.join(['-1', *dummies])}"]
    params = ", ".join([f"x{i}" for i in inputs] + [f"y{k}" for k, _ in arrays])
    steps = shared(values, steps, tail)
    parts, body = split(values, steps, tail)
    if values.inner and not parts:
        values.promote()
    carved = values.carve()
    room = [line for line in carved if line.startswith("ws = ")]
    if room:
        tail.insert(0, "memory.release(ws)")
    head += room if parts else carved
    head += opened
    text = "\n    ".join([*head, *body, *tail])
    stretches = [f"@part\ndef {name}{text}" for text, name in values.stretches.items()]
    written = (*stretches, *values.functions, *values.shared, *parts)
    functions = "".join(f"\n\n{part}" for part in written)
    named = named_by_size(functions + text)
    parallel = ", parallel" if values.functions else ""
    decorated = "from tapejit.kernels.decorate import part\n" if functions else ""
    source = f'''"""{title or "A compiled tape"}."""

import numpy as np

from tapejit.kernels import blas, memory{parallel}, routines
from tapejit.kernels.memory import fold_add, fold_mul, select
from tapejit.kernels.vmath import inline as vmath
{decorated}{named}{functions}

def kernel({params}):
    {text}
'''
    guards = tuple(row for _, _, row in values.guards)
    return KernelText(
        source, inputs, arrays, scalars, guards, plan, values.workspace, bool(values.functions)
    )
