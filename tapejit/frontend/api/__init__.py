"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them."""

from . import comparing, creation, elementwise, products, reductions, shapes, ufunc_methods

__all__ = [
    "comparing",
    "creation",
    "elementwise",
    "products",
    "reductions",
    "shapes",
    "ufunc_methods",
]
