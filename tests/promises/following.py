"""A function's answers are compared with Python's own after each change of what it reads."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import tapejit as tj
from tapejit.core.errors import ReplayWarning

X = np.array([1.0, 2.0, 3.0])
POLICIES = ["never", "always"]


def value(fn: Any, x: Any = X) -> float:
    return float(fn(x))


def follows(fn: Any, *changes: Any, policy: str = "never", quiet: bool = True) -> Any:
    """Check that the compiled or interpreted function answers like Python after each change."""
    f = tj.value_and_grad(fn, compile=policy)
    for _ in range(3):
        assert np.isclose(f(X)[0], value(fn), rtol=1e-12)
    for change in changes:
        change()
        for _ in range(3):
            expected = value(fn)
            assert np.isclose(f(X)[0], expected, rtol=1e-12), change
    if quiet:
        assert f.stats()["python"] == 0
    return f


def rebinds(space: dict[str, Any], name: str, new: Any) -> Any:
    """Return a change that binds a name of a module anew."""
    return lambda: space.__setitem__(name, new)


def restored(space: dict[str, Any], *names: str) -> Iterator[None]:
    """Put names of a module and the contents of their arrays back after a test."""
    kept = {k: space[k] for k in names}
    arrays = {k: v.copy() for k, v in kept.items() if isinstance(v, np.ndarray)}
    yield
    space.update(kept)
    for k, v in arrays.items():
        kept[k][:] = v


@contextlib.contextmanager
def warned_once(file: str, match: str) -> Iterator[None]:
    """Check that one ReplayWarning is given, on a line of the test's own file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert len(caught) == 1, [str(c.message) for c in caught]
    assert issubclass(caught[0].category, ReplayWarning)
    assert match in str(caught[0].message), caught[0].message
    assert caught[0].filename == file
