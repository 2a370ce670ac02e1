"""Primitive declarations by family. Importing this package fills the register."""

from . import base, elementwise, fft, linalg, products, reduce, shape

__all__ = ["base", "elementwise", "fft", "linalg", "products", "reduce", "shape"]
