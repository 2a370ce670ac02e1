"""Hypothesis strategies of shapes, arrays and arrays that broadcast.

Hypothesis is imported when a strategy is made, so that it is needed by tests only.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4) -> Any:
    """Return a Hypothesis strategy of shapes.

    Examples
    --------
    >>> from tapejit.testing import shapes
    >>> strategy = shapes(max_dims=2)
    """
    from hypothesis import strategies as st

    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_dims, max_size=max_dims).map(tuple)


def arrays(
    dtype: Any = np.float64, shape: Any = (), domain: Any = (-2.0, 2.0), layouts: bool = False
) -> Any:
    """Return a Hypothesis strategy of arrays.

    Parameters
    ----------
    dtype : dtype
        Float, complex, integer or bool.
    shape : int, tuple or strategy
        See `shapes`.
    domain : (lo, hi) or domain
        Bounds, for complex numbers of both parts, or a domain from `tapejit.rules.declare`, which
        may also keep a distance of 0.1 from some points.
    layouts : bool
        Whether to draw other memory layouts too: Fortran order, strides, negative strides,
        read-only arrays.

    Returns
    -------
    strategy

    Examples
    --------
    >>> import numpy as np
    >>> from tapejit.testing import arrays, shapes
    >>> strategy = arrays(np.float32, shapes(), domain=(0.5, 2.0))
    """
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp

    dtype = np.dtype(dtype)
    lo, hi, away = _bounds(domain)
    elements: Any
    if dtype.kind == "b":
        elements = st.booleans()
    elif dtype.kind in "iu":
        elements = st.integers(max(int(np.ceil(lo)), 0 if dtype.kind == "u" else int(lo)), int(hi))
    else:
        part = np.dtype(f"f{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
        low, high = float(part.type(lo)), float(part.type(hi))
        width = 8 * min(part.itemsize, 8)
        elements = st.floats(low, high, width=width, allow_subnormal=False)  # type: ignore[arg-type]
        for point in away:
            elements = elements.filter(lambda x, p=point: abs(x - p) > 0.1)
        if dtype.kind == "c":
            elements = st.builds(complex, elements, elements)
    if isinstance(shape, int):
        shape = (shape,)
    drawn = hnp.arrays(dtype, shape, elements=elements, fill=st.nothing())
    return st.builds(_laid_out, drawn, st.sampled_from(_LAYOUTS)) if layouts else drawn


_LAYOUTS = ("C", "F", "strided", "reversed", "readonly")


def _laid_out(x: Any, layout: str) -> Any:
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "readonly":
        x = x.copy()
        x.flags.writeable = False
    if not x.ndim:
        return x
    if layout == "strided":
        wide = np.repeat(x, 2, axis=-1)
        return wide[..., ::2]
    return x[::-1].copy()[::-1] if layout == "reversed" else x


def _bounds(domain: Any) -> tuple[float, float, tuple[float, ...]]:
    if isinstance(domain, tuple):
        return float(domain[0]), float(domain[1]), ()
    return domain.lo, domain.hi, domain.away


def broadcastable(
    n: int = 2,
    dtype: Any = np.float64,
    domain: Any = (-2.0, 2.0),
    max_dims: int = 3,
    max_side: int = 4,
) -> Any:
    """Return a Hypothesis strategy of tuples of `n` arrays whose shapes broadcast together.

    Parameters
    ----------
    n : int
        How many arrays.
    dtype, domain
        As in `arrays`; a list of `n` domains gives each array its own.
    max_dims, max_side : int
        The largest number of axes and length of an axis.

    Examples
    --------
    >>> from tapejit.testing import broadcastable
    >>> strategy = broadcastable(3, domain=(0.1, 1.0))
    """
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp

    domains = domain if isinstance(domain, list) else [domain] * n
    drawn = hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=max_dims, max_side=max_side)
    return drawn.flatmap(
        lambda found: st.tuples(*[arrays(dtype, s, d) for s, d in zip(found.input_shapes, domains)])
    )
