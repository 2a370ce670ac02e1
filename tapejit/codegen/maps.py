"""``map`` rows: a loop around the steps of a body, its pointers moved from index to index."""

from __future__ import annotations

from collections.abc import Callable

from ..passes.cse import cse
from ..passes.dce import dce
from ..passes.legalise import legalise
from ..passes.schedule import schedule
from ..passes.simplify import simplify
from ..tape.ir import Tape
from .rounds import opening
from .text import SUFFIX, number
from .values import Values


def used_results(tape: Tape, i: int) -> dict[int, int]:
    """Return which results of a row are read, and by which ``out`` row."""
    found: dict[int, int] = {}
    for k in range(i + 1, tape.rows):
        if tape.prim(k).emit.kind == "out" and tape.args(k)[0] == i:
            found.setdefault(tape.params(k)["k"], k)
    return found


def with_outputs(body: Tape, chosen: list[int]) -> Tape:
    """Return a body that computes only some of its outputs, ready for code."""
    tape = Tape(
        body.op, body.off, body.arg, body.aval, body.param, body.line, body.n_inputs,
        tuple(body.outputs[k] for k in chosen),
    )  # fmt: skip
    for step in (dce, simplify, cse, simplify, dce, legalise):
        tape = step(tape)
    return tape


def write_map(values: Values, i: int, write_steps: Callable[[Values], list[str]]) -> list[str]:
    """Return the lines of a ``map`` row."""
    tape = values.tape
    row = tape.row(i)
    mapped, summed = row.params["mapped"], row.params["summed"]
    results = used_results(tape, i)
    if not results:
        return []
    chosen = sorted(results)
    body = with_outputs(row.params["body"], chosen)
    p = f"{values.prefix}m{i}_"
    inner = Values(schedule(body), p, stack=values.stack)
    inner.promote()
    n = next(tape.value(a).shape[0] for a, m in zip(row.args, mapped) if m)
    index = f"{p}n"
    before: list[str] = []
    head: list[str] = []
    tail: list[str] = []
    after: list[str] = []
    before += inner.carve()
    if inner.carved("", 0):
        after.append(f"memory.release({p}ws)")
    opened, closed = opening(inner)
    before += opened
    after += closed
    for k, (a, moves) in enumerate(zip(row.args, mapped)):
        aval = body.value(k)
        constant = values.constant(a)
        if constant is not None and not aval.shape:
            before.append(f"{p}x{k} = {constant}")
            continue
        x = values.strided(a)
        pointer = values.pointer(x.root)
        at = f"{index} * {aval.size}" if moves else ""
        at = " + ".join(t for t in (at, str(x.offset) if x.offset else "") if t) or "0"
        lines = head if moves else before
        if aval.shape:
            lines.append(
                f"{p}a{k} = " + (f"memory.shift({pointer}, {at})" if at != "0" else pointer)
            )
        else:
            truth = " != 0" if aval.dtype.kind == "b" else ""
            lines.append(f"{p}x{k} = {pointer}[{at}]{truth}")
    spare = 0
    for position, k in enumerate(chosen):
        o = body.outputs[position]
        aval = body.value(o)
        if summed[k] and not aval.shape:
            total = values.local(results[k])
            value = inner.constant(o) or number(body.params(o)["value"], aval.dtype)
            before.append(f"{total} = {number(0, aval.dtype)}")
            tail.append(f"{total} = {total} + {value}")
            continue
        target = values.pointer(results[k])
        if summed[k]:
            before += [
                f"for i in range({aval.size}):",
                f"    {target}[i] = {number(0, aval.dtype)}",
            ]
        if not aval.shape:
            value = inner.constant(o) or number(body.params(o)["value"], aval.dtype)
            value = f"np.uint8({value})" if aval.dtype.kind == "b" else value
            tail.append(f"{target}[{index}] = {value}")
        elif summed[k]:
            suffix = SUFFIX[aval.dtype.name]
            before.append(f"{p}o{position} = memory.carve_{suffix}({p}sums, {spare})")
            spare += -(-aval.size * aval.dtype.itemsize // 64) * 64
            tail += [
                f"for i in range({aval.size}):",
                f"    {target}[i] = {target}[i] + {p}o{position}[i]",
            ]
        else:
            head.append(f"{p}o{position} = memory.shift({target}, {index} * {aval.size})")
    if spare:
        before.insert(0, f"{p}sums = memory.allocate({spare})")
        after.append(f"memory.release({p}sums)")
    steps = write_steps(inner)
    inside = ["    " + line for line in (*head, *steps, *tail)]
    return [*before, f"for {index} in range({n}):", *inside, *after]
