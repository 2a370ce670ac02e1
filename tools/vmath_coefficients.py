"""Derive every constant of `tapejit.kernels.vmath` and write its `tables.py`.

    python tools/vmath_coefficients.py

Each polynomial interpolates, in 60-digit arithmetic, the function named beside it at the zeros of
a Chebyshev polynomial on the reduced interval, which is within a small factor of the best
uniform approximation.  The worst relative error of the *whole* function is printed as bits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mpmath import mp, mpf

mp.dps = 60
OUT = Path(__file__).resolve().parent.parent / "tapejit" / "kernels" / "vmath" / "tables.py"
Function = Callable[[Any], Any]


def fit(g: Function, a: Any, b: Any, terms: int) -> list[Any]:
    """Monomial coefficients of the Chebyshev interpolant of `g` on [a, b]."""
    a, b = mpf(a), mpf(b)
    nodes = [
        (a + b) / 2 + (b - a) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * terms)) for i in range(terms)
    ]
    table = [g(x) for x in nodes]  # divided differences, then expand the Newton form
    for level in range(1, terms):
        for i in range(terms - 1, level - 1, -1):
            table[i] = (table[i] - table[i - 1]) / (nodes[i] - nodes[i - level])
    poly = [mpf(0)]
    for i in range(terms - 1, -1, -1):
        poly = [mpf(0), *poly]
        for j in range(len(poly) - 1):
            poly[j] -= nodes[i] * poly[j + 1]
        poly[0] += table[i]
    return poly[:terms]


def bits_lost(g: Function, poly: list[Any], a: Any, b: Any, weight: Function) -> float:
    """log2 of the worst |poly - g| * weight on [a, b]."""
    a, b = mpf(a), mpf(b)
    worst = mpf(0)
    for i in range(201):
        x = a + (b - a) * (i + mpf(1) / 7) / 201
        worst = max(worst, abs((mp.polyval(poly[::-1], x) - g(x)) * weight(x)))
    return float(mp.log(worst, 2))


def series(g: Function, x: Any, order: int, center: Any = 0) -> Any:
    """``g`` minus its first Taylor terms, over ``x**order``, safely near zero."""
    with mp.workdps(160):
        head = sum(c * x**i for i, c in enumerate(mp.taylor(g, center, order - 1)))
        return (g(x) - head) / x**order


def split(value: Any, *sizes: int) -> list[Any]:
    """`value` as a sum of numbers with the given significand sizes, the largest first."""
    parts = []
    with mp.workdps(120):
        rest = +value() if callable(value) else mpf(value)
        for size in sizes:
            scale = mpf(2) ** (size - 1 - int(mp.floor(mp.log(abs(rest), 2))))
            part = mp.nint(rest * scale) / scale
            parts.append(part)
            rest -= part
    return parts


LINES: list[str] = []


def emit(name: str, f64: list[Any], f32: list[Any]) -> None:
    """Append ``name = (f64 tuple, f32 tuple)`` to the module."""

    def text(numbers: list[Any], indent: str) -> str:
        body = textwrap.fill(
            ", ".join(repr(float(x)) for x in numbers) + ",",
            width=100,
            initial_indent=indent + "    ",
            subsequent_indent=indent + "    ",
            break_on_hyphens=False,
        )
        body += "\n"
        return f"{indent}(\n{body}{indent}),\n"

    LINES.append(f"{name} = (\n{text(f64, '    ')}{text(f32, '    ')})\n")


def polynomial(
    name: str, g: Function, a: Any, b: Any, terms: tuple[int, int], weight: Function
) -> None:
    polys = [fit(g, a, b, n) for n in terms]
    lost = [bits_lost(g, p, a, b, weight) for p in polys]
    print(f"{name:12s} terms {terms}  error 2^{lost[0]:.1f}, 2^{lost[1]:.1f}")
    emit(name, *polys)


def constant(name: str, value: Function, f64: tuple[int, ...], f32: tuple[int, ...]) -> None:
    emit(name, split(value, *f64), split(value, *f32))


def one(x: Any) -> Any:
    return mpf(1)


def exponentials() -> None:
    half = mp.log(2) / 2 * mpf("1.0001")

    def tail(x: Any) -> Any:
        return mp.hyp1f1(1, 3, x) / 2  # (exp(x) - 1 - x) / x**2

    def tail2(x: Any) -> Any:
        y = x * mp.log(2)
        return mp.hyp1f1(1, 2, y) * mp.log(2)  # (2**x - 1) / x

    polynomial("EXP", tail, -half, half, (11, 6), lambda x: x)
    polynomial("EXP2", tail2, mpf("-0.5001"), mpf("0.5001"), (12, 7), lambda x: x / 2**x)
    polynomial(
        "SINH",  # (sinh(x) - x) / x**3 in z = x**2
        lambda z: (
            mp.hyp0f1(mpf(5) / 2, z / 4) / 6
            if z == 0
            else (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z
        ),
        0,
        half**2,
        (6, 3),
        lambda z: z,
    )
    polynomial(
        "COSH",  # (cosh(x) - 1) / x**2 in z = x**2
        lambda z: (mp.cosh(mp.sqrt(z)) - 1) / z,
        0,
        half**2,
        (6, 4),
        lambda z: z,
    )
    constant("LN2", lambda: mp.log(2), (41, 53), (15, 24))
    constant("LN2_NEAREST", lambda: mp.log(2), (53,), (24,))


def logarithms() -> None:
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.0001")

    def g(z: Any) -> Any:
        return 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z

    polynomial("LOG", g, 0, s * s, (8, 4), lambda z: z)
    for name, base in (("LOG2E", 2), ("LOG10E", 10)):
        constant(name, lambda base=base: 1 / mp.log(base), (53, 53), (24, 24))
    constant("LOG10_2", lambda: mp.log10(2), (41, 53), (15, 24))


def trigonometry() -> None:
    edge = (mp.pi / 4 * mpf("1.001")) ** 2
    polynomial(
        "SIN",  # (sin(x) - x) / x**3 in z = x**2
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0, edge, (7, 4), lambda z: z,
    )  # fmt: skip
    polynomial(
        "COS",  # (cos(x) - 1 + x**2 / 2) / x**4 in z = x**2
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, 0, edge, (6, 3), lambda z: z * z,
    )  # fmt: skip
    constant("PI_2", lambda: mp.pi / 2, (53, 53, 53), (24, 24, 24))
    constant("TWO_OVER_PI", lambda: 2 / mp.pi, (53,), (24,))
    polynomial(
        "ARCTAN",  # (arctan(x) - x) / x**3 in z = x**2
        lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0, 1, (21, 10), lambda z: z,
    )  # fmt: skip
    polynomial(
        "ARCSIN",  # (arcsin(x) - x) / x**3 in z = x**2
        lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        0, mpf(1) / 4, (13, 6), lambda z: z,
    )  # fmt: skip


def normal() -> None:
    def tail(t: Any) -> Any:
        z = 4 * (1 + t) / (1 - t)
        if z < 25:
            return (1 + 2 * z) * mp.exp(z * z) * mp.erfc(z)
        return (1 + 2 * z) * mp.hyperu(mpf(1) / 2, mpf(1) / 2, z * z) / mp.sqrt(mp.pi)

    polynomial("ERFCX", tail, -1, 1 - mpf(10) ** -9, (26, 14), one)
    polynomial(
        "ERF",  # erf(x) / x - 1 in z = x**2
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, 0, 1, (13, 7), one,
    )  # fmt: skip
    constant("SQRT1_2", lambda: mp.sqrt(mpf(1) / 2), (53, 53), (24, 24))


def powers() -> None:
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.0001")

    def g(z: Any) -> Any:
        return ((2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z - mpf(2) / 3) / z

    polynomial("LOG_TAIL", g, 0, s * s, (8, 4), lambda z: z * z)
    constant("TWO_THIRDS", lambda: mpf(2) / 3, (53, 53), (24, 24))
    root = mp.sqrt(mpf(1) / 2) * mpf("0.9999")
    polynomial("CBRT", mp.cbrt, root, 1 / root, (12, 6), one)
    constant("CBRT2", lambda: mp.cbrt(2), (53,), (24,))
    constant("CBRT1_2", lambda: mp.cbrt(mpf(1) / 2), (53,), (24,))


def main() -> None:
    exponentials()
    logarithms()
    trigonometry()
    normal()
    powers()
    header = '"""Constants derived by `tools/vmath_coefficients.py`: (float64, float32) pairs."""\n'
    OUT.write_text(header + "\n" + "\n".join(LINES))


if __name__ == "__main__":
    main()
