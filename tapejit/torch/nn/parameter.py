"""Parameters and buffers: tensors that a module finds among its attributes.

A parameter is a leaf made around a tensor's memory. Where nobody else holds that tensor the
memory is taken over, so that a training step writes to it directly; otherwise the parameter is a
detached name of the same memory, as ``x.detach()`` is, and writes to either show in both.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

from ..autograd_methods import detach, requires_grad_
from ..codes import LEAF, PLAIN
from ..printing import parameter_str
from ..record import LOCAL
from ..spec import spec_of
from ..tensor import Tensor, leaf_of


class Parameter(Tensor):
    """A tensor that is a module's parameter when it is assigned as an attribute.

    Parameters
    ----------
    data : Tensor
        The values; memory is shared with it.
    requires_grad : bool
        Whether gradients are collected; floating point only.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        alone = getrefcount(data) <= _ALONE
        return made_of(cls, data, requires_grad, alone)

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        # Everything is done in `__new__`: the tensor's own initialiser takes a slot.
        pass

    def __repr__(self) -> str:
        return parameter_str(super().__repr__())

    __str__ = __repr__

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Values and flags: neither the gradient nor attributes, as PyTorch.
        if id(self) not in memo:
            memo[id(self)] = restored(type(self), self._value(), self._kind != PLAIN, {})
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        extras = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return (restored, (type(self), self._value(), self._kind != PLAIN, extras))


class _IsBuffer(type):
    """Lets ``isinstance`` tell buffers, which are plain tensors with a mark."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and "_is_buffer" in instance.__dict__


class Buffer(Tensor, metaclass=_IsBuffer):
    """A tensor that is a module's buffer when it is assigned as an attribute.

    Parameters
    ----------
    data : Tensor
        The values; memory is shared with it.
    persistent : bool
        Whether the buffer is part of the state.
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = made_of(Tensor, data, False, getrefcount(data) <= _ALONE)
        made.__dict__.update(_is_buffer=True, persistent=persistent)
        return made


def made_of(cls: Any, data: Any, requires_grad: bool, alone: bool) -> Any:
    """Return a leaf of a class around the memory of a tensor, taking it over if it is free."""
    if data is None:
        from numpy import empty

        data, alone = leaf_of(empty(0, "float32"), spec_of("float32", (0,))), True
    if not isinstance(data, Tensor):
        # Not the TypeError one would write: PyTorch's code asks for the attribute.
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach': "
            f"the data of a parameter must be a Tensor"
        )
    if requires_grad and not data._spec.floating:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    more = data._more
    if alone and (more is None or more.base is None) and type(data) is Tensor:
        array = data._value()
        if data._serial == LOCAL.rec.serial:
            LOCAL.rec.flush()  # rows that read this memory have run: it may be written to
        made = leaf_of(array, data._spec)
        if more is not None and more.exposed:
            made._more = more
        made._kind = LEAF if requires_grad else PLAIN
    else:
        made = detach(data)
        if requires_grad:
            requires_grad_(made)
    made.__class__ = cls
    return made


def restored(cls: Any, value: Any, requires_grad: bool, extras: dict[str, Any]) -> Any:
    """Return a parameter or buffer of a copy of some values."""
    own = _own(value)
    made = leaf_of(own, spec_of(own.dtype, own.shape), requires_grad)
    made.__class__ = cls
    made.__dict__.update(extras)
    return made


def _own(value: Any) -> Any:
    return value.copy(order="C") if getattr(value, "ndim", 0) else value


def _alone() -> int:
    """Return what ``getrefcount`` says, in a ``__new__``, of an argument that only the call holds."""
    seen: list[int] = []

    class Probe:
        def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
            seen.append(getrefcount(data))
            return object.__new__(cls)

        def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
            pass

    make: Callable[[], Any] = object
    Probe(make())
    return seen[0]


_ALONE = _alone()
