"""Variable: the old name of a tensor."""

from __future__ import annotations

import warnings
from typing import Any

from ..codes import VOLATILE
from ..tensor import Tensor


class _Kind(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_Kind):
    """Return a tensor with the values of another, as in PyTorch before 0.4.

    Parameters
    ----------
    data : Tensor
    requires_grad : bool
    volatile : bool
        The old word for `no_grad`: with it the result can have no graph. Deprecated.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: Any = None) -> Any:
        from ..surface import FUNCTIONS

        if data is None:
            data = FUNCTIONS["empty"](0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made = data.detach()
        if volatile:
            warnings.warn(
                "volatile was removed: use `with torch.no_grad():` instead",
                DeprecationWarning,
                stacklevel=2,
            )
            if requires_grad:
                raise ValueError("Variable can't be volatile and require_grad at the same time!")
            made._kind = VOLATILE
            return made
        if requires_grad:
            made.requires_grad_()
        return made
