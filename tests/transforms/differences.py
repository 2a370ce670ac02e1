"""Central differences, the independent witness of these tests."""

from __future__ import annotations

from typing import Any

import numpy as np


def jacobian(f: Any, x: Any, eps: float = 1e-6) -> Any:
    """Return df/dx, shaped ``out.shape + x.shape``, by central differences."""
    x = np.asarray(x, float)
    columns = []
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        columns.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * eps))
    shape = np.shape(columns[0]) if columns else np.shape(f(x))
    stacked = np.array(columns).reshape((len(columns), *shape))
    return np.moveaxis(stacked, 0, -1).reshape(shape + x.shape)


def close(a: Any, b: Any, tol: float = 1e-7) -> None:
    """Assert that two arrays agree, in shape too."""
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol)
