"""What the shape functions ask of their arguments: tensors, dims, sizes; and PyTorch's words for no."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..inplace import CALLED
from ..spec import Spec
from ..tensor import Tensor
from .checks import from_front, tensor_of

TYPES = CALLED


def need_tensor(value: Any, function: str, name: str = "input", position: int = 1) -> Tensor:
    """Return an argument that must be a tensor: `checks.tensor_of`, the value first."""
    return tensor_of(function, name, position, value)


def tensor_list(value: Any, function: str) -> list[Tensor]:
    """Return an argument that must be a list or tuple of tensors."""
    if isinstance(value, Tensor) or not isinstance(value, (list, tuple)):
        raise TypeError(
            f"{function}(): argument 'tensors' (position 1) must be tuple of Tensors, "
            f"not {type(value).__name__}"
        )
    for k, t in enumerate(value):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {k} in argument 0, but got {type(t).__name__}"
            )
    return list(value)


def whole(value: Any, function: str, name: str) -> int:
    """Return an argument that must be an int, of Python, NumPy or a 0-d integer tensor."""
    if isinstance(value, (float, str, bytes)) or value is None:
        raise TypeError(f"{function}(): argument '{name}' must be int, not {type(value).__name__}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{function}(): argument '{name}' must be int, not {type(value).__name__}"
        ) from None


def dim_of(dim: Any, ndim: int, function: str = "", name: str = "dim") -> int:
    """Return a dim counted from the front; a 0-d tensor has the dims 0 and -1."""
    return from_front(dim if type(dim) is int else whole(dim, function, name), ndim)


def dims_of(dims: Any, ndim: int, function: str, name: str = "dims") -> tuple[int, ...]:
    """Return dims, one or several, none of them twice."""
    given = tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    found = tuple(dim_of(d, ndim, function, name) for d in given)
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return found


def ints_of(values: Any, function: str, name: str) -> tuple[int, ...]:
    """Return an argument that must be a tuple of ints or one int."""
    if isinstance(values, (tuple, list)):
        for k, v in enumerate(values):
            if type(v) is not int and not is_int(v):
                raise TypeError(
                    f"{function}(): argument '{name}' (position 1) must be tuple of ints, but "
                    f"found element of type {type(v).__name__} at pos {k}"
                )
        return tuple([operator.index(v) for v in values])
    if is_int(values):
        return (operator.index(values),)
    raise TypeError(
        f"{function}(): argument '{name}' (position 1) must be tuple of ints, "
        f"not {type(values).__name__}"
    )


def is_int(value: Any) -> bool:
    """Whether a value counts as an int among sizes: not bools, yes 0-d integer tensors."""
    if type(value) is int:
        return True
    if isinstance(value, (bool, float, str)):
        return False
    if isinstance(value, Tensor):
        return value._spec.numel == 1 and value._spec.np.kind in "iu"
    return isinstance(value, (int, np.integer))


def sizes_of(args: Sequence[Any], function: str, name: str = "size") -> tuple[int, ...]:
    """Return sizes given one by one or as one tuple."""
    if len(args) == 1:
        return ints_of(args[0], function, name)
    return ints_of(tuple(args), function, name)


def new_size(size: Sequence[int]) -> tuple[int, ...]:
    """Return the size of a tensor to be made: nothing negative."""
    for n in size:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
    return tuple(size)


def filled_size(size: Sequence[int], numel: int) -> tuple[int, ...]:
    """Return a size of this many elements, its -1 replaced."""
    wrong = RuntimeError(f"shape '{list(size)}' is invalid for input of size {numel}")
    known, unknown = 1, 0
    for n in size:
        if n == -1:
            unknown += 1
        elif n < 0:
            raise RuntimeError(f"invalid shape dimension {n}")
        else:
            known *= n
    if unknown > 1:
        raise RuntimeError("only one dimension can be inferred")
    if not unknown:
        if known != numel:
            raise wrong
        return tuple(size)
    if known == 0 and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    if known == 0 or numel % known:
        raise wrong
    return tuple(numel // known if n == -1 else n for n in size)


def broadcast(shapes: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Return the shape that shapes broadcast to, or raise as PyTorch's operators do."""
    shape: tuple[int, ...] = ()
    for given in shapes:
        other = tuple(given)
        n = max(len(shape), len(other))
        a = (1,) * (n - len(shape)) + shape
        b = (1,) * (n - len(other)) + other
        for k in range(n - 1, -1, -1):
            if a[k] != b[k] and a[k] != 1 and b[k] != 1:
                raise RuntimeError(
                    f"The size of tensor a ({a[k]}) must match the size of tensor b ({b[k]}) at "
                    f"non-singleton dimension {k}"
                )
        shape = tuple(y if x == 1 else x for x, y in zip(a, b))
    return shape


def expanded_size(spec: Spec, size: Sequence[int], function: str = "expand") -> tuple[int, ...]:
    """Return the size that a tensor is expanded to, -1 meaning the size it has."""
    old, lead = tuple(spec.shape), len(size) - spec.ndim
    if lead < 0:
        kind = TYPES.get(spec.np.name, "")
        raise RuntimeError(
            f"{function}(torch.{kind}Tensor{{{list(old)}}}, size={list(size)}): the number of sizes "
            f"provided ({len(size)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(old)})"
        )
    made = []
    for k, n in enumerate(size):
        have = old[k - lead] if k >= lead else 1
        if n == -1 and k < lead:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                f"dimension {k}"
            )
        n = have if n == -1 else n
        if n < 0 or (n != have and have != 1):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at "
                f"non-singleton dimension {k}.  Target sizes: {list(size)}.  Tensor sizes: "
                f"{list(old)}"
            )
        made.append(n)
    return tuple(made)
