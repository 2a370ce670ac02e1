"""``blocks`` rows: a loop over blocks of rows around the steps of a body.

Pointers move from block to block; what a block keeps for itself is as long as a block. Sums start
with their neutral element in front of the loop, and the body adds to them. A matrix that is large enough
is cut into chunks, which threads of the pool run: each chunk has sums of its own, and these are
added in order, so a result is the same, bit for bit, whoever computed which chunk.
"""

from __future__ import annotations

from math import prod

from ..core.avals import Aval
from .bodies import WriteSteps, given
from .sharing import by_rows, results, rows_of
from .text import SUFFIX, number
from .values import ALIGN, Values


def write_blocks(values: Values, i: int, write_steps: WriteSteps) -> list[str]:
    """Return the lines of a ``blocks`` row."""
    return (_whole if i in values.inner else _chunks)(values, i, write_steps)


def _whole(values: Values, i: int, write_steps: WriteSteps) -> list[str]:
    inner = values.inner[i].bodies[0]
    outs = results(values.tape, i)
    lines: list[str] = []
    names = [
        given(values, a, f"{inner.prefix}x{k}", lines) for k, a in enumerate(values.tape.args(i))
    ]
    places = [values.pointer(o) if values.tape.value(o).shape else values.local(o) for o in outs]
    rows = str(rows_of(values.tape, i))
    return [*lines, *_loop(values, i, inner, names, places, ("0", rows), write_steps)]


def _loop(
    values: Values,
    i: int,
    inner: Values,
    names: list[str],
    places: list[str],
    bounds: tuple[str, str],
    write_steps: WriteSteps,
) -> list[str]:
    """Return the loop over the blocks between two rows; `places` are the results or their pointers."""
    params, body, p = values.tape.params(i), inner.tape, inner.prefix
    start, stop = bounds
    before: list[str] = []
    head: list[str] = []
    tail: list[str] = []
    length = 0
    for k, (name, cut) in enumerate(zip(names, params["cut"], strict=True)):
        inner.names[k] = name
        if cut:
            length = body.value(k).shape[0]
            inner.names[k] = f"{p}a{k}"
            head.append(f"{p}a{k} = memory.shift({name}, {p}i * {prod(body.value(k).shape[1:])})")
    for k, (place, summed) in enumerate(zip(places, params["summed"], strict=True)):
        o = body.outputs[k]
        aval = body.value(o)
        if not summed:
            head.append(f"{p}o{k} = memory.shift({place}, {p}i * {prod(aval.shape[1:])})")
            continue
        init, template = _fold(inner, o)
        if aval.shape:
            before += [f"{p}o{k} = {place}", *_filled(f"{p}o{k}", aval, init)]
        else:
            before.append(f"{place} = {init}")
            tail.append(f"{place} = {template.format(place, inner.number(o))}")
    steps = write_steps(inner)
    return [
        *before,
        f"for {p}i in range({start}, {stop}, {length}):",
        f"    {inner.rows} = min({length}, {stop} - {p}i)",
        *["    " + line for line in (*head, *steps, *tail)],
    ]


def _fold(inner: Values, o: int) -> tuple[str, str]:
    """Return what a sum over the rows starts with, and how two of them are put together."""
    row = inner.tape.row(o)
    if row.prim.emit.kind == "reduce":
        return inner.fold(row)
    return number(0, inner.tape.value(o).dtype), "fold_add({0}, {1})"


def _filled(pointer: str, aval: Aval, init: str) -> list[str]:
    text = f"np.uint8({init})" if aval.dtype.kind == "b" else init
    return [f"for i in range({aval.size}):", f"    {pointer}[i] = {text}"]


# ---------------------------------------------------------------- chunks


def _chunks(values: Values, i: int, write_steps: WriteSteps) -> list[str]:
    """Move the loop over the blocks of chunk `k` into a function; return the lines that run it."""
    tape = values.tape
    row = tape.row(i)
    p = f"{values.prefix}r{i}_"
    inner = values.on_its_own(row.params["block"], p)
    by_rows(inner, row.params)
    rows, length = rows_of(tape, i), row.params["chunk"]
    count = -(-rows // length)
    memory = values.fresh("q")
    before: list[str] = []
    after: list[str] = []
    outside = [given(values, a, f"{p}x{k}", before) for k, a in enumerate(row.args)]
    # Whole arrays keep their names, which say that they are distinct.
    inside = [name if name.isidentifier() else f"{p}x{k}" for k, name in enumerate(outside)]
    arguments = dict(zip(inside, outside))
    places: list[str] = []
    lines: list[str] = []
    stores: list[str] = []
    room = 0
    for k, out in enumerate(results(tape, i)):
        aval = tape.value(out)
        if not row.params["summed"][k]:
            places.append(values.pointer(out))
            arguments[places[-1]] = places[-1]
            continue
        # Sums of chunks lie apart by whole lines of the cache: threads write them side by side.
        init, template = _fold(inner, inner.tape.outputs[k])
        item = aval.dtype.itemsize
        step = -(-aval.size * item // ALIGN) * ALIGN // item
        sums = f"{memory}_{k}"
        before.append(f"{sums} = memory.carve_{SUFFIX[aval.dtype.name]}({memory}, {room})")
        given_as = f"t{out}"
        arguments[given_as] = sums
        room += count * step * item
        byte = aval.dtype.kind == "b"
        if aval.shape:
            places.append(f"{p}s{k}")
            lines.append(f"{p}s{k} = memory.shift({given_as}, k * {step})")
            target = values.pointer(out)
            load = "({} != 0)" if byte else "{}"
            joined = template.format(
                load.format(f"{target}[i]"), load.format(f"{sums}[k * {step} + i]")
            )
            after += [
                *_filled(target, aval, init),
                f"for k in range({count}):",
                f"    for i in range({aval.size}):",
                f"        {target}[i] = {f'np.uint8({joined})' if byte else joined}",
            ]
        else:
            places.append(f"{p}s{k}")
            stores.append(
                f"{given_as}[k * {step}] = {f'np.uint8({p}s{k})' if byte else f'{p}s{k}'}"
            )
            found = f"({sums}[k * {step}] != 0)" if byte else f"{sums}[k * {step}]"
            total = values.local(out)
            after += [
                f"{total} = {init}",
                f"for k in range({count}):",
                f"    {total} = {template.format(total, found)}",
            ]
    loop = _loop(values, i, inner, inside, places, ("lo", "hi"), write_steps)
    carved = inner.carved(f"{p}ws", 0)
    if carved:
        # Chunks must not raise, as an allocation may: each has a part of what is allocated for all.
        before.append(f"{memory}_ws = memory.carve_u8({memory}, {room})")
        arguments[f"{p}room"] = f"{memory}_ws"
        carved.insert(0, f"{p}ws = memory.shift({p}room, k * {inner.workspace})")
        room += count * inner.workspace
    name = f"chunk{len(values.functions)}"
    text = "\n    ".join(
        [
            f"lo = k * {length}",
            f"hi = min(lo + {length}, {rows})",
            *lines,
            *carved,
            *inner.locals(),
            *loop,
            *stores,
        ]
    )
    takes = ", ".join(["k", *arguments])
    values.functions.append(f"@part\ndef {name}({takes}):\n    {text}\n")
    passed = ", ".join([name, str(count), *arguments.values()])
    return [
        *([f"{memory} = memory.allocate({room})"] if room else []),
        *before,
        f"parallel.run({passed})",
        *after,
        *([f"memory.release({memory})"] if room else []),
    ]
