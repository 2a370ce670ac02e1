"""What every transformation shares: calling, looking inside, nesting, pickling.

A transformation is a function ``apply(capture, fn, args, kwargs)`` on tracers. Called inside a
capture it just runs there, so transformations nest in each other; called by the user it is
dispatched to a program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.sources import where
from ..frontend.capture import _stack
from ..runtime.dispatch import Dispatcher
from .names import function_name, global_name

POLICIES = ("auto", "always", "never")


class Transformed:
    """A function under a transformation; call it like the function.

    Attributes
    ----------
    fn : callable
        The function that was transformed.
    """

    def __init__(
        self,
        kind: str,
        fn: Callable[..., Any],
        apply: Callable[..., Any],
        options: dict[str, Any],
        compile: str | None,
    ) -> None:
        if not callable(fn):
            raise ArgumentError(f"{kind} takes a function, not {type(fn).__name__} ({where()})")
        functools.update_wrapper(self, fn, updated=())
        self.fn, self.kind, self.options, self.policy = fn, kind, options, compile
        self._apply = apply
        self._dispatcher = Dispatcher(self._run, fn, f"{kind}({function_name(fn)})", compile)

    def _run(self, cap: Any, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._apply(cap, fn, args, kwargs, **self.options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _stack.captures:
            return self._run(_stack.captures[-1], self.fn, args, kwargs)
        return self._dispatcher(args, kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __tapejit_rebind__(self, rebind: Callable[[Any], Any]) -> Any:
        return Transformed(self.kind, rebind(self.fn), self._apply, self.options, self.policy)

    def __reduce__(self) -> Any:
        return global_name(self) or (
            Transformed,
            (self.kind, self.fn, self._apply, self.options, self.policy),
        )

    def __repr__(self) -> str:
        return f"<tapejit {self.kind} of {function_name(self.fn)}>"

    # ------------------------------------------------------------ looking inside

    def tape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the tape of a call with these arguments."""
        return self._dispatcher.program(args, kwargs).tape

    def stats(self) -> dict[str, Any]:
        """Return counters: captures, interpreted and compiled calls, kernels, seconds."""
        return dict(self._dispatcher.counters)
