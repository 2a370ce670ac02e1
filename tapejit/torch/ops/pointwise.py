"""How pointwise operations are declared: a NumPy function, the dtype it computes in, what it saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..codes import OPS, Op
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
    result: str | None = None,
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
    result : str or None
        The dtype of the result where it is not that of the computation.
    """

    def impl(*xs: Any, dtype: str, **params: Any) -> Any:
        return fn(*[to(x, dtype) for x in xs], **params)

    def resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        check_broadcast(args)
        d = promoted(*args)
        if floats:
            d = floated(d)
        return {**params, "dtype": d.numpy.name}

    made = OPS[name] = Op(name, impl, node, saves, resolve=resolve, differentiable=differentiable)
    return made


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


def _add(x: Any, y: Any, *, alpha: float = 1) -> Any:
    return x + y if alpha == 1 else x + y * np.asarray(alpha, x.dtype)[()]


def _sub(x: Any, y: Any, *, alpha: float = 1) -> Any:
    return x - y if alpha == 1 else x - y * np.asarray(alpha, x.dtype)[()]


add = pointwise("add", _add, ((), ()))
sub = pointwise("sub", _sub, ((), ()))
rsub = pointwise("rsub", lambda x, y: y - x, ((), ()), node="RsubBackward1")
mul = pointwise("mul", np.multiply, ((1,), (0,)))
div = pointwise("div", np.divide, ((1,), (0, 1)), floats=True)
neg = pointwise("neg", np.negative, ((),))
