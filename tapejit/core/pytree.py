"""Nested containers as flat lists of leaves and a structure.

dict, list, tuple, namedtuple and dataclass are containers; None is a container without leaves;
everything else is a leaf. A dict keeps the order of its keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from .errors import TapejitError


@dataclasses.dataclass(frozen=True, slots=True)
class TreeDef:
    """The structure of a nested container: its kind, its keys and its children; a leaf has none."""

    kind: type | None
    keys: tuple[Any, ...] = ()
    children: tuple[TreeDef, ...] = ()
    size: int = 1

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        inner = ", ".join(f"{k}={c}" for k, c in zip(self.keys, self.children))
        return f"{self.kind.__name__}({inner})"


LISTS: set[type] = {list}
"""The kinds of lists: taken apart, each of them counts as a list."""
LEAF = TreeDef(None)
_NONE = TreeDef(type(None), size=0)


def children(value: Any) -> tuple[tuple[Any, ...], list[Any]] | None:
    """Return keys and children of a container, None for a leaf."""
    kind = type(value)
    if kind is tuple or kind in LISTS:
        return tuple(range(len(value))), list(value)
    if kind is dict:
        return tuple(value), list(value.values())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(value._fields), list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(f.name for f in dataclasses.fields(value))
        return names, [getattr(value, n) for n in names]
    return None


def flatten(value: Any) -> tuple[list[Any], TreeDef]:
    """Return the leaves of a nested container and its structure.

    Examples
    --------
    >>> leaves, tree = flatten({"a": 1, "b": (2, None)})
    >>> leaves, unflatten(tree, [10, 20])
    ([1, 2], {'a': 10, 'b': (20, None)})
    """
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _flatten(value: Any, leaves: list[Any]) -> TreeDef:
    if value is None:
        return _NONE
    parts = children(value)
    if parts is None:
        leaves.append(value)
        return LEAF
    keys, values = parts
    subtrees = tuple(_flatten(v, leaves) for v in values)
    kind = list if type(value) in LISTS else type(value)
    return TreeDef(kind, keys, subtrees, sum(t.size for t in subtrees))


def unflatten(tree: TreeDef, leaves: Sequence[Any]) -> Any:
    """Rebuild a nested container from its structure and its leaves."""
    if len(leaves) != tree.size:
        raise TapejitError(f"{tree} has {tree.size} leaves, got {len(leaves)}")
    return _unflatten(tree, iter(leaves))


def _unflatten(tree: TreeDef, leaves: Any) -> Any:
    kind = tree.kind
    if kind is None:
        return next(leaves)
    values = [_unflatten(child, leaves) for child in tree.children]
    if kind is type(None):
        return None
    if kind is dict:
        return dict(zip(tree.keys, values))
    if kind is list:
        return values
    if kind is tuple:
        return tuple(values)
    if dataclasses.is_dataclass(kind):
        return rebuild_dataclass(kind, dict(zip(tree.keys, values)))
    return kind(*values)


def rebuild_dataclass(kind: type, values: dict[str, Any]) -> Any:
    """Make a dataclass without running ``__post_init__``: leaves may be gradients or tracers."""
    made: Any = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def tree_map(fn: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply `fn` to corresponding leaves of containers of equal structure."""
    leaves, structure = flatten(tree)
    others = []
    for other in rest:
        more, shape = flatten(other)
        if shape != structure:
            raise TapejitError(f"containers differ in structure: {structure} and {shape}")
        others.append(more)
    return unflatten(structure, [fn(*xs) for xs in zip(leaves, *others)])
