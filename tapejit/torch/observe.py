"""Looking at values: numbers, lists, arrays, printing, copying and pickling. Each runs the trace."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from .codes import CODES, GRAD, LEAF, PLAIN
from .emit import apply
from .printing import tensor_str
from .record import LOCAL
from .spec import spec_of_array
from .surface import public
from .tensor import Tensor, leaf_of


@public(function=False)
def item(self: Tensor) -> Any:
    """Return the value of a tensor of one element as a Python number."""
    array = self._array
    if self._spec.numel != 1:
        raise RuntimeError(
            f"a Tensor with {self._spec.numel} elements cannot be converted to Scalar"
        )
    if array is not None and self._more is None:
        return array.item()
    return np.asarray(self._value()).reshape(()).item()


@public(function=False)
def tolist(self: Tensor) -> Any:
    """Return the values as nested lists of Python numbers; a number for a 0-d tensor."""
    return np.asarray(self._value()).tolist()


@public(function=False)
def numpy(self: Tensor, *, force: bool = False) -> Any:
    """Return an array that shares memory with this tensor.

    Raises
    ------
    RuntimeError
        When the tensor requires a gradient and `force` is False.
    """
    if not force:
        _refuse_grad(self)
    return self._expose()


def _refuse_grad(self: Tensor) -> None:
    if self._kind_now() and LOCAL.rec.grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    _refuse_grad(self)
    if copy or (dtype is not None and np.dtype(dtype) != self._spec.np):
        return np.array(self._value(), dtype)
    return self._expose()


def _bool(self: Tensor) -> bool:
    n = self._spec.numel
    if n != 1:
        what = "no values" if n == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return bool(np.asarray(self._value()).reshape(())[()])


def _scalar(self: Tensor) -> Any:
    if self._kind_now():
        warnings.warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
            "behavior. Consider using tensor.detach() first.",
            UserWarning,
            stacklevel=3,
        )
    return _number(self)


def _number(self: Tensor) -> Any:
    if self._spec.numel != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return item(self)


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """Return what a NumPy function made of a tensor as a tensor."""
    if self._kind_now() and LOCAL.rec.grad:
        _refuse_grad(self)
    made = np.array(array)
    return leaf_of(made if made.ndim else made[()], spec_of_array(made))


def _copy(self: Tensor) -> Tensor:
    """Return another name of the same memory, a leaf with the same flag."""
    if self._kind_now() == GRAD:
        raise RuntimeError(
            "a result cannot be copied shallowly, since its graph cannot: use .clone() or .detach()"
        )
    made: Tensor = self.detach()
    if self._kind & 3 == LEAF:
        made.requires_grad_()
    return made


def _index(self: Tensor) -> int:
    if self._spec.np.kind not in "iub" or self._spec.numel != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return operator.index(int(item(self)))


def _len(self: Tensor) -> int:
    if not self._spec.ndim:
        raise TypeError("len() of a 0-d tensor")
    return int(self._spec.shape[0])


def grad_fn_name(self: Tensor) -> str | None:
    """Return the name of the node behind a result, None for leaves."""
    if self._kind_now() != GRAD:
        return None
    node = self.grad_fn
    return None if node is None else str(node.name()).rsplit("::", 1)[-1]


def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    value = np.asarray(self._value())
    name = grad_fn_name(self)
    return tensor_str(
        value, self._spec.dtype, requires_grad=name is None and self.requires_grad, grad_fn=name
    )


def _format(self: Tensor, spec: str) -> str:
    if self._spec.ndim == 0 and type(self) is Tensor:
        return format(item(self), spec)
    if not spec:
        return repr(self)
    raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__")


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if self._kind_now() == GRAD:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    found = memo.get(id(self))
    more = self._more
    if found is None and more is not None and more.base is not None and self._kind & 3 != LEAF:
        # A view of the copy of its base, so that the copies share memory as well.
        base = memo.get(id(more.base))
        if base is None and more.base._kind_now() == GRAD:  # a detached name: the memory is copied
            base = _restored(Tensor, np.array(more.base._value()), False, None)
            memo[id(more.base)] = base
        elif base is None:
            base = _deepcopy(more.base, memo)
        code = CODES[more.code]
        found = memo[id(self)] = apply(code.op, (base,), **code.params)
    if found is None:
        found = _restored(type(self), np.array(self._value()), self._kind == LEAF, None)
        memo[id(self)] = found
        if self._grad is not None:
            found._grad = _deepcopy(self._grad, memo)
    return found  # type: ignore[no-any-return]


def _restored(cls: type, array: Any, requires_grad: bool, grad: Any) -> Any:
    made = leaf_of(array if array.ndim else array[()], spec_of_array(array), requires_grad)
    if cls is not Tensor:
        made.__class__ = cls
    made._grad = grad
    return made


def _reduce(self: Tensor) -> Any:
    """Return what pickling keeps: the values and the flag; the graph and ``.grad`` stay behind."""
    flag = self._kind_now() != PLAIN
    return (_restored, (type(self), np.array(self._value()), flag, None))


def _dlpack(self: Tensor, **options: Any) -> Any:
    if self._kind_now():
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return np.asarray(self._expose()).__dlpack__(**options)


METHODS = {
    "__array__": _array,
    "__array_wrap__": _array_wrap,
    "__copy__": _copy,
    "__bool__": _bool,
    "__float__": lambda self: float(_scalar(self)),
    "__int__": lambda self: int(_number(self)),
    "__complex__": lambda self: complex(_scalar(self)),
    "__index__": _index,
    "__len__": _len,
    "__repr__": _repr,
    "__str__": _repr,
    "__format__": _format,
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": lambda self, protocol: _reduce(self),
    "__dlpack__": _dlpack,
    "__dlpack_device__": lambda self: (1, 0),
    "__hash__": object.__hash__,
}
for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)
