"""The families of operations, imported so that their functions and methods exist."""

from .ops import einsum, matrices, matrix_sums, products, shaping

__all__ = ["einsum", "matrices", "matrix_sums", "products", "shaping"]
