"""Primitive declarations by family. Importing this package fills the register."""

from . import (
    base,
    complexes,
    elementwise,
    powers,
    products,
    reduce,
    rounding,
    shape,
    sinc,
    transcendental,
)

__all__ = [
    "base",
    "complexes",
    "elementwise",
    "powers",
    "products",
    "reduce",
    "rounding",
    "shape",
    "sinc",
    "transcendental",
]
