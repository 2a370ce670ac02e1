"""Primitive declarations by family. Importing this package fills the register."""

from . import base, convolve, elementwise, index, products, reduce, scan, shape, sort

__all__ = ["base", "convolve", "elementwise", "index", "products", "reduce", "scan", "shape", "sort"]
