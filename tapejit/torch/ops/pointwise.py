"""How pointwise operations are declared: a NumPy function, the dtype it computes in, what it saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..codes import OPS, Op
from ..dtypes import dtype as DType
from ..spec import Spec
from .convert import floated, promoted, to

Saves = tuple[tuple[int, ...], ...]


def pointwise(
    name: str,
    fn: Callable[..., Any],
    saves: Saves | None = None,
    *,
    node: str | Callable[..., str] | None = None,
    floats: bool = False,
    deciding: int | None = None,
    check: Callable[[DType, tuple[Any, ...]], None] | None = None,
    differentiable: bool = True,
) -> Op:
    """Declare a pointwise operation.

    Parameters
    ----------
    fn : callable
        ``fn(*arrays, **params)``, the operands all of the dtype of the computation.
    saves : tuple
        For each operand, the operands (-1: the result) that its gradient reads.
    floats : bool
        Whether integers are computed in the default dtype.
    deciding : int or None
        How many operands, from the first, decide the dtype; the others follow. None: all.
    check : callable or None
        ``check(dtype, args)`` raises for dtypes that the operation does not have.
    """

    def impl(*xs: Any, dtype: str, **params: Any) -> Any:
        y = fn(*[to(x, dtype) for x in xs], **params)
        # SciPy computes float16 in float32; comparisons and sizes of complex numbers are as made.
        return y if y.dtype == dtype or y.dtype.kind != _kind(dtype) else y.astype(dtype)

    def resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        check_broadcast(args)
        d = promoted(*args[:deciding])
        if floats:
            d = floated(d)
        if check is not None:
            check(d, args)
        return {**params, "dtype": d.numpy.name}

    return declared(Op(name, impl, node, saves, resolve=resolve, differentiable=differentiable))


def declared(made: Op) -> Op:
    """Enter an operation into the table of all."""
    if made.name in OPS:
        raise ValueError(f"operation {made.name} is declared twice")
    OPS[made.name] = made
    return made


def _kind(dtype: str) -> str:
    return np.dtype(dtype).kind


def check_broadcast(args: tuple[Any, ...]) -> None:
    """Raise PyTorch's error for shapes that do not broadcast."""
    shape: tuple[int, ...] = ()
    for arg in args:
        if not isinstance(arg, Spec):
            continue
        other = tuple(arg.shape)
        n = max(len(shape), len(other))
        a = (1,) * (n - len(shape)) + shape
        b = (1,) * (n - len(other)) + other
        for k in range(n - 1, -1, -1):
            if a[k] != b[k] and a[k] != 1 and b[k] != 1:
                raise RuntimeError(
                    f"The size of tensor a ({a[k]}) must match the size of tensor b ({b[k]}) at "
                    f"non-singleton dimension {k}"
                )
        shape = tuple(y if x == 1 else x for x, y in zip(a, b))


def pair_dtype(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    """Fill in the dtype in which a function of several tensors is computed."""
    check_broadcast(args)
    return {**params, "dtype": promoted(*args).numpy.name}


def _no_bools(d: DType, args: tuple[Any, ...]) -> None:
    bools = [a for a in args if a is bool or (isinstance(a, Spec) and a.np.kind == "b")]
    if bools:
        both = "two bool tensors" if len(bools) == 2 else "a bool tensor"
        raise RuntimeError(
            f"Subtraction, the `-` operator, with {both} is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )


def _not_bool(d: DType, args: tuple[Any, ...]) -> None:
    if d.name == "bool":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )


add = pointwise("add", lambda x, y: x + y, ((), ()))
sub = pointwise("sub", lambda x, y: x - y, ((), ()), check=_no_bools)
rsub = pointwise(
    "rsub",
    lambda x, y: y - x,
    ((), ()),
    node=lambda params, args: f"RsubBackward{0 if all(isinstance(a, Spec) for a in args) else 1}",
    check=_no_bools,
)
mul = pointwise("mul", np.multiply, ((1,), (0,)))
div = pointwise("div", np.divide, ((1,), (0, 1)), floats=True)
neg = pointwise("neg", np.negative, ((),), check=_not_bool)
