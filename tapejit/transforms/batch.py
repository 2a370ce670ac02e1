"""vmap: run a function for every index of an axis, as one row whose body is the function's tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import ArgumentError, ShapeError
from ..core.pytree import TreeDef, children, flatten, unflatten
from ..core.sources import here, where
from ..frontend.capture import Capture
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.bodies import run_map
from ..rules.declare import ops
from ..tape.ir import Sym
from .base import Transformed
from .inner import run_inside
from .leaves import Results, results
from .names import function_name


def spread_axes(axes: Any, tree: TreeDef, what: str) -> list[int | None]:
    """Return an axis for each leaf; `axes` is one for all, or a container of them."""
    if axes is None or (isinstance(axes, (int, np.integer)) and not isinstance(axes, bool)):
        return [None if axes is None else int(axes)] * tree.size
    parts = children(axes)
    if parts is None or set(parts[0]) != set(tree.keys) or tree.kind is None:
        raise ArgumentError(f"{what} {axes!r} do not fit the structure {tree} ({where()})")
    by_key = dict(zip(*parts))
    return [
        axis
        for key, child in zip(tree.keys, tree.children)
        for axis in spread_axes(by_key[key], child, what)
    ]


def moved(x: Sym, axis: int, to: int) -> Sym:
    """Move one axis of `x`."""
    if axis == to:
        return x
    order = [k for k in range(x.ndim) if k != axis]
    order.insert(to, axis)
    return ops.transpose(x, axes=tuple(order))


def vmap_rows(
    cap: Capture,
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    in_axes: Any,
    out_axes: Any,
) -> Any:
    """Capture `fn` on one slice and append a map of it."""
    name = function_name(fn)
    cap.b.line = here()
    axes_in = in_axes.value
    if isinstance(axes_in, list):
        axes_in = tuple(axes_in)
    if isinstance(axes_in, tuple) and len(axes_in) != len(args):
        raise ArgumentError(
            f"vmap of {name}: {len(axes_in)} in_axes for {len(args)} arguments ({where()})"
        )
    leaves, tree = flatten((args, kwargs))
    first = flatten(args)[1]
    axes = spread_axes(axes_in, first, "in_axes")
    axes += [0] * (len(leaves) - len(axes))  # keyword arguments are mapped along axis 0
    operands: list[Sym] = []
    given: list[Any] = list(leaves)
    places = []
    for k, (leaf, axis) in enumerate(zip(leaves, axes)):
        if axis is None:
            continue
        shape = getattr(leaf, "shape", None)
        if not shape or not isinstance(leaf, (Tracer, np.ndarray)):
            raise ArgumentError(
                f"vmap of {name} maps over {leaf!r}, which has no axes; use in_axes=None for it "
                f"({where()})"
            )
        if not -len(shape) <= axis < len(shape):
            raise ArgumentError(
                f"vmap of {name}: axis {axis} of an argument of shape {shape} ({where()})"
            )
        operands.append(moved(sym_of(cap, leaf), axis % len(shape), 0))
        places.append(k)
    lengths = sorted({x.shape[0] for x in operands})
    if len(lengths) != 1:
        raise ShapeError(
            f"vmap of {name} needs mapped arguments of one common length, got {lengths} ({where()})"
        )
    n = lengths[0]
    inside: list[Results] = []
    live: list[int] = []

    def run(inner: Capture, tracers: list[Tracer]) -> list[Sym | None]:
        for k, tracer in zip(places, tracers):
            given[k] = tracer
        inner_args, inner_kwargs = unflatten(tree, given)
        out = results(inner, fn(*inner_args, **inner_kwargs))
        inside.append(out)
        for k, leaf in enumerate(out.leaves):
            if isinstance(leaf, Tracer):
                live.append(k)
        return [sym_of(inner, out.leaves[k]) for k in live]

    avals = [Aval(x.dtype, x.shape[1:]) for x in operands]
    known = [cap.b.known[x.id] for x in operands]
    values = [v[0] if n else np.zeros(a.shape, a.dtype)[()] for v, a in zip(known, avals)]
    cut = run_inside(cap, avals, values, run)
    stacked = run_map(cap.b, cut, operands, n, (False,) * len(cut.results))
    out = inside[0]
    made = list(out.leaves)
    axes_out = spread_axes(out_axes.value, out.tree, "out_axes")
    for k, x in zip(live, stacked):
        axis = axes_out[k]
        if axis is None:
            raise ArgumentError(f"vmap of {name}: out_axes=None is not supported ({where()})")
        if not -x.ndim <= axis < x.ndim:
            raise ArgumentError(
                f"vmap of {name}: out_axes {axis} for a result of shape {x.shape[1:]} ({where()})"
            )
        made[k] = Tracer(cap, Root(moved(x, 0, axis % x.ndim)))
    for k, leaf in enumerate(made):
        if k not in live and isinstance(leaf, (bool, int)):
            made[k] = np.full(n, leaf)
    return unflatten(out.tree, made)


class Held:
    """A container among options, kept from being taken apart."""

    def __init__(self, value: Any) -> None:
        self.value = value


def vmap(
    fn: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    compile: str | None = None,
) -> Any:
    """Return a function that applies `fn` to every slice of its arguments along an axis.

    Parameters
    ----------
    fn : callable
        A function of arrays, numbers and containers of them. Without it, a decorator is returned.
    in_axes : int, None or container of them
        The axis of each argument that is mapped over, None for an argument that every call sees
        whole. One for all arguments, or a tuple with an entry for each, which may be a container
        like the argument. Keyword arguments are mapped over axis 0.
    out_axes : int or container of them
        Where the new axis stands in the results.
    compile : {"auto", "always", "never"}
        When to compile.

    Returns
    -------
    callable
        A function with the arguments of `fn`, the mapped ones with one more axis.

    Raises
    ------
    ArgumentError
        When an axis does not exist or `in_axes` does not fit the arguments.
    ShapeError
        When mapped arguments differ in length.
    CaptureError
        When Python branches on a value that differs between slices.

    Notes
    -----
    Python runs the function once, on the first slice: what it prints or draws at random is printed
    and drawn once, and a Python number that it computes is the same for all slices.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.vmap(np.dot, in_axes=(0, None))(np.arange(6.0).reshape(3, 2), np.array([1.0, 10.0]))
    array([10., 32., 54.])
    """
    options = {"in_axes": Held(in_axes), "out_axes": Held(out_axes)}

    def make(f: Callable[..., Any]) -> Transformed:
        return Transformed("vmap", f, vmap_rows, options, compile)

    return make if fn is None else make(fn)
