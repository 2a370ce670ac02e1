"""The families of operations, imported so that their functions and methods exist."""

from . import fft, linalg
from .ops import (
    complexes,
    distances,
    einsum,
    estimates,
    matrices,
    matrix_sums,
    products,
    shaping,
    windows,
)

__all__ = [
    "complexes", "distances", "einsum", "estimates", "fft", "linalg", "matrices", "matrix_sums",
    "products", "shaping", "windows",
]  # fmt: skip
