"""What custom_vjp and custom_jvp share: functions that bring their own derivative.

Under a derivative transformation the user's rule is captured into a tape, linear in the cotangents
or tangents, and the results of the function pass through a ``custom`` row that carries it. Without
one, the function just runs.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture, current
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.split import Split
from ..rules.control import custom
from ..rules.declare import broadcast
from ..tape.ir import Builder, Sym, Tape
from ..tape.pieces import inline
from .leaves import Results
from .names import function_name
from .order import order


def rule_tape(cut: Split, given: Sequence[Sym], like: Sequence[Sym]) -> tuple[Tape, list[Sym]]:
    """Return a split rule as a tape whose linear inputs are like `given`, and what it shares.

    Its outputs have the shapes and dtypes of `like`, zero where the rule gave None.
    """
    made = Builder()
    linear = [made.input(Aval(x.dtype, x.shape)) for x in given]
    shared = list(cut.shared)
    inputs = [made.input(s.aval) for s in shared]
    outs = inline(cut.body, made, [*(linear[k] for k in cut.moving), *inputs])
    ready = []
    for r, x in zip(cut.results, like):
        if isinstance(r, int):
            ready.append(outs[r])
        elif r is None:
            zero = made.lit(np.zeros((), x.dtype).item(), Aval(x.dtype))
            ready.append(broadcast(zero, x.shape))
        else:
            shared.append(r)
            ready.append(made.input(r.aval))
    return made.finish(ready), shared


class Custom(ABC):
    """What both kinds share: arguments, static positions, running without derivatives."""

    kind = ""

    def __init__(self, fn: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        if not callable(fn):
            raise ArgumentError(
                f"{self.kind} takes a function, not {type(fn).__name__} ({where()})"
            )
        functools.update_wrapper(self, fn, updated=())
        self.fn = fn
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else nondiff_argnums
        self.static = tuple(int(n) for n in numbers)
        self.name = function_name(fn)
        self._parameters = _positional_parameters(fn)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<tapejit {self.kind} {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._positional(args, kwargs)
        cap = current()
        static = {n % len(args) for n in self.static} if args else set()
        moving = [k for k in range(len(args)) if k not in static]
        if cap is None or order() == 0 or not any(is_live(cap, args[k]) for k in moving):
            return self.fn(*args)
        return self._record(cap, args, [args[k] for k in sorted(static)], moving)

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return all arguments by position, defaults included: rules know them by position."""
        found, rest = list(args), dict(kwargs)
        for p in self._parameters[len(args) :]:
            if p.name in rest:
                found.append(rest.pop(p.name))
            elif p.default is not p.empty:
                found.append(p.default)
            else:
                break
        if rest:
            raise ArgumentError(
                f"{self.name} under {self.kind} cannot take {next(iter(rest))}= : its arguments "
                f"must be positional ({where()})"
            )
        return tuple(found)

    @abstractmethod
    def _record(self, cap: Capture, args: Any, static: list[Any], moving: list[int]) -> Any:
        """Record a call whose arguments at the positions `moving` are traced."""

    def _row(self, cap: Capture, xs: list[Sym], out: Results, cut: Split, forward: bool) -> Any:
        """Append the custom row and return the result that passes through it."""
        ys = out.live
        rule, shared = rule_tape(cut, xs, ys) if forward else rule_tape(cut, ys, xs)
        row = custom.on(
            cap.b, *xs, *ys, *shared,
            rule=rule, n_in=len(xs), n_out=len(ys), forward=forward, name=self.name,
        )  # fmt: skip
        through = iter(cap.b.outs(row))
        made = [
            leaf if y is None else Tracer(cap, Root(next(through)))
            for leaf, y in zip(out.leaves, out.rows)
        ]
        return unflatten(out.tree, made)


def _positional_parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    if isinstance(fn, np.ufunc):
        return []  # Its defaults are out= and the like.
    try:
        found = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def is_live(cap: Capture, value: Any) -> bool:
    return any(isinstance(x, Tracer) and x.aval.inexact for x in flatten(value)[0])


def live_rows(cap: Capture, leaves: list[Any]) -> list[Sym | None]:
    """Return the rows of traced leaves; other leaves are constants."""
    return [sym_of(cap, x) if isinstance(x, Tracer) and x.aval.inexact else None for x in leaves]


def fitting(cap: Capture, value: Any, like: Sym, what: str) -> Sym:
    """Return a derivative that a rule gave as a row, or say why it does not fit."""
    row = sym_of(cap, value)
    if row.shape != like.shape:
        raise ShapeError(f"{what} must have shape {like.shape}, got {row.shape} ({where()})")
    if row.dtype.kind == "c" and like.dtype.kind != "c":
        raise DtypeError(f"{what} must be real like its value, got {row.dtype} ({where()})")
    if not row.aval.inexact and not row.aval.weak:
        raise DtypeError(f"{what} must have dtype {like.dtype}, got {row.dtype} ({where()})")
    return cap.b.cast(row, like.dtype)
