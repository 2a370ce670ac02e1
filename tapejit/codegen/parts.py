"""Long kernels in parts: functions of some steps each, called one after the other.

Some of Numba's analyses take time in proportion to the square of a function's length, so a long
kernel is cut into functions of moderate length. A part takes the pointers and numbers that it
reads and returns the numbers and pointers that later steps read. A step is never cut: the variables
of a loop's body stay inside one part.
"""

from __future__ import annotations

import re

from ..core.patterns import pattern
from .rounds import opening
from .values import Values

LONG = 400
PART = 200
_NAME = pattern(r"\b[aotxvd]\d+\b")
_ASSIGNED = pattern(r"^ *([vd]\d+) = ", re.MULTILINE)
_WORD = pattern(r"\w+")


def split(values: Values, steps: list[list[str]], tail: list[str]) -> tuple[list[str], list[str]]:
    """Return the functions of the parts and the lines that call them; none when all is short."""
    if sum(map(len, steps)) <= LONG:
        return [], [line for step in steps for line in step]
    groups: list[list[str]] = []
    for step in steps:
        if not groups or len(groups[-1]) + len(step) > PART:
            groups.append([])
        groups[-1] += step
    # Stacks that grow are reallocated in any part: what they are called goes in and comes out.
    kept = {line.partition(" ")[0] for line in opening(values)[0]}
    pointers = [*values.carved("ws", 0), *values.locals()]
    carved = {line.partition(" ")[0]: line for line in pointers}

    def named(text: str) -> set[str]:
        return set(_NAME.findall(text)) | (kept & set(_WORD.findall(text)))

    later = [named("\n".join(tail))]
    for group in reversed(groups):
        later.append(later[-1] | named("\n".join(group)))
    later.reverse()
    functions: list[str] = []
    calls: list[str] = []
    for k, group in enumerate(groups):
        text = "\n".join(group)
        made = dict.fromkeys(_ASSIGNED.findall(text))
        words = set(_WORD.findall(text))
        used = sorted(named(text) - set(made) - set(carved), key=_order)
        temporaries = [line for name, line in carved.items() if name in words]
        outside = used + (["ws"] if any("(ws, " in line for line in temporaries) else [])
        results = [n for n in (*made, *sorted(kept & words)) if n in later[k + 1]]
        lines = [*temporaries, *group, *([f"return {', '.join(results)}"] if results else [])]
        body = "\n    ".join(lines)
        functions.append(f"@part\ndef part{k}({', '.join(outside)}):\n    {body}\n")
        call = f"part{k}({', '.join(outside)})"
        calls.append(f"{', '.join(results)} = {call}" if results else call)
    return functions, calls


def _order(name: str) -> tuple[str, int]:
    return name.rstrip("0123456789"), int(re.findall(r"\d*$", name)[0] or 0)
