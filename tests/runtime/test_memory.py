"""What a call leaves behind: neither the values of its capture nor its result."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import tapejit as tj

SIZE = 1 << 18
ARRAY = 8 * SIZE


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_large_values_go_with_their_capture(calls: int) -> None:
    f: Any = tj.grad(lambda x: np.sum(np.tanh(np.sin(x) * x) ** 2 + np.exp(-x)), compile="never")
    x = np.linspace(0.0, 1.0, SIZE)
    tj.grad(np.sum, compile="never")(x)  # what the first call of all imports does not count
    gc.collect()
    gc.disable()  # what waits for the collector counts as left behind
    tracemalloc.start()
    try:
        for _ in range(calls):
            g = f(x)
        left = tracemalloc.get_traced_memory()[0] - ARRAY  # one is the gradient itself
    finally:
        tracemalloc.stop()
        gc.enable()
    assert g.shape == (SIZE,)
    assert left < 0.9 * ARRAY
