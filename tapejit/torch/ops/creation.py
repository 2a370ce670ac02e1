"""New tensors of a size: zeros, ones, ranges and their kin, alone or in the likeness of another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import dtype as DType
from ..dtypes import get_default_dtype
from ..surface import public
from ..tensor import Tensor
from .arguments import ints_of, need_tensor, new_size, sizes_of, whole
from .conversion import as_dtype
from .from_data import array_of, checked_device, made, numbers
from .memory_formats import only_contiguous


def options(function: str, named: dict[str, Any]) -> tuple[DType | None, Any]:
    """Return the dtype and requires_grad among the keywords of a creation function."""
    dtype = as_dtype(named.pop("dtype", None), function)
    requires_grad = named.pop("requires_grad", False)
    checked_device(named.pop("device", None))
    named.pop("layout", None), named.pop("pin_memory", None)
    only_contiguous(function, named.pop("memory_format", None))
    for name in named:
        raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
    return dtype, requires_grad


def size_argument(function: str, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    """Return the size of a new tensor, given one by one, as a tuple or by its name."""
    if "size" in named:
        args = (*args, named.pop("size"))
        return new_size(ints_of(args[0], function, "size"))
    if not args:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    if len(args) > 1 and isinstance(args[0], (tuple, list)):
        raise TypeError(f"{function}() takes 1 positional argument but {len(args)} were given")
    return new_size(sizes_of(args, function))


def _filled(function: str, value: Any, doc: str) -> Callable[..., Tensor]:
    def create(*size: Any, out: Any = None, **named: Any) -> Tensor:
        shape = size_argument(function, size, named)
        dtype, requires_grad = options(function, named)
        return _stored(
            np.full(shape, value, (dtype or get_default_dtype()).numpy), requires_grad, out
        )

    create.__name__ = create.__qualname__ = function
    create.__doc__ = f"""Return a new tensor {doc}.

    Parameters
    ----------
    *size : int, or one tuple of ints
    dtype : dtype, optional
        The default dtype if not given.
    requires_grad : bool
        Whether the tensor collects gradients.

    Raises
    ------
    RuntimeError
        If a size is negative, or integers shall require grad.
    """
    return public(function, method=False)(create)


def _stored(array: Any, requires_grad: bool, out: Any) -> Tensor:
    found = made(array, requires_grad)
    if out is None:
        return found
    from ..surface import store

    return store(out, found)


zeros = _filled("zeros", 0, "of zeros")
ones = _filled("ones", 1, "of ones")
empty = _filled("empty", 0, "whose elements are not to be relied on (here: zeros)")


def number_dtype_of(value: Any) -> DType:
    """Return the dtype that a fill value asks for."""
    if isinstance(value, Tensor):
        found: DType = value._spec.dtype
        return found
    if isinstance(value, (bool, np.bool_)):
        return dtypes.bool_
    if isinstance(value, (int, np.integer)):
        return dtypes.int64
    if isinstance(value, (complex, np.complexfloating)) and not isinstance(value, (float, int)):
        return get_default_dtype().to_complex()
    return get_default_dtype()


def fill_number(value: Any, function: str, name: str = "fill_value", position: int = 2) -> Any:
    """Return an argument that must be a number, of Python, NumPy or a 0-d tensor."""
    if isinstance(value, Tensor) and value._spec.ndim == 0:
        return value.item()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bool, int, float, complex)):
        return value
    raise TypeError(
        f"{function}(): argument '{name}' (position {position}) must be Number, "
        f"not {type(value).__name__}"
    )


def full_array(shape: tuple[int, ...], value: Any, dtype: DType) -> Any:
    """Return an array of one number; raise if the dtype cannot hold it."""
    if dtype.is_floating_point and isinstance(value, (int, float)):
        with np.errstate(over="ignore"):
            held = dtype.numpy.type(value)
        if np.isinf(held) and not math.isinf(value):
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return np.full(shape, numbers([value], dtype)[0], dtype.numpy)


@public(method=False)
def full(size: Any, fill_value: Any, *, out: Any = None, **named: Any) -> Tensor:
    """Return a new tensor filled with a number, whose kind says the dtype unless it is given.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.full((2,), 3)
    tensor([3, 3])
    """
    dtype, requires_grad = options("full", named)
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"
        )
    value = fill_number(fill_value, "full")
    shape = new_size(ints_of(size, "full", "size"))
    return _stored(
        full_array(shape, value, dtype or number_dtype_of(fill_value)), requires_grad, out
    )


@public(method=False)
def scalar_tensor(s: Any, **named: Any) -> Tensor:
    """Return a 0-d tensor of a number, in the default dtype."""
    dtype, requires_grad = options("scalar_tensor", named)
    value = fill_number(s, "scalar_tensor", "s", 1)
    return made(full_array((), value, dtype or get_default_dtype()), requires_grad)


@public(method=False)
def eye(n: Any, m: Any = None, *, out: Any = None, **named: Any) -> Tensor:
    """Return the identity matrix of n rows and m columns."""
    dtype, requires_grad = options("eye", named)
    rows = whole(n, "eye", "n")
    columns = rows if m is None else whole(m, "eye", "m")
    for name, k in (("n", rows), ("m", columns)):
        if k < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {k}")
    return _stored(
        np.eye(rows, columns, dtype=(dtype or get_default_dtype()).numpy), requires_grad, out
    )


@public(method=False)
def arange(*bounds: Any, out: Any = None, **named: Any) -> Tensor:
    """Return ``start, start + step, ...`` up to, without, `end`.

    ``arange(end)``, ``arange(start, end)``, ``arange(start, end, step)``; int64 if all are ints,
    else the default dtype.

    Raises
    ------
    RuntimeError
        If the step is zero or leads away from the end.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    start, end, step = _bounds("arange", bounds, named)
    dtype, requires_grad = options("arange", named)
    if dtype is None:
        real = any(isinstance(v, float) for v in (start, end, step))
        dtype = get_default_dtype() if real else dtypes.int64
    if dtype is dtypes.bool_:
        raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
    if dtype.numpy.kind in "iu":
        start, end, step = (int(v) if math.isfinite(v) else v for v in (start, end, step))
    count = _steps(start, end, step, closed=False)
    # PyTorch computes start + k * step in double precision for float32 results.
    wide = np.float64 if dtype.is_floating_point else np.int64
    return _stored(
        (start + np.arange(count, dtype=wide) * step).astype(dtype.numpy), requires_grad, out
    )


