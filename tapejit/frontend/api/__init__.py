"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them."""

from . import (
    creation,
    diagonals,
    joins,
    nan_reductions,
    numeric,
    order,
    picking,
    products,
    reductions,
    report,
    scans,
    shapes,
    ufunc_methods,
)

__all__ = [
    "creation",
    "diagonals",
    "joins",
    "nan_reductions",
    "numeric",
    "order",
    "picking",
    "products",
    "reductions",
    "report",
    "scans",
    "shapes",
    "ufunc_methods",
]
