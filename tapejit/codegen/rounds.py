"""``for`` and ``while`` rows: a loop around the steps of a body.

Carried numbers are local variables, assigned together at the end of a round. A carried array lives
in the memory of the loop's result. Where the body does not leave its new value there, the loop has
a second buffer and the two pointers change places at the end of a round; behind the loop the result
is moved home when it ended in the other buffer. Element i of a stack is a pointer into it; a small
one that the round reads again is a local array, copied there at the end of the round.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..passes.schedule import is_open
from .bodies import WriteSteps, acts, copied, element_store, given, initial, suffix_of, together
from .sharing import Held, arrival, permuted, results
from .skipping import searched
from .values import Values


def write_loop(values: Values, i: int, write_steps: WriteSteps) -> list[str]:
    """Return the lines of a ``for`` or ``while`` row."""
    tape = values.tape
    row = tape.row(i)
    held = values.inner[i]
    inner, p = held.bodies[0], held.prefix
    counted = row.prim.emit.kind == "for"
    carry: int = row.params["carry"]
    operands = row.args[1:] if counted else row.args
    shared = row.params["shared"] if counted else len(operands) - carry
    outs = results(tape, i)
    found, stacked = outs[:carry], outs[carry if counted else carry + 1 :]
    index = f"{p}i" if counted else values.local(outs[carry])
    inner.names[0] = index
    before: list[str] = []
    for k, (out, a) in enumerate(zip(found, operands)):
        if tape.value(out).shape:
            before += initial(values, out, a)
            inner.names[1 + k] = f"{p}a{k}" if k in held.moving else values.pointer(out)
            if k in held.moving:
                before.append(f"{p}a{k} = {values.pointer(out)}")
        else:
            inner.names[1 + k] = values.local(out)
            before.append(f"{values.local(out)} = {values.number(a)}")
    before += [
        f"{p}b{name[len(p) + 1 :]} = {name}" for name, _ in held.spares if name[len(p)] == "s"
    ]
    for k in range(carry, carry + shared):
        inner.names[1 + k] = given(values, operands[k], f"{p}x{k}", before)
    elements = _elements(values, inner, operands, carry + shared, p, index, before)
    slots, stores = _stacks(values, inner, stacked, carry, index)
    if counted:
        before += _room(values, stacked, p, values.number(row.args[0]))
        n = values.number(row.args[0])
        backwards = row.params["reverse"]
        head = [f"for {index} in range({f'{n} - 1, -1, -1' if backwards else n}):"]
        idle = not backwards or held.moving
        first = None if idle else searched(inner, carry, shared)
        if first is not None:
            before += [f"{p}p = {first}", f"{index} = {n} - 1"]
            head = ["while True:"]
            search = f"{index} = memory.last_nonzero({p}p, {index})"
            elements = [search, f"if not {index} >= 0:", "    break", *elements]
    else:
        test = held.bodies[1]
        test.names = {k: inner.names[1 + k] for k in range(len(operands))}
        before.append(f"{index} = 0")
        head = ["while True:"]
        flag = test.number(test.tape.outputs[0])
        tests = write_steps(test)
        slots = [*tests, f"if not {flag}:", "    break", *_grow(values, stacked, p, index), *slots]
    steps = write_steps(inner)
    tail = [*stores, *_turn(inner, held, found, values, p)]
    if not counted:
        tail.append(f"{index} = {index} + 1")
    elif head == ["while True:"]:
        tail.append(f"{index} = {index} - 1")
    inside = [*elements, *slots, *steps, *tail]
    inside += [] if any(map(acts, inside)) else ["pass"]
    lines = [*before, *head, *["    " + line for line in inside]]
    return lines + _home(values, held, found)


def _elements(
    values: Values,
    inner: Values,
    operands: tuple[int, ...],
    first: int,
    p: str,
    index: str,
    before: list[str],
) -> list[str]:
    """Bind the elements of stacked operands that this round sees."""
    tape, body = values.tape, inner.tape
    read = {a for i in range(body.n_inputs, body.rows) for a in body.args(i)} | set(body.outputs)
    lines = []
    for k in range(first, len(operands)):
        aval = body.value(1 + k)
        if 1 + k not in read:
            continue
        stack = given(values, operands[k], f"{p}x{k}", before)
        if aval.shape:
            inner.names[1 + k] = f"{p}e{k}"
            lines.append(f"{p}e{k} = memory.shift({stack}, {index} * {aval.size})")
        else:
            truth = " != 0" if tape.value(operands[k]).dtype.kind == "b" else ""
            inner.names[1 + k] = f"{p}e{k}"
            lines.append(f"{p}e{k} = {stack}[{index}]{truth}")
    return lines


def _stacks(
    values: Values, inner: Values, stacked: list[int], carry: int, index: str
) -> tuple[list[str], list[str]]:
    """Return the lines that point at this round's elements of stacked results, and the stores."""
    slots: list[str] = []
    stores: list[str] = []
    for k, out in enumerate(stacked):
        o = inner.tape.outputs[carry + k]
        aval = inner.tape.value(o)
        stack = values.pointer(out)
        name = inner.direct.get(o, "")
        if name in inner.small:
            stores.append(f"{name}k = memory.shift({stack}, {index} * {aval.size})")
            stores += copied(name, f"{name}k", aval.size)
        elif aval.shape:
            slots.append(f"{name} = memory.shift({stack}, {index} * {aval.size})")
        else:
            stores.append(element_store(stack, index, inner.number(o), aval.dtype.name))
    return slots, stores


