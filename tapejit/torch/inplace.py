"""Writing in place: a result must have the shape of what it replaces and is cast to its dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from .codes import CODES, PLAIN, op, three
from .promotion import can_cast
from .record import Recorder
from .spec import Spec, spec_of
from .tensor import Tensor


@op("to", node="ToCopyBackward0", saves=((),))
def cast(x: Any, *, dtype: str) -> Any:
    """The values in another dtype."""
    if np.dtype(dtype).kind != "c" and np.dtype(x.dtype).kind == "c":
        x = x.real
    return x.astype(dtype)


@op("copy", node="torch::autograd::CopyBackwards", saves=((), ()))
def copy(x: Any, y: Any, *, dtype: str) -> Any:
    """The values of the second operand in the shape and dtype of the first."""
    y = y.astype(dtype) if hasattr(y, "astype") else np.asarray(y, dtype)
    return np.broadcast_to(y, x.shape) + np.zeros(x.shape, dtype) if y.shape != x.shape else y


def fitted(rec: Recorder, t: Tensor, first: int, slot: int, kind: int) -> tuple[int, int]:
    """Return the slot and kind of a row's result made ready to be the value of `t`."""
    return fitted_slot(rec, t, CODES[first].specs[0], slot, kind)


def fitted_slot(rec: Recorder, t: Tensor, spec: Spec, slot: int, kind: int) -> tuple[int, int]:
    """Return the slot and kind of a value of a spec made ready to be the value of `t`."""
    mine = t._spec
    if spec is mine:
        return slot, kind if mine.floating else PLAIN
    if tuple(spec.shape) != tuple(mine.shape):
        raise RuntimeError(
            f"output with shape {list(mine.shape)} doesn't match the broadcast shape "
            f"{list(spec.shape)}"
        )
    if spec.np == mine.np:
        return slot, kind if mine.floating else PLAIN
    if not can_cast(spec.dtype, mine.dtype):
        raise RuntimeError(
            f"result type {_called(spec.np)} can't be cast to the desired output type "
            f"{_called(mine.np)}"
        )
    key = (spec, mine.np)
    made = cast.memo.get(key)
    if made is None:
        dense = spec_of(mine.np, tuple(mine.shape))
        made = cast.memo[key] = three(cast, {"dtype": mine.np.name}, (spec,), (dense,))
    kind = kind if mine.floating else PLAIN
    rec.code += (made + kind, slot)
    at = len(rec.owners)
    rec.owners.append(None)
    return at, kind


CALLED = {
    "float16": "Half", "float32": "Float", "float64": "Double", "uint8": "Byte", "int8": "Char",
    "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}  # fmt: skip
"""What PyTorch's messages call the element types of its dtypes."""


def _called(kind: Any) -> str:
    return CALLED.get(kind.name, str(kind.name))
