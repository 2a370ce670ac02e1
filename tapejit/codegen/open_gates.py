"""Nests of a loop's round whose gates cannot matter are written without them, too.

A gated product is 0 where the cotangent is, whatever the partial: 0 times inf would be nan. In front of
a finite partial it is the product. Where the partial is one number, ``c * (u[2:] - u[:-2])``, that is
known before the nest begins:

    if c - c == 0.0: nest with ct * c
    else:            nest with (ct * c if ct != 0 else ct)

Each gate is a comparison and a masked product for each vector, and a stencil has one for each neighbour.

Invariant: a name that is taken for such a number is not assigned in the nest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.avals import Shape

LEAST = 32
"""Places of a nest from which it is written twice."""
MOST = 40
"""Lines of a nest up to which it is written twice."""
_GATED = re.compile(r"\((\w+) \* (\w+) if \1 != 0 else \1\)")
_ASSIGNED = re.compile(r"^\s*(\w+) = |^\s*for (\w+) in ")


def without_gates(lines: Sequence[str], space: Shape) -> list[str]:
    """Return the lines of a nest, behind a test those without gates."""
    size = 1
    for n in space:
        size *= n
    if size < LEAST or len(lines) > MOST:
        return list(lines)
    assigned = {name for t in lines if (m := _ASSIGNED.match(t)) for name in m.groups()}
    found = [m[2] for t in lines for m in _GATED.finditer(t) if m[2] not in assigned]
    numbers = list(dict.fromkeys(found))
    if not numbers:
        return list(lines)

    def opened(m: re.Match[str]) -> str:
        return f"({m[1]} * {m[2]})" if m[2] in numbers else m[0]

    return [
        f"if {' and '.join(f'{p} - {p} == 0.0' for p in numbers)}:",
        *(f"    {_GATED.sub(opened, t)}" for t in lines),
        "else:",
        *(f"    {t}" for t in lines),
    ]
