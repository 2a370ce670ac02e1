"""Long products of matrices in pieces that BLAS computes without packing.

OpenBLAS has kernels for small products, up to 10^6 multiplications, that read the operands where they
lie; for larger ones it copies both into blocks first. When one side is long and the others are short
the copies cost as much as the product. Cut along the longest side (microseconds, one thread):

    ======================  =======  ======
    (m, k, n)               whole    cut
    ======================  =======  ======
    4096, 64, 10, float32       108      75
    64, 4096, 10, float32       119      49
    4096, 64, 10                225     106
    10000, 50, 8                325     141
    1500, 30, 30                 77      52
    128, 64, 128                 50      39
    ======================  =======  ======

Larger products are left whole: BLAS runs them on several threads.
"""

from __future__ import annotations

from collections.abc import Callable

SMALL = 1_000_000
"""Multiplications of a piece, at most."""
MOST, THIN, MANY = 2, 16, 32
"""Pieces of a product; of one with a side of at most `THIN`, `MANY`."""

Call = Callable[[list[str], list[int], bool], str]
"""``call(sizes, steps, adds)``: a product of m, k, n of which piece ``p`` starts at ``p * steps[d]``
along axis d; whether it is added to the result."""


def pieces(sizes: tuple[int, int, int], call: Call) -> list[str]:
    """Return the lines of a product of m, k and n, whole or in pieces."""
    m, k, n = sizes
    most = MANY if min(sizes) <= THIN else MOST
    d = sizes.index(max(sizes))
    longest = SMALL * sizes[d] // (m * k * n) // 8 * 8
    if m * k * n <= SMALL or longest == 0 or sizes[d] > most * longest:
        return [call([str(m), str(k), str(n)], [0, 0, 0], False)]
    count = -(-sizes[d] // longest)
    length = -(-sizes[d] // count // 8) * 8  # as long as the others, and no longer than `longest`
    texts, steps = [str(m), str(k), str(n)], [0, 0, 0]
    texts[d], steps[d] = str(length), length
    first = call(texts, [0, 0, 0], False)
    texts[d] = f"min({length}, {sizes[d]} - p * {length})"
    return [
        first,
        f"for p in range(1, {count}):",
        "    " + call(texts, steps, d == 1),
    ]
