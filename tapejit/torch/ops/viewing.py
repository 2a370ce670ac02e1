"""Views: transposes, new and dropped dims, parts. Each is a NumPy view, so writes go through.

The operations here never look at values; what they share with their base is a matter of strides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..hot import table
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .arguments import TYPES, dim_of, dims_of, ints_of, is_int, need_tensor, sizes_of, whole
from .memory import FULL
from .record_view import no_write, part_code, view_code, view_of

# ---------------------------------------------------------------- the operations


@op("alias_view", node="AliasBackward0", saves=((),), view=True)
def alias_view(x: Any) -> Any:
    """All of it."""
    return x[...]


@op("t", saves=((),), view=True)
def t_view(x: Any) -> Any:
    """A matrix transposed; a vector or number as it is."""
    return np.transpose(x) if x.ndim == 2 else x[...]


@op("transpose", saves=((),), view=True)
def transpose_view(x: Any, *, dim0: int, dim1: int) -> Any:
    """Two dims exchanged."""
    return np.swapaxes(x, dim0, dim1) if dim0 != dim1 else x[...]


@op("permute", saves=((),), view=True)
def permute_view(x: Any, *, dims: tuple[int, ...]) -> Any:
    """Dims in another order."""
    return np.transpose(x, dims) if dims else x[...]


@op("squeeze", node=lambda params, args: params["node"], saves=((),), view=True)
def squeeze_view(x: Any, *, dims: tuple[int, ...], node: str) -> Any:
    """Without these dims, which are of size one."""
    return np.squeeze(x, dims) if dims else x[...]


@op("unsqueeze", saves=((),), view=True)
def unsqueeze_view(x: Any, *, dim: int) -> Any:
    """With a new dim of size one."""
    return np.expand_dims(x, dim)


@op("select", saves=((),), view=True)
def select_view(x: Any, *, dim: int, index: int) -> Any:
    """One place of a dim."""
    return x[(slice(None),) * dim + (index, Ellipsis)]


@op("slice", node=lambda params, args: params["node"], saves=((),), view=True)
def slice_view(
    x: Any, *, dim: int, start: int, stop: int, step: int, node: str, index: int = 0
) -> Any:
    """Some places of a dim, one of several results where `index` counts them."""
    return x[(slice(None),) * dim + (slice(start, stop, step), Ellipsis)]


@op("unbind", saves=((),), view=True)
def unbind_view(x: Any, *, dim: int, index: int) -> Any:
    """One place of a dim, as one of several results."""
    return x[(slice(None),) * dim + (index, Ellipsis)]


def write_diagonal(base: Any, new: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    """The base with a diagonal replaced."""
    out = np.copy(base)
    moved = np.moveaxis(out, (dim1, dim2), (-2, -1))
    n, m = moved.shape[-2:]
    length = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    i = np.arange(length)
    moved[..., i + max(0, -offset), i + max(0, offset)] = new
    return out


@op("diagonal", saves=((),), view=True, write=write_diagonal)
def diagonal_view(x: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    """The diagonal of two dims, as a last dim."""
    return np.diagonal(x, offset, dim1, dim2)


@op("unfold", saves=((),), view=True, write=no_write)
def unfold_view(x: Any, *, dim: int, size: int, step: int) -> Any:
    """Windows of a dim, each as a last dim."""
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows[(slice(None),) * dim + (slice(None, None, step), Ellipsis)]


# ---------------------------------------------------------------- transposes


_T: dict[Any, int] = table()
_TRANSPOSE: dict[Any, int] = table()
_UNSQUEEZE: dict[Any, int] = table()


@public()
def t(input: Tensor) -> Tensor:
    """Transpose a matrix; tensors of fewer dims stay as they are.

    Raises
    ------
    RuntimeError
        If there are more than two dims.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.t(torch.ones(2, 3)).shape
    torch.Size([3, 2])
    """
    first = _T.get(getattr(input, "_spec", None))
    if first is not None:
        return view_of(input, first)
    need_tensor(input, "t")
    if input._spec.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input._spec.ndim}D"
        )
    first = _T[input._spec] = view_code(t_view, input)
    return view_of(input, first)


@public("swapaxes")
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Exchange two dims; another name of `transpose`."""
    return transpose(input, axis0, axis1)


