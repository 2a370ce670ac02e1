"""``x[index]``: views for integers, slices, None and Ellipsis, gathers for tensors of positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..hot import table
from ..tensor import Tensor
from .index_keys import Key, checked, fast_key, parse
from .record_view import part_code, view_of


@op("basic_index", node=lambda params, args: params["node"], saves=((),), view=True)
def basic_index(x: Any, *, key: tuple[Any, ...], node: str) -> Any:
    """The view that ints, slices, None and Ellipsis name."""
    index = tuple(slice(*i) if type(i) is tuple else i for i in key)
    return x[index] if Ellipsis in index else x[(*index, Ellipsis)]


@op("index", saves=((1,),))
def gathered(x: Any, *positions: Any, dims: tuple[bool, ...]) -> Any:
    """The elements at positions along the dims for which there are some."""
    given = iter(positions)
    return x[tuple(next(given) if there else slice(None) for there in dims)]


_HOT: dict[Any, Any] = table()
_ROWS: dict[Any, dict[int, int]] = table()
"""Of specs: the codes of ``x[i]``, once more."""
_MOST = 100_000


FULL_VIEWS: dict[int, bool] = table()
"""Codes of views that are the whole tensor in its own shape: ``x[...]``, ``x[:]``."""


def code_of(t: Tensor, parsed: Key) -> int:
    """Return the code of a parsed basic index, of which there is one for each index of a spec."""
    key = parsed.basic
    first = part_code(basic_index, t, key, key=key, node=parsed.node)
    if parsed.whole:
        FULL_VIEWS[first] = True
    return first


def basic_code(t: Tensor, index: Any) -> int | None:
    """Return the code of a basic index, None if an index has tensors in it."""
    key = fast_key(t._spec, index)
    if key is None:
        return None
    found = _HOT.get(key)
    return _known(t, index, key) if found is None else int(found)


def _known(t: Tensor, index: Any, key: Any) -> int:
    """Return the code of a basic index that has not been met before."""
    if len(_HOT) > _MOST:
        _HOT.clear()
    first = _HOT[key] = code_of(t, parse(t, index))
    return first


def getitem(self: Tensor, index: Any) -> Any:
    """Return the part of a tensor that an index names: a view, or a copy if it has tensors in it."""
    if type(index) is int:
        try:
            return view_of(self, _ROWS[self._spec][index])
        except KeyError:
            pass
    key = fast_key(self._spec, index)
    if key is None:
        return _general(self, index)
    first = _HOT.get(key)
    if first is None:
        first = _known(self, index, key)
    if type(index) is int:
        _ROWS.setdefault(self._spec, {})[index] = first
    return view_of(self, first)


def basic_part(self: Tensor, parsed: Any) -> Tensor:
    """Return the view that the basic part of an index names: the tensor itself if that is all."""
    if parsed.whole:
        return self
    made: Tensor = apply(basic_index, (self,), key=parsed.basic, node=parsed.node)
    return made


def _general(self: Tensor, index: Any) -> Any:
    parsed = parse(self, index)
    if not parsed.tensors:
        return view_of(self, code_of(self, parsed))
    base = basic_part(self, parsed)
    return take_at(base, parsed.tensors)


def take_at(base: Tensor, tensors: list[Tensor | None]) -> Tensor:
    """Return the elements at positions along dims, one tensor of positions or None for each."""
    checked(tensors, base._spec.shape)
    dims = tuple(p is not None for p in tensors)
    made: Tensor = apply(gathered, (base, *[p for p in tensors if p is not None]), dims=dims)
    return made


def _iterate(self: Tensor) -> Iterator[Tensor]:
    if not self._spec.ndim:
        raise TypeError("iteration over a 0-d tensor")
    from .splitting import unbind

    return iter(unbind(self))


def _contains(self: Tensor, element: Any) -> bool:
    """Return whether some element equals a number or a tensor that broadcasts."""
    if isinstance(element, Tensor):
        element = np.asarray(element._value())
    elif not isinstance(element, (bool, int, float, complex)):
        raise RuntimeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )
    return bool((np.asarray(self._value()) == element).any())


_METHODS = {"__getitem__": getitem, "__iter__": _iterate, "__contains__": _contains}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
