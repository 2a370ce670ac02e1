"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them."""

from . import creation, nan_reductions, products, reductions, scans, shapes, ufunc_methods

__all__ = [
    "creation",
    "nan_reductions",
    "products",
    "reductions",
    "scans",
    "shapes",
    "ufunc_methods",
]