@public("transpose", "swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dims."""
    first = _TRANSPOSE.get((getattr(input, "_spec", None), dim0, dim1))
    if first is not None:
        return view_of(input, first)
    need_tensor(input, "transpose")
    n = input._spec.ndim
    d0, d1 = dim_of(dim0, n, "transpose", "dim0"), dim_of(dim1, n, "transpose", "dim1")
    first = view_code(transpose_view, input, dim0=d0, dim1=d1)
    _TRANSPOSE[(input._spec, dim0, dim1)] = first
    return view_of(input, first)


def _permuted(input: Tensor, dims: tuple[int, ...]) -> Tensor:
    n = input._spec.ndim
    if len(dims) != n:
        raise RuntimeError(
            "permute: number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {n} is not equal to len(dims) = "
            f"{len(dims)}"
        )
    found = tuple(dim_of(d, n, "permute", "dims") for d in dims)
    if len(set(found)) < n:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return view_of(input, view_code(permute_view, input, dims=found))


@public(method=False)
def permute(input: Tensor, dims: Any) -> Tensor:
    """Put the dims in another order."""
    need_tensor(input, "permute")
    return _permuted(input, ints_of(dims, "permute", "dims"))


@public("permute", function=False)
def _permute_method(self: Tensor, *dims: Any, **named: Any) -> Tensor:
    """Put the dims in another order, given one by one or as a tuple."""
    if "dims" in named and not dims:
        dims = (named["dims"],)
    elif named or not dims:
        raise TypeError('permute() missing 1 required positional arguments: "dims"')
    return _permuted(self, sizes_of(dims, "permute", "dims"))


@public("movedim", "moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Move dims to other places; the rest keeps its order."""
    need_tensor(input, "movedim")
    n = input._spec.ndim
    given = [ints_of(s, "movedim", "source") for s in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(given[0])} dims) should contain the same number of dims as destination "
            f"({list(given[1])} dims)"
        )
    src, dst = [tuple(dim_of(d, n) for d in ds) for ds in given]
    for name, found in (("source", src), ("destination", dst)):
        if len(set(found)) < len(found):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(found)})")
    order = [k for k in range(n) if k not in src]
    for to, k in sorted(zip(dst, src)):
        order.insert(to, k)
    return view_of(input, view_code(permute_view, input, dims=tuple(order)))


def _reversed_dims(self: Tensor) -> Any:
    """The tensor with its dims in reverse order; PyTorch wants it for matrices only, and warns."""
    n = self._spec.ndim
    if n != 2:
        import warnings

        warnings.warn(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
            if n == 0
            else "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
            UserWarning,
            stacklevel=2,
        )
    return view_of(self, view_code(permute_view, self, dims=tuple(reversed(range(n)))))


def _matrix_transposed(self: Tensor) -> Any:
    """The tensor with its last two dims exchanged."""
    n = self._spec.ndim
    if n < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {n}-D tensor."
        )
    return view_of(self, view_code(transpose_view, self, dim0=n - 2, dim1=n - 1))


@public()
def adjoint(input: Tensor) -> Tensor:
    """Exchange the last two dims and conjugate."""
    need_tensor(input, "adjoint")
    n = input._spec.ndim
    if n == 1:
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    made: Tensor = _matrix_transposed(input) if n else input
    return made.conj() if input._spec.np.kind == "c" else made


def _hermitian(self: Tensor) -> Any:
    """The conjugate transpose of a matrix."""
    if self._spec.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self._spec.ndim}-D tensor."
        )
    return adjoint(self)


Tensor.T = property(_reversed_dims)  # type: ignore[attr-defined]
Tensor.mT = property(_matrix_transposed)  # type: ignore[attr-defined]
Tensor.H = property(_hermitian)  # type: ignore[attr-defined]
Tensor.mH = property(adjoint)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- dims of size one


