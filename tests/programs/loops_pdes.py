"""Partial differential equations on grids that are written in place."""

from __future__ import annotations

import numpy as np
from program_registry import program


@program(lambda r: (np.sin(np.linspace(0, np.pi, 24)) + 0.1 * r.normal(size=24), 0.2), rolled=1)
def heat_in_place(u0, c):
    """Slices of one array, updated in place; two boundary values are set each time."""
    u = u0.copy()
    for _ in range(30):
        u[1:-1] = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0] = 0.0
        u[-1] = u[-2]
    return np.sum(u**2)


@program(lambda r: (0.3, r.normal(size=12)), rolled=2)
def heat_by_elements(c, u0):
    """Loops over the points; a scalar keeps the old left neighbour, so one array suffices."""
    u = u0.copy()
    for _ in range(10):
        left = u[0]
        for i in range(1, len(u) - 1):
            old = u[i]
            u[i] = old + c * (left - 2 * old + u[i + 1])
            left = old
    return np.dot(u, u)


@program(lambda r: (np.exp(-20 * (np.linspace(0, 1, 20) - 0.4) ** 2), 0.6), rolled=1)
def wave_buffers(u0, courant):
    """Three buffers that change roles: ``old, now, new = now, new, old``."""
    old, now, new = u0.copy(), u0.copy(), np.zeros_like(u0)
    for _ in range(20):
        new[1:-1] = 2 * now[1:-1] - old[1:-1] + courant**2 * (now[2:] - 2 * now[1:-1] + now[:-2])
        new[0] = new[-1] = 0.0
        old, now, new = now, new, old
    return np.sum(now**2) + np.sum(np.diff(now) ** 2)


@program(lambda r: (0.35 + np.sin(np.arange(16) * 2 * np.pi / 16 + 0.1),), order=1, rolled=2)
def burgers_upwind(u):
    """The side of the difference depends on the sign of the velocity."""
    n, lam = len(u), 0.2
    for _ in range(12):
        new = u.copy()
        for i in range(n):
            if u[i] > 0:
                new[i] = u[i] - lam * u[i] * (u[i] - u[i - 1])
            else:
                new[i] = u[i] - lam * u[i] * (u[(i + 1) % n] - u[i])
        u = new
    return np.sum(u**2)


@program(lambda r: (r.normal(size=(6, 6)), 1.3), rolled=3)
def relaxation_2d(f, omega):
    """Successive over-relaxation of Poisson's equation: rows, columns, sweeps, all in place."""
    n = f.shape[0]
    u = np.zeros((n + 2, n + 2))
    for _ in range(6):
        for i in range(1, n + 1):
            for j in range(1, n + 1):
                gs = (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - f[i - 1, j - 1]) / 4
                u[i, j] += omega * (gs - u[i, j])
    return np.sum(u * u)


def minmod(a, b):
    if a * b <= 0:
        return 0.0
    return a if abs(a) < abs(b) else b


@program(lambda r: (1 + np.sin(np.arange(14.0) ** 2 / 9), 0.4), order=1, rolled=3)
def advection_limited(u, c):
    """A second-order scheme with a slope limiter: a called function returns from its branches."""
    n = len(u)
    for _ in range(6):
        slope = np.zeros(n)
        for i in range(1, n - 1):
            slope[i] = minmod(u[i] - u[i - 1], u[i + 1] - u[i])
        flux = np.zeros(n + 1)
        flux[0] = c * u[0]
        for i in range(n):
            flux[i + 1] = c * (u[i] + 0.5 * (1 - c) * slope[i])
        u = u - (flux[1:] - flux[:-1])
    return np.sum(u**3)


@program(lambda r: (r.uniform(0.5, 1.5, 10), r.normal(size=10)), rolled=3)
def crank_nicolson(k, u):
    """Implicit steps; each one eliminates forwards and substitutes backwards."""
    n = len(u)
    r = 0.3 * k
    for _ in range(4):
        d = np.empty(n)
        d[0] = (1 - r[0]) * u[0] + r[0] / 2 * u[1]
        d[1:-1] = r[1:-1] / 2 * (u[:-2] + u[2:]) + (1 - r[1:-1]) * u[1:-1]
        d[-1] = (1 - r[-1]) * u[-1] + r[-1] / 2 * u[-2]
        cp = np.zeros(n)
        cp[0] = -r[0] / 2 / (1 + r[0])
        d[0] /= 1 + r[0]
        for i in range(1, n):
            m = 1 + r[i] + r[i] / 2 * cp[i - 1]
            cp[i] = -r[i] / 2 / m
            d[i] = (d[i] + r[i] / 2 * d[i - 1]) / m
        for i in reversed(range(n - 1)):
            d[i] -= cp[i] * d[i + 1]
        u = d
    return u @ u


@program(lambda r: (0.12, r.uniform(0, 1, (7, 7))), rolled=1)
def gray_scott(feed, noise):
    """Two fields with periodic neighbours, ``u += ...`` on whole arrays."""
    u, v = 1 - 0.3 * noise, 0.3 * noise
    for _ in range(10):
        uvv = u * v * v
        lu = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u
        lv = np.roll(v, 1, 0) + np.roll(v, -1, 0) + np.roll(v, 1, 1) + np.roll(v, -1, 1) - 4 * v
        u += 0.1 * lu - uvv + feed * (1 - u)
        v += 0.05 * lv + uvv - (feed + 0.06) * v
    return np.sum(u * v)
