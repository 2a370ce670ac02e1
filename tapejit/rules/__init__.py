"""Primitive declarations by family. Importing this package fills the register."""

from . import base, control, elementwise, products, reduce, shape

__all__ = ["base", "control", "elementwise", "products", "reduce", "shape"]
