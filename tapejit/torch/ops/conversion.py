"""Other dtypes of the same values: `to` and the methods named after dtypes."""

from __future__ import annotations

import warnings
from typing import Any

from .. import dtypes
from ..dtypes import dtype as DType
from ..dtypes import require_dtype
from ..emit import apply
from ..inplace import cast
from ..sizes import device as Device
from ..sizes import memory_format as MemoryFormat
from ..surface import public
from ..tensor import Tensor
from .arguments import TYPES, need_tensor
from .memory_formats import RANKS, checked_format, copied, formatted
from .reshaping import clone

_TO_COPY = "ToCopyBackward0"
_PYTHON: dict[type, DType] = {
    float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128,
}  # fmt: skip
"""What Python's types mean as a dtype: float is a double, whatever the default dtype."""
_OF_TYPE = {f"torch.{called}Tensor": DType.all[name] for name, called in TYPES.items()}


def converted(x: Tensor, dtype: DType, copy: bool = False) -> Tensor:
    """Return a tensor in a dtype: itself when it has it, unless a copy is asked for."""
    spec = x._spec
    if spec.dtype is dtype:
        return clone(x) if copy else x
    if spec.dtype.is_complex and not dtype.is_complex and dtype is not dtypes.bool_:
        warnings.warn(
            "Casting complex values to real discards the imaginary part", UserWarning, stacklevel=3
        )
    made: Tensor = apply(cast, (x,), dtype=dtype.numpy.name)
    return made


@public("to", function=False)
def to(self: Tensor, *args: Any, **named: Any) -> Tensor:
    """Return this tensor in another dtype; itself if it has it already.

    ``x.to(dtype)``, ``x.to(device)``, ``x.to(device, dtype)``, ``x.to(other)``, each with
    ``non_blocking=``, ``copy=`` and ``memory_format=``. The only device is the cpu.

    Raises
    ------
    RuntimeError
        For another device.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([1.5, 2.5]).to(torch.int64)
    tensor([1, 2])
    """
    dtype: Any = named.pop("dtype", None)
    device: Any = named.pop("device", None)
    other: Any = named.pop("other", None)
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
    elif rest and (isinstance(rest[0], DType) or _is_type(rest[0])):
        dtype = rest.pop(0)
    elif rest and (rest[0] is None or isinstance(rest[0], (str, int, Device))):
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], DType)):
            dtype = rest.pop(0)
    elif rest:
        raise TypeError(
            "to() received an invalid combination of arguments - got "
            f"({type(rest[0]).__name__}), but expected one of: (torch.device device, torch.dtype "
            "dtype), (torch.dtype dtype), (Tensor other)"
        )
    if rest:
        named.setdefault("non_blocking", rest.pop(0))
    if rest:
        named.setdefault("copy", rest.pop(0))
    copy = bool(named.pop("copy", False))
    named.pop("non_blocking", None)
    memory = named.pop("memory_format", None)
    if rest or named or not (memory is None or isinstance(memory, MemoryFormat)):
        raise TypeError("to() received an invalid combination of arguments")
    if device is not None:
        Device(device)
    if other is not None:
        dtype = other._spec.dtype
    if dtype is None:
        dtype = self._spec.dtype
    made = converted(self, require_dtype("to", "dtype", 1, as_dtype(dtype, "to")))
    if memory in RANKS and (copy or made is not self):
        return copied(made, memory, _TO_COPY)
    made = formatted(made, memory, _TO_COPY)
    return clone(made) if copy and made is self else made


def _is_type(value: Any) -> bool:
    return isinstance(value, type) and value in _PYTHON


def _named(name: str, dtype: DType) -> None:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return formatted(converted(self, dtype), checked_format(name, memory_format), _TO_COPY)

    method.__name__ = name
    method.__doc__ = f"Return this tensor as {dtype}; itself if it is."
    public(name, function=False)(method)


for _name, _dtype in {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16,
    "int": dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8,
    "byte": dtypes.uint8, "bool": dtypes.bool_, "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}.items():  # fmt: skip
    _named(_name, _dtype)


@public("type", function=False)
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the name of this tensor's type, or this tensor in another dtype."""
    if dtype is None:
        return f"torch.{TYPES.get(self._spec.np.name, self._spec.np.name)}Tensor"
    if isinstance(dtype, str):
        if dtype not in _OF_TYPE:
            raise ValueError(f"invalid type: {dtype!r}")
        dtype = _OF_TYPE[dtype]
    if not isinstance(dtype, DType):
        named = getattr(dtype, "dtype", None)  # the old constructors: torch.DoubleTensor
        if not isinstance(named, DType):
            name = getattr(dtype, "__name__", repr(dtype))
            named = _OF_TYPE.get(f"torch.{name}")
        if named is None:
            raise ValueError(f"invalid type: {getattr(dtype, '__name__', dtype)!r}")
        dtype = named
    return converted(self, dtype)


@public("type_as", function=False)
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Return this tensor in the dtype of another."""
    return converted(self, need_tensor(other, "type_as", "other")._spec.dtype)


@public("cpu", function=False)
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """Return this tensor: it is on the cpu."""
    return formatted(self, checked_format("cpu", memory_format), _TO_COPY)


@public("cuda", function=False)
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Refuse: there is only the cpu."""
    raise RuntimeError("tapejit has only the cpu device")


def as_dtype(value: Any, function: str) -> DType | None:
    """Return a ``dtype=`` argument, None when it is not given."""
    if value is None or isinstance(value, DType):
        return value
    if isinstance(value, type) and value in _PYTHON:
        return _PYTHON[value]
    raise TypeError(
        f"{function}(): argument 'dtype' must be torch.dtype, not {type(value).__name__}"
    )
