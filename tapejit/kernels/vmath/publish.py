"""From a formula (see `emit`) to the jitted functions of the public interface.

The only place that chooses compilation flags.  `forceinline` asks LLVM to place the instructions
in the caller's loop, where they can be vectorised; fast-math stays off because its flags would
allow NaN, infinities and the exact error terms of the formulas to be optimised away.

Numba is imported when a function is first asked for: who appends LLVM code himself needs the
formulas alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .emit import Format, Value

__all__ = ["FORMULAS", "INTRINSICS", "function", "publish"]

FLAGS: dict[str, Any] = {
    "cache": False,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "forceinline": True,
}

Formula = Callable[..., Value]

#: The formulas by name of function: ``exp_f64`` and ``exp_f32`` have the same one.
FORMULAS: dict[str, Formula] = {}


def publish(formula: Formula) -> None:
    """Enter the float64 and the float32 function of a formula under its name."""
    for kind in ("f64", "f32"):
        FORMULAS[f"{formula.__name__}_{kind}"] = formula


class _Intrinsics(Mapping[str, Any]):
    """Made when they are looked up."""

    def __getitem__(self, name: str) -> Any:
        if name not in FORMULAS:
            raise KeyError(name)
        return _intrinsic(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FORMULAS)

    def __len__(self) -> int:
        return len(FORMULAS)


#: The functions by name in the form that only jitted code can call.  A generated kernel that binds
#: these instead saves the compilation of each jitted function (about 25 ms, once per process).
INTRINSICS: Mapping[str, Any] = _Intrinsics()


def _arity(formula: Formula) -> int:
    return len(inspect.signature(formula).parameters) - 1


@functools.cache
def _intrinsic(name: str) -> Any:
    from numba import types
    from numba.extending import intrinsic

    formula, kind = FORMULAS[name], name[-3:]
    number = types.float64 if kind == "f64" else types.float32
    arity = _arity(formula)
    signature = number(*[number] * arity)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        f = Format(kind, builder)
        return formula(f, *(Value(f, a) for a in args)).v

    def one(typingctx: Any, x: Any) -> Any:
        return signature, codegen

    def two(typingctx: Any, x: Any, y: Any) -> Any:
        return signature, codegen

    typing: Any = one if arity == 1 else two
    typing.__name__ = name
    return intrinsic(typing)


@functools.cache
def function(name: str) -> Any:
    """Return the jitted function of a name, under the name and docstring of its formula."""
    from numba import njit

    formula = FORMULAS[name]
    core = _intrinsic(name)

    def unary(x: float) -> Any:
        return core(x)

    def binary(x: float, y: float) -> Any:
        return core(x, y)

    made: Any = unary if _arity(formula) == 1 else binary
    made.__name__ = made.__qualname__ = name
    made.__module__ = formula.__module__
    made.__doc__ = formula.__doc__
    return njit(**FLAGS)(made)
