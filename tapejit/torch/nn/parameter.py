"""Parameters and buffers: tensors that a module finds among its attributes.

A parameter is a leaf made around a tensor's memory. Where nobody else holds that tensor the
memory is taken over, so that a training step writes to it directly; otherwise the parameter is a
detached name of the same memory, as ``x.detach()`` is, and writes to either show in both.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

from ..autograd_methods import detach
from ..codes import LEAF, PLAIN
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
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _copied(self)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (restored, (type(self), self._value(), self._kind != PLAIN, {}))


class Buffer(Tensor):
    """A tensor that is a module's buffer when it is assigned as an attribute.

    Parameters
    ----------
    data : Tensor
        The values; memory is shared with it.
    persistent : bool
        Whether the buffer is part of the state.
    """

    __slots__ = ()

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = made_of(cls, data, False, getrefcount(data) <= _ALONE)
        made.persistent = persistent
        return made

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _copied(self)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (restored, (type(self), self._value(), False, {"persistent": self.persistent}))


def made_of(cls: Any, data: Any, requires_grad: bool, alone: bool) -> Any:
    """Return a leaf of a class around the memory of a tensor, taking it over if it is free."""
    if data is None:
        from numpy import empty

        data, alone = leaf_of(empty(0, "float32"), spec_of("float32", (0,))), True
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{cls.__name__}(): argument 'data' must be Tensor, not {type(data).__name__}"
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
    else:
        made = detach(data)
    made.__class__ = cls
    made._kind = LEAF if requires_grad else PLAIN
    return made


def _copied(self: Tensor) -> Any:
    """Return a leaf of the same class, values, flags and gradient, of memory of its own."""
    made = restored(type(self), self._value(), self._kind != PLAIN, dict(_extras(self)))
    if self._grad is not None:
        made._grad = leaf_of(_own(self._grad._value()), _dense(self._grad))
    return made


def _extras(self: Tensor) -> dict[str, Any]:
    """Return the attributes that users have set on a tensor."""
    return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}


def restored(cls: Any, value: Any, requires_grad: bool, extras: dict[str, Any]) -> Any:
    """Return a parameter or buffer of a copy of some values."""
    own = _own(value)
    made = leaf_of(own, spec_of(own.dtype, own.shape), requires_grad)
    made.__class__ = cls
    made.__dict__.update(extras)
    return made


def _own(value: Any) -> Any:
    return value.copy(order="C") if getattr(value, "ndim", 0) else value


def _dense(t: Tensor) -> Any:
    return spec_of(t._spec.np, tuple(t._spec.shape))


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
