"""The functions whose generated source is kept, each with its arguments.

`CASES` maps a name to a transformed function and the arguments it is compiled for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

import tapejit as tj

CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {}
_rng = np.random.default_rng(0)


def keep(transform: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    """Enter a function into the cases."""

    def enter(fn: Callable[..., Any]) -> Callable[..., Any]:
        CASES[fn.__name__] = (transform(fn), args)
        return fn

    return enter


def normal(*shape: int, dtype: Any = float) -> Any:
    return _rng.normal(size=shape).astype(dtype)


@keep(tj.value_and_grad, normal(10))
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@keep(
    tj.value_and_grad,
    {"W": normal(4, 16), "b": normal(16), "V": normal(16, 3)},
    normal(32, 4),
    np.eye(3)[_rng.integers(0, 3, 32)],
)
def mlp_softmax(params, x, labels):
    h = np.tanh(x @ params["W"] + params["b"])
    z = h @ params["V"]
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean(np.sum(labels * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))), axis=1))


@keep(tj.value_and_grad, normal(5), normal(200, 5), np.sign(normal(200)))
def logistic_regression(w, x, y):
    return np.mean(np.logaddexp(0.0, -y * (x @ w))) + 0.01 * np.sum(w * w)


@keep(tj.grad, 100.0 + normal(50), 105.0, 0.02, 0.3, 1.5)
def black_scholes(spot, strike, rate, vol, time):
    d1 = (np.log(spot / strike) + (rate + 0.5 * vol**2) * time) / (vol * np.sqrt(time))
    d2 = d1 - vol * np.sqrt(time)
    call = spot * scipy.special.ndtr(d1) - strike * np.exp(-rate * time) * scipy.special.ndtr(d2)
    return np.sum(call)


@keep(tj.value_and_grad, normal(6))
def writes_through_views(x):
    a = np.zeros((2, 3))
    a[0] = x[:3]
    row = a[1]
    row[::-1] = x[3:] * 2.0
    a.T[1] += x[0]
    a *= a
    return a.sum()


@keep(tj.hessian, normal(4))
def hessian_with_a_map(x):
    return np.sum(np.sin(x) * np.roll(x, 1) ** 2)


@keep(tj.hessian, normal(12))
def hessian_by_colours(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2)


@keep(tj.value_and_grad, normal(3, 3) + 4.0 * np.eye(3), normal(3))
def host_step(a, v):
    return np.sum(np.linalg.pinv(np.exp(a)) @ np.sin(v))


@keep(tj.value_and_grad, normal(8))
@tj.no_rewrite
def guards(x):
    total = np.sum(x)
    if total > 100.0:
        return total
    if x[0] != 3.0:
        return np.sum(x * x)
    return total * 2.0


@keep(tj.value_and_grad, normal(8))
def branches(x):
    total = np.sum(x)
    if total > 100.0:
        return total
    if x[0] != 3.0:
        return np.sum(np.exp(x))
    return total * 2.0


@keep(tj.value_and_grad, np.array([0.1, 0.2, 0.7]), normal(50))
def garch(p, returns):
    variance, total = 1.0, 0.0
    for r in returns:
        variance = p[0] + p[1] * r * r + p[2] * variance
        total += np.log(variance) + r * r / variance
    return total


@keep(tj.value_and_grad, normal(16), 20)
def heat_in_place(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


@keep(tj.value_and_grad, 3.0)
def newton(a):
    x, step = a, 1.0
    while abs(step) > 1e-12:
        step = (x * x - a) / (2 * x)
        x = x - step
    return x


@keep(tj.value_and_grad, normal(20, dtype=np.float32), np.float32(0.5))
def float32(x, scale):
    return np.sum(np.exp(-scale * x) / (1 + x**2))


@keep(tj.grad, normal(7) + 1j * normal(7))
def complex_values(z):
    w = np.exp(1j * z) * z.conj()
    return np.sum(np.abs(w) ** 2 + np.real(w))


@keep(tj.value_and_grad, normal(3, 4, 5))
def middle_axes(x):
    centred = x - np.mean(x, axis=1, keepdims=True)
    return np.sum(np.max(centred, axis=(0, 2)) * np.sum(centred**2, axis=1).mean())


@keep(tj.value_and_grad, normal(3, 12, 8), normal(8, 10))
def batched_matmul(x, w):
    y = x @ w
    return np.sum(np.maximum(y @ np.swapaxes(y, -1, -2), 0.0))


@keep(tj.jit, normal(6000))
def long_reductions(x):
    return np.sum(x), np.max(x * x), np.mean(np.abs(x))


@keep(tj.jit, normal(6), normal(5))
def warping(x, y):
    d = np.full((len(x) + 1, len(y) + 1), np.inf)
    d[0, 0] = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            d[i + 1, j + 1] = abs(x[i] - y[j]) + min(d[i, j + 1], d[i + 1, j], d[i, j])
    return d[len(x), len(y)]


@keep(tj.value_and_grad, normal(20))
def diffusion(u):
    for _ in range(10):
        new = u.copy()
        new[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = new
    return np.sum(u**2)


@keep(tj.value_and_grad, normal(18, 20), 0.1)
def heat_on_a_plane(u, c):
    u = u.copy()
    for _ in range(10):
        near = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        u[1:-1, 1:-1] += c * (near - 4.0 * u[1:-1, 1:-1])
    return np.sum(u * u)


@keep(tj.value_and_grad, normal(60_000))
def long_nest(x):
    return np.sum(np.exp(np.tanh(x)))


@keep(tj.value_and_grad, normal(5, 6), normal(5, 6, 6), normal(80, 6))
def distances(means, scales, x):
    return np.sum(((x - means[:, None, :]) @ scales) ** 2)


@keep(tj.jit, normal(2001, 30), normal(30, 17))
def product_in_pieces(x, w):
    return x @ w


@keep(tj.value_and_grad, normal(16), np.ones((8192, 16)), np.ones(8192))
def poisson_in_blocks(w, X, y):
    z = X @ w
    return np.sum(np.exp(z) - y * z)


@keep(
    tj.value_and_grad,
    normal(32, 3),
    np.ones((70000, 32), np.float32),
    np.eye(3, dtype=np.float32)[np.zeros(70000, int)],
)
def softmax_in_chunks(W, X, labels):
    z = X @ W
    return np.sum(np.log(np.sum(np.exp(z), axis=1)) - np.sum(labels * z, axis=1))
