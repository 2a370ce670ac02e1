"""Tensors of data that exist: Python's numbers and lists, NumPy's scalars and arrays, tensors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import dtype as DType
from ..dtypes import from_numpy_dtype, get_default_dtype
from ..promotion import promote_types
from ..sizes import device as Device
from ..spec import spec_of, spec_of_array
from ..surface import public
from ..tensor import More, Tensor, leaf_of
from .conversion import as_dtype, converted

_COPY = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor)."
)
_NEGATIVE = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides "
    "are not currently supported. (You can probably work around this by making a copy of your "
    "array with array.copy().)"
)
_READ_ONLY = (
    "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. You "
    "may want to copy the array to protect its data or make it writable before converting it to a "
    "tensor. Here, writing to the tensor raises."
)


def made(array: Any, requires_grad: Any = False, function: str = "tensor") -> Tensor:
    """Return a tensor of an array that nobody else writes to."""
    array = np.asarray(array)
    if requires_grad is not False:
        if not isinstance(requires_grad, bool):
            raise TypeError(
                f"{function}(): argument 'requires_grad' must be bool, "
                f"not {type(requires_grad).__name__}"
            )
        if array.dtype.kind not in "fc":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
    if array.ndim and not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    found = leaf_of(
        array if array.ndim else array[()], spec_of(array.dtype, array.shape), requires_grad
    )
    return found


def checked_device(value: Any) -> None:
    """Refuse a device that is not the cpu."""
    if value is not None:
        Device(value)


def _shape_of(data: Any) -> list[int]:
    shape = []
    while _is_sequence(data):
        shape.append(len(data))
        if not shape[-1]:
            break
        data = data[0]
    return shape


def _is_sequence(data: Any) -> bool:
    if isinstance(data, (list, tuple, range)):
        return True
    return isinstance(data, np.ndarray) and data.ndim > 0


def _flat(data: Any, shape: list[int]) -> list[Any]:
    """Return the scalars of nested sequences, whose lengths must be `shape`."""
    level: list[Any] = [data]
    for depth, n in enumerate(shape):
        below: list[Any] = []
        for part in level:
            if not _is_sequence(part):
                raise TypeError("not a sequence")
            if len(part) != n:
                raise ValueError(
                    f"expected sequence of length {n} at dim {depth} (got {len(part)})"
                )
            below.extend(part)
        level = below
    return level


def _scalar_dtype(value: Any, nested: bool) -> DType:
    kind = type(value)
    if kind is float:
        return get_default_dtype()
    if kind is bool:
        return dtypes.bool_
    if kind is int:
        return dtypes.int64
    if kind is complex:
        return get_default_dtype().to_complex()
    if isinstance(value, (np.generic, np.ndarray)):
        return from_numpy_dtype(value.dtype)
    if isinstance(value, Tensor):
        found: DType = value._spec.dtype
        return found
    if isinstance(value, (str, bytes)):
        if nested:
            raise ValueError(f"too many dimensions '{kind.__name__}'")
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    if isinstance(value, int):
        return dtypes.int64
    if isinstance(value, float):
        return get_default_dtype()
    if _is_sequence(value):
        raise TypeError(f"'{kind.__name__}' object cannot be interpreted as an integer")
    raise RuntimeError(f"Could not infer dtype of {kind.__name__}")


def array_of(data: Any, dtype: DType | None) -> Any:
    """Return nested sequences of numbers as a new array, the dtype inferred if not given."""
    shape = _shape_of(data)
    flat = _flat(data, shape)
    if any(isinstance(x, Tensor) for x in flat):
        for x in flat:
            if isinstance(x, Tensor) and x._spec.numel != 1:
                raise ValueError("only one element tensors can be converted to Python scalars")
    found: DType | None = None
    kinds: dict[Any, Any] = {}
    for x in flat:
        kinds.setdefault(type(x) if not isinstance(x, (Tensor, np.ndarray)) else id(x), x)
    for x in kinds.values():
        one = _scalar_dtype(x, x is flat[0] and bool(shape))
        found = one if found is None else promote_types(found, one)
    target = dtype or found or get_default_dtype()
    values = [x.item() if isinstance(x, (Tensor, np.ndarray)) else x for x in flat]
    return numbers(values, target).reshape(shape)


def numbers(values: list[Any], target: DType) -> Any:
    """Return Python's or NumPy's numbers as an array of a dtype; raise where one does not fit."""
    kind = target.numpy
    try:
        if kind.kind in "iu":
            return _integers(values, target)
        if kind.kind == "b":
            return np.array([bool(v) for v in values], kind)
        if kind.kind == "f" and any(isinstance(v, (complex, np.complexfloating)) for v in values):
            raise TypeError("must be real number, not complex")
        with np.errstate(over="ignore"):
            return np.array(values, "c16" if kind.kind == "c" else "f8").astype(kind)
    except OverflowError:
        raise ValueError("Overflow when unpacking long long") from None


def _integers(values: list[Any], target: DType) -> Any:
    limits = np.iinfo(target.numpy)
    low = -limits.max - 1 if limits.min == 0 else limits.min  # -1 is allowed, and wraps
    whole = []
    for v in values:
        if isinstance(v, (complex, np.complexfloating)):
            raise TypeError("'complex' object cannot be interpreted as an integer")
        if isinstance(v, (float, np.floating)):
            if not np.isfinite(v):
                raise RuntimeError(
                    f"value cannot be converted to type {target.name} without overflow"
                )
            v = int(v)
        else:
            v = int(v)
            if not -(2**63) <= v < 2**64 or (v >= 2**63 and limits.max < v):
                raise ValueError("Overflow when unpacking long long")
        if not low <= v <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {target.name} without overflow")
        whole.append(v + limits.max + 1 if v < limits.min else v)
    return np.array(whole, target.numpy)


def _checked_array(data: Any) -> None:
    from_numpy_dtype(data.dtype)
    if any(s < 0 for s, n in zip(data.strides, data.shape) if n > 1):
        raise ValueError(_NEGATIVE)


@public(method=False)
def tensor(
    *args: Any,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    **named: Any,
) -> Tensor:
    """Return a new tensor that holds a copy of data.

    Parameters
    ----------
    data : number, nested sequence, numpy.ndarray or Tensor
    dtype : dtype, optional
        Inferred by default: the default dtype for floats, int64 for ints, that of an array.
    requires_grad : bool
        Whether the tensor collects gradients.

    Raises
    ------
    ValueError
        If nested sequences have different lengths.
    RuntimeError
        If no dtype can be inferred, a number does not fit, or integers shall require grad.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    if unknown := named.keys() - {"data"}:
        raise TypeError(f"tensor() got an unexpected keyword argument '{min(unknown)}'")
    given = (*args, *named.values())
    if len(given) != 1:
        if given:
            raise TypeError(f"tensor() takes 1 positional argument but {len(given)} were given")
        raise TypeError('tensor() missing 1 required positional arguments: "data"')
    value = given[0]
    wanted = as_dtype(dtype, "tensor")
    checked_device(device)
    if isinstance(value, Tensor):
        warnings.warn(_COPY, UserWarning, stacklevel=2)
        array = np.array(value._value(), (wanted or value._spec.dtype).numpy)
    elif isinstance(value, np.ndarray):
        _checked_array(value)
        array = np.array(value, (wanted or from_numpy_dtype(value.dtype)).numpy, order="C")
    else:
        array = array_of(value, wanted)
    return made(array, requires_grad)