def _bounds(function: str, bounds: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any, Any]:
    given = list(bounds)
    if not given and "end" not in named:
        raise TypeError(f'{function}() missing 1 required positional arguments: "end"')
    if len(given) == 1 and "end" not in named:
        given = [0, given[0]]
    start = given[0] if given else named.pop("start", 0)
    end = given[1] if len(given) > 1 else named.pop("end")
    step = given[2] if len(given) > 2 else named.pop("step", 1)
    if len(given) > 3:
        raise TypeError(f"{function}() takes from 1 to 3 positional arguments")
    return tuple(
        fill_number(v, function, name, k + 1)
        for k, (v, name) in enumerate(((start, "start"), (end, "end"), (step, "step")))
    )


def _steps(start: Any, end: Any, step: Any, closed: bool) -> int:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not all(math.isfinite(v) for v in (start, end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if closed:
        last: int = math.floor((end - start) / step)
        return last + 1
    if all(isinstance(v, int) for v in (start, end, step)):
        return len(range(int(start), int(end), int(step)))
    count: int = math.ceil((end - start) / step)
    return max(0, count)


def _linspace_array(start: Any, end: Any, steps: int, dtype: DType) -> Any:
    """Steps from both ends, as PyTorch has it: symmetric ranges are exactly symmetric."""
    if steps <= 1:
        return np.full(steps, start, dtype.numpy)
    if dtype.numpy.kind in "iu":
        # In float32, then truncated.
        step = np.float32(int(end) - int(start)) / np.float32(steps - 1)
        k = np.arange(steps)
        low = (int(start) + step * k).astype(dtype.numpy)
        high = (int(end) - step * (steps - 1 - k)).astype(dtype.numpy)
        return np.where(k < steps // 2, low, high).astype(dtype.numpy)
    kind = dtype.numpy if dtype.numpy.itemsize > 2 else np.dtype("f4")
    first, last = kind.type(start), kind.type(end)
    step = (last - first) / kind.type(steps - 1)
    k = np.arange(steps)
    # Products and sums are rounded once, as by a fused multiply-add; for float32 doubles do that.
    wide = np.dtype("f8") if kind == np.float32 else kind
    low = wide.type(first) + wide.type(step) * k.astype(wide)
    high = wide.type(last) - wide.type(step) * (steps - 1 - k).astype(wide)
    return np.where(k < steps // 2, low, high).astype(dtype.numpy)


def _line_options(
    function: str, start: Any, end: Any, steps: Any, named: dict[str, Any]
) -> tuple[Any, Any, int, DType, bool]:
    dtype, requires_grad = options(function, named)
    if steps is None:
        raise TypeError(f'{function}() missing 1 required positional arguments: "steps"')
    n = whole(steps, function, "steps")
    if n < 0:
        raise RuntimeError("number of steps must be non-negative")
    first = fill_number(start, function, "start", 1)
    last = fill_number(end, function, "end", 2)
    if dtype is None:
        dtype = get_default_dtype()
        if isinstance(first, complex) or isinstance(last, complex):
            dtype = dtype.to_complex()
    return first, last, n, dtype, requires_grad


@public("range", method=False)
def range_(*bounds: Any, **named: Any) -> Tensor:
    """Return ``start, start + step, ...`` up to `end`, included; use `arange`."""
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    given = list(bounds)
    start = given[0] if given else named.pop("start", 0)
    end = given[1] if len(given) > 1 else named.pop("end")
    step = given[2] if len(given) > 2 else named.pop("step", 1)
    dtype, requires_grad = options("range", named)
    kind = (dtype or get_default_dtype()).numpy
    count = _steps(start, end, step, closed=True)
    return made((start + np.arange(count) * step).astype(kind), requires_grad)


@public(method=False)
def linspace(start: Any, end: Any, steps: Any = None, *, out: Any = None, **named: Any) -> Tensor:
    """Return `steps` numbers from `start` to `end`, both included, evenly spaced.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    first, last, n, dtype, requires_grad = _line_options("linspace", start, end, steps, named)
    return _stored(_linspace_array(first, last, n, dtype), requires_grad, out)


@public(method=False)
def logspace(
    start: Any, end: Any, steps: Any = None, base: float = 10.0, *, out: Any = None, **named: Any
) -> Tensor:
    """Return powers of `base` whose exponents are evenly spaced."""
    first, last, n, dtype, requires_grad = _line_options("logspace", start, end, steps, named)
    wide = dtypes.float64 if not dtype.is_complex else dtypes.complex128
    exponents = _linspace_array(first, last, n, wide)
    return _stored(np.power(base, exponents).astype(dtype.numpy), requires_grad, out)


# ---------------------------------------------------------------- in the likeness of another


def _like(function: str, value: Any) -> None:
    def like(input: Tensor, **named: Any) -> Tensor:
        need_tensor(input, function)
        dtype, requires_grad = options(function, named)
        kind = (dtype or input._spec.dtype).numpy
        return made(np.full(tuple(input._spec.shape), value, kind), requires_grad, function)

    like.__name__ = like.__qualname__ = function
    word = function.removesuffix("_like")
    like.__doc__ = f"Return `torch.{word}` of the shape and, unless given, the dtype of a tensor."
    public(function, method=False)(like)


for _name, _value in {"zeros_like": 0, "ones_like": 1, "empty_like": 0}.items():
    _like(_name, _value)


@public(method=False)
def full_like(input: Tensor, fill_value: Any, **named: Any) -> Tensor:
    """Return `torch.full` of the shape and, unless given, the dtype of a tensor."""
    need_tensor(input, "full_like")
    dtype, requires_grad = options("full_like", named)
    value = fill_number(fill_value, "full_like")
    return made(
        full_array(tuple(input._spec.shape), value, dtype or input._spec.dtype), requires_grad
    )


def _new(function: str, value: Any) -> None:
    def new(self: Tensor, *size: Any, **named: Any) -> Tensor:
        shape = size_argument(function, size, named)
        dtype, requires_grad = options(function, named)
        return made(np.full(shape, value, (dtype or self._spec.dtype).numpy), requires_grad)

    new.__name__ = new.__qualname__ = function
    new.__doc__ = f"Return `torch.{function[4:]}` of a size in the dtype of this tensor."
    public(function, function=False)(new)


for _name, _value in {"new_zeros": 0, "new_ones": 1, "new_empty": 0}.items():
    _new(_name, _value)


@public(function=False)
def new_full(self: Tensor, size: Any, fill_value: Any, **named: Any) -> Tensor:
    """Return `torch.full` of a size in the dtype of this tensor."""
    dtype, requires_grad = options("new_full", named)
    value = fill_number(fill_value, "new_full")
    shape = new_size(ints_of(size, "new_full", "size"))
    return made(full_array(shape, value, dtype or self._spec.dtype), requires_grad)


@public(function=False)
def new_tensor(self: Tensor, data: Any, **named: Any) -> Tensor:
    """Return a copy of data in the dtype of this tensor."""
    dtype, requires_grad = options("new_tensor", named)
    wanted = dtype or self._spec.dtype
    if isinstance(data, Tensor):
        array = np.array(data._value(), wanted.numpy)
    elif isinstance(data, np.ndarray):
        array = np.array(data, wanted.numpy)
    else:
        array = array_of(data, wanted)
    return made(array, requires_grad)


@public("new", function=False)
def new(self: Tensor, *data: Any) -> Tensor:
    """Return a tensor of this one's dtype, of a size or of data, as the old constructors do."""
    if len(data) == 1 and isinstance(data[0], (list, tuple)):
        found: Tensor = new_tensor(self, data[0])
        return found
    found = self.new_empty(sizes_of(data, "new") if data else (0,))
    return found


@public(method=False)
def empty_strided(size: Any, stride: Any, **named: Any) -> Tensor:
    """Return a tensor of a size whose elements lie at given steps (here: zeros)."""
    from .rebasing import as_strided

    dtype, requires_grad = options("empty_strided", named)
    shape = new_size(ints_of(size, "empty_strided", "size"))
    steps = ints_of(stride, "empty_strided", "stride")
    room = sum((n - 1) * s for n, s in zip(shape, steps)) + 1 if 0 not in shape else 0
    memory = made(np.zeros(room, (dtype or get_default_dtype()).numpy))
    found: Tensor = as_strided(memory, shape, steps)
    return found.requires_grad_() if requires_grad else found
