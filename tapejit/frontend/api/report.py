"""Functions that tell something about arrays without computing with their values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...tape.ir import Sym
from ..dispatch import implements, implements_directly
from ..tracer import Tracer
from .common import arr, spec


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return arr(a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return arr(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    a = arr(a)
    if axis is None:
        result: int = a.size
        return result
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod([a.shape[k] for k in axes])


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*[spec(x) for x in arrays_and_dtypes])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(arr(from_).dtype if isinstance(from_, Sym) else from_, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> Any:
    return arr(a).dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*[np.empty(0, arr(a).dtype) for a in arrays])


@implements_directly(np.may_share_memory, np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """Tracers share memory when one array stands behind both and their places overlap."""
    if not (isinstance(a, Tracer) and isinstance(b, Tracer)) or a.root is not b.root:
        return False
    return bool(np.shares_memory(np.asarray(a.value), np.asarray(b.value))) or a.sym.id == b.sym.id
