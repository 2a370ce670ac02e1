"""``torch.Tensor(..)``: the old constructor, of sizes or of data, always of the default dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from .codes import PLAIN
from .dtypes import get_default_dtype
from .spec import spec_of
from .tensor import Tensor


def construct(self: Tensor, given: tuple[Any, ...], np_dtype: Any = None) -> None:
    """Fill a tensor from sizes, ``Tensor(2, 3)``, or from data, ``Tensor([1, 2])``."""
    kind = get_default_dtype().numpy if np_dtype is None else np_dtype
    if not given:
        array = np.zeros(0, kind)
    elif all(isinstance(g, int) and not isinstance(g, bool) for g in given):
        array = np.zeros(given, kind)
    elif len(given) == 1:
        data = given[0]
        if isinstance(data, Tensor):
            if data._spec.np != kind:
                raise TypeError(
                    f"expected {get_default_dtype()} (got {data._spec.dtype}): use "
                    "torch.tensor or .to() to convert"
                )
            array = np.array(data._value())
        elif isinstance(data, float | complex | bool | str):
            raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
        elif type(data).__name__ == "Size":
            array = np.zeros(tuple(data), kind)
        else:
            array = np.array(_plain(data), kind)
    else:
        names = ", ".join(type(g).__name__ for g in given)
        raise TypeError(f"new() received an invalid combination of arguments - got ({names})")
    self._serial = self._slot = 0
    self._spec = spec_of(array.dtype, array.shape)
    self._kind = PLAIN
    self._array = array if array.ndim else array[()]


def _plain(data: Any) -> Any:
    """Return nested sequences with tensors as numbers."""
    if isinstance(data, Tensor):
        return data._value()
    if isinstance(data, list | tuple):
        return [_plain(d) for d in data]
    return data


class _Legacy(type):
    np_dtype: Any = None

    def __call__(cls, *given: Any, device: Any = None) -> Any:
        made = Tensor.__new__(Tensor)
        made._more = made._grad = made._graph = None
        made._ver = 0
        construct(made, given, np.dtype(cls.np_dtype))
        return made

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance._spec.np == np.dtype(cls.np_dtype)


def _legacy(name: str, np_dtype: str) -> Any:
    return _Legacy(name, (), {"np_dtype": np_dtype, "__doc__": f"Tensors of {np_dtype}."})


FloatTensor = _legacy("FloatTensor", "float32")
DoubleTensor = _legacy("DoubleTensor", "float64")
HalfTensor = _legacy("HalfTensor", "float16")
LongTensor = _legacy("LongTensor", "int64")
IntTensor = _legacy("IntTensor", "int32")
ShortTensor = _legacy("ShortTensor", "int16")
CharTensor = _legacy("CharTensor", "int8")
ByteTensor = _legacy("ByteTensor", "uint8")
BoolTensor = _legacy("BoolTensor", "bool")
