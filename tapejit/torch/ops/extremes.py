"""Largest and smallest elements, with their places; middles; the most frequent.

What comes with an index has the gradient of picking the element of that index. Extremes without
one, over several elements, share the gradient equally among ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import Op, op
from ..emit import apply
from ..hot import parametric
from ..return_types import of as named
from ..surface import public
from ..tensor import Tensor
from .checks import axes_of, bool_of, dim_of, not_implemented, tensor_of
from .selection import EXTREMES

MISSING: Any = object()


def ordered(name: str, x: Tensor) -> None:
    if x._spec.np.kind == "c":
        raise not_implemented(name, x._spec.dtype)


def _whole(fn: Any, bools: Any) -> Any:
    def impl(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
        if x.dtype.kind == "b":
            return bools(x, axis=axis, keepdims=keepdims)
        return fn(x, axis=axis, keepdims=keepdims) if axis else x

    return impl


_max_of, _min_of = _whole(np.max, np.any), _whole(np.min, np.all)
_max_all = op("max", node="MaxBackward1", saves=((0, -1),))(_max_of)
_min_all = op("min", node="MinBackward1", saves=((0, -1),))(_min_of)
_amax = op("amax", saves=((0, -1),))(_max_of)
_amin = op("amin", saves=((0, -1),))(_min_of)


def needs_elements(name: str, x: Tensor, axis: tuple[int, ...]) -> None:
    if x._spec.numel == 0 and (not axis or any(x._spec.shape[k] == 0 for k in axis)):
        raise IndexError(f"{name}(): Expected reduction dim to have non-zero size.")


def _along(name: str, its: Op, doc: str) -> Any:
    def params_of(input: Tensor, dim: Any = (), keepdim: bool = False) -> Any:
        ordered(name, input)
        axis = axes_of(name, dim, input._spec.ndim)
        needs_elements(name, input, axis)
        return {"axis": axis, "keepdims": bool_of(name, "keepdim", keepdim)}

    params_of.__name__ = params_of.__qualname__ = name
    params_of.__doc__ = doc
    return public(name, out=True)(parametric(its)(params_of))


amax = _along("amax", _amax, "Return the largest elements over axes; ties share the gradient.")
amin = _along("amin", _amin, "Return the smallest elements over axes; ties share the gradient.")


# ---------------------------------------------------------------- with an index


def picked(x: Any, at: Any, axis: int, keepdim: bool) -> tuple[Any, Any]:
    """The elements at one index along an axis, and the index; `at` has kept the axis."""
    y = np.take_along_axis(x, at, axis)
    if keepdim:
        return y, at
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return np.reshape(y, shape), np.reshape(at, shape)


def _place(fn: Any) -> Any:
    def impl(x: Any, *, axis: int, keepdim: bool) -> Any:
        if not x.shape:
            return x, np.zeros((), "int64")[()]
        key = x.astype("uint8") if x.dtype.kind == "b" else x
        at = np.reshape(fn(key, axis=axis), x.shape[:axis] + (1,) + x.shape[axis + 1 :])
        return picked(x, at, axis, keepdim)

    return impl


def indexed(name: str, node: str, impl: Any, saves: Any = ((-2,),)) -> Op:
    """Declare an operation whose results are values and indices."""
    return op(name, node=node, saves=saves)(impl)


_max_dim = indexed("max_dim", "MaxBackward0", _place(np.argmax))
_min_dim = indexed("min_dim", "MinBackward0", _place(np.argmin))


def _extreme(name: str, whole: Op, along: Op, of_two: Any, result: str, doc: str) -> Any:
    def function(
        input: Tensor, dim: Any = MISSING, keepdim: bool = False, *, other: Any = None
    ) -> Any:
        x = tensor_of(name, "input", 1, input)
        ordered(name, x)
        if other is not None or isinstance(dim, Tensor):
            if keepdim is not False or (other is not None and dim is not MISSING):
                raise TypeError(f"{name}(): with another tensor it takes no more arguments")
            return of_two(x, dim if other is None else other)
        if dim is MISSING:
            if keepdim is not False:
                raise TypeError(f"{name}(): keepdim needs dim")
            if x._spec.numel == 0:
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                    "Specify the reduction dim with the 'dim' argument."
                )
            return apply(whole, (x,), axis=tuple(range(x._spec.ndim)), keepdims=False)
        k = dim_of(name, dim, x._spec.ndim)
        needs_elements(name, x, (k,) if x._spec.ndim else ())
        return named(result)(*apply(along, (x,), axis=k, keepdim=bool_of(name, "keepdim", keepdim)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    spelled = with_spellings(function)
    public(name, out=True)(spelled)
    return spelled


def with_spellings(function: Any) -> Any:
    """Let a function take ``axis`` and ``keepdims`` for ``dim`` and ``keepdim``."""
    import functools

    @functools.wraps(function)
    def spelled(input: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {
                {"axis": "dim", "keepdims": "keepdim"}.get(k, k): v for k, v in kwargs.items()
            }
        return function(input, *args, **kwargs)

    return spelled


_DOC = """Return the {word} element; along an axis, the {word} elements and their indices.

    With another tensor in place of `dim`, the {word} of each two elements.

    Raises
    ------
    IndexError
        If the axis is out of range or empty.
    RuntimeError
        If there are no elements and no axis.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([1.0, 5.0, 3.0]).{name}()
    tensor({value})
    """
max = _extreme(
    "max",
    _max_all,
    _max_dim,
    EXTREMES["maximum"],
    "max",
    _DOC.format(word="largest", name="max", value="5."),
)
min = _extreme(
    "min",
    _min_all,
    _min_dim,
    EXTREMES["minimum"],
    "min",
    _DOC.format(word="smallest", name="min", value="1."),
)


def _arg_impl(fn: Any) -> Any:
    def impl(x: Any, *, axis: int | None, keepdim: bool) -> Any:
        key = x.astype("uint8") if x.dtype.kind == "b" else x
        if not x.shape:
            return np.zeros((), "int64")[()]
        if axis is None:
            at = fn(np.reshape(key, (-1,)), axis=0)
            return np.reshape(at, (1,) * x.ndim) if keepdim else at
        shape = x.shape[:axis] + ((1,) if keepdim else ()) + x.shape[axis + 1 :]
        return np.reshape(fn(key, axis=axis), shape)

    return impl


def _arg(name: str, fn: Any, doc: str) -> Any:
    its = op(name, saves=((),), differentiable=False)(_arg_impl(fn))

    def params_of(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        spec = input._spec
        if spec.np.kind in "bc":
            raise RuntimeError(f"{name}_cpu not implemented for {spec.dtype}")
        k = None if dim is None else dim_of(name, dim, spec.ndim)
        if spec.numel == 0 and (k is None or spec.shape[k] == 0):
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        return {"axis": k, "keepdim": bool_of(name, "keepdim", keepdim)}

    params_of.__name__ = params_of.__qualname__ = name
    params_of.__doc__ = doc
    return public(name, out=True)(parametric(its)(params_of))


argmax = _arg(
    "argmax", np.argmax, "Return the index of the largest element, of all or along an axis."
)
argmin = _arg(
    "argmin", np.argmin, "Return the index of the smallest element, of all or along an axis."
)


@op("aminmax", saves=((0, -1),))
def _aminmax(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The smallest and the largest elements."""
    return _min_of(x, axis=axis, keepdims=keepdims), _max_of(x, axis=axis, keepdims=keepdims)


@public("aminmax")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the smallest and the largest element, of all or along an axis."""
    x = tensor_of("aminmax", "input", 1, input)
    ordered("aminmax", x)
    n = x._spec.ndim
    axis = tuple(range(n)) if dim is None else (dim_of("aminmax", dim, n),) if n else ()
    if x._spec.numel == 0:
        if dim is None:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        needs_elements("aminmax", x, axis)
    kept = bool_of("aminmax", "keepdim", keepdim)
    return named("aminmax")(*apply(_aminmax, (x,), axis=axis, keepdims=kept))
