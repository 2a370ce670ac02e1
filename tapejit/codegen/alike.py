"""Equal steps are one function: a layer that is called again has the same nests over other arrays.

Names in the lines of a step are numbered anew in the order in which they stand; steps of one text
become calls of a function of that text. It takes the pointers and numbers that a step reads and
returns the numbers that other steps read. So a network of fifty layers is compiled as three nests,
and what is not alike (a first layer, a last one) stands where it stood.

Invariant: a call computes what the lines in its place did. Two names of one step are two places in
memory, so parameters called ``t1`` and ``t2`` are whole arrays apart from each other, like the
arrays of a kernel.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ..core.patterns import pattern
from ..core.records import record
from .stretches import FUNCTION
from .values import LOCAL, Values, room

LEAST = 30
"""Weight of the copies that a function must save: lines, with `FUNCTION` for one of `vmath`."""
KINDS = ("nest", "product", "update", "concatenate", "spread", "iota")
_NAME = pattern(r"\b[a-hj-z]\d+(?:_\w+)?\b")
_ASSIGNED = pattern(r"^ *((?:[a-z]\d+(?:_\w+)?(?:, )?)+) = ", re.MULTILINE)
_INDEX = pattern(r"\bfor ([a-z]\d+) in")


@record(frozen=True)
class Shape:
    """The text of a step without its own names.

    Attributes
    ----------
    params, results : tuple of str
        The names by which the function calls what it takes and returns.
    lines : tuple of str
    """

    params: tuple[str, ...]
    results: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def weight(self) -> int:
        """About what compiling it costs."""
        return sum(1 + FUNCTION * line.count("vmath.") for line in self.lines)


def shared(values: Values, steps: list[list[str]], tail: Sequence[str]) -> list[list[str]]:
    """Return the steps of a kernel with equal ones as calls, whose functions `values` is given."""
    near = _registers(values)
    places = Counter(n for lines in (*steps, tail) for n in set(_NAME.findall("\n".join(lines))))
    shapes: dict[int, tuple[Shape, list[str], list[str]]] = {}
    for k, (step, lines) in enumerate(zip(values.plan.steps, steps, strict=True)):
        if step.kind in KINDS and any(line.startswith("for ") for line in lines):
            shape, given, made = _shape(lines[1:], places)
            if not near.intersection(given):
                shapes[k] = shape, given, made
    count = Counter(shape for shape, _, _ in shapes.values())
    names: dict[Shape, str] = {}
    found = list(steps)
    for k, (shape, given, made) in shapes.items():
        if (count[shape] - 1) * shape.weight < LEAST:
            continue
        if shape not in names:
            names[shape] = f"shared{len(names)}"
            title = steps[k][0].rpartition("  (")[0]
            values.shared.append(_function(names[shape], shape, title))
        call = f"{names[shape]}({', '.join(given)})"
        found[k] = [steps[k][0], f"{', '.join(made)} = {call}" if made else call]
    return found


def _registers(values: Values) -> set[str]:
    """Return the arrays that loops of the kernel may keep in registers, if nothing else takes them."""
    if not values.inner:
        return set()
    tape = values.tape
    return {values.pointer(h) for h in values.place if room(tape.value(h)) <= LOCAL}


def _shape(lines: Sequence[str], places: Counter[str]) -> tuple[Shape, list[str], list[str]]:
    """Return the shape of some lines, and the names that stand for its parameters and results."""
    text = "\n".join(lines)
    new: dict[str, str] = {}
    count: Counter[str] = Counter()

    def named(found: re.Match[str]) -> str:
        name = found[0]
        if name not in new:
            letter = {"a": "t", "o": "t", "x": "v"}.get(name[0], name[0])
            count[letter] += 1
            new[name] = f"{letter}{count[letter]}"
        return new[name]

    written = _NAME.sub(named, text)
    made = {n for names in _ASSIGNED.findall(text) for n in names.split(", ")}
    inside = made | set(_INDEX.findall(text))
    given = [n for n in new if n not in inside]
    back = [n for n in new if n in made and places[n] > 1]
    shape = Shape(
        tuple(new[n] for n in given), tuple(new[n] for n in back), tuple(written.split("\n"))
    )
    return shape, given, back


def _function(name: str, shape: Shape, title: str) -> str:
    lines = [title, *shape.lines]
    if shape.results:
        lines.append(f"return {', '.join(shape.results)}")
    inner = "\n    ".join(lines)
    return f"@part\ndef {name}({', '.join(shape.params)}):\n    {inner}\n"
