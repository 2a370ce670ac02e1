"""Arguments and results of transformed functions as rows, with the messages of what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, dtype_name
from ..core.errors import ArgumentError, DtypeError, ShapeError, TapejitError
from ..core.pytree import TreeDef, children, flatten, unflatten
from ..core.records import record
from ..core.sources import here, where
from ..frontend.capture import Capture
from ..frontend.tracer import Root, Tracer, sym_of
from ..rules.declare import zeros_like
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from .names import function_name
from .order import differentiating

FROZEN_ARGUMENT = (
    "an argument is written to: arguments are never modified. Copy it first: x = x.copy()"
)


# ---------------------------------------------------------------- arguments


def fresh(cap: Capture, leaf: Any, what: str) -> Sym:
    """Return a new row equal to an argument leaf, which nothing but this call can depend on."""
    return BY_NAME["copy"](as_row(cap, leaf, what))


def as_row(cap: Capture, leaf: Any, what: str) -> Sym:
    """Return a differentiable leaf as a row, or say why it cannot be one."""
    if isinstance(leaf, (bool, int, str, bytes)) or leaf is None or callable(leaf):
        shown = repr(leaf) if not callable(leaf) else "a callable"
        raise DtypeError(
            f"{what} is {shown} of type {type(leaf).__name__}; gradients exist for float and "
            f"complex values only. Pass a float, or choose other argnums ({where()})"
        )
    try:
        sym = sym_of(cap, leaf)
    except TapejitError:
        raise DtypeError(
            f"{what} is of type {type(leaf).__name__}; gradients exist for float and complex "
            f"values only ({where()})"
        ) from None
    if not sym.aval.inexact:
        raise DtypeError(
            f"{what} has dtype {sym.dtype}; gradients exist for float and complex values only. "
            f"Convert it with .astype(float), or choose other argnums ({where()})"
        )
    return sym


@record
class Chosen:
    """An argument to differentiate with respect to: its position, structure and rows.

    A row is None for an integer leaf under ``allow_int``.
    """

    number: int
    tree: TreeDef
    rows: list[Sym | None]
    what: str


def chosen_arguments(
    cap: Capture,
    fn: Any,
    args: tuple[Any, ...],
    argnums: int | Sequence[int],
    allow_int: bool = False,
) -> tuple[list[Any], list[Chosen]]:
    """Replace the leaves of chosen arguments by fresh tracers; return the new arguments too."""
    cap.b.line = here()
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    replaced = list(args)
    chosen: list[Chosen] = []
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise ArgumentError(
                f"argnums={argnums} names argument {n}, but {function_name(fn)} was called with "
                f"{len(args)} positional arguments ({where()})"
            )
        position = n % len(args)
        if any(c.number == position for c in chosen):
            raise ArgumentError(f"argnums={argnums} names argument {position} twice ({where()})")
        what = f"argument {position} of {function_name(fn)}"
        if args[n] is None:
            as_row(cap, None, what)
        leaves, tree = flatten(args[n])
        rows: list[Sym | None] = []
        made: list[Any] = []
        for leaf in leaves:
            if allow_int and getattr(leaf, "dtype", np.dtype(type(leaf))).kind in "biu":
                rows.append(None)
                made.append(leaf)
                continue
            sym = fresh(cap, leaf, what)
            rows.append(sym)
            made.append(Tracer(cap, Root(sym, FROZEN_ARGUMENT)))
        replaced[position] = unflatten(tree, made)
        chosen.append(Chosen(position, tree, rows, what))
    return replaced, chosen


def numbers_of(argnums: Any) -> int | tuple[int, ...]:
    """Return ``argnums`` as an int or a tuple of ints."""
    if isinstance(argnums, (int, np.integer)) and not isinstance(argnums, bool):
        return int(argnums)
    try:
        return tuple(int(n.__index__()) for n in argnums)
    except (TypeError, AttributeError):
        raise ArgumentError(
            f"argnums must be an int or a sequence of ints, not {argnums!r} ({where()})"
        ) from None


# ---------------------------------------------------------------- results


def call(
    fn: Any, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool, count: int = 1
) -> Any:
    """Run a function that will be differentiated `count` times; return its result and aux."""
    with differentiating(count):
        result = fn(*args, **kwargs)
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(
            f"{function_name(fn)} under has_aux=True must return (value, aux), got "
            f"{type(result).__name__} ({where()})"
        )
    return result


@record
class Results:
    """The result of a function: structure, leaves, and a row for each leaf that has derivatives."""

    tree: TreeDef
    leaves: list[Any]
    rows: list[Sym | None]

    @property
    def live(self) -> list[Sym]:
        """The rows with derivatives."""
        return [r for r in self.rows if r is not None]


def results(cap: Capture, value: Any) -> Results:
    """Return the leaves of a result as rows; integers, strings and the like have none."""
    leaves, tree = flatten(value)
    rows: list[Sym | None] = []
    kept: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, (Tracer, np.ndarray, np.generic, float, complex)):
            try:
                sym = sym_of(cap, leaf)
            except TapejitError:
                if isinstance(leaf, Tracer):
                    raise
                rows.append(None)
                kept.append(leaf)
                continue
            rows.append(strong(sym) if sym.aval.inexact else None)
            kept.append(Tracer(cap, Root(sym)))
        else:
            rows.append(None)
            kept.append(leaf)
    return Results(tree, kept, rows)


def strong(x: Sym) -> Sym:
    """Return a weak value as an ordinary one."""
    return x.b.cast(x, x.dtype) if x.aval.weak else x


def zeros(x: Sym) -> Sym:
    """Return a row of zeros like `x` that nothing else shares."""
    return BY_NAME["copy"](zeros_like(x))


def wrapped(cap: Capture, sym: Sym) -> Tracer:
    """Return a derivative as a tracer."""
    return Tracer(cap, Root(strong(sym)))


# ---------------------------------------------------------------- tangents and cotangents


def leaves_like(tree: TreeDef, value: Any, what: str) -> list[Any]:
    """Return the leaves of a container that must have a structure; None stands for zeros."""
    if type(value) is np.ndarray and tree.kind is None:
        return [value]
    if value is None:
        return [None] * tree.size
    if tree.kind is None:
        if children(value) is not None:
            raise ArgumentError(
                f"{what} has a {type(value).__name__} where an array or a number is due ({where()})"
            )
        return [value]
    parts = children(value)
    if parts is None or type(value) is not tree.kind or set(parts[0]) != set(tree.keys):
        shown = str(flatten(value)[1]) if parts is not None else type(value).__name__
        raise ArgumentError(f"{what} must have the structure {tree}, got {shown} ({where()})")
    by_key = dict(zip(*parts))
    return [
        leaf
        for key, child in zip(tree.keys, tree.children)
        for leaf in leaves_like(child, by_key[key], what)
    ]


def check_leaf(value: Any, aval: Aval, what: str) -> None:
    """Refuse a tangent or cotangent that is not of the shape and dtype of its value."""
    if isinstance(value, (bool, str, bytes)) or (
        not isinstance(value, (int, float, complex)) and getattr(value, "dtype", None) is None
    ):
        raise DtypeError(
            f"{what} must be an array or a number, got {type(value).__name__} ({where()})"
        )
    shape = getattr(value, "shape", ())
    if shape != aval.shape:
        raise ShapeError(f"{what} must have shape {aval.shape}, got {shape} ({where()})")
    number = isinstance(value, (int, float, complex)) and not isinstance(
        value, (Tracer, np.generic)
    )
    if not number:
        dtype, weak = value.dtype, isinstance(value, Tracer) and value.aval.weak
    else:
        dtype, weak = np.dtype(type(value)), True
    fits = (dtype.kind != "c" or aval.dtype.kind == "c") if weak else np.can_cast(dtype, aval.dtype)
    if not fits:
        raise DtypeError(
            f"{what} must have dtype {aval.dtype}, got {dtype_name(dtype)}, which does not cast to "
            f"it safely ({where()})"
        )


def derivative_row(cap: Capture, value: Any, aval: Aval, what: str) -> Sym | None:
    """Return a tangent or cotangent as a row of the dtype of its value; None is zero."""
    if value is None:
        return None
    check_leaf(value, aval, what)
    return cap.b.cast(sym_of(cap, value), aval.dtype)
