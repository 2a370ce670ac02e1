"""Primitive declarations by family. Importing this package fills the register."""

from . import base, elementwise, index, products, reduce, scan, shape, sort

__all__ = ["base", "elementwise", "index", "products", "reduce", "scan", "shape", "sort"]
