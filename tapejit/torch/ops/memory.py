"""How a shape lies in memory: the strides of a view, computed from strides alone.

A view of a shape exists when the elements of each of its dims lie at equal steps. Dims that lie
next to each other, ``stride[k] == shape[k + 1] * stride[k + 1]``, are one long dim; a new shape is
a view exactly when it cuts these long dims without crossing their borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..spec import Spec, contiguous_strides, spec_of


def strides_of(spec: Spec) -> tuple[int, ...]:
    """Return the strides of a tensor, in elements."""
    return contiguous_strides(tuple(spec.shape)) if spec.strides is None else spec.strides


def is_contiguous(spec: Spec) -> bool:
    """Whether elements lie in the order of their indices, without holes."""
    return spec.strides is None or dense(tuple(spec.shape), spec.strides)


def dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether strides are those of a contiguous array, dims of size one aside."""
    if 0 in shape:
        return True
    step = 1
    for n, s in zip(reversed(shape), reversed(strides)):
        if n != 1:
            if s != step:
                return False
            step *= n
    return True


def view_strides(spec: Spec, shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return the strides of a view of another shape, None if there is no such view.

    Examples
    --------
    >>> import numpy as np
    >>> from tapejit.torch.spec import spec_of
    >>> view_strides(spec_of(np.dtype("f4"), (2, 3)), (3, 2))
    (2, 1)
    >>> view_strides(spec_of(np.dtype("f4"), (3, 2), (1, 3)), (6,)) is None
    True
    """
    if spec.strides is None or spec.numel == 0:
        return contiguous_strides(tuple(shape))
    old = [(n, s) for n, s in zip(spec.shape, spec.strides) if n != 1]
    long: list[list[int]] = []  # [elements, step of the last of them]
    for n, s in old:
        if long and long[-1][1] == n * s:
            long[-1] = [long[-1][0] * n, s]
        else:
            long.append([n, s])
    made: list[int] = []
    at = len(long) - 1
    room, step = long[at] if long else (1, 1)
    for n in reversed(shape):
        if n == 1:
            made.append(step)
            continue
        if room == 1:
            at -= 1
            room, step = long[at]
        if room % n:
            return None
        made.append(step)
        room, step = room // n, step * n
    return tuple(reversed(made))


FULL = (None, None, None)
"""All of a dim, as a key to `part_spec` says it."""


def part_spec(spec: Spec, key: Sequence[Any]) -> Spec:
    """Return the spec of a basic index: ints, ``(start, stop, step)`` in bounds, None, Ellipsis.

    Arithmetic on strides alone, so that the first look at an index does not cost an array.
    """
    shape: list[int] = []
    strides: list[int] = []
    old = list(zip(spec.shape, strides_of(spec)))
    used = sum(i is not None and i is not Ellipsis for i in key)
    at = 0
    for i in (*key, Ellipsis) if Ellipsis not in key else key:
        if i is Ellipsis:
            rest = old[at : at + len(old) - used]
            shape += [n for n, _ in rest]
            strides += [s for _, s in rest]
            at += len(rest)
        elif i is None:
            shape.append(1)
            strides.append(old[at][0] * old[at][1] if at < len(old) else 1)
        else:
            n, s = old[at]
            at += 1
            if isinstance(i, tuple):
                start, stop, step = slice(*i).indices(n)
                shape.append(len(range(start, stop, step)))
                strides.append(s * step)
    if dense(shape, strides):
        return spec_of(spec.np, tuple(shape))
    return spec_of(spec.np, tuple(shape), tuple(strides))
