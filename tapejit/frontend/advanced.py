"""What advanced indices do: reads that copy, scattered writes, views at traced integers.

How an index is resolved stands in ``index_plan``, and in ``windows`` for traced integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.avals import common_shape
from ..core.sources import where
from ..tape.ir import PARAMS, Builder, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES
from .capture import Capture
from .index_plan import index_item, plan_index, reshaped, true_positions
from .regular import regular
from .tracer import Root, Tracer, active, sym_of
from .windows import WINDOW, fits, read

__all__ = ["add_at", "gather_index", "scalar_view", "scatter_index", "true_positions", "viewed"]


# ---------------------------------------------------------------- views


def viewed(cap: Capture, x: Tracer, sym: Sym, found: Sym) -> Tracer:
    """Return a tracer of `found` that writes through to `x`, whose row `sym` it is a view of.

    The rows between are view rows and windows.
    """
    if not cap.follows(x):
        return Tracer(cap, Root(found))
    links: list[Any] = []
    b, at = cap.b, found.id
    while at != sym.id:
        prim, params, args = PRIMITIVES[b.op[at]], PARAMS[b.param[at]], b.arg[b.off[at] :]
        if prim.name == "dynamic_slice":
            starts = tuple(_start(b, k) for k in args[1 : b.off[at + 1] - b.off[at]])
            prim, params = WINDOW, {"starts": starts, **params}
        links.append((prim, params))
        at = args[0]
    return Tracer(cap, x.root, x.chain + tuple(reversed(links)), found)


def _start(b: Builder, k: int) -> Any:
    """Return a window's start as a number where it is one: it then holds in every capture."""
    lit = PRIMITIVES[b.op[k]].name == "lit"
    return PARAMS[b.param[k]]["value"] if lit else Sym(b, k)


def scalar_view(cap: Capture, x: Tracer, items: tuple[Any, ...]) -> Tracer | None:
    """Return the view that an index of traced integers and basic items names, else None."""
    if not fits(items):
        return None
    sym = sym_of(cap, x)
    found = read(cap, sym, items)
    return None if found is None else viewed(cap, x, sym, found)


# ---------------------------------------------------------------- the entry points


def gather_index(cap: Capture, sym: Sym, items: tuple[Any, ...]) -> Sym:
    """Return ``x[items]`` for an index with advanced items."""
    plain = _regular(cap, sym, items)
    found = plan_index(cap, sym, items).read(sym) if plain is None else plain
    if not any(isinstance(i, (list, tuple)) for i in items):
        # NumPy's result may lie in memory in another order than the row's, and a later reshape of
        # it is a view or a copy accordingly: keep NumPy's own.
        _keep_layout(cap, sym, found, items)
    return found


def _regular(cap: Capture, x: Sym, items: tuple[Any, ...]) -> Sym | None:
    """Return ``x[items]`` as slices, where its one array is a shift or a range along an axis."""
    arrays = [d for d, i in enumerate(items) if not _is_full(i)]
    if len(arrays) != 1 or not isinstance(items[arrays[0]], (Tracer, np.ndarray)):
        return None
    axis = arrays[0]
    if axis >= x.ndim:
        return None
    found = regular(cap, sym_of(cap, items[axis]), x.shape[axis])
    return None if found is None else found.of(x, axis)


def _is_full(item: Any) -> bool:
    return isinstance(item, slice) and item.start is item.stop is item.step is None


def _keep_layout(cap: Capture, x: Sym, found: Sym, items: tuple[Any, ...]) -> None:
    if found.id in cap.b.pending:
        return
    concrete = tuple(i.value if isinstance(i, Tracer) else i for i in items)
    cap.b.known[found.id] = np.asarray(cap.value(x))[concrete]


def scatter_index(cap: Capture, sym: Sym, items: tuple[Any, ...], new: Sym) -> Sym:
    """Return `x` after ``x[items] = new``."""
    simple = _masked_write(cap, sym, items, new)
    if simple is not None:
        return simple
    plan = plan_index(cap, sym, items)
    return plan.write(sym, fitted(sym, new, plan.shape), "scatter_set")


def fitted(x: Sym, new: Sym, shape: tuple[int, ...]) -> Sym:
    """Return an update with the dtype of the array and the shape of the indexed places."""
    if new.dtype.kind == "c" and x.dtype.kind != "c":
        raise TypeError(f"cannot write complex values into an array of {x.dtype} ({where()})")
    new = x.b.cast(new, x.dtype)
    while new.ndim > len(shape) and new.shape[0] == 1:
        new = reshaped(new, new.shape[1:])
    try:
        fits = common_shape(new.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"shape mismatch: value array of shape {new.shape} could not be broadcast to indexing "
            f"result of shape {shape} ({where()})"
        )
    return new if new.shape == shape else BY_NAME["broadcast_to"](new, shape=shape)


def _masked_write(cap: Capture, x: Sym, items: tuple[Any, ...], new: Sym) -> Sym | None:
    """``x[mask] = v`` with a v that does not depend on the place is a choice: no guard needed."""
    if len(items) != 1:
        return None
    mask = index_item(cap, items[0])
    if not isinstance(mask, Sym) or mask.dtype.kind != "b" or not 0 < mask.ndim <= x.ndim:
        return None
    if mask.shape != x.shape[: mask.ndim]:
        return None
    rest = x.shape[mask.ndim :]
    if new.ndim > len(rest) + (not rest and new.ndim == 1 and new.shape == (1,)):
        return None
    new = fitted(x, reshaped(new, ()) if not rest else new, rest)
    mask = reshaped(mask, mask.shape + (1,) * len(rest))
    return BY_NAME["where"](mask, new, x)


def add_at(target: Any, index: Any, value: Any) -> None:
    """Carry out ``np.add.at(target, index, value)``: repeated places add up."""
    from .dispatch import _operand
    from .indexing import is_basic

    cap = active()
    if not isinstance(target, Tracer):
        from ..core.errors import MutationError

        raise MutationError(
            "np.add.at into a plain array with traced values: copy it first, where it is written: "
            f"a = a.copy(), or make it with np.zeros_like(x) of a traced x ({where()})"
        )
    items = index if isinstance(index, tuple) else (index,)
    new = sym_of(cap, _operand(value))
    if not np.can_cast(_spec(new), target.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc 'add' output from {new.dtype!r} to {target.dtype!r} with casting "
            f"rule 'same_kind' ({where()})"
        )
    if is_basic(items):
        target[index] = target[index] + value
        return
    sym = sym_of(cap, target)
    plan = plan_index(cap, sym, items)
    target.write(plan.write(sym, fitted(sym, new, plan.shape), "scatter_add"))


def _spec(x: Sym) -> Any:
    return np.result_type(x.aval.weak_type(0)) if x.aval.weak else x.dtype
