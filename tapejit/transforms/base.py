"""What every transformation shares: calling, looking inside, nesting, pickling.

A transformation is a function ``apply(capture, fn, args, kwargs)`` on tracers. Called inside a
capture it just runs there, so transformations nest in each other; called by the user it is
dispatched to a program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_ITERABLE_COROUTINE
from typing import Any

from ..core.errors import ArgumentError
from ..core.sources import where
from ..frontend.capture import _stack
from ..frontend.reach import inner_function
from ..runtime.dispatch import Dispatcher
from ..runtime.entry import MISS
from .names import function_name, global_name

POLICIES = ("auto", "always", "never")


def _not_a_value(fn: Any) -> str | None:
    """Say what kind of function gives something that runs later instead of its result."""
    flags = getattr(getattr(inner_function(fn), "__code__", None), "co_flags", 0)
    if flags & (CO_COROUTINE | CO_ASYNC_GENERATOR | CO_ITERABLE_COROUTINE):
        return "asynchronous (async def)"
    return "a generator function (it uses yield)" if flags & CO_GENERATOR else None


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
        what = _not_a_value(fn)
        if what is not None:
            raise ArgumentError(
                f"{kind} takes a function that returns its result: {function_name(fn)} is {what} "
                f"({where()})"
            )
        functools.update_wrapper(self, fn, updated=())
        self.fn, self.kind, self.options, self.policy = fn, kind, options, compile
        self._apply = apply
        self._dispatcher = Dispatcher(self._run, fn, f"{kind}({function_name(fn)})", compile)

    def _run(self, cap: Any, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._apply(cap, fn, args, kwargs, **self.options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _stack.captures:
            return self._run(_stack.captures[-1], self.fn, args, kwargs)
        for entry in self._dispatcher.entries:  # as in Dispatcher.__call__, one call less
            found = entry(args, kwargs)
            if found is not MISS:
                return found
        return self._dispatcher.general(args, kwargs)

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

    def source(self, *args: Any, **kwargs: Any) -> str:
        """Return the generated Numba source of a call with these arguments.

        A row that NumPy runs between two kernels is marked where it stands. Works whether the call
        is compiled or not, and without Numba.
        """
        from ..runtime import inspect

        return inspect.source(self._dispatcher, args, kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """Return a report of a call with these arguments.

        It says how the arguments are seen, whether the call is interpreted, compiled or run by
        Python and why, how many rows each pass leaves, which rows are fused into which loops, what
        NumPy runs between kernels, which guards and captured values are checked, and how many
        bytes are moved.
        """
        from ..runtime import inspect

        return inspect.explain(self._dispatcher, args, kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile for arguments like these now, whatever the policy; nothing is returned.

        Warns
        -----
        ReplayWarning
            When the function cannot be replayed and stays with Python.
        """
        from ..runtime import inspect

        inspect.compile_now(self._dispatcher, args, kwargs)

    def stats(self) -> dict[str, Any]:
        """Return counters since the function was made.

        ``captures`` counts runs of the function by Python on tracers; ``interpreted``,
        ``compiled`` and ``python`` count the calls answered so; ``guard_misses`` the programs that
        were tried and did not apply; ``kernels`` the programs compiled, ``compile_seconds`` the
        time that took, ``cache_hits`` those of them that came from disk, ``sizes_shared`` those
        that run a kernel made for other sizes, with their own as run-time values, and
        ``sizes_predicted`` those of these that needed no capture.
        """
        from ..runtime import inspect

        return inspect.counters_of(self._dispatcher)
