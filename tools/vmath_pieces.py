"""Derive the tables of `tapejit.kernels.vmath.pieces`: functions in sixteen pieces.

    python tools/vmath_pieces.py

The exponent and the first two digits of ``y = 1 + scale * x`` choose a piece; in it the function is
its value at a point near the middle plus a polynomial in the distance from there.  The point is
moved until the value at it is a float64 number to within a five hundredth of a unit in the last
place, so that the value needs no tail.  Polynomials interpolate at Chebyshev's points, in 60-digit
arithmetic; the worst error of the whole function is printed as bits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from mpmath import mp, mpf
from vmath_coefficients import fit

OUT = Path(__file__).resolve().parent.parent / "tapejit" / "kernels" / "vmath" / "pieces.py"
Function = Callable[[Any], Any]
PIECES = 16
LINES: list[str] = []


def wrapped(text: str, indent: int = 0) -> str:
    blank = " " * indent
    return textwrap.fill(
        text, width=100, initial_indent=blank, subsequent_indent=blank, break_on_hyphens=False
    )


def emit(name: str, columns: list[list[Any]]) -> None:
    """Append ``name = (column, ...)``, each of sixteen numbers."""
    LINES.append(f"{name} = (\n")
    for column in columns:
        numbers = wrapped(", ".join(repr(float(x)) for x in column) + ",", 8)
        LINES.append(f"    (\n{numbers}\n    ),\n")
    LINES.append(")\n\n")


def centre(g: Function, a: Any, b: Any) -> Any:
    """A float64 number near the middle of [a, b] at which `g` is nearly one."""
    for k in range(20000):
        x = mpf(float(a + (b - a) * (mpf("0.47") + mpf(k) / 300007)))
        value = g(x)
        unit = mpf(2) ** (mp.floor(mp.log(value, 2)) - 52)
        if abs(value - mpf(float(value))) < unit / 500:
            return x
    raise ValueError("no such point")


def pieces(name: str, g: Function, scale: Any, end: Any, terms: int) -> None:
    """Write centres, values there, and coefficients, for arguments from 0 to `end`."""
    ys = [mpf(2) ** e * (1 + mpf(q) / 4) for e in range(4) for q in range(4)] + [mpf(PIECES)]
    columns: list[list[Any]] = [[] for _ in range(terms + 2)]
    worst = mpf(-10000)
    for ya, yb in pairwise(ys):
        a, b = (ya - 1) / scale, min(end, (yb - 1) / scale)
        c = centre(g, a, b)
        value = g(c)

        def rest(h: Any, c: Any = c) -> Any:
            with mp.workdps(90):
                return (g(c + h) - g(c)) / h if h else mp.diff(g, c)

        poly = fit(rest, a - c, b - c, terms)
        for column, x in zip(columns, [c, value, *poly], strict=True):
            column.append(x)
        for i in range(101):
            h = (a - c) + (b - a) * (i + mpf(1) / 7) / 101
            got = value + h * mp.polyval(poly[::-1], h)
            worst = max(worst, mp.log(abs(got / g(c + h) - 1) + mpf(10) ** -40, 2))
    print(f"{name:10s} terms {terms}  error 2^{float(worst):.1f}")
    first = 1023 * 4 % PIECES  # the last digits of exponent and fraction at y = 1
    emit(name, [column[-first:] + column[:-first] for column in columns])


def even_error(g: Function, a: Any, b: Any, terms: int, weight: Function) -> list[Any]:
    """Coefficients with the least greatest error times `weight` on [a, b] (Lawson's iteration)."""
    xs = [(a + b) / 2 + (b - a) / 2 * mp.cos(mp.pi * i / 60) for i in range(61)]
    ws = [weight(x) for x in xs]
    rows = mp.matrix([[w * x**k for k in range(terms)] for x, w in zip(xs, ws, strict=True)])
    right = mp.matrix([w * g(x) for x, w in zip(xs, ws, strict=True)])
    share = [mpf(1)] * len(xs)
    for _ in range(60):
        scaled = mp.diag(share)
        normal = rows.T * scaled
        found = mp.lu_solve(normal * rows, normal * right)
        errors = [abs(e) for e in rows * found - right]
        total = sum(s * e for s, e in zip(share, errors, strict=True))
        share = [s * e / total for s, e in zip(share, errors, strict=True)]
    print(f"rest       terms {terms}  error 2^{float(mp.log(max(errors), 2)):.1f}")
    return list(found)


def exponential() -> None:
    """``2**(j / 16)`` as head and tail; the rest of exp and expm1 on a sixteenth of an octave."""
    table = [mpf(2) ** (mpf(j) / PIECES) for j in range(PIECES)]
    heads = [mpf(float(t)) for t in table]
    emit("EXP", [heads, [t - h for t, h in zip(table, heads, strict=True)]])
    half = mp.log(2) / 32 * mpf("1.0001")
    for name, terms, weight in (("EXP_REST", 5, 2), ("EXPM1_REST", 6, 1)):
        p = even_error(lambda x: mp.hyp1f1(1, 3, x) / 2, -half, half, terms, lambda x: x**weight)  # noqa: B023
        numbers = ", ".join(repr(float(x)) for x in p)
        LINES.append(f"{name} = (\n{wrapped(numbers + ',', 4)}\n)\n\n")


def logarithm() -> None:
    """As ``LOG`` of `vmath_coefficients`, for ``s = u / (2 + u)`` with ``1 + u`` in [3/4, 3/2)."""

    def g(z: Any) -> Any:
        return 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z if z else mpf(2) / 3

    for name, terms in (("LOG_F64", 8), ("LOG_F32", 4)):
        p = even_error(g, mpf(0), mpf("0.0401"), terms, lambda z: z)
        numbers = ", ".join(repr(float(x)) for x in p)
        LINES.append(f"{name} = (\n{wrapped(numbers + ',', 4)}\n)\n\n")


def main() -> None:
    exponential()
    logarithm()

    def tail(x: Any) -> Any:  # of the normal distribution, without its factor exp(-x**2 / 2)
        return mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2)) / 2

    pieces("NDTR", tail, mpf(99) / 256, mpf(39), 14)
    header = (
        '"""Tables of sixteen pieces each, derived by `tools/vmath_pieces.py`, for float64."""\n'
    )
    OUT.write_text(header + "\n" + "".join(LINES).rstrip() + "\n")


if __name__ == "__main__":
    main()
