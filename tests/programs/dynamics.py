"""Simulations, molecules, geometry."""

from __future__ import annotations

import numpy as np
from program_registry import program


def rhs(state, p):
    x, y = state
    return np.array([p[0] * x - p[1] * x * y, -p[2] * y + p[3] * x * y])


@program(lambda r: (np.array([1.1, 0.4, 0.4, 0.1]), np.array([2.0, 1.0])), quick=False)
def lotka_volterra(p, y0):
    """Twenty steps of RK4."""
    y, h = y0, 0.1
    for _ in range(20):
        k1 = rhs(y, p)
        k2 = rhs(y + h / 2 * k1, p)
        k3 = rhs(y + h / 2 * k2, p)
        k4 = rhs(y + h * k3, p)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(y**2)


@program(lambda r: (r.normal(size=16), 0.2))
def heat_equation(u0, c):
    """Explicit steps by slicing writes on one array."""
    u = u0.copy()
    for _ in range(8):
        u[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0] = u[1]
        u[-1] = 0.0
    return (u**2).sum() + np.trapezoid(u)


@program(lambda r: (r.normal(size=(6, 5)),))
def wave_2d(u):
    """Leapfrog with np.roll and two buffers that are swapped."""
    old, new = u * 0.9, u.copy()
    for _ in range(4):
        lap = -4 * new
        for axis in (0, 1):
            for s in (1, -1):
                lap = lap + np.roll(new, s, axis=axis)
        old, new = new, 2 * new - old + 0.1 * lap
    return np.sum(new * old)


@program(lambda r: (r.normal(size=(5, 3)) * 2,))
def lennard_jones(x):
    """Pair energies over np.triu_indices."""
    i, j = np.triu_indices(len(x), k=1)
    r2 = ((x[i] - x[j]) ** 2).sum(axis=-1)
    s6 = (1.0 / r2) ** 3
    return np.sum(4 * (s6**2 - s6) / (1 + s6**2))


@program(lambda r: (r.normal(size=(6, 3)),))
def molecule(x):
    """Bonds, angles by arccos, dihedrals by arctan2 and cross products."""
    b = x[1:] - x[:-1]
    length = np.linalg.norm(b, axis=1)
    u = b / length[:, None]
    cos = np.clip(np.sum(-u[:-1] * u[1:], axis=1), -1, 1)
    angle = np.arccos(cos)
    n = np.cross(b[:-1], b[1:])
    m = np.cross(n[:-1], b[1:-1] / length[1:-1, None])
    dih = np.arctan2(np.sum(m * n[1:], -1), np.sum(n[:-1] * n[1:], -1))
    return np.sum((length - 1.5) ** 2) + np.sum((angle - 1.9) ** 2) + np.sum(1 + np.cos(3 * dih))


@program(lambda r: (r.normal(size=3) * 0.5, r.normal(size=(7, 3)), r.normal(size=(7, 3))))
def euler_angles(a, p, q):
    """Rotation matrices by nested np.array, Procrustes residual."""
    ca, sa = np.cos(a[0]), np.sin(a[0])
    cb, sb = np.cos(a[1]), np.sin(a[1])
    cc, sc = np.cos(a[2]), np.sin(a[2])
    Rz = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    Ry = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    Rx = np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]])
    return np.sum((p @ (Rz @ Ry @ Rx).T - q) ** 2)


@program(lambda r: (r.normal(size=4), r.normal(size=(4, 3))))
def quaternion(q, v):
    """Rotation of vectors by a normalised quaternion, np.stack and unpacking."""
    w, x, y, z = q / np.sqrt(np.sum(q**2))
    R = np.stack(
        [
            np.stack([1 - 2 * (y**2 + z**2), 2 * (x * y - w * z), 2 * (x * z + w * y)]),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x**2 + z**2), 2 * (y * z - w * x)]),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x**2 + y**2)]),
        ]
    )
    out = v @ R.T
    return np.sum(np.sin(out) * np.arange(12).reshape(4, 3))


@program(lambda r: (r.normal(size=(4, 3)), np.abs(r.normal(size=4)) + 0.5))
def n_body(pos, mass):
    """Gravitational leapfrog, forces with a zeroed diagonal, norms at zero."""
    vel = np.zeros_like(pos)
    for _ in range(3):
        d = pos[None, :, :] - pos[:, None, :]
        r = np.sqrt(np.sum(d**2, axis=-1) + 0.05)
        acc = np.einsum("ijk,ij,j->ik", d, r**-3.0, mass)
        vel = vel + 0.05 * acc
        pos = pos + 0.05 * vel
    dist = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
    return np.sum(vel**2 * mass[:, None]) + dist.sum()


@program(lambda r: (r.normal(size=6), np.linspace(0, 1, 6), np.linspace(-0.2, 1.2, 9)), quick=False)
def interpolation(y, xp, x):
    """Linear interpolation, gradient and trapezoid rules."""
    f = np.interp(x, xp, y)
    g = np.gradient(y, xp)
    return np.sum(f**2) + np.sum(np.diff(y, n=2) ** 2) + np.sum(g**3) + np.trapezoid(y**2, xp)


@program(lambda r: (r.normal(size=7), np.linspace(0, 3, 7), np.linspace(0.1, 2.9, 10)), quick=False)
def natural_spline(y, x, q):
    """Cubic spline: a tridiagonal system built by np.diag, evaluated with searchsorted."""
    h = np.diff(x)
    n = len(x)
    A = np.zeros((n, n))
    A[0, 0] = A[-1, -1] = 1
    idx = np.arange(1, n - 1)
    A[idx, idx - 1] = h[:-1]
    A[idx, idx] = 2 * (h[:-1] + h[1:])
    A[idx, idx + 1] = h[1:]
    rhs = np.zeros(n)
    rhs[1:-1] = 3 * (np.diff(y)[1:] / h[1:] - np.diff(y)[:-1] / h[:-1])
    c = np.linalg.solve(A, rhs)
    b = np.diff(y) / h - h * (2 * c[:-1] + c[1:]) / 3
    d = np.diff(c) / (3 * h)
    k = np.clip(np.searchsorted(x, q) - 1, 0, n - 2)
    t = q - x[k]
    return np.sum((y[k] + b[k] * t + c[k] * t**2 + d[k] * t**3) ** 2)


@program(lambda r: (np.array([0.3, 0.7]),))
def meshgrid_integral(p):
    """Midpoint integral of a function on a grid."""
    g = np.linspace(0, 1, 9)
    X, Y = np.meshgrid(g, g, indexing="ij")
    Z = np.exp(-((X - p[0]) ** 2 + (Y - p[1]) ** 2)) * np.cos(3 * X * p[0])
    return np.trapezoid(np.trapezoid(Z, g, axis=1), g)
