"""Signals, images, polynomials."""

from __future__ import annotations

import numpy as np
from program_registry import program


@program(lambda r: (r.normal(size=5), r.normal(size=16)))
def fft_filter(h, x):
    """Filter in the frequency domain, power spectrum."""
    H = np.fft.rfft(h, n=16)
    y = np.fft.irfft(np.fft.rfft(x) * H, n=16)
    p = np.abs(np.fft.fft(y * np.hanning(16))) ** 2
    return np.sum(np.log1p(p)) + np.sum(np.fft.fftshift(p)[:3])


@program(lambda r: (r.normal(size=8) + 1j * r.normal(size=8), r.normal(size=8)))
def complex_signal(z, y):
    """A fit with complex parameters."""
    w = np.exp(1j * 0.3 * np.arange(8))
    e = np.fft.ifft(z * w) - y
    return np.sum(e.real**2 + e.imag**2) + np.sum(np.abs(z)) + np.real(np.vdot(z, np.conj(w)))


@program(lambda r: ({"amp": 1.2, "freq": 0.7, "phase": 0.1, "decay": 0.2}, np.linspace(0, 5, 12)))
def damped_exponential(p, t):
    """Complex exponentials with real scalar parameters."""
    z = p["amp"] * np.exp((1j * p["freq"] - p["decay"]) * t + 1j * p["phase"])
    return np.sum(np.abs(z - np.exp(1j * t)) ** 2) + np.angle(z)[1] + z.imag.mean()


@program(lambda r: (r.uniform(size=(6, 7)),))
def total_variation(img):
    """Smoothed total variation, flips, pads, rotations."""
    dx = img[1:, :-1] - img[:-1, :-1]
    dy = img[:-1, 1:] - img[:-1, :-1]
    tv = np.sqrt(dx**2 + dy**2 + 1e-3).sum()
    aug = np.pad(np.fliplr(img), 1, mode="reflect") + np.roll(np.pad(img, 1, mode="edge"), 2, 1)
    return tv + np.sum(np.rot90(aug) ** 3) + np.sum(np.flip(img, 0) * img)


@program(lambda r: (r.normal(size=4), r.uniform(-1, 1, 9), r.normal(size=9)))
def polynomial_fit(c, x, y):
    """polyval, Vandermonde and a least squares refit."""
    V = np.vander(x, 4, increasing=True)
    fit = np.polyval(c[::-1], x)
    best = np.linalg.solve(V.T @ V, V.T @ (y + fit))
    return np.sum((fit - y) ** 2) + np.sum(best**2) + np.prod(c)


@program(lambda r: (r.normal(size=(3, 4, 2)), r.normal(size=(4, 5)), r.normal(size=(2, 5, 3))))
def tensor_contraction(a, b, c):
    """einsum with three operands, a trace and a transpose."""
    t = np.einsum("iaj,ab,jbk->ik", a, b, c)
    return np.einsum("ii->", t) + np.einsum("ij,ji", t, t) + np.sum(np.kron(t, b[:2, :2]) ** 2)


@program(lambda r: (r.normal(size=10), r.normal(size=10)), order=1)
def robust_losses(r, w):
    """Huber, Tukey, hinge, log-cosh, soft threshold."""
    a = np.abs(r)
    huber = np.where(a < 0.5, 0.5 * r**2, 0.5 * (a - 0.25))
    tukey = np.where(a < 1.5, 1 - (1 - (r / 1.5) ** 2) ** 3, 1.0)
    hinge = np.maximum(0, 1 - r * np.sign(w))
    soft = np.sign(r) * np.maximum(a - 0.3, 0)
    lc = np.log(np.cosh(r))
    return np.sum(huber + tukey + hinge) + np.dot(soft, w) + lc.sum() + np.minimum(r, w).sum()


@program(lambda r: (r.uniform(0.5, 1.5, size=(3, 5)),))
def cumulative(x):
    """Cumulative sums, products, maxima, log-sum-exp by hand, running means."""
    a = np.cumsum(x, axis=1)
    b = np.cumprod(x, axis=0)
    m = np.max(a)
    lse = m + np.log(np.sum(np.exp(a - m)))
    run = (a[:, 2:] - a[:, :-2]) / 2
    return lse + np.sum(b[-1] ** 2) + np.sum(run * x[:, 2:]) + np.prod(x, axis=1).sum()


@program(lambda r: (np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]),), order=1)
def norms_at_zero(x):
    """Norms of zero rows: the gradient there is zero."""
    rows = np.linalg.norm(x, axis=1)
    return rows.sum() + np.sqrt(np.sum(x[0] ** 2)) + np.linalg.norm(x)


@program(lambda r: (r.normal(size=(4, 4)), r.normal(size=4)))
def determinants(A, d):
    """slogdet, det, inverse, trace of products."""
    S = A @ A.T + np.diag(np.exp(d))
    sign, logdet = np.linalg.slogdet(S)
    return sign * logdet + np.linalg.det(S / 3) + np.trace(np.linalg.inv(S) @ A)


@program(lambda r: (r.normal(size=(3, 3)) * 0.4, r.normal(size=3)))
def implicit_layer(W, x):
    """Fixed point by iteration, then one exact implicit Newton step with solve."""
    z = np.zeros(3)
    for _ in range(6):
        z = np.tanh(W @ z + x)
    J = (1 - z**2)[:, None] * W
    z = z - np.linalg.solve(np.eye(3) - J, z - np.tanh(W @ z + x))
    return np.sum(z**2)


@program(lambda r: (r.normal(size=(3, 3)), r.normal(size=3)), quick=False)
def matrix_exponential(A, v):
    """Taylor series with scaling and squaring, matrix_power."""
    B = A / 8
    E = np.eye(3)
    term = np.eye(3)
    for k in range(1, 8):
        term = term @ B / k
        E = E + term
    return np.sum((np.linalg.matrix_power(E, 8) @ v) ** 2)


@program(lambda r: (r.normal(size=6), np.arange(12.0).reshape(3, 4)))
def in_place(x, base):
    """Swaps, shifted copies, views read after writes, accumulators, masks."""
    a = x.copy()
    a[0], a[3] = a[3], a[0]
    a[1:] = a[:-1]
    old = a[2:5]
    a[3] *= 2.0
    total = np.zeros(3)
    total += old
    a[a > 0.5] = 0.25
    grid = base * x[0]
    row = grid[1]
    row[1:3] = x[:2]
    grid[:, 0] += x[:3]
    col = grid.T[2]
    col -= x[3]
    out = np.empty(6)
    np.multiply(x, 2.0, out=out)
    out[::2] = x[1::2]
    return np.sum(total**2) + np.sum(a * x) + np.sum(grid**2) + np.sum(out * x[::-1])


@program(lambda r: (r.normal(size=(2, 3)), np.float32(0.5), np.arange(3), True))
def mixed_types(x, s, n, flag):
    """float32 and float64, integers, booleans and Python scalars together."""
    y = x * s + n
    if flag:
        y = y - (x > 0) * 2
    k = (x > 0).sum()
    return np.sum(y**2 / (k + 1)) + np.sum(n // 2 * x) + np.float64(2) * x.sum() + x[0, -1] ** 2
