"""Products of vectors and matrices: no promotion, PyTorch's rules of shape, one row each.

``matmul`` looks at the axes of its operands: two vectors give their dot product, a matrix and a
vector the image, stacks of matrices broadcast. The operands must have one dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..codes import Op, op
from ..emit import apply
from ..hot import QUICK
from ..operators import binary
from ..spec import Spec
from ..surface import public, store
from ..tensor import Tensor
from .convert import to
from .matrices import multiplied, tensor

SWAPPED = ((1,), (0,))
"""The gradient of each factor of a product reads the other factor."""


def _factors(function: str, args: tuple[Any, ...]) -> list[Spec]:
    names = ("mat1", "mat2", "mat3")
    for k, a in enumerate(args):
        if not isinstance(a, Spec):
            raise TypeError(
                f"{function}(): argument '{names[k]}' (position {k + 1}) must be Tensor, "
                f"not {a.__name__}"
            )
    return list(args)


def _unmultiplied(a: Spec, b: Spec, names: str = "mat1 and mat2") -> RuntimeError:
    first, second = ("x".join(map(str, s.shape)) for s in (a, b))
    return RuntimeError(f"{names} shapes cannot be multiplied ({first} and {second})")


def _check_mm(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = _factors("mm", args)
    if a.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if b.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    if a.shape[1] != b.shape[0]:
        raise _unmultiplied(a, b)
    multiplied("mm", (a, b))
    return params


def _check_matmul(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = _factors("matmul", args)
    if not a.ndim or not b.ndim:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        if a.ndim == b.ndim == 1:
            raise RuntimeError(
                "inconsistent tensor size, expected tensor "
                f"[{a.shape[0]}] and src [{b.shape[0]}] to have the same number of elements, but "
                f"got {a.shape[0]} and {b.shape[0]} elements respectively"
            )
        if b.ndim == 1:
            first = "x".join(map(str, a.shape))
            raise RuntimeError(
                f"size mismatch, got input ({a.shape[-2]}), mat ({first}), vec ({inner})"
            )
        raise _unmultiplied(a, b)
    multiplied("matmul", (a, b))
    lead_a, lead_b = tuple(a.shape[:-2]), tuple(b.shape[:-2])
    n = max(len(lead_a), len(lead_b))
    wide_a, wide_b = ((1,) * (n - len(s)) + s for s in (lead_a, lead_b))
    for k in range(n - 1, -1, -1):
        if wide_a[k] != wide_b[k] and 1 not in (wide_a[k], wide_b[k]):
            raise RuntimeError(
                f"The size of tensor a ({wide_a[k]}) must match the size of tensor b "
                f"({wide_b[k]}) at non-singleton dimension {k}"
            )
    return params


_NODES = {(1, 1): "DotBackward0", (2, 1): "MvBackward0", (1, 2): "SqueezeBackward4",
          (2, 2): "MmBackward0"}  # fmt: skip


def _matmul_node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    a, b = specs
    if a.ndim == 2 and b.ndim > 2:
        # A stack of many columns is one product of its transposes, turned back.
        thin = a.shape[0] == 1 or b.shape[-1] == 1
        return "TransposeBackward0" if thin else "CloneBackward0"
    return _NODES.get((a.ndim, b.ndim), "UnsafeViewBackward0")


def _times(x: Any, y: Any) -> Any:
    return x @ y


MM = op("mm", saves=SWAPPED, resolve=_check_mm)(_times)
MATMUL = op("matmul", node=_matmul_node, saves=SWAPPED, resolve=_check_matmul)(_times)


_mm = binary(MM)
_matmul = binary(MATMUL)


def _checked(name: str, input: Any, second: str, other: Any) -> None:
    """Raise for operands of a product that are no tensors."""
    tensor(input, name)
    tensor(other, name, second, 2)


@public()
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the product of two matrices.

    Parameters
    ----------
    input : Tensor, shape (n, m)
    mat2 : Tensor, shape (m, p)
    out : Tensor, optional

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the dtypes differ.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.mm(torch.ones(2, 3), torch.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if not isinstance(mat2, Tensor) or not isinstance(input, Tensor):
        _checked("mm", input, "mat2", mat2)
    found: Tensor = _mm(input, mat2)
    return found if out is None else store(out, found)


QUICK[mm] = QUICK[_mm]


@public()
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the product of vectors, matrices or stacks of matrices, also written ``@``.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.matmul(torch.ones(3), torch.ones(3))
    tensor(3.)
    """
    if not isinstance(other, Tensor) or not isinstance(input, Tensor):
        _checked("matmul", input, "other", other)
    found: Tensor = _matmul(input, other)
    return found if out is None else store(out, found)


