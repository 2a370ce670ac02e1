"""Polynomials with integer coefficients, as sorted tuples: equal ones are equal, and hashable.

A monomial is the sorted tuple of its atoms, ``(0, 0, 1)`` for n0 n0 n1; ``()`` is the constant.
"""

from __future__ import annotations

Monomial = tuple[int, ...]
Poly = tuple[tuple[Monomial, int], ...]


def constant(n: int) -> Poly:
    return (((), n),) if n else ()


def added(a: Poly, b: Poly) -> Poly:
    made = dict(a)
    for m, c in b:
        made[m] = made.get(m, 0) + c
    return tuple(sorted((m, c) for m, c in made.items() if c))


def scaled(a: Poly, n: int) -> Poly:
    return tuple((m, c * n) for m, c in a) if n else ()


def multiplied(a: Poly, b: Poly) -> Poly:
    made: dict[Monomial, int] = {}
    for m, c in a:
        for o, d in b:
            key = tuple(sorted(m + o))
            made[key] = made.get(key, 0) + c * d
    return tuple(sorted((m, c) for m, c in made.items() if c))
