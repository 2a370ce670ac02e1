"""Whether gradients are recorded: contexts, decorators and plain switches, for each thread."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self, TypeVar

from ..record import LOCAL

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(ABC):
    """A context manager that is a decorator too, of functions, generators and classes."""

    __slots__ = ()

    def _again(self) -> _Mode:
        return type(self)()

    def __call__(self, fn: F) -> F:
        if inspect.isgeneratorfunction(fn):
            return self._generator(fn)  # type: ignore[return-value]

        @functools.wraps(fn)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return fn(*args, **kwargs)

        return within  # type: ignore[return-value]

    def _generator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        def within(*args: Any, **kwargs: Any) -> Any:
            made = fn(*args, **kwargs)
            sent: Any = None
            try:
                while True:
                    with self._again():
                        value = made.send(sent)
                    try:
                        sent = yield value
                    except GeneratorExit:
                        made.close()
                        raise
                    except BaseException as error:
                        with self._again():
                            value = made.throw(error)
                        sent = yield value
            except StopIteration as stop:
                return stop.value

        return within

    @abstractmethod
    def __enter__(self) -> Any:
        """Set the mode."""

    @abstractmethod
    def __exit__(self, *error: Any) -> None:
        """Put the mode back."""


class _Grad(_Mode):
    """Sets the mode of this thread while it lasts."""

    __slots__ = ("_before",)
    value = True
    _before: tuple[Any, ...]

    def __new__(cls, function: Any = None) -> Self:
        made = object.__new__(cls)
        made._before = ()
        if function is not None:  # as a bare decorator: @torch.no_grad
            if not callable(function):
                raise TypeError(f"{cls.__name__}() takes a function or nothing")
            return made(function)  # type: ignore[no-any-return]
        return made

    def __enter__(self) -> None:
        rec = LOCAL.rec
        self._before = (rec.grad, self._before)
        rec.grad = self.value

    def __exit__(self, *error: Any) -> None:
        LOCAL.rec.grad, self._before = self._before


class no_grad(_Grad):
    """Switch the recording of gradients off, as a context or a decorator.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    __slots__ = ()
    value = False


class enable_grad(_Grad):
    """Switch the recording of gradients on, also inside `no_grad`."""

    __slots__ = ()


class set_grad_enabled(_Mode):
    """Switch the recording of gradients on or off, at once and until the end of a ``with``."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not "
                f"{type(mode).__name__}"
            )
        rec = LOCAL.rec
        self.mode = bool(mode)
        self._outer = rec.grad
        rec.grad = self.mode

    def _again(self) -> _Mode:
        return set_grad_enabled(self.mode)

    def __call__(self, fn: F) -> F:
        LOCAL.rec.grad = self._outer
        return super().__call__(fn)

    def __enter__(self) -> None:
        LOCAL.rec.grad = self.mode

    def __exit__(self, *error: Any) -> None:
        LOCAL.rec.grad = self._outer


class inference_mode(_Mode):
    """Switch gradients off for good: results can never take part in a graph.

    Parameters
    ----------
    mode : bool
        False switches the mode off inside an outer one.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if args and callable(args[0]):
            made = object.__new__(cls)
            made.__init__()  # type: ignore[misc]
            return made(args[0])
        return object.__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._before: list[tuple[bool, bool]] = []

    def _again(self) -> _Mode:
        return inference_mode(self.mode)

    def __enter__(self) -> None:
        rec = LOCAL.rec
        self._before.append((rec.inference, rec.grad))
        rec.set_modes(inference=self.mode)
        rec.grad = not self.mode

    def __exit__(self, *error: Any) -> None:
        inference, grad = self._before.pop()
        LOCAL.rec.set_modes(inference=inference)
        LOCAL.rec.grad = grad


def is_grad_enabled() -> bool:
    """Return whether gradients are being recorded in this thread."""
    return LOCAL.rec.grad


def is_inference_mode_enabled() -> bool:
    """Return whether this thread is in inference mode."""
    return LOCAL.rec.inference
