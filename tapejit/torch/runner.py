"""The compiled run of a program, written out so that a call is a few lines.

Arguments by their places in the list of inputs, room for the results, the call. Small arrays of
earlier runs are taken again once nobody else holds them, which counting references tells: 20 ns, a
new array 130. A loop's parameters alternate between two sets.

Invariant: a run owns the set of arrays that it has taken from `spare` until it puts it back, so that
threads never share one; an array is written to only if the set alone holds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from ..tape.ir import Tape
from .lower import given, owned

SMALL = 1 << 12
"""Bytes of an array up to which it is kept for later runs."""
_THROUGH_MEMORY = {"float32": "f", "float64": "d"}
"""Numbers that become NumPy's by way of an array of one: 50 ns, by calling their type 150."""


class _Room:
    """What a set of arrays holds: None for an array, or the dtype of a number."""

    def __init__(self) -> None:
        self.made: list[str | None] = []

    def place(self, kind: str | None) -> str:
        """Return the expression of a new place in the set."""
        self.made.append(kind)
        return f"kept[{len(self.made) - 1}]"

    def fresh(self) -> list[Any]:
        """Return a new set."""
        return [None if kind is None else _cell(kind) for kind in self.made]


def _cell(kind: str) -> tuple[memoryview, Any]:
    array = np.empty(1, kind)
    return memoryview(array), array  # type: ignore[arg-type]


def _free() -> int:
    """Return what ``getrefcount`` says, in a run, of an array that only its set holds."""
    space: dict[str, Any] = {"refs": getrefcount}
    exec("def run(kept):\n    y = kept[0]\n    return refs(y)\n", space)
    found: int = space["run"]([object()])
    return found


_FREE = _free()


def _stacking(numbers: tuple[int, ...], kind: str, shape: tuple[int, ...]) -> str:
    """Return the source of inputs as one array: 20 of 64 take 5.5 us, by `np.stack` 13 us."""
    given = ", ".join([f"x[{k}]" for k in numbers])
    if len(shape) < 2 or 0 in shape:
        return f"array(({given}), {kind}).reshape({shape})"
    return f"concatenate(({given})).reshape({shape})"


def runner(
    made: Any, tape: Tape, binding: list[Any], specs: list[Any]
) -> Callable[[list[Any]], Any]:
    """Return ``run(inputs)`` of a compiled tape, written out so that a call is a few lines."""
    from ..runtime.compile import Kernel

    def slow(inputs: list[Any]) -> Any:
        found = made(given(inputs, binding, tape))
        return [owned(y, spec) for y, spec in zip(found, specs)]

    space: dict[str, Any] = {"empty": np.empty, "slow": slow}
    space |= {"concatenate": np.concatenate, "array": np.array}
    room = _Room()
    lines: list[str] = []
    names: dict[int, str] = {}
    sources = [_input(space, lines, tape, i, k) for i, k in enumerate(binding)]
    if isinstance(made, Kernel):
        outputs = list(range(len(specs)))
        _call(space, lines, room, made, sources, outputs, names)
        back = [names[k] for k in outputs]
    else:
        its = made.tape
        if made.host_rows or any(o < its.n_inputs or o not in _made(made) for o in its.outputs):
            return slow
        values = dict(enumerate(sources))
        for segment, kernel in made.stages:
            taken = [values[i] for i in segment.inputs]
            _call(space, lines, room, kernel, taken, list(segment.outputs), values)
        back = [values[o] for o in its.outputs]
    returned = [_result(space, lines, room, name, spec) for name, spec in zip(back, specs)]
    if room.made:
        space["spare"] = deque([room.fresh(), room.fresh()], maxlen=2)
        space |= {"refs": getrefcount, "fresh": room.fresh}
        taken = ["try: kept = spare.popleft()", "except IndexError: kept = fresh()"]
        lines = [*taken, *lines, "spare.append(kept)"]
    body = "\n    ".join(lines)
    exec(f"def run(x):\n    {body}\n    return ({''.join(f'{y}, ' for y in returned)})\n", space)
    found: Callable[[list[Any]], Any] = space["run"]
    return found


def _made(staged: Any) -> set[int]:
    """Return the rows that the kernels of a staged tape give."""
    return {o for segment, _ in staged.stages for o in segment.outputs}


def _input(space: dict[str, Any], lines: list[str], tape: Tape, i: int, k: Any) -> str:
    """Return the expression of an input: an entry of the trace's inputs, a stack of them, an array."""
    if type(k) is int:
        return f"x[{k}]"
    if type(k) is tuple:
        space[f"d{i}"] = tape.value(i).dtype
        lines.append(f"i{i} = {_stacking(k, f'd{i}', tape.value(i).shape)}")
        return f"i{i}"
    space[f"c{i}"] = np.ascontiguousarray(k) if np.ndim(k) else np.asarray(k)[()]
    return f"c{i}"


def _result(space: dict[str, Any], lines: list[str], room: _Room, name: str, spec: Any) -> str:
    """Return a result as tensors keep it: kernels give numbers as Python's."""
    if spec.shape:
        return name
    kind = spec.np.name
    if kind not in _THROUGH_MEMORY:
        space[f"t_{kind}"] = spec.np.type
        return f"t_{kind}({name})"
    lines += [f"into, cell = {room.place(kind)}", f"into[0] = {name}", f"r_{name} = cell[0]"]
    return f"r_{name}"


def _call(
    space: dict[str, Any],
    lines: list[str],
    room: _Room,
    kernel: Any,
    inputs: list[str],
    outputs: list[int],
    names: dict[int, str],
) -> None:
    """Write the call of a kernel; enter the names of its results under `outputs`."""
    text, n = kernel.text, len(space)
    space[f"kernel{n}"] = kernel.call
    arguments = [inputs[i] for i in text.inputs]
    for m, (k, aval) in enumerate(text.arrays):
        space[f"shape{n}_{m}"], space[f"dtype{n}_{m}"] = aval.shape, aval.dtype
        name = names[outputs[k]] = f"y{n}_{m}"
        made = f"empty(shape{n}_{m}, dtype{n}_{m})"
        if aval.size * aval.dtype.itemsize <= SMALL:
            at = room.place(None)
            lines.append(f"{name} = {at}")
            lines.append(f"if refs({name}) > {_FREE}: {name} = {at} = {made}")
        else:
            lines.append(f"{name} = {made}")
        arguments.append(name)
    given = ["status"]
    for m, k in enumerate(text.scalars):
        name = names[outputs[k]] = f"s{n}_{m}"
        given.append(name)
    lines += [
        f"try: {', '.join(given)} = kernel{n}({', '.join(arguments)})",
        "except TypeError: return slow(x)",
    ]
