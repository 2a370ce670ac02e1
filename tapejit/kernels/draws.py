"""Draws of several kinds in turn, natively: Numba's generators give NumPy's streams bit for bit."""

from __future__ import annotations

from typing import Any

from .decorate import routine


@routine
def fill(rng: Any, codes: Any, sizes: Any, shift: Any, scale: Any, out: Any) -> None:
    """Fill row i of `out` with what round i draws: at site s, sizes[s] of shift + scale z.

    z is uniform, normal or exponential for code 0, 1, 2.
    """
    for i in range(out.shape[0]):
        p = 0
        for s in range(len(codes)):
            for _ in range(sizes[s]):
                if codes[s] == 0:
                    z = rng.random()
                elif codes[s] == 1:
                    z = rng.standard_normal()
                else:
                    z = rng.standard_exponential()
                out[i, p] = shift[s] + scale[s] * z
                p += 1
