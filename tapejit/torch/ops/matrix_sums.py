"""A product added to something: ``beta * input + alpha * product``.

With ``beta=0`` the input is ignored altogether: its NaNs do not count, as in BLAS. So `beta` being
zero decides structure, and other values are numbers of the row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..codes import Op, op
from ..emit import apply
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .convert import to
from .matrices import multiplied, tensor

Product = Callable[[Any, Any], Any]


def _mm(a: Spec, b: Spec) -> tuple[int, ...]:
    for k, s in enumerate((a, b)):
        if s.ndim != 2:
            raise RuntimeError(f"mat{k + 1} must be a matrix, got {s.ndim}-D tensor")
    if a.shape[1] != b.shape[0]:
        first, second = ("x".join(map(str, s.shape)) for s in (a, b))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({first} and {second})")
    return (a.shape[0], b.shape[1])


def _mv(a: Spec, b: Spec) -> tuple[int, ...]:
    if a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {b.ndim}")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"size mismatch, got mat ({a.shape[0]}x{a.shape[1]}), vec ({b.shape[0]})"
        )
    return (a.shape[0],)


def _outer(a: Spec, b: Spec) -> tuple[int, ...]:
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(
            f"addr: Expected 1-D arguments vec1 and vec2, but got {a.ndim}-D and {b.ndim}-D"
        )
    return (a.shape[0], b.shape[0])


def _bmm(a: Spec, b: Spec) -> tuple[int, ...]:
    for k, s in enumerate((a, b)):
        if s.ndim != 3:
            raise RuntimeError(f"batch{k + 1} must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    return (a.shape[0], a.shape[1], b.shape[2])


def _bmm_sum(a: Spec, b: Spec) -> tuple[int, ...]:
    return _bmm(a, b)[1:]


def _sum_op(name: str, product: Product, shape: Callable[[Spec, Spec], tuple[int, ...]]) -> Op:
    def resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        x, a, b = args[:3]
        whole = shape(a, b)
        multiplied(name, (x, a, b))
        given = tuple(x.shape)
        wide = (1,) * (len(whole) - len(given)) + given
        if len(given) > len(whole) or any(m not in (1, n) for m, n in zip(wide, whole)):
            raise RuntimeError(
                f"The expanded size of the tensor ({whole[0]}) must match the existing size "
                f"({given[0] if given else 1}) at non-singleton dimension 0.  "
                f"Target sizes: {list(whole)}.  Tensor sizes: {list(given)}"
            )
        for k, scale in enumerate(("beta", "alpha")):
            if args[3 + k] in (float, complex) and not a.floating:
                raise RuntimeError(f"For integral input tensors, argument {scale} must not be a "
                                   "floating point number.")  # fmt: skip
        return {**params, "shape": whole, "dtype": a.np.name}

    def impl(
        x: Any, a: Any, b: Any, beta: Any, alpha: Any, *,
        shape: tuple[int, ...], dtype: str, plain: tuple[bool, bool], without: bool,
    ) -> Any:  # fmt: skip
        made = product(a, b)
        if not plain[1]:
            made = made * to(alpha, dtype)
        if without:
            return made
        x = np.broadcast_to(x, shape) if x.shape != shape else x
        return (x if plain[0] else x * to(beta, dtype)) + made

    return op(name, saves=((), (2,), (1,)), resolve=resolve)(impl)


def _add(op: Op, x: Any, a: Any, b: Any, beta: Any, alpha: Any, names: tuple[str, str]) -> Any:
    tensor(x, op.name)
    tensor(a, op.name, names[0], 2)
    tensor(b, op.name, names[1], 3)
    for k, value in enumerate((beta, alpha)):
        if type(value) not in (int, float, bool, complex):
            name = ("beta", "alpha")[k]
            raise TypeError(
                f"{op.name}(): argument '{name}' must be Number, not {type(value).__name__}"
            )
    # A factor that is one leaves no product behind; beta = 0 means that the input is not read.
    plain = (beta == 1, alpha == 1)
    return apply(op, (x, a, b, beta, alpha), plain=plain, without=beta == 0)


def _as_product(a: Any, b: Any) -> Any:
    return a @ b


ADDMM = _sum_op("addmm", _as_product, _mm)
ADDMV = _sum_op("addmv", _as_product, _mv)
ADDR = _sum_op("addr", lambda a, b: a[:, None] * b[None, :], _outer)
BADDBMM = _sum_op("baddbmm", _as_product, _bmm)
ADDBMM = _sum_op("addbmm", lambda a, b: np.sum(a @ b, axis=0), _bmm_sum)


@public(inplace=True, out=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)``; the input broadcasts.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.addmm(torch.ones(2), torch.ones(1, 3), torch.ones(3, 2))
    tensor([[4., 4.]])
    """
    return _add(ADDMM, input, mat1, mat2, beta, alpha, ("mat1", "mat2"))  # type: ignore[no-any-return]


@public(inplace=True, out=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat @ vec)``."""
    return _add(ADDMV, input, mat, vec, beta, alpha, ("mat", "vec"))  # type: ignore[no-any-return]


@public(inplace=True, out=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return ``beta * input + alpha * outer(vec1, vec2)``."""
    return _add(ADDR, input, vec1, vec2, beta, alpha, ("vec1", "vec2"))  # type: ignore[no-any-return]


@public(inplace=True, out=True)
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """Return ``beta * input + alpha * bmm(batch1, batch2)``."""
    return _add(BADDBMM, input, batch1, batch2, beta, alpha, ("batch1", "batch2"))  # type: ignore[no-any-return]


@public(inplace=True, out=True)
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """Return ``beta * input`` plus `alpha` times the sum of the products of two stacks."""
    return _add(ADDBMM, input, batch1, batch2, beta, alpha, ("batch1", "batch2"))  # type: ignore[no-any-return]
