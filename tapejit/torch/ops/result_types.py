"""`result_type`: the dtype that an operation on two operands would have."""

from __future__ import annotations

from typing import Any

from ..dtypes import dtype
from ..surface import public
from ..tensor import Tensor
from .checks import operand_of
from .convert import promoted


@public("result_type", method=False)
def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """Return the dtype of an operation on two tensors or numbers.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    pair = [operand_of("result_type", f"tensor{k}", k, x) for k, x in ((1, tensor1), (2, tensor2))]
    return promoted(*[x._spec if isinstance(x, Tensor) else type(x) for x in pair])
