"""Long kernels in parts: functions of some steps each, called one after the other.

Some of Numba's analyses take time in proportion to the square of a function's length, so a long
kernel is cut into functions of moderate length. A part takes the pointers and numbers that it
reads and returns the numbers that later steps read.
"""

from __future__ import annotations

import re

from .values import Values

LONG = 400
PART = 200
_NAME = re.compile(r"\b[aotxv]\d+\b")
_ASSIGNED = re.compile(r"^ *(v\d+) = ", re.MULTILINE)


def split(values: Values, steps: list[list[str]], tail: list[str]) -> tuple[list[str], list[str]]:
    """Return the functions of the parts and the lines that call them; none when all is short."""
    if sum(map(len, steps)) <= LONG:
        return [], [line for step in steps for line in step]
    groups: list[list[str]] = []
    for step in steps:
        if not groups or len(groups[-1]) + len(step) > PART:
            groups.append([])
        groups[-1] += step
    later = [set(_NAME.findall("\n".join(tail)))]
    for group in reversed(groups):
        later.append(later[-1] | set(_NAME.findall("\n".join(group))))
    later.reverse()
    carved = {line.partition(" ")[0]: line for line in values.carve()[1:]}
    functions: list[str] = []
    calls: list[str] = []
    for k, group in enumerate(groups):
        text = "\n".join(group)
        made = dict.fromkeys(_ASSIGNED.findall(text))
        used = sorted(set(_NAME.findall(text)) - set(made), key=lambda n: (n[0], int(n[1:])))
        temporaries = [carved[n] for n in used if n in carved]
        outside = [n for n in used if n not in carved] + (["ws"] if temporaries else [])
        results = [n for n in made if n in later[k + 1]]
        lines = [*temporaries, *group, *([f"return {', '.join(results)}"] if results else [])]
        body = "\n    ".join(lines)
        functions.append(f"@part\ndef part{k}({', '.join(outside)}):\n    {body}\n")
        call = f"part{k}({', '.join(outside)})"
        calls.append(f"{', '.join(results)} = {call}" if results else call)
    return functions, calls
