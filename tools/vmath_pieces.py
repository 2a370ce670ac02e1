"""Derive the tables of `tapejit.kernels.vmath.pieces`, for processors with the instructions of `lanes`.

    python tools/vmath_pieces.py

Powers of two in sixteenths, times a number close to 1 that is chosen so that all sixteen are float64
(float32) numbers to within a quarter of the usual error; quotients of polynomials; polynomials.
Quotients have the least greatest error on Chebyshev's points, by Lawson's iteration on the
linearised problem, in 55-digit arithmetic; the errors are printed as bits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mpmath import mp, mpf

OUT = Path(__file__).resolve().parent.parent / "tapejit" / "kernels" / "vmath" / "pieces.py"
Function = Callable[[Any], Any]
PIECES = 16
LINES: list[str] = []
mp.dps = 55


def emit(name: str, *columns: list[Any], about: str = "") -> None:
    """Append ``name = (column, ...)``, or ``name = column`` when there is one."""
    LINES.append(f"{name} = (\n")
    for column in columns:
        blank = " " * (4 if len(columns) == 1 else 8)
        rows = "".join(f"{blank}{float(x)!r},\n" for x in column)
        LINES.append(rows if len(columns) == 1 else f"    (\n{rows}    ),\n")
    LINES.append(")\n")
    if about:
        LINES.append(f'"""{textwrap.fill(about, width=96)}"""\n')
    LINES.append("\n")


def bits(error: Any) -> str:
    return f"2^{float(mp.log(error, 2)):.1f}"


def even_error(g: Function, a: Any, b: Any, terms: int, weight: Function) -> list[Any]:
    """Coefficients with the least greatest error times `weight` on [a, b]."""
    xs = [(a + b) / 2 + (b - a) / 2 * mp.cos(mp.pi * i / 60) for i in range(61)]
    top, _ = quotient(g, xs, [weight(x) for x in xs], terms, 0)
    return top


def quotient(
    g: Function, xs: list[Any], weights: list[Any], over: int, under: int, times: bool = False
) -> tuple[list[Any], list[Any]]:
    """Coefficients of N and D, the last of D being 1, with N / D close to g (``x N / D``, with `times`)."""
    values = [g(x) for x in xs]
    powers = [
        [x ** (k + times) for k in range(over)] + [-v * x**k for k in range(1, under + 1)]
        for x, v in zip(xs, values, strict=True)
    ]
    units = [max(abs(row[k]) for row in powers) for k in range(over + under)]
    share, divisor = [mpf(1)] * len(xs), [mpf(1)] * len(xs)
    best: tuple[Any, list[Any], list[Any]] = (mpf(1), [], [])
    for step in range(20):
        scale = [mp.sqrt(s) * w / d for s, w, d in zip(share, weights, divisor, strict=True)]
        rows = mp.matrix(
            [[c * p / u for p, u in zip(r, units, strict=True)]
             for c, r in zip(scale, powers, strict=True)]
        )  # fmt: skip
        right = mp.matrix([c * v for c, v in zip(scale, values, strict=True)])
        found = mp.lu_solve(rows.T * rows, rows.T * right)
        x = [c / u for c, u in zip(found, units, strict=True)]
        top, bottom = x[:over], [mpf(1), *x[over:]]
        divisor = [mp.polyval(bottom[::-1], v) for v in xs]
        errors = [
            abs(mp.polyval(top[::-1], v) * (v if times else 1) / d - y) * w
            for v, d, y, w in zip(xs, divisor, values, weights, strict=True)
        ]
        if step == 0 or max(errors) < best[0]:
            best = max(errors), top, bottom
        if step > 3 or not under:  # first the divisors settle
            total = sum(s * e for s, e in zip(share, errors, strict=True))
            share = [s * e / total + mpf(10) ** -25 for s, e in zip(share, errors, strict=True)]
    print(f"  {over} over {under} coefficients, error {bits(best[0])}")
    return [c / best[2][-1] for c in best[1]], [c / best[2][-1] for c in best[2]]


# ---------------------------------------------------------------- exponentials


def nearly_exact(kind: Any, digits: int, upper: float, limit: float) -> float:
    """A number in [1, upper], the powers times which are numbers of `kind` to ``limit * 2**-digits``."""
    powers = np.exp2(np.arange(PIECES, dtype=np.longdouble) / PIECES)
    rng = np.random.default_rng(5)
    best = (2.0 * limit, 1.0)
    while best[0] > limit:
        c = rng.uniform(1.0, upper, 500_000)
        worst = np.zeros(c.size)
        for power in powers:
            exact = c.astype(np.longdouble) * power
            error = np.abs((exact.astype(kind) - exact) / exact).astype(float) * 2.0**digits
            kept = error < limit
            c, worst = c[kept], np.maximum(worst[kept], error[kept])
        best = min([best, *zip(worst.tolist(), c.tolist(), strict=True)])
    return best[1]


def exponential(name: str, kind: Any, digits: int, terms: int, limit: float) -> None:
    """Powers times a number c, the same less j sixteenths of an exponent, and ``exp(r) / c - 1``."""
    c = mpf(nearly_exact(kind, digits, 1.005, limit))
    table = [c * mpf(2) ** (mpf(j) / PIECES) for j in range(PIECES)]
    rounded = np.array([float(t) for t in table]).astype(kind)
    heads = [mpf(float(h)) for h in rounded]
    patterns = rounded.view(f"i{rounded.itemsize}")
    less = (patterns - (np.arange(PIECES, dtype=patterns.dtype) << (digits - 5))).view(kind)
    worst = max(abs(h / t - 1) for h, t in zip(heads, table, strict=True))
    print(f"{name}: c = {float(c)!r}, error of the powers {bits(worst)}")
    half = mp.log(2) / 32 * mpf("1.0001")
    p = even_error(lambda x: mp.hyp1f1(1, 3, x) / 2, -half, half, terms, lambda x: x**2)
    emit(name, heads, list(less), [1 / c - 1, 1 / c, *[u / c for u in p]])


# ---------------------------------------------------------------- others


def logarithm(name: str, kind: Any, unit: float, limit: float, terms: int) -> None:
    """Inverses of sixteen numbers c in [3/4, 3/2), and log(c); ``(log(1 + r) - r) / r**2``.

    The upper four digits of a fraction are the number of a piece. Beside 1 that c is 1. The others
    lie near the middle of their piece, and log(c) is a multiple of `unit` to within `limit`.
    """
    rng = np.random.default_rng(6)
    inverses, values = [], []
    for j in range(PIECES):
        low = (1 + j / PIECES) / (1 if j < PIECES // 2 else 2)
        middle = low * (1 + 0.5 / (PIECES + j))
        x = (rng.uniform(0.995, 1.005, 1_500_000) / middle).astype(kind)
        if j in (0, PIECES - 1):
            x = np.ones(1, kind)
        exact = -np.log(x.astype(np.longdouble))
        rounded = np.round(exact / unit) * unit
        k = int(np.argmin(np.abs(exact - rounded)))
        inverse = mpf(float(x[k]))
        value = mpf(float(rounded[k]))
        assert abs(value + mp.log(inverse)) < limit, (name, j)
        inverses.append(inverse)
        values.append(value)

    def rest(r: Any) -> Any:
        with mp.workdps(80):
            return (mp.log1p(r) - r) / r**2 if r else mpf(-1) / 2

    p = even_error(rest, mpf(-1) / 31, mpf("0.0626"), terms, abs)
    print(name)
    emit(name, inverses, values, p)


def points(count: int) -> list[Any]:
    """Chebyshev's points in (0, 1)."""
    return [(1 - mp.cos(mp.pi * (i + mpf(1) / 2) / count)) / 2 for i in range(count)]


