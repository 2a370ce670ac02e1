"""`Module`: parameters, children and a `forward`; modes, casting, printing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ...tensor import Tensor
from .hooks import Called
from .late import torch

Self = TypeVar("Self", bound="Module")


class Module(Called):
    """The base of all networks and their parts.

    Assigning a `Parameter`, a `Buffer` or a module as an attribute registers it; subclasses call
    ``super().__init__()`` first and define `forward`.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> class Line(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = torch.nn.Parameter(torch.ones(1))
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> [name for name, _ in Line().named_parameters()]
    ['slope']
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if kwargs:
            first = next(iter(kwargs))
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{first}'")
        if args:
            raise TypeError(
                f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        super().__init__()
        self.__dict__["_hooks"] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; every subclass defines its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # ------------------------------------------------------------ modes

    def train(self: Self, mode: bool = True) -> Self:
        """Switch this module and everything below it to training, or to evaluation."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Switch to evaluation: the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Say for all parameters whether they collect gradients."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or make them zeros."""
        for p in self.parameters():
            if p._grad is None:
                continue
            if set_to_none:
                p._grad = None
            else:
                grad: Any = p._grad
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def share_memory(self: Self) -> Self:
        """Return this module; memory is shared between threads as it is."""
        return self

    # ------------------------------------------------------------ casting

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the memory of parameters, of their gradients and of buffers; keep the objects."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for p in self._parameters.values():
            if p is None:
                continue
            grad, p._grad = p._grad, None
            p.data = fn(p.data)  # type: ignore[attr-defined]
            if grad is not None:
                flag = grad.requires_grad
                p.grad = fn(grad.detach()).requires_grad_(flag)  # type: ignore[attr-defined]
        for name, b in self._buffers.items():
            if b is not None:
                self._buffers[name] = fn(b)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Cast floating parameters and buffers.

        Called as ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(tensor)``; the only
        device there is is the CPU.
        """
        dtype, device = _target(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )
        if device is not None:
            torch.empty(0, device=device)  # says no to devices there are not
        if dtype is None:
            return self
        return self._apply(lambda t: t.to(dtype) if t._spec.floating else t)

    def type(self: Self, dst_type: Any) -> Self:
        """Cast all parameters and buffers."""
        return self._apply(lambda t: t.to(dst_type))

    def float(self: Self) -> Self:
        """Cast floating parameters and buffers to float32."""
        return self.to(torch.float32)

    def double(self: Self) -> Self:
        """Cast floating parameters and buffers to float64."""
        return self.to(torch.float64)

    def half(self: Self) -> Self:
        """Cast floating parameters and buffers to float16."""
        return self.to(torch.float16)

    def cpu(self: Self) -> Self:
        """Return this module: it is there already."""
        return self

    def cuda(self: Self, device: Any = None) -> Self:
        """Raise: there are no other devices."""
        raise AssertionError("Torch not compiled with CUDA enabled")

    # ------------------------------------------------------------ printing

    def extra_repr(self) -> str:
        """Return what is printed of this module beside its children."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        own = self.extra_repr()
        if not self._modules:
            if "\n" in own:
                own = "\n  " + own.replace("\n", "\n  ") + "\n"
            return f"{self._get_name()}({own})"
        lines = own.split("\n") if own else []
        lines += [f"({name}): {indented(repr(m))}" for name, m in self._modules.items()]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def indented(text: str) -> str:
    """Return a text with every line but the first two spaces further in."""
    return text.replace("\n", "\n  ")


def _target(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Return the dtype and device that the arguments of `Module.to` ask for."""
    known = {"device", "dtype", "non_blocking", "tensor", "memory_format", "copy"}
    for name in kwargs:
        if name not in known:
            raise TypeError(f"to() got an unexpected keyword argument '{name}'")
    if kwargs.get("memory_format") not in (None, torch.contiguous_format, torch.preserve_format):
        raise NotImplementedError("Module.to(): parameters are contiguous here, in no other format")
    dtype, device = kwargs.get("dtype"), kwargs.get("device")
    for arg in (*args, kwargs.get("tensor")):
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, torch.dtype):
            dtype = arg
        elif arg is not None and not isinstance(arg, bool):
            device = arg
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"to(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    return dtype, device
