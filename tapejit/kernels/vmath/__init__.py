"""Elementwise functions that vectorise inside jitted loops.

A call to the C library keeps LLVM's loop vectoriser away from the loop around it.  The functions
of this package are straight-line arithmetic instead, for float64 (``_f64``) and float32
(``_f32``), so that ``for i in range(n): out[i] = exp_f64(x[i])`` runs on whole SIMD registers.

They follow NumPy over the whole range, including signed zeros, subnormal numbers, infinities, NaN
and domain errors, and are accurate to 2 units in the last place (2.1 for erfc, 2.5 for log_ndtr;
the docstrings tell the measured bound of each).  Nothing is compiled until a function is called.

Each function is a jitted function of its own, which costs Numba some 30 ms when it is first used.
``INTRINSICS[name]`` is the same function in a form that only jitted code can call and that is
compiled as a part of its caller, in a few milliseconds; generated kernels should bind that.
"""

from __future__ import annotations

from typing import Any

from . import exponential, hyperbolic, inverse, logarithm, normal, power, trigonometric
from .publish import FORMULAS, INTRINSICS, function

__all__ = [
    "FORMULAS",
    "INTRINSICS",
    "arccos_f32",
    "arccos_f64",
    "arccosh_f32",
    "arccosh_f64",
    "arcsin_f32",
    "arcsin_f64",
    "arcsinh_f32",
    "arcsinh_f64",
    "arctan_f32",
    "arctan_f64",
    "arctanh_f32",
    "arctanh_f64",
    "bell_f32",
    "bell_f64",
    "cbrt_f32",
    "cbrt_f64",
    "cos_f32",
    "cos_f64",
    "cosh_f32",
    "cosh_f64",
    "erf_f32",
    "erf_f64",
    "erfc_f32",
    "erfc_f64",
    "exp2_f32",
    "exp2_f64",
    "exp_f32",
    "exp_f64",
    "expm1_f32",
    "expm1_f64",
    "half_bell_f32",
    "half_bell_f64",
    "hypot_f32",
    "hypot_f64",
    "log1p_f32",
    "log1p_f64",
    "log2_f32",
    "log2_f64",
    "log10_f32",
    "log10_f64",
    "log_expit_f32",
    "log_expit_f64",
    "log_f32",
    "log_f64",
    "log_ndtr_f32",
    "log_ndtr_f64",
    "logaddexp_f32",
    "logaddexp_f64",
    "ndtr_f32",
    "ndtr_f64",
    "pow_f32",
    "pow_f64",
    "sigmoid_f32",
    "sigmoid_f64",
    "sin_f32",
    "sin_f64",
    "sinh_f32",
    "sinh_f64",
    "softplus_f32",
    "softplus_f64",
    "tan_f32",
    "tan_f64",
    "tanh_f32",
    "tanh_f64",
]

_FAMILIES = (exponential, hyperbolic, inverse, logarithm, normal, power, trigonometric)


def __getattr__(name: str) -> Any:
    """Make the function of a name, which imports Numba."""
    if name in FORMULAS:
        return function(name)
    raise AttributeError(f"there is no elementwise function {name}")
