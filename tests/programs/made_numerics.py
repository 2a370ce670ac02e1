"""Numerical methods and signals as people write them; see `made_physics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from program_registry import program


@program(lambda rng: (rng.normal(size=4),))
def divided_differences(y: Any) -> Any:
    x = np.array([0.0, 1.0, 2.5, 4.0])
    coef = np.tile(x, (4, 1)).T
    coef[:, 0] = y
    for j in range(1, 4):
        for i in range(4 - j):
            coef[i, j] = (coef[i + 1, j - 1] - coef[i, j - 1]) / (x[i + j] - x[i])
    value = coef[0, 3]
    for k in range(2, -1, -1):
        value = value * (1.7 - x[k]) + coef[0, k]
    return value


@program(lambda rng: (np.array([0.1, 0.2, -0.3]),))
def thomas_algorithm(d: Any) -> Any:
    n = 3
    a, b, c = np.array([0.0, -1.0, -1.0]), np.array([4.0, 4.0, 4.0]), np.array([-1.0, -1.0, 0.0])
    rhs = np.arange(1.0, n + 1)
    rhs += d
    b[1] += d[0]
    for i in range(1, n):
        w = a[i] / b[i - 1]
        b[i] -= w * c[i - 1]
        rhs[i] -= w * rhs[i - 1]
    x = np.copy(rhs)
    x[-1] = rhs[-1] / b[-1]
    for i in range(n - 2, -1, -1):
        x[i] = (rhs[i] - c[i] * x[i + 1]) / b[i]
    return np.sum(x**2)


@program(lambda rng: (np.array([1.0, 0.5]),))
def newton_system(p: Any) -> Any:
    x = np.array([1.0, 1.0])
    for _ in range(6):
        f = np.array([x[0] ** 2 + x[1] ** 2 - 4 * p[0], x[0] - x[1] - p[1]])
        J = np.array([[0.0, 0.0], [1.0, -1.0]])
        J[0] = 2 * x
        x -= np.linalg.solve(J, f)
    return x[0] * x[1]


def swap_rows(M: Any, i: int, j: int) -> None:
    M[[i, j]] = M[[j, i]]


@program(lambda rng: (rng.normal(size=3) + 3.0,), quick=False)
def elimination_by_hand(t: Any) -> Any:
    M = np.hstack([np.array([[0.0, 2.0, 1.0], [4.0, 1.0, 0.0], [1.0, 0.0, 3.0]]), np.eye(3)[:, :1]])
    M[0, 0], M[1, 1], M[2, 2] = t
    swap_rows(M, 0, 1)
    for i in range(3):
        M[i] = M[i] / M[i, i]
        for j in range(3):
            if j != i:
                M[j] -= M[j, i] * M[i]
    return np.sum(M[:, -1])


@program(lambda rng: (0.3,))
def simpson_rule(a: float) -> Any:
    x = np.linspace(0.0, 1.0, 11)
    w = np.array([1.0] + [4.0, 2.0] * 4 + [4.0, 1.0])
    w *= (1.0 + a) / 30
    y = np.exp(-x)
    y[0] = a
    return w @ y


@program(lambda rng: (np.array([0.5, 0.2]), rng.normal(size=16)))
def iir_filter(p: Any, signal: Any) -> Any:
    a = np.array([1.0, 0.0, 0.0])
    a[1:] = -p
    y = signal.copy()
    for n in range(2, len(signal)):
        y[n] = signal[n] - a[1] * y[n - 1] - a[2] * y[n - 2]
    return np.mean(y**2)


@program(lambda rng: (0.2, rng.normal(size=32)), quick=False)
def windowed_spectrum(beta: float, x: Any) -> Any:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 32)
    window[8:24] *= 1 + beta
    window /= np.sum(window)
    spectrum = np.fft.rfft(x * window)
    spectrum[0] = 0
    return np.sum(np.abs(spectrum) ** 2)


@program(lambda rng: (0.8,))
def smoothed_step(width: float) -> Any:
    kernel = np.array([1.0, 2.0, 1.0])
    kernel[1] *= width
    kernel /= kernel.sum()
    signal = np.where(np.arange(12) < 6, 0.0, 1.0)
    signal[3] = width
    return np.sum(np.convolve(signal, kernel, mode="same") ** 2)


@program(lambda rng: (rng.normal(size=(2, 2)),))
def blocks_put_together(B: Any) -> Any:
    corner = np.array([[1.0, 2.0], [3.0, 4.0]])
    corner[0, 1] = B[0, 0]
    M = np.block([[corner, B], [np.eye(2), np.array([[0.0, B[1, 1]], [1.0, 0.0]])]])
    rows = np.stack([M[0], np.arange(4.0), np.asarray([B[0, 1], 0.0, 1.0, B[1, 0]])])
    rows[1, 1:3] = B[:, 0]
    return np.sum(rows**3) + np.linalg.det(M)


@program(lambda rng: (rng.normal(size=3),))
def nested_lists(t: Any) -> Any:
    A = np.array([[t[0], 1.0, [2.0, 3.0][0]], [0.0, t[1], 0.0], [*np.array([1.0, 2.0]), t[2]]])
    A[1, 0] += t[0] * t[1]
    points = [[0.0, 0.0], [1.0, t[0]], [t[1], 1]]
    P = np.array(points)
    P[0] = t[:2]
    c = np.column_stack([P, np.ones(3)])
    return np.linalg.det(A) + np.sum(c @ A)


@program(lambda rng: (rng.normal(size=5) * 0.3,))
def bezier_points(t: Any) -> Any:
    points = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 3.0], [4.0, 0.0]])
    points[1] += t[:2]
    points[2, :] = t[2], t[3]
    for level in range(3):
        for i in range(3 - level):
            points[i] = (1 - t[4]) * points[i] + t[4] * points[i + 1]
    return points[0] @ points[0]


@dataclass
class Grid:
    nodes: Any
    values: Any

    def refine(self, amount: Any) -> None:
        self.nodes[1:-1] += amount * self.nodes[1:-1] * (1 - self.nodes[1:-1])
        self.values[:] = np.sqrt(1 + self.nodes)


@program(lambda rng: (0.3,))
def graded_mesh(amount: float) -> Any:
    grid = Grid(np.linspace(0, 1, 9), np.array([0.0] * 9))
    grid.refine(amount)
    return np.trapezoid(grid.values, grid.nodes)


def initial_state(n: int) -> tuple[Any, Any]:
    x = np.arange(n) / n
    return np.cos(x), np.sin(x)


@program(lambda rng: (0.4,), quick=False)
def two_from_a_helper(h: float) -> Any:
    p, q = initial_state(5)
    views = p[1:], q[::2]
    for _ in range(5):
        q += h * p
        p -= h * q
    views[0][0] = h
    views[1][-1] *= h
    return np.sum(p * q)


@program(lambda rng: (rng.normal(size=4),), order=1, quick=False)
def bubble_sorted(x: Any) -> Any:
    order = np.arange(4)
    y = np.array(x)
    for i in range(4):
        for j in range(3 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
                order[j], order[j + 1] = order[j + 1], order[j]
    weights = np.array([1.0, 2.0, 4.0, 8.0])
    return y @ weights + x[order[0]]
