"""Time `tapejit.kernels.vmath` against the C library under Numba and against NumPy.

    python benchmarks/vmath.py [--dtype f64|f32] [--rounds 41] [name ...]

Columns: nanoseconds per element of a jitted loop over this package's function, of the same loop
over the library's (``math.exp`` and so on), and of the NumPy or SciPy function writing into an
existing array; then the time to compile each of the two loops.  Times are medians over rounds in
which the three take turns, so that a change of clock speed meets all of them.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numba as nb
import numpy as np
import scipy.special as sp

from tapejit.kernels import vmath

SIZE = 2048
REPEAT = 20

Row = tuple[Callable[..., Any], Callable[..., Any] | None, float, float]

# name: (C library expression under Numba, NumPy or SciPy function, interval of the arguments)
UNARY: dict[str, Row] = {
    "exp": (lambda x: math.exp(x), np.exp, -20, 20),
    "exp2": (lambda x: math.pow(2.0, x), np.exp2, -20, 20),
    "expm1": (lambda x: math.expm1(x), np.expm1, -3, 3),
    "log": (lambda x: math.log(x), np.log, 0.01, 100),
    "log2": (lambda x: math.log2(x), np.log2, 0.01, 100),
    "log10": (lambda x: math.log10(x), np.log10, 0.01, 100),
    "log1p": (lambda x: math.log1p(x), np.log1p, -0.9, 10),
    "tanh": (lambda x: math.tanh(x), np.tanh, -4, 4),
    "sinh": (lambda x: math.sinh(x), np.sinh, -4, 4),
    "cosh": (lambda x: math.cosh(x), np.cosh, -4, 4),
    "sigmoid": (lambda x: 1.0 / (1.0 + math.exp(-x)), sp.expit, -10, 10),
    "softplus": (lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))), None, -10, 10),
    "log_expit": (lambda x: min(x, 0.0) - math.log1p(math.exp(-abs(x))), sp.log_expit, -10, 10),
    "sin": (lambda x: math.sin(x), np.sin, -10, 10),
    "cos": (lambda x: math.cos(x), np.cos, -10, 10),
    "tan": (lambda x: math.tan(x), np.tan, -10, 10),
    "arctan": (lambda x: math.atan(x), np.arctan, -5, 5),
    "arcsin": (lambda x: math.asin(x), np.arcsin, -1, 1),
    "arccos": (lambda x: math.acos(x), np.arccos, -1, 1),
    "arcsinh": (lambda x: math.asinh(x), np.arcsinh, -5, 5),
    "arccosh": (lambda x: math.acosh(x), np.arccosh, 1.001, 10),
    "arctanh": (lambda x: math.atanh(x), np.arctanh, -0.99, 0.99),
    "erf": (lambda x: math.erf(x), sp.erf, -3, 3),
    "erfc": (lambda x: math.erfc(x), sp.erfc, -3, 5),
    "ndtr": (lambda x: 0.5 * math.erfc(-0.7071067811865476 * x), sp.ndtr, -5, 5),
    "log_ndtr": (
        lambda x: math.log(0.5 * math.erfc(-0.7071067811865476 * x)), sp.log_ndtr, -5, 5
    ),
    "cbrt": (lambda x: math.copysign(math.pow(abs(x), 1 / 3), x), np.cbrt, -5, 5),
}  # fmt: skip
BINARY: dict[str, Row] = {
    "pow": (lambda x, y: math.pow(x, y), np.power, 0.1, 5),
    "hypot": (lambda x, y: math.hypot(x, y), np.hypot, -5, 5),
    "logaddexp": (
        lambda x, y: max(x, y) + math.log1p(math.exp(-abs(x - y))), np.logaddexp, -5, 5
    ),
}  # fmt: skip


def loop_over(fn: Any, binary: bool) -> Any:
    """A jitted loop that applies a jitted function to every element."""
    if binary:

        def loop(x: Any, y: Any, out: Any) -> None:
            for i in range(out.size):
                out[i] = fn(x[i], y[i])
    else:

        def loop(x: Any, y: Any, out: Any) -> None:
            for i in range(out.size):
                out[i] = fn(x[i])

    return nb.njit(error_model="numpy")(loop)


def measure(name: str, kind: str, rounds: int) -> tuple[list[float], list[float]]:
    """Nanoseconds per element of the three, and milliseconds to compile the two loops."""
    binary = name in BINARY
    library, ufunc, lo, hi = (BINARY if binary else UNARY)[name]
    dtype = np.float64 if kind == "f64" else np.float32
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(lo, hi, SIZE).astype(dtype) for _ in range(2))
    out = np.empty_like(x)
    loops = [
        loop_over(getattr(vmath, f"{name}_{kind}"), binary),
        loop_over(nb.njit(error_model="numpy")(library), binary),
    ]
    compile_ms = []
    for loop in loops:
        start = time.perf_counter()
        loop(x, y, out)
        compile_ms.append(1e3 * (time.perf_counter() - start))

    def numpy_call() -> None:
        if ufunc is None:
            np.logaddexp(dtype(0), x, out=out)
        elif binary:
            ufunc(x, y, out=out)
        else:
            ufunc(x, out=out)

    runs = [lambda: loops[0](x, y, out), lambda: loops[1](x, y, out), numpy_call]
    times: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        for run, record in zip(runs, times, strict=True):
            start = time.perf_counter()
            for _ in range(REPEAT):
                run()
            record.append((time.perf_counter() - start) / (REPEAT * SIZE) * 1e9)
    return [median(t) for t in times], compile_ms


def main() -> None:
    parser = argparse.ArgumentParser(description="Elementwise functions: ns per element.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dtype", choices=("f64", "f32"), action="append")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    measure("pow", "f64", 1)  # Numba's own first-use costs
    print(f"{'function':14s} {'vmath':>7s} {'libm':>7s} {'numpy':>7s}   compile: vmath, libm (ms)")
    for kind in options.dtype or ["f64", "f32"]:
        for name in options.names or [*UNARY, *BINARY]:
            ns, ms = measure(name, kind, options.rounds)
            print(
                f"{name + '_' + kind:14s} {ns[0]:7.2f} {ns[1]:7.2f} {ns[2]:7.2f}"
                f"   {ms[0]:7.0f} {ms[1]:7.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