def tail(name: str, g: Function, slope: float, end: Any, over: int, under: int) -> None:
    """``(2 + slope z) g(z) - 1 = z N(z) / D(z)`` for z up to `end`."""

    def rest(z: Any) -> Any:
        return (2 + mpf(slope) * z) * g(z) - 1

    zs = [3 * u * end / (3 + end - u * end) for u in points(60)]
    print(name)
    found = quotient(rest, zs, [1 / (1 + rest(z)) for z in zs], over, under, times=True)
    emit(name, [slope], *found)


def tanh(name: str, over: int, under: int) -> None:
    """``tanh(x) / x - 1 = z N(z) / D(z)`` with ``z = x**2``, for x up to 5/8."""

    def rest(z: Any) -> Any:
        return mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1

    zs = [u * mpf("0.6251") ** 2 for u in points(40)]
    print(name)
    emit(name, *quotient(rest, zs, [1 / (1 + rest(z)) for z in zs], over, under, times=True))


def main() -> None:
    exponential("POWERS_F64", np.float64, 53, 5, 0.27)
    exponential("POWERS_F32", np.float32, 24, 2, 0.30)
    logarithm("LOG_F64", np.float64, 2.0**-42, 2.0**-60, 9)
    logarithm("LOG_F32", np.float32, 2.0**-16, 2.0**-31, 4)
    tanh("TANH_F64", 3, 3)
    tanh("TANH_F32", 2, 1)

    def half(z: Any) -> Any:  # of the normal distribution, without its factor exp(-z**2 / 2)
        return mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2)) / 2

    def whole(z: Any) -> Any:
        return mp.exp(z * z) * mp.erfc(z) / 2

    for kind, end, far, over, under in ((float, "38.8", "28", 10, 11), (np.float32, "14.6", "11", 4, 5)):  # fmt: skip
        form = "F64" if kind is float else "F32"
        root = float(kind(float(mp.sqrt(2 * mp.pi))))
        tail(f"HALF_TAIL_{form}", half, root, mpf(end), over, under)
        root = float(kind(float(2 * mp.sqrt(mp.pi))))
        tail(f"TAIL_{form}", whole, root, mpf(far), over, under)
    header = '"""Tables and coefficients derived by `tools/vmath_pieces.py`."""\n'
    OUT.write_text(header + "\n" + "".join(LINES).rstrip() + "\n")


if __name__ == "__main__":
    main()
