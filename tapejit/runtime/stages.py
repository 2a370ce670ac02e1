"""What a tape becomes, as text: the kernels and host steps of its compiled form, in order.

Nothing here compiles or imports Numba, so what a call would run can be read before it is compiled,
or where Numba is absent. Invariant: the sources are those that `compile.compile_staged` compiles.
"""

from __future__ import annotations

from ..codegen.kernel import KERNEL_DTYPES, KernelText, has_code, write_kernel
from ..codegen.values import Values
from ..core.avals import Aval
from ..core.records import record
from ..core.sources import LINES, UNKNOWN
from ..passes.legalise import legalise
from ..passes.partition import Segment, partition
from ..passes.parts import parts
from ..passes.schedule import Step
from ..passes.views import root_of as memory_of
from ..tape.ir import Tape
from ..tape.text import to_text


@record(frozen=True)
class KernelStage:
    """A kernel: its source and the legalised tape it was written from."""

    text: KernelText
    tape: Tape


@record(frozen=True)
class HostStage:
    """A row that NumPy runs between two kernels."""

    tape: Tape
    row: int
    why: str


Stage = KernelStage | HostStage


def stages_of(tape: Tape, title: str) -> list[Stage]:
    """Return what the compiled form of an optimised tape runs, in order."""
    coded = all(i < tape.n_inputs or has_code(tape, i) for i in range(tape.rows))
    if coded and all(isinstance(tape.any_aval(o), Aval) for o in tape.outputs):
        cut = parts(tape)
        if cut is None:
            return [_kernel(tape, title)]
    else:
        cut = partition(tape, has_code)
    made: list[Stage] = []
    for stage in cut.stages:
        if isinstance(stage, Segment):
            made.append(_kernel(stage.tape, title))
        else:
            made.append(HostStage(tape, stage, why_host(tape, stage)))
    return made


def _kernel(tape: Tape, title: str) -> KernelStage:
    legal = legalise(tape)
    return KernelStage(write_kernel(legal, title), legal)


def bodies(tape: Tape, i: int) -> list[Tape]:
    """Return the tapes that a row holds as parameters; one of all rows is said by one of a block."""
    held = tape.params(i).items()
    return [v for name, v in held if isinstance(v, Tape) and name != "whole"]


def why_host(tape: Tape, i: int) -> str:
    """Return why a row has no place in a kernel."""
    row = tape.row(i)
    name = row.prim.name
    for body in bodies(tape, i):
        for k in range(body.n_inputs, body.rows):
            if not has_code(body, k):
                return f"{name}: in its body, {why_host(body, k)}"
    if row.prim.emit.kind == "out":
        return f"takes a result of %{row.args[0]}"
    if row.prim.emit.kind == "host":
        return f"{name} has no native code"
    if not isinstance(row.aval, Aval):
        return f"{name} has several results"
    avals = [row.aval, *[tape.any_aval(a) for a in row.args]]
    for aval in avals:
        if not isinstance(aval, Aval):
            return f"{name} reads a row with several results"
        if aval.dtype.name not in KERNEL_DTYPES:
            return f"{name} of {aval.dtype.name} has no native code"
    shown = ", ".join(str(a) for a in avals[1:])
    return f"{name} has no native code for ({shown})"


def source_text(tape: Tape, title: str) -> str:
    """Return the generated source, host steps marked in the order in which they run."""
    stages = stages_of(tape, title)
    if not stages:
        return f"# {title}: nothing to compute; inputs and literals are returned as they are\n"
    if len(stages) == 1 and isinstance(stages[0], KernelStage):
        return stages[0].text.source
    parts = []
    for k, stage in enumerate(stages):
        head = f"# stage {k + 1} of {len(stages)}"
        if isinstance(stage, KernelStage):
            parts.append(f"{head}: kernel\n{stage.text.source}")
        else:
            parts.append(
                f"{head}: host step, run by NumPy: {stage.why}\n#   {row_text(tape, stage.row)}\n"
            )
    return "\n".join(parts)


def row_text(tape: Tape, i: int) -> str:
    """Return one row as its tape prints it, the file shortened to its name."""
    row = tape.row(i)
    args = "".join(f" %{a}" for a in row.args)
    params = ", ".join(
        f"{k}={'@tape' if isinstance(v, Tape) else repr(v)}" for k, v in sorted(row.params.items())
    )
    given = f" {{{params}}}" if params else ""
    place = LINES[row.line]
    note = f"  ; {place.short}" if row.line != UNKNOWN else ""
    return f"%{i} = {row.prim.name}{args}{given} : {row.aval}{note}"


def short_text(tape: Tape) -> str:
    """Return the text form of a tape with file names instead of paths, for reading."""
    import re

    return re.sub(r"(?m)  ; (?:.*[/\\])?([^/\\\n]+:\d+)$", r"  ; \1", to_text(tape))


# ---------------------------------------------------------------- memory traffic


def bytes_of(aval: Aval) -> int:
    """Return the bytes of a dense array; those of a stack of unknown length are not counted."""
    return max(aval.size, 0) * aval.dtype.itemsize


@record(frozen=True)
class Traffic:
    """Bytes that a step reads from memory and writes to it."""

    read: int
    written: int


def traffic(stage: KernelStage) -> list[Traffic]:
    """Return what each step of a kernel moves.

    An array is counted once for each step that reads it, however many rows of the step do; a
    broadcast view counts what it shows of its memory. Scalars are registers and count nothing.
    A loop counts what it is given and what it gives; what its rounds keep among them is small.
    """
    plan = stage.text.plan
    values = Values(plan)
    return [_step_traffic(values, stage, step) for step in plan.steps]


def _step_traffic(values: Values, stage: KernelStage, step: Step) -> Traffic:
    tape, plan = stage.tape, stage.text.plan
    inside = set(step.rows)
    seen: dict[int, int] = {}
    written = 0
    for i in step.rows:
        updated = values.base.get(i) if step.kind == "update" else None
        for a in tape.args(i):
            aval = tape.value(a)
            if a in inside or a == updated or aval.shape == ():
                continue
            root = memory_of(tape, a)
            home = tape.value(root)
            if home.shape == () or tape.prim(root).emit.kind == "lit":
                continue
            shown = min(bytes_of(aval), bytes_of(home))
            seen[root] = min(seen.get(root, 0) + shown, bytes_of(home))
        out = tape.any_aval(i)
        if not isinstance(out, Aval):
            parts = [k for k in range(i + 1, tape.rows) if tape.args(k) == (i,)]
            written += sum(bytes_of(tape.value(k)) for k in parts)
            continue
        if out.shape == ():
            continue
        if updated is not None:
            written += bytes_of(tape.value(tape.args(i)[1]))
        elif step.kind != "nest" or i in plan.stored:
            written += bytes_of(out)
    return Traffic(sum(seen.values()), written)