QUICK[matmul] = QUICK[_matmul]

setattr(Tensor, "__matmul__", _matmul)  # noqa: B010
setattr(Tensor, "__rmatmul__", binary(MATMUL, reflected=True))  # noqa: B010


# ---------------------------------------------------------------- one shape each


def _check_bmm(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = _factors("bmm", args)
    for k, s in enumerate((a, b)):
        if s.ndim != 3:
            raise RuntimeError(f"batch{k + 1} must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    if a.np.kind == "b":  # asked before whether the dtypes are equal
        multiplied("bmm", (a, a))
    multiplied("bmm", (a, b))
    return params


def _check_mv(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = _factors("mv", args)
    if a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {b.ndim}, {a.ndim}, {b.ndim}")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), "
            f"vec ({b.shape[0]})"
        )
    multiplied("mv", (a, b))
    return params


def _check_dot(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = _factors("dot", args)
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    multiplied("dot", (a, b))
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to "
            f"have the same number of elements, but got {a.shape[0]} and {b.shape[0]} elements "
            "respectively"
        )
    return params


BMM = op("bmm", saves=SWAPPED, resolve=_check_bmm)(_times)
MV = op("mv", saves=SWAPPED, resolve=_check_mv)(_times)
DOT = op("dot", saves=SWAPPED, resolve=_check_dot)(_times)


@op("vdot", saves=SWAPPED, resolve=_check_dot)
def VDOT(x: Any, y: Any) -> Any:
    """The product of two vectors, the first one conjugated."""
    return np.conj(x) @ y if np.dtype(x.dtype).kind == "c" else x @ y


def _two(op: Op, name: str, second: str) -> Callable[..., Any]:
    product = binary(op)

    def function(input: Any, other: Any, *, out: Any = None) -> Any:
        if not isinstance(other, Tensor) or not isinstance(input, Tensor):
            _checked(name, input, second, other)
        found = product(input, other)
        return found if out is None else store(out, found)

    return function


_bmm = _two(BMM, "bmm", "mat2")
_mv = _two(MV, "mv", "vec")
_dot = _two(DOT, "dot", "tensor")
_vdot = _two(VDOT, "vdot", "other")


@public()
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the products of two stacks of matrices, one by one."""
    return _bmm(input, mat2, out=out)  # type: ignore[no-any-return]


@public()
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the product of a matrix and a vector."""
    return _mv(input, vec, out=out)  # type: ignore[no-any-return]


@public()
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the sum of the products of two vectors' entries; nothing is conjugated."""
    return _dot(input, tensor, out=out)  # type: ignore[no-any-return]


@public()
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the inner product of two vectors, the first one conjugated."""
    return _vdot(input, other, out=out)  # type: ignore[no-any-return]


def _check_inner(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = _factors("inner", args)
    if not a.ndim or not b.ndim:
        return params
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    multiplied("inner", (a, b))
    return params


def _inner_node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    return "ViewBackward0" if specs[0].ndim and specs[1].ndim else "MulBackward0"


INNER = op("inner", node=_inner_node, saves=SWAPPED, resolve=_check_inner)(np.inner)


@public(out=True)
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the sums of products over the last axis of both operands."""
    found = apply(INNER, (tensor(input, "inner"), tensor(other, "inner", "other", 2)))
    return found  # type: ignore[no-any-return]


def _check_outer(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    from .convert import promoted

    for k, s in enumerate(_factors("outer", args)):
        if s.ndim != 1:
            name = ("self", "vec2")[k]
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {s.ndim}-D")
    return {**params, "dtype": promoted(*args).numpy.name}


@op("outer", node="MulBackward0", saves=SWAPPED, resolve=_check_outer)
def OUTER(x: Any, y: Any, *, dtype: str) -> Any:
    """Every entry of one vector times every entry of the other."""
    return to(x, dtype)[:, None] * to(y, dtype)[None, :]


@public("outer", "ger", out=True)
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the matrix of all products of two vectors' entries."""
    found = apply(OUTER, (tensor(input, "outer"), tensor(vec2, "outer", "vec2", 2)))
    return found  # type: ignore[no-any-return]
