"""Primitive declarations by family. Importing this package fills the register."""

from . import base, complexes, elementwise, products, reduce, shape

__all__ = ["base", "complexes", "elementwise", "products", "reduce", "shape"]
