"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them."""

from . import creation, einsum, fft, linalg, norms, products, reductions, shapes, ufunc_methods

__all__ = ["creation", "einsum", "fft", "linalg", "norms", "products", "reductions", "shapes", "ufunc_methods"]
