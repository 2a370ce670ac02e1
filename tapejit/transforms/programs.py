"""Transformations that are calls (``vjp(f, x)``) rather than functions: where programs are kept.

The programs of a function live on the function itself, so the second call finds what the first
captured, and they go when it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..core.errors import ArgumentError
from ..core.sources import where
from ..frontend.capture import current
from ..runtime.dispatch import Dispatcher
from .base import Transformed
from .names import function_name

_KEPT = "__tapejit_programs__"


def call_transformed(
    kind: str,
    fn: Callable[..., Any],
    apply: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    policy: str | None,
) -> Any:
    """Run ``apply(capture, fn, args, {}, **options)``, here or as a program of `fn`."""
    if not callable(fn):
        raise ArgumentError(f"{kind} takes a function, not {type(fn).__name__} ({where()})")
    cap = current()
    if cap is not None:
        return apply(cap, fn, args, {}, **options)
    return dispatcher_of(kind, fn, apply, options, policy)(args, {})


def dispatcher_of(
    kind: str,
    fn: Callable[..., Any],
    apply: Callable[..., Any],
    options: dict[str, Any],
    policy: str | None,
) -> Dispatcher:
    """Return the dispatcher of a transformed function, kept on the function."""

    def run(cap: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return apply(cap, f, args, kwargs, **options)

    made = Dispatcher(run, fn, f"{kind}({function_name(fn)})", policy)
    if not isinstance(fn, (FunctionType, Transformed)):
        return made
    kept = fn.__dict__.setdefault(_KEPT, {})
    key = (kind, *sorted(options.items()), made.policy)
    found = kept.get(key)
    if found is None or found.fn is not fn:
        found = kept[key] = made
    return found  # type: ignore[no-any-return]
