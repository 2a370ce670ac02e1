"""Chunks of a long nest: a function of the number of a chunk, run by several threads.

The outermost loop is cut into chunks of a length that follows from the nest alone, never from the
number of threads; folds over all axes leave one number a chunk, and these are added in order. So a
result is the same, bit for bit, whoever computed which chunk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..core.records import record
from .text import SUFFIX
from .values import ALIGN, Values

WORTH = 200_000.0
"""Nanoseconds, by the estimate below, from which a nest is cut: a region costs some 10 us."""
CHUNK = 50_000.0
"""Nanoseconds of a chunk."""
MOST = 256
"""Chunks of a nest at most."""
UNIT = 2048
"""A single loop is cut at multiples of this."""
_OUTER = re.compile(r"\b[aotxvd]\d+\b")
_ASSIGNED = re.compile(r"^ *([vd]\d+) = ", re.MULTILINE)


def nanoseconds(lines: Sequence[str]) -> float:
    """Return about what a round of the innermost loop takes, vectorised, as measured on one machine.

    A function of vmath 2, a division or a root 0.5, any other operation 0.05; a load or store 0.15,
    in memory beyond the caches rather 0.4.
    """
    text = "\n".join(lines)
    divisions = text.count(" / ") + text.count("np.sqrt")
    return 2 * text.count("vmath.") + 0.5 * divisions + 0.15 * text.count("[") + 0.05 * len(lines)


@record(frozen=True)
class Total:
    """A fold over all axes: its local, its initial value, how to fold, its dtype's name."""

    local: str
    init: str
    template: str
    dtype: str


def length_of(rounds: int, inner: int, lines: Sequence[str]) -> int:
    """Return how many rounds of the outermost loop make a chunk; all of them for a short nest."""
    each = inner * nanoseconds(lines)  # a size may be symbolic: it stands on the left of a float
    if rounds * each < WORTH:
        return rounds
    unit = UNIT if inner == 1 else 1
    least = -(-rounds // MOST)
    wanted = max(int(CHUNK / each), least, 1)
    return min(-(-wanted // unit) * unit, rounds)


def write_chunks(
    values: Values, body: Sequence[str], rounds: int, length: int, totals: Sequence[Total]
) -> list[str]:
    """Move the lines of a nest over chunk `k` into a function; return the lines that run it.

    `body` runs from ``lo`` to ``hi`` and leaves the totals of the chunk in their locals.
    """
    name = f"chunk{len(values.functions)}"
    count = -(-rounds // length)
    text = "\n".join(body)
    inside = set(_ASSIGNED.findall(text))
    given = sorted(set(_OUTER.findall(text)) - inside, key=lambda n: (n[0], int(n[1:])))
    before, after, stores = [], [], []
    memory = values.fresh("q")
    room = 0
    for k, total in enumerate(totals):
        place = f"{memory}_{k}"
        before.append(f"{place} = memory.carve_{SUFFIX[total.dtype]}({memory}, {room})")
        room += -(-count * np.dtype(total.dtype).itemsize // ALIGN) * ALIGN
        byte = total.dtype == "bool"
        stores.append(f"{place}[k] = {f'np.uint8({total.local})' if byte else total.local}")
        found = f"({place}[k] != 0)" if byte else f"{place}[k]"
        after.append(f"{total.local} = {total.template.format(total.local, found)}")
        given.append(place)
    lines = [f"lo = k * {length}", f"hi = min(lo + {length}, {rounds})", *body, *stores]
    inner = "\n    ".join(lines)
    values.functions.append(f"@part\ndef {name}({', '.join(['k', *given])}):\n    {inner}\n")
    run = f"parallel.run({', '.join([name, str(count), *given])})"
    if not totals:
        return [run]
    return [
        f"{memory} = memory.allocate({room})",
        *before,
        run,
        *[f"{total.local} = {total.init}" for total in totals],
        f"for k in range({count}):",
        *["    " + line for line in after],
        f"memory.release({memory})",
    ]
