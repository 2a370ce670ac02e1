"""Long rounds in stretches: a block of an innermost loop runs through one short loop after another.

LLVM takes time in proportion to more than the length of a loop's body, and a body that keeps more
than the processor has registers for is slow. A long one is therefore cut into stretches, functions
of a few statements each over a block of the loop; what a later stretch reads is handed on in arrays
as long as a block. Where statements repeat themselves, as they do where Python has unrolled a loop
or called a layer again, cuts repeat too, and stretches of one text are one function.

Invariant: for each element the statements run in their order, but for loads, which stand in every
stretch that reads them, and stores and folds, which stand behind what they read last; an array that
a nest both loads and stores is stored behind all loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.records import record
from .text import SUFFIX, power_of_two

if TYPE_CHECKING:
    from .values import Values

LONG = 150
"""Weight of a round from which on it is cut: weights are about instructions, by fours."""
SIZE = 20
"""Weight of a stretch."""
FUNCTION = 12
"""Weight of a function of `vmath`."""
FEWEST = 32
"""Rounds that make a cut worth while, but for rounds so long that compiling them would not be."""
BLOCKS = (64, 32, 16)
"""Rounds of a block: as many as there is room for what stretches hand on."""
NEAR = 1 << 19
"""Bytes that stay in the second-level cache."""
STACK = 1 << 17
"""Bytes on the stack; what takes more comes from the allocator."""
GRAM = 8
"""Lines in a row that must have been there before to say that a text repeats itself."""
_LINE = re.compile(r"(\w+)(\[.*?\])? = (.*)")
_OF_VMATH = re.compile(r"v(\d+) = (vmath\.\w+)\((\([^,]*\))\)")
_NAME = re.compile(r"\b[aotxvdlu]\d+(?:_\w+)?\b")


@record(frozen=True)
class Line:
    """A line of a round: ``name = ...`` or ``name[...] = ...``."""

    text: str
    name: str
    store: bool
    reads: frozenset[str]

    @property
    def carried(self) -> bool:
        """Whether it is a fold: its name is read by its next round."""
        return not self.store and self.name in self.reads


@record(frozen=True)
class Cut:
    """A nest's innermost loop in stretches.

    Attributes
    ----------
    before, behind : list of str
        Lines in front of the nest and behind it.
    calls : list of str
        The calls of a block, which runs from ``c`` to ``e``.
    block : int
        Its rounds.
    local : bool
        Whether what is handed on lies on the stack: several threads may run such loops.
    """

    before: list[str]
    behind: list[str]
    calls: list[str]
    block: int
    local: bool

    def loop(self, start: str, stop: str) -> list[str]:
        """Return the lines of the innermost loop."""
        return [
            f"for c in range({start}, {stop}, {self.block}):",
            f"    e = min(c + {self.block}, {stop})",
            *("    " + call for call in self.calls),
        ]


def cut(values: Values, body: list[str], rounds: int, index: str, room: int) -> Cut | None:
    """Return the stretches of a loop over `index`, None where its round is short.

    Parameters
    ----------
    body : list of str
        The lines of a round.
    room : int
        Bytes that what is handed on should not pass.
    """
    weight = sum(map(_weight, body))
    if weight <= LONG or (rounds < FEWEST and weight <= 20 * LONG):
        return None
    lines = [_parsed(text) for whole in body for text in _apart(whole)]
    loads = {x.name: x for x in lines if x.name[0] == "l"}
    groups = list(_groups(_ordered(lines, loads)))
    handed = _Handed(values, groups, room)
    calls = [_call(values, group, loads, handed, k, index) for k, group in enumerate(groups)]
    before, behind, named = handed.memory()
    calls = [re.sub(r"@\w+", lambda m: named[m[0]], call) for call in calls]
    return Cut(before, behind, calls, handed.block, handed.local)


def _weight(text: str) -> int:
    return 1 + FUNCTION * text.count("vmath.")


def _apart(text: str) -> list[str]:
    """Return a line, or two where it is a function of `vmath` of an expression in parentheses."""
    found = _OF_VMATH.fullmatch(text)
    if found is None or not _is_one(found[3]):
        return [text]
    return [f"u{found[1]} = {found[3]}", f"v{found[1]} = {found[2]}(u{found[1]})"]


def _is_one(text: str) -> bool:
    """Whether the parenthesis that opens a text closes at its end."""
    depth = 0
    for c in text[:-1]:
        depth += (c == "(") - (c == ")")
        if not depth:
            return False
    return "vmath." not in text


def _parsed(text: str) -> Line:
    found = _LINE.fullmatch(text)
    assert found is not None
    return Line(text, found[1], found[2] is not None, frozenset(_NAME.findall(found[3])))


def _ordered(lines: list[Line], loads: dict[str, Line]) -> list[Line]:
    """Return what is not a load: statements in their order, all else as early as it can stand."""
    loaded = {name for x in loads.values() for name in x.reads}
    rest = [x for x in lines if x.name not in loads]
    statements = [x for x in rest if not x.store and not x.carried]
    at = {x.name: n for n, x in enumerate(statements, 1)}
    behind: list[list[Line]] = [[] for _ in range(len(statements) + 1)]
    for x in rest:
        if x.store or x.carried:
            late = x.store and x.name in loaded
            behind[-1 if late else max((at.get(n, 0) for n in x.reads), default=0)].append(x)
    return [y for x, following in zip([None, *statements], behind) for y in (x, *following) if y]


# ---------------------------------------------------------------- where to cut


def _groups(lines: list[Line]) -> Iterator[list[Line]]:
    """Cut lines by weight; where they repeat themselves, at the same places again and again."""
    shapes = [_NAME.sub("", x.text) for x in lines]
    lags = _lags(shapes)
    start = k = 0
    while k < len(lines):
        period, end = lags[k], k + lags[k]
        while period and end < len(lines) and shapes[end] == shapes[end - period]:
            end += 1
        if end - k < 2 * period or not period:
            k += 1
            continue
        yield from _by_weight(lines[start:k])
        once = sum(_weight(x.text) for x in lines[k : k + period])
        many = max(SIZE // once, 1) * period
        for start in range(k, end, many):
            yield from _by_weight(lines[start : min(start + many, end)])
        start = k = end
    yield from _by_weight(lines[start:])


def _by_weight(lines: list[Line]) -> Iterator[list[Line]]:
    """Cut lines by weight; a function of `vmath` alone in its line stands alone: its code is long."""
    group: list[Line] = []
    weight = 0
    for x in lines:
        alone = " = vmath." in x.text
        weight += _weight(x.text)
        if group and (alone or weight > SIZE):
            yield group
            group, weight = [], _weight(x.text)
        group.append(x)
        if alone:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _lags(shapes: list[str]) -> list[int]:
    """Return for each line how far on the lines from there are found again, 0 for nowhere."""
    found = [0] * len(shapes)
    next_at: dict[tuple[str, ...], int] = {}
    for i in range(len(shapes) - GRAM, -1, -1):
        gram = tuple(shapes[i : i + GRAM])
        found[i] = next_at.get(gram, i) - i
        next_at[gram] = i
    return found


# ---------------------------------------------------------------- what is handed on


class _Handed:
    """The values that one stretch makes and a later one reads, and their places in a block.

    A place is free again for what the last stretch that reads it makes: for each element of a block a
    stretch reads all its places before it writes any.
    """

    def __init__(self, values: Values, groups: list[list[Line]], room: int) -> None:
        self.values = values
        self.made: dict[str, int] = {}
        last: dict[str, int] = {}
        for k, group in enumerate(groups):
            for x in group:
                if not x.store and not x.carried:
                    self.made[x.name] = k
                last.update(dict.fromkeys(x.reads, k))
        self.kinds = {
            n: values.tape.value(int(n[1:])).dtype.name
            for n, k in self.made.items()
            if last.get(n, k) > k
        }
        self.place: dict[str, str] = {}
        self.count: dict[str, int] = {}
        free: dict[str, list[str]] = {}
        ends: list[list[str]] = [[] for _ in groups]
        made_in: list[list[str]] = [[] for _ in groups]
        for n in self.kinds:
            made_in[self.made[n]].append(n)
            ends[last[n]].append(n)
        for k in range(len(groups)):
            for n in ends[k]:
                free.setdefault(self.kinds[n], []).append(self.place[n])
            for n in made_in[k]:
                kind = self.kinds[n]
                if free.get(kind):
                    self.place[n] = free[kind].pop()
                    continue
                self.place[n] = f"@{kind}_{self.count.get(kind, 0)}"
                self.count[kind] = self.count.get(kind, 0) + 1
        one = sum(n * np.dtype(kind).itemsize for kind, n in self.count.items())
        self.block = next((b for b in BLOCKS if one * b <= room), BLOCKS[-1])
        self.local = one * self.block <= STACK

    def memory(self) -> tuple[list[str], list[str], dict[str, str]]:
        """Return the lines that make the places, those that give them back, and their pointers."""
        before, behind, named = [], [], {}
        for kind, n in self.count.items():
            base, size = self.values.fresh("s"), n * self.block
            suffix = SUFFIX[kind]
            if self.local:
                before.append(f"{base} = local_{suffix}_{power_of_two(size)}()")
            else:
                room = self.values.fresh("s")
                before.append(f"{room} = memory.allocate({size * np.dtype(kind).itemsize})")
                before.append(f"{base} = memory.carve_{suffix}({room}, 0)")
                behind.append(f"memory.release({room})")
            for k in range(n):
                at = f"memory.shift({base}, {k * self.block})" if k else base
                named[f"@{kind}_{k}"] = at
        return before, behind, named


# ---------------------------------------------------------------- functions


def _call(
    values: Values, group: list[Line], loads: dict[str, Line], handed: _Handed, k: int, index: str
) -> str:
    """Return the call of the function of some lines; a function is written once for all like it."""
    reads = dict.fromkeys(n for x in group for n in _NAME.findall(x.text))
    lines = [loads[n].text for n in reads if n in loads]
    for n in reads:
        if n in handed.kinds and handed.made[n] < k:
            truth = " != 0" if handed.kinds[n] == "bool" else ""
            lines.append(f"{n} = {handed.place[n]}[{index} - lo]{truth}")
    lines += [x.text for x in group]
    for n in reads:
        if n in handed.kinds and handed.made[n] == k:
            value = f"np.uint8({n})" if handed.kinds[n] == "bool" else n
            lines.append(f"{handed.place[n]}[{index} - lo] = {value}")
    results = list(dict.fromkeys(x.name for x in group if x.carried))
    names: dict[str, str] = {}
    count: dict[str, int] = {}

    def short(found: re.Match[str]) -> str:
        name = found[0]
        if name == index:
            return "i"
        if name not in names:
            # Pointers keep what their letter says: whole arrays are distinct, windows may overlap.
            letter = "t" if name[0] in "@aot" else name[0]
            count[letter] = count.get(letter, 0) + 1
            names[name] = f"{letter}{count[letter]}"
        return names[name]

    other = rf"@\w+|\bi\d+\b|{_NAME.pattern}"
    written = [re.sub(other, short, line) for line in lines]
    made = {names[x.name] for x in group if not x.store and not x.carried}
    made |= {names[n] for n in reads if n in loads or (n in handed.kinds and handed.made[n] < k)}
    params = {p: n for n, p in names.items() if p not in made}
    back = [names[n] for n in results]
    text = "\n".join(
        [
            f"({', '.join(['lo', 'hi', *params])}):",
            "    for i in range(lo, hi):",
            *("        " + line for line in written),
            *([f"    return {', '.join(back)}"] if back else []),
            "",
        ]
    )
    name = values.stretches.setdefault(text, f"stretch{len(values.stretches)}")
    call = f"{name}({', '.join(['c', 'e', *params.values()])})"
    return f"{', '.join(results)} = {call}" if results else call
