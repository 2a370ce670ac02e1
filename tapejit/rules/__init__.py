"""Primitive declarations by family. Importing this package fills the register."""

from . import base, elementwise, products, reduce, shape

__all__ = ["base", "elementwise", "products", "reduce", "shape"]
