"""From a formula (see `emit`) to the pair of jitted functions of the public interface.

The only place that chooses compilation flags.  `forceinline` asks LLVM to place the instructions
in the caller's loop, where they can be vectorised; fast-math stays off because its flags would
allow NaN, infinities and the exact error terms of the formulas to be optimised away.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .emit import Format, Value

__all__ = ["FORMULAS", "INTRINSICS", "publish"]

FLAGS: dict[str, Any] = {
    "cache": False,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "forceinline": True,
}

#: The functions by name in the form that only jitted code can call.  A generated kernel that binds
#: these instead saves the compilation of each jitted function (about 25 ms, once per process).
INTRINSICS: dict[str, Any] = {}

Formula = Callable[..., Value]

#: The formulas by name of function, for who appends LLVM instructions himself.
FORMULAS: dict[str, Formula] = {}


def _jit(formula: Formula, kind: str) -> Any:
    number = types.float64 if kind == "f64" else types.float32
    arity = len(inspect.signature(formula).parameters) - 1
    signature = number(*[number] * arity)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        f = Format(kind, builder)
        return formula(f, *(Value(f, a) for a in args)).v

    def one(typingctx: Any, x: Any) -> Any:
        return signature, codegen

    def two(typingctx: Any, x: Any, y: Any) -> Any:
        return signature, codegen

    name = f"{formula.__name__}_{kind}"
    typing: Any = one if arity == 1 else two
    typing.__name__ = name
    core: Any = intrinsic(typing)
    INTRINSICS[name] = core
    FORMULAS[name] = formula

    def unary(x: float) -> Any:
        return core(x)

    def binary(x: float, y: float) -> Any:
        return core(x, y)

    function: Any = unary if arity == 1 else binary
    function.__name__ = function.__qualname__ = name
    function.__module__ = formula.__module__
    function.__doc__ = formula.__doc__
    return njit(**FLAGS)(function)


def publish(formula: Formula) -> tuple[Any, Any]:
    """The float64 and the float32 jitted function of a formula, under its name and docstring."""
    return _jit(formula, "f64"), _jit(formula, "f32")