def _turn(inner: Values, held: Held, found: list[int], values: Values, p: str) -> list[str]:
    """Return the lines that make this round's results the next round's carried values."""
    numbers: list[tuple[str, str]] = []
    pointers: list[tuple[str, str]] = []
    used: set[int] = set()
    new: list[int] = []
    for k in range(len(found)):
        o = inner.tape.outputs[k]
        if not inner.tape.value(o).shape:
            numbers.append((inner.names[1 + k], inner.number(o)))
        elif k in held.moving:
            pointers.append((f"{p}a{k}", inner.pointer(o)))
            there = arrival(inner, o)
            if there is None:
                new.append(k)
            else:
                used.add(there - 1)
    # Each new value took a second buffer: the next one is a carried buffer that nobody took over.
    free = [k for k in held.moving if k not in used]
    for k in new:
        aval = inner.tape.value(1 + k)
        left = next(j for j in free if _alike(inner.tape.value(1 + j), aval))
        free.remove(left)
        pointers.append((f"{p}b{k}", f"{p}a{left}"))
    return together(numbers, p) + together(pointers, f"{p}p")


def _alike(a: Aval, b: Aval) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _home(values: Values, held: Held, found: list[int]) -> list[str]:
    """Move results that ended in other buffers to their own memory."""
    p = held.prefix
    lines: list[str] = []
    if not permuted(held):
        for k in held.moving:
            home, size = values.pointer(found[k]), values.tape.value(found[k]).size
            lines.append(f"if not memory.same({p}a{k}, {home}):")
            lines += ["    " + t for t in copied(f"{p}a{k}", home, size) or ["pass"]]
        return lines
    # Results may lie in each other's homes: all are set aside first.
    out: list[str] = []
    for k in held.moving:
        size = values.tape.value(found[k]).size
        lines += copied(f"{p}a{k}", f"{p}c{k}", size)
        out += copied(f"{p}c{k}", values.pointer(found[k]), size)
    away = " or ".join(f"not memory.same({p}a{k}, {values.pointer(found[k])})" for k in held.moving)
    return [f"if {away}:", *["    " + t for t in (*lines, *out) or ["pass"]]]


# ---------------------------------------------------------------- stacks of unknown length


def _opened(values: Values, stacked: list[int]) -> list[tuple[str, int]]:
    """Return the pointers of stacks whose length is not static, and the bytes of an element."""
    tape = values.tape
    return [
        (values.pointer(out), -tape.value(out).size * tape.value(out).dtype.itemsize)
        for out in stacked
        if is_open(tape.value(out))
    ]


def _room(values: Values, stacked: list[int], p: str, n: str) -> list[str]:
    """Make room for n elements before a ``for`` loop; a block that is large enough is kept."""
    lines: list[str] = []
    grown = [f"    {g} = memory.grow({g}, 0, {n} * {size})" for g, size in _opened(values, stacked)]
    if grown:
        lines = [f"if {n} > {p}cap:", *grown, f"    {p}cap = {n}"]
    return lines


def _grow(values: Values, stacked: list[int], p: str, index: str) -> list[str]:
    """Double the room of the stacks of a ``while`` loop when they are full."""
    grown = [
        f"    {g} = memory.grow({g}, {index} * {size}, 2 * {index} * {size})"
        for g, size in _opened(values, stacked)
    ]
    return [f"if {index} >= {p}cap:", *grown, f"    {p}cap = 2 * {index}"] if grown else []


FIRST = 32
"""Elements for which a stack of unknown length has room from the start."""


def opening(values: Values) -> tuple[list[str], list[str]]:
    """Return the lines that allocate the stacks of unknown length and those that release them.

    They stand around the outermost loop: what a nested loop has allocated serves all its runs.
    """
    before: list[str] = []
    after: list[str] = []
    for i, held in values.inner.items():
        if values.tape.prim(i).emit.kind in ("for", "while"):
            found = [k for k in results(values.tape, i) if is_open(values.tape.value(k))]
            for out, (g, size) in zip(found, _opened(values, found)):
                made = f"memory.carve_{suffix_of(values, out)}(memory.allocate({FIRST * size}), 0)"
                before.append(f"{g} = {made}")
                after.append(f"memory.release({g})")
            if found:
                before.append(f"{held.prefix}cap = {FIRST}")
        for body in held.bodies:
            inner = opening(body)
            before += inner[0]
            after += inner[1]
    return before, after