@public()
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Drop dims of size one: all, or those among `dim`.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.zeros(1, 2, 1).squeeze(0).shape
    torch.Size([2, 1])
    """
    need_tensor(input, "squeeze")
    spec = input._spec
    if dim is None:
        among: tuple[int, ...] = tuple(range(spec.ndim))
        node = "SqueezeBackward0"
    else:
        if not isinstance(dim, (tuple, list)) and not is_int(dim):
            raise TypeError(
                "squeeze() received an invalid combination of arguments - got "
                f"({type(dim).__name__}), but expected (), (int dim) or (tuple of ints dim)"
            )
        node = "SqueezeBackward2" if isinstance(dim, (tuple, list)) else "SqueezeBackward1"
        among = dims_of(dim, spec.ndim, "squeeze", "dim")
    dims = tuple(d for d in among if spec.ndim and spec.shape[d] == 1)
    return view_of(input, view_code(squeeze_view, input, dims=dims, node=node))


@public()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Put in a new dim of size one.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.zeros(3).unsqueeze(1).shape
    torch.Size([3, 1])
    """
    first = _UNSQUEEZE.get((getattr(input, "_spec", None), dim))
    if first is not None:
        return view_of(input, first)
    need_tensor(input, "unsqueeze")
    d = dim_of(dim, input._spec.ndim + 1, "unsqueeze")
    first = _UNSQUEEZE[(input._spec, dim)] = view_code(unsqueeze_view, input, dim=d)
    return view_of(input, first)


# ---------------------------------------------------------------- parts


def part(
    input: Tensor, dim: int, start: int, stop: int, node: str = "SliceBackward0", index: int = 0
) -> Tensor:
    """Return the view of the places `start` to `stop` of a dim; `index` is its place among such."""
    at = (FULL,) * dim + ((start, stop, 1),)
    place = {"dim": dim, "start": start, "stop": stop, "step": 1, "node": node, "index": index}
    return view_of(input, part_code(slice_view, input, at, **place))


@public()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return the view of one place of a dim."""
    need_tensor(input, "select")
    if not input._spec.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = dim_of(dim, input._spec.ndim, "select")
    i, n = whole(index, "select", "index"), input._spec.shape[d]
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(input._spec.shape)} at "
            f"dimension {d}"
        )
    at = (FULL,) * d + (i % n,)
    return view_of(input, part_code(select_view, input, at, dim=d, index=i % n))


@public()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """Return the view of `length` places of a dim."""
    need_tensor(input, "narrow")
    if not input._spec.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    d = dim_of(dim, input._spec.ndim, "narrow")
    n, at, count = (
        input._spec.shape[d],
        whole(start, "narrow", "start"),
        whole(length, "narrow", "length"),
    )
    if count < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= at <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [{-n}, {n}], but got {at})"
        )
    at = at + n if at < 0 else at
    if at + count > n:
        raise RuntimeError(f"start ({at}) + length ({count}) exceeds dimension size ({n}).")
    return part(input, d, at, at + count)


@public()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return the view of a diagonal of two dims, put last."""
    need_tensor(input, "diagonal")
    n = input._spec.ndim
    a, b = dim_of(dim1, n, "diagonal", "dim1"), dim_of(dim2, n, "diagonal", "dim2")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    k = whole(offset, "diagonal", "offset")
    return view_of(input, view_code(diagonal_view, input, offset=k, dim1=a, dim2=b))


@public(function=False)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return the view of the windows of a dim: `size` long, `step` apart, each as a last dim."""
    d = dim_of(dimension, self._spec.ndim, "unfold", "dimension")
    n = self._spec.shape[d] if self._spec.ndim else 1
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    base = self if self._spec.ndim else unsqueeze(self, 0)
    return view_of(base, view_code(unfold_view, base, dim=d, size=size, step=step))


@public("detach", method=False)
def _detach_function(input: Tensor) -> Tensor:
    """Return a view that no gradient flows through; a leaf that does not require grad."""
    made: Tensor = need_tensor(input, "detach").detach()
    return made


def type_name(spec: Spec) -> str:
    """Return what PyTorch calls a tensor's type: ``torch.FloatTensor``."""
    return f"torch.{TYPES.get(spec.np.name, spec.np.name)}Tensor"
