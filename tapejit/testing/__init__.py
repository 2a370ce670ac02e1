"""Checks of derivatives, and Hypothesis strategies, for the tests of your own functions and rules.

`check_grads` compares derivatives with central differences in random directions, to any order.
The strategies draw shapes, arrays from domains, arrays that broadcast, and random tapes.
"""

from .checks import GradientMismatch, check_grads
from .random_tapes import tapes
from .strategies import arrays, broadcastable, shapes

__all__ = ["GradientMismatch", "arrays", "broadcastable", "check_grads", "shapes", "tapes"]
