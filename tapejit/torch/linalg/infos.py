"""The ``_ex`` functions: an integer for each matrix says what went wrong, instead of an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..spec import spec_of_array
from ..tensor import Tensor, leaf_of


def constant(array: Any) -> Tensor:
    """Return a tensor of an array that nobody else holds."""
    array = np.asarray(array)
    return leaf_of(array if array.ndim else array[()], spec_of_array(array))


def info_of(t: Tensor) -> Tensor:
    """Return zeros, one for each matrix of a stack: all went well."""
    return constant(np.zeros(tuple(t._spec.shape[:-2]), np.int32))


def failing(t: Tensor, like: Tensor, compute: Callable[[Any], Any]) -> tuple[Tensor, Tensor]:
    """Return results matrix by matrix, NaNs where there is none, and which matrices failed.

    The first failing leading minor is found by trying them in turn: this runs only after a failure.
    """
    value = np.asarray(t._value())
    lead = value.shape[:-2]
    made = np.full(tuple(like._spec.shape), np.nan, like._spec.np)
    infos = np.zeros(lead, np.int32)
    for k in np.ndindex(*lead):
        try:
            made[k] = compute(value[k])
        except np.linalg.LinAlgError:
            infos[k] = _first_failure(value[k], compute)
    return constant(made), constant(infos)


def _first_failure(matrix: Any, compute: Callable[[Any], Any]) -> int:
    n = int(matrix.shape[-1])
    for m in range(1, n):
        try:
            compute(matrix[:m, :m])
        except np.linalg.LinAlgError:
            return m
    return n
