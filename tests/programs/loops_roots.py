"""Iterations that stop when the numbers say so: roots, fixed points, means, escapes."""

from __future__ import annotations

import math

import numpy as np
from program_registry import program


@program(lambda r: (np.array([2.0, 0.5]),), rolled=1)
def newton_root(p):
    """``while abs(step) > tol`` around a cubic."""
    x = 2.0
    step = 1.0
    while abs(step) > 1e-12:
        step = (x**3 - p[0] * x - p[1]) / (3 * x**2 - p[0])
        x = x - step
    return x


@program(lambda r: (np.array([1.2, 0.7]),), order=1, rolled=1)
def bisection(p):
    """A bracket narrowed until it is tiny, then one Newton step, which carries the derivative."""

    def f(x):
        return p[0] * x + np.sinh(x) - p[1]

    lo, hi = 0.0, 1.0
    while hi - lo > 1e-9:
        mid = 0.5 * (lo + hi)
        if f(mid) > 0:
            hi = mid
        else:
            lo = mid
    x = 0.5 * (lo + hi)
    return x - f(x) / (p[0] + np.cosh(x))


@program(lambda r: (3.0, 0.9), rolled=1)
def secant(a, guess):
    """Four numbers shifted along; at most 30 turns, and a `break` on convergence."""

    def f(x):
        return math.exp(x) - a * x * x

    x0, x1 = guess, guess + 0.1
    f0, f1 = f(x0), f(x1)
    for _ in range(30):
        if abs(f1) < 1e-13:
            break
        x0, x1 = x1, x1 - f1 * (x1 - x0) / (f1 - f0)
        f0, f1 = f1, f(x1)
    return x1


@program(lambda r: ({"M": 0.8, "e": 0.3},), rolled=1)
def kepler(orbit):
    """Kepler's equation as a fixed point: E = M + e sin E."""
    M, e = orbit["M"], orbit["e"]
    E = M
    while True:
        new = M + e * np.sin(E)
        if abs(new - E) < 1e-13:
            break
        E = new
    return 2 * np.arctan2(np.sqrt(1 + e) * np.sin(E / 2), np.sqrt(1 - e) * np.cos(E / 2))


@program(lambda r: (r.normal(size=(4, 4)) * 0.2, r.normal(size=4)), rolled=1)
def fixed_point_vector(W, b):
    """A vector iteration with the largest change as its stopping rule."""
    z = np.zeros(4)
    for _ in range(200):
        new = np.tanh(W @ z + b)
        change = np.max(np.abs(new - z))
        z = new
        if change < 1e-13:
            break
    return np.sum(z**3)


@program(lambda r: (np.array([1.0, 0.6]),), rolled=1)
def agm(p):
    """The arithmetic-geometric mean gives a complete elliptic integral."""
    a, g = p
    while abs(a - g) > 1e-14 * abs(a):
        a, g = (a + g) / 2, np.sqrt(a * g)
    return np.pi / (2 * a)


@program(lambda r: (1.7, 25), rolled=1)
def continued_fraction(x, n):
    """tanh by Lambert's fraction, from the inside out: a loop with a negative step."""
    f = 2.0 * n + 1.0
    for k in range(n - 1, -1, -1):
        f = (2 * k + 1) + x * x / f
    return x / f


@program(lambda r: (5.0,), rolled=2)
def square_root(a):
    """A function that returns from inside its loop."""

    def heron(a):
        x = 1.0
        for _ in range(40):
            new = 0.5 * (x + a / x)
            if abs(new - x) < 1e-12:
                return new
            x = new
        raise ValueError("no convergence")

    return heron(a) * heron(a + 1.0)


@program(lambda r: (np.array([-0.2, 0.35]), 12), rolled=1)
def escape_smooth(c, most):
    """Mandelbrot's iteration in real arithmetic, with the smooth count of its escape."""
    cx, cy = c[0] * 3, c[1] * 3
    x = y = 0.0
    n = 0
    while x * x + y * y <= 16.0 and n < most:
        x, y = x * x - y * y + cx, 2 * x * y + cy
        n += 1
    if n == most:
        return x * x + y * y
    return n + 1 - np.log(0.5 * np.log(x * x + y * y)) / np.log(2)


@program(lambda r: (np.array([0.1, 0.2]),), order=1, rolled=3)
def escape_image(shift):
    """The same over a small grid: three loops deep, `break` in the innermost."""
    image = np.zeros((4, 5))
    for i, cy in enumerate(np.linspace(-1.1, 1.1, 4)):
        for j, cx in enumerate(np.linspace(-1.9, 0.7, 5)):
            x, y = 0.0, 0.0
            for n in range(10):  # noqa: B007 (read after the loop)
                if x * x + y * y > 9.0:
                    break
                x, y = x * x - y * y + cx + shift[0], 2 * x * y + cy + shift[1]
            image[i, j] = np.log(1 + x * x + y * y) - 0.5 * n
    return np.mean(image)


@program(lambda r: (0.7, 27), rolled=1)
def collatz(x, n):
    """An integer walks as Collatz says and steers what happens to a float."""
    while n != 1:
        if n % 2 == 0:
            n //= 2
            x = 0.9 * x + 0.1 * math.sin(x)
        else:
            n = 3 * n + 1
            x = x + 0.05 * math.cos(3 * x)
    return x


@program(lambda r: (np.array([0.4, 1.3]),), order=1, rolled=1)
def golden_section(p):
    """The minimum of a function by golden sections; the value there is what counts."""

    def f(x):
        return (x - p[0]) ** 2 * p[1] + 0.1 * x**4

    ratio = (np.sqrt(5) - 1) / 2
    a, b = -1.0, 2.0
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    fc, fd = f(c), f(d)
    while b - a > 1e-7:
        if fc < fd:
            b, d, fd = d, c, fc
            c = b - ratio * (b - a)
            fc = f(c)
        else:
            a, c, fc = c, d, fd
            d = a + ratio * (b - a)
            fd = f(d)
    return f((a + b) / 2)


@program(lambda r: (2.5, 0.8), rolled=1)
def series_until_small(x, q):
    """Terms of Bessel's J0 are added until they no longer matter."""
    term = total = 1.0
    k = 0
    while abs(term) > 1e-16:
        k += 1
        term *= -((x / 2) ** 2) / k**2 * q
        total += term
    return total
