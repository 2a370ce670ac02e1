"""Arguments and gradients as trees of dicts, tuples and lists; anything else is a leaf.

The benchmark's own few lines, so that no contestant's flattening is used to judge another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with every leaf replaced."""
    if isinstance(tree, dict):
        return {key: map_leaves(f, child) for key, child in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(map_leaves(f, child) for child in tree)
    return f(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves from left to right; a dict's by insertion."""
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def unflatten(like: Any, values: Sequence[Any]) -> Any:
    """A tree shaped as `like` with these leaves."""
    if not isinstance(like, (dict, tuple, list)):
        return values[0]  # the common case of one array, without an iterator
    remaining: Iterator[Any] = iter(values)
    return map_leaves(lambda _: next(remaining), like)


def pick(args: Sequence[Any], argnums: int | tuple[int, ...]) -> Any:
    """The arguments to differentiate: one for an int, a tuple for a tuple."""
    return tuple(args[i] for i in argnums) if isinstance(argnums, tuple) else args[argnums]


def _array(leaf: Any) -> np.ndarray[Any, Any]:
    detach = getattr(leaf, "detach", None)
    return np.asarray(leaf if detach is None else detach())


def disagreement(
    got: Any, want: Any, *, rtol: float = 1e-9, where: str = "", dtype: str = "float64"
) -> str | None:
    """Why two trees differ, or None when they agree.

    Entries are compared with `rtol` of the largest entry of the wanted leaf, so an entry that
    nearly cancels is not held to its own size. A container of another kind than wanted, a shape,
    a `dtype` or an entry that is not finite is a disagreement.
    """
    if isinstance(want, dict):
        if not isinstance(got, dict) or set(got) != set(want):
            return f"{where or 'result'} is not a dict with the wanted keys"
        pairs = [(got[key], want[key], f"{where}[{key!r}]") for key in want]
    elif isinstance(want, (tuple, list)):
        if not isinstance(got, (tuple, list)) or len(got) != len(want):
            return f"{where or 'result'} is not a sequence of {len(want)}"
        pairs = [(g, w, f"{where}[{i}]") for i, (g, w) in enumerate(zip(got, want))]
    else:
        return _leaf_disagreement(_array(got), _array(want), rtol, where, dtype)
    for child_got, child_want, path in pairs:
        reason = disagreement(child_got, child_want, rtol=rtol, where=path, dtype=dtype)
        if reason is not None:
            return reason
    return None


def _leaf_disagreement(
    got: np.ndarray[Any, Any], want: np.ndarray[Any, Any], rtol: float, where: str, dtype: str
) -> str | None:
    if got.shape != want.shape:
        return f"{where} has shape {got.shape}, wanted {want.shape}"
    if got.dtype != dtype:
        return f"{where} has dtype {got.dtype}, wanted {dtype}"
    if not np.all(np.isfinite(got)):
        return f"{where} has entries that are not finite"
    error = float(np.max(np.abs(got - want), initial=0.0))
    scale = float(np.max(np.abs(want), initial=0.0))
    if error > rtol * scale:
        return f"{where} differs by {error:.1e} of {scale:.1e}"
    return None
