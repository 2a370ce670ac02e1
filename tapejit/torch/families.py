"""The families of operations, imported so that their functions and methods exist."""

from . import fft, linalg
from .ops import complexes, einsum, matrices, matrix_sums, products, shaping

__all__ = [
    "complexes", "einsum", "fft", "linalg", "matrices", "matrix_sums", "products", "shaping",
]  # fmt: skip
