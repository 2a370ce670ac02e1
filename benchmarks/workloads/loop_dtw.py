"""Dynamic time warping of two series of 200: nested loops, a table filled in place, a hard min.

The gradient of a hard minimum follows one path through the table, so its reverse can be O(n + m),
which is what a person sees and writes: 62 us in all. With a reverse over the whole table, which is
what the loop's transpose says, it is 237 us. The forward pass stays in the order of the loop; over
anti-diagonals it would vectorise, but that is another loop.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, n: int, m: int) -> Args:
    return np.cumsum(0.3 * rng.normal(size=n)), np.cumsum(0.3 * rng.normal(size=m))


def numpy_loss(x, y):
    n, m = len(x), len(y)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            cost = (x[i] - y[j]) ** 2
            D[i + 1, j + 1] = cost + min(D[i, j], D[i, j + 1], D[i + 1, j])
    return D[n, m]


def jax_loss() -> Loss:
    """Rows and columns as two nested scans: the fastest of the forms that were tried.

    With one column a turn it takes 1.0 ms, with four 0.80, with eight 5.5; one scan over the
    anti-diagonals, whose entries do not depend on each other, 0.95.
    """
    import jax.numpy as jnp
    from jax import lax

    def loss(x, y):
        def row(before, a):
            cost, best = (a - y) ** 2, jnp.minimum(before[1:], before[:-1])

            def cell(left, given):
                entry = given[0] + jnp.minimum(given[1], left)
                return entry, entry

            _, entries = lax.scan(cell, jnp.inf, (cost, best), unroll=4)
            return jnp.concatenate([jnp.full(1, jnp.inf), entries]), None

        border = jnp.concatenate([jnp.zeros(1), jnp.full(len(y), jnp.inf)])
        last, _ = lax.scan(row, border, x)
        return last[-1]

    return loss


def torch_loss() -> Loss:
    import torch

    def loss(x, y):
        """Rows at once where they can be; the chain along a row is what cannot."""
        far = torch.full((1,), torch.inf, dtype=x.dtype)
        before = torch.cat([far.new_zeros(1), far.expand(len(y))])
        for a in x.unbind():
            cost, best = (a - y) ** 2, torch.minimum(before[1:], before[:-1])
            entry, row = far[0], [far[0]]
            for c, above in zip(cost.unbind(), best.unbind()):
                entry = c + torch.minimum(above, entry)
                row.append(entry)
            before = torch.stack(row)
        return before[-1]

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract"})
    def kernel(x, y, D, dx, dy):
        """The table by rows, the entry to the left in a register; then the path back."""
        n, m = x.size, y.size
        for j in range(m + 1):
            D[0, j] = np.inf
        D[0, 0] = 0.0
        for i in range(n):
            above, row, a = D[i], D[i + 1], x[i]
            left = np.inf
            row[0] = left
            for j in range(m):
                e = a - y[j]
                up, corner = above[j + 1], above[j]
                best = up if up < corner else corner
                best = left if left < best else best
                left = e * e + best
                row[j + 1] = left
        for i in range(n):
            dx[i] = 0.0
        for j in range(m):
            dy[j] = 0.0
        i, j = n, m
        while i > 0 and j > 0:
            slope = 2.0 * (x[i - 1] - y[j - 1])
            dx[i - 1] += slope
            dy[j - 1] -= slope
            corner, up, left = D[i - 1, j - 1], D[i - 1, j], D[i, j - 1]
            if corner <= up and corner <= left:
                i, j = i - 1, j - 1
            elif up <= left:
                i -= 1
            else:
                j -= 1
        return D[n, m]

    scratch = {}

    def value_and_grad(x, y):
        shape = x.size + 1, y.size + 1
        if shape not in scratch:
            scratch[shape] = np.empty(shape)
        dx, dy = np.empty(x.size), np.empty(y.size)
        return kernel(x, y, scratch[shape], dx, dy), (dx, dy)

    return value_and_grad


WORKLOADS = (
    Workload(
        name="loop-dtw",
        about="dynamic time warping of two series of 200, gradient by both",
        argnums=(0, 1),
        make_args=partial(make_args, n=200, m=200),
        test_args=partial(make_args, n=9, m=7),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        not_compiled="it unrolls loops: 40,000 cells",
        hand=hand,
    ),
)
