"""Elementwise functions that vectorise inside jitted loops (see `emit` for how)."""

from __future__ import annotations

from .exponential import *  # noqa
from .hyperbolic import *  # noqa
from .logarithm import *  # noqa
from .inverse import *  # noqa
from .normal import *  # noqa
from .power import *  # noqa
from .trigonometric import *  # noqa
