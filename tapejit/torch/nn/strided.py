"""Windows over the last axes: where they lie, and one strided slice for each place in a window.

A window of k entries is k slices of the whole: slice j holds what is at place j of every window.
Work over windows is then work over a few arrays of the result's shape, which fuses and compiles,
and whose adjoint adds slices back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ... import numpy as tnp


@dataclass(frozen=True)
class Windows:
    """How windows lie over the last axes.

    Attributes
    ----------
    size, stride, dilation : tuple of int
        Of a window, from window to window, from place to place within one.
    before, after : tuple of int
        The padding; `after` includes what windows that reach over the edge need.
    count : tuple of int
        How many windows there are along each axis.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    count: tuple[int, ...]

    def places(self) -> Iterator[tuple[int, ...]]:
        """Return the places in a window, the last axis fastest."""
        return product(*[range(k) for k in self.size])

    def slices(self, place: Sequence[int]) -> tuple[slice, ...]:
        """Return where one place of every window is in the padded array."""
        return tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, s, n in zip(place, self.dilation, self.stride, self.count)
        )

    def flat(self, space: Sequence[int]) -> Any:
        """Return the flat index in the padded array of each place of each window, place by place."""
        at: Any = np.zeros((1,) * (2 * len(space)), np.int64)
        n = len(space)
        for k, m in enumerate(space):
            place = np.arange(self.size[k]) * self.dilation[k]
            start = np.arange(self.count[k]) * self.stride[k]
            wide = [1] * (2 * n)
            wide[k], wide[n + k] = len(place), len(start)
            at = at * m + (place[:, None] + start).reshape(wide)
        return at.reshape(-1)

    def indices(self, axis: int, place: int) -> Any:
        """Return the position along an axis, in the array without padding, of a place."""
        at = np.arange(self.count[axis]) * self.stride[axis]
        return at + place * self.dilation[axis] - self.before[axis]


def pair(function: str, name: str, value: Any, n: int) -> tuple[int, ...]:
    """Return an option for each of n axes from one number or a sequence."""
    if isinstance(value, bool):
        raise TypeError(f"{function}(): argument '{name}' must be int or tuple of ints, not bool")
    if isinstance(value, int | np.integer):
        return (int(value),) * n
    if not isinstance(value, list | tuple) or not all(
        isinstance(v, int | np.integer) and not isinstance(v, bool) for v in value
    ):
        raise TypeError(
            f"{function}(): argument '{name}' must be int or tuple of ints, "
            f"not {type(value).__name__}"
        )
    if len(value) == 1:
        return (int(value[0]),) * n
    if len(value) != n:
        raise RuntimeError(
            f"{function}: expected {name} to be a single integer value or a list of {n} values, "
            f"but got {name}={list(value)}"
        )
    return tuple(int(v) for v in value)


def padded(x: Any, before: Sequence[int], after: Sequence[int], value: Any = 0) -> Any:
    """Return an array with its last axes padded."""
    if not any(before) and not any(after):
        return x
    widths = [(0, 0)] * (x.ndim - len(before)) + list(zip(before, after))
    return np.pad(x, widths, constant_values=value)


def added_up(parts: Any, w: Windows, shape: Sequence[int]) -> Any:
    """Add the places of windows up where they lie: the transpose of taking them.

    Parameters
    ----------
    parts : array, shape (images, channels, places * windows)
    shape : sequence of int
        Of the padded last axes that the windows lie over.
    """
    whole = tnp.zeros((*parts.shape[:2], prod(shape)), parts.dtype)
    tnp.add.at(whole, (slice(None), slice(None), w.flat(shape)), parts)
    return whole.reshape((*parts.shape[:2], *shape))