@public(method=False)
def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return data as a tensor: the same tensor, or one that shares an array's memory, if possible."""
    wanted = as_dtype(dtype, "as_tensor")
    checked_device(device)
    if isinstance(data, Tensor):
        return data if wanted is None else converted(data, wanted)
    if isinstance(data, np.ndarray):
        found = from_numpy(data)
        return found if wanted is None else converted(found, wanted)
    return made(array_of(data, wanted))


@public(method=False)
def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """Return an object as a tensor, sharing memory unless `copy` or another dtype asks for more."""
    found = as_tensor(obj, dtype, device)
    if requires_grad is None and isinstance(obj, Tensor) and obj._kind:
        warnings.warn(
            "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad if obj is "
            "a tensor, instead of False.",
            UserWarning,
            stacklevel=2,
        )
    if copy and (found is obj or isinstance(obj, np.ndarray)):
        found = made(np.array(found._value()))
    if copy is False and found is not obj and not isinstance(obj, np.ndarray):
        raise ValueError("can't alias arbitrary sequence objects")
    return found.requires_grad_() if requires_grad else found


@public(method=False)
def from_numpy(ndarray: Any, /) -> Tensor:
    """Return a tensor that shares memory with an array: each sees what is written to the other.

    Raises
    ------
    TypeError
        If it is no array, or of a dtype that tensors do not have.
    ValueError
        If a stride is negative, or bytes are in the other order.

    Examples
    --------
    >>> import numpy as np
    >>> import tapejit.torch as torch
    >>> a = np.zeros(2)
    >>> t = torch.from_numpy(a)
    >>> a[0] = 5
    >>> t
    tensor([5., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {_called(type(ndarray))})")
    _checked_array(ndarray)
    size = ndarray.dtype.itemsize
    if any(s % size for s in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy "
            "array to reallocate the memory."
        )
    if not ndarray.flags.writeable:
        warnings.warn(_READ_ONLY, UserWarning, stacklevel=2)
    found = leaf_of(np.asarray(ndarray), spec_of_array(ndarray))
    found._more = More()
    found._more.exposed = True
    return found


def _called(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


@public(method=False)
def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a tensor that shares memory with a buffer."""
    wanted = as_dtype(dtype, "frombuffer")
    assert wanted is not None
    found = from_numpy(np.frombuffer(buffer, wanted.numpy, count, offset))
    return found.requires_grad_() if requires_grad else found


def from_dlpack(ext_tensor: Any, /) -> Tensor:
    """Return a tensor that shares memory with whatever speaks DLPack."""
    return from_numpy(np.from_dlpack(ext_tensor))


public(method=False)(from_dlpack)
