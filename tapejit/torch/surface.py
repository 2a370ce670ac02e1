"""The public face: functions of the namespace, methods of the tensor, their forms in place.

A function is written once, as ``def name(input, ..)``; `public` enters it under its name into the
namespace, as a method of `Tensor`, and with ``inplace=True`` as the method ``name_``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, TypeVar

import numpy as np

from .codes import LEAF, PLAIN, op, three
from .inplace import fitted_slot
from .record import LOCAL, Recorder
from .spec import Spec, spec_of
from .tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""The functions of the namespace, by PyTorch's names."""


def public(
    *names: str,
    function: bool = True,
    method: bool = True,
    inplace: bool = False,
    out: bool = False,
    shared: Callable[..., Any] | None = None,
) -> Callable[[F], F]:
    """Enter a function under its own name, or under several.

    Parameters
    ----------
    function, method : bool
        Whether it is in the namespace, and a method of the tensor.
    inplace : bool
        Whether the method ``name_``, which writes the result into the tensor, exists.
    out : bool
        Whether the function of the namespace takes ``out=``.
    shared : callable, optional
        What is written in place where elements share a place; without it such writes raise.
    """

    def enter(fn: F) -> F:
        for name in names or (fn.__name__,):
            if function:
                FUNCTIONS[name] = _with_out(fn) if out else fn
            if method:
                setattr(Tensor, name, fn)
            if inplace:
                setattr(Tensor, name + "_", _in_place(fn, name + "_", shared))
        return fn

    return enter


def _with_out(fn: Callable[..., Any]) -> Callable[..., Any]:
    names = list(signature(fn).parameters)

    @functools.wraps(fn)
    def one_with_out(input: Any, *, out: Any = None) -> Any:
        made = fn(input)
        return made if out is None else store(out, made)

    if names == ["input"]:
        return one_with_out

    @functools.wraps(fn)
    def with_out(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        made = fn(*args, **kwargs)
        if out is None:
            return made
        if isinstance(made, tuple):
            kept = [store(o, m) for o, m in zip(out, made)]
            return type(made)(*kept) if hasattr(made, "_fields") else tuple(kept)
        return store(out, made)

    return with_out


def _in_place(
    fn: Callable[..., Any], name: str, shared: Callable[..., Any] | None
) -> Callable[..., Any]:
    @functools.wraps(fn)
    def in_place(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if shared is not None and self._spec.repeats:
            return rewritten(self, shared, *args, uniform=True, **kwargs)
        return rewritten(self, fn, *args, **kwargs)

    in_place.__name__ = in_place.__qualname__ = name
    in_place.__doc__ = f"Write the result of `{fn.__name__}` into this tensor and return it."
    return in_place


def rewritten(
    self: Tensor, fn: Callable[..., Any], *args: Any, uniform: bool = False, **kwargs: Any
) -> Any:
    """Write what a function makes of a tensor and more into the tensor, and return it.

    `uniform` promises that elements which share a place are given one value.
    """
    rec = LOCAL.rec
    self._check_inplace(rec, uniform)
    serial, begins = rec.serial, len(rec.owners)
    with run_together(rec):
        made = fn(self, *args, **kwargs)
        if made is NotImplemented:
            return made
        if any(a is self for a in args):
            begins = len(rec.owners)  # the other operand is not kept as it was
        rec.mark = begins if rec.serial == serial else -1
        try:
            return put(self, made, uniform)
        finally:
            rec.mark = -1


@contextmanager
def run_together(rec: Recorder) -> Iterator[None]:
    """Within it `set_eager` waits: a result and the write that makes it a value are one row."""
    if not rec.eager:
        yield
        return
    rec.set_modes(eager=False)
    try:
        yield
    finally:
        rec.set_modes(eager=True)
    rec.flush()


@op("alias", node="AliasBackward0", saves=((),))
def alias(x: Any) -> Any:
    """The same values."""
    return x


def same_value(rec: Recorder, slot: int, spec: Spec, kind: int) -> int:
    """Append a row with the value of a slot; return its slot."""
    first = alias.memo.get(spec)
    if first is None:
        dense = spec_of(spec.np, tuple(spec.shape))
        first = alias.memo[spec] = three(alias, {}, (spec,), (dense,))
    rec.code += (first + kind, slot)
    rec.owners.append(None)
    return len(rec.owners) - 1


def put(self: Tensor, made: Tensor, uniform: bool = False) -> Tensor:
    """Make the value of a fresh result the value of `self`, as a write in place."""
    rec = LOCAL.rec
    leaf = self._check_inplace(rec, uniform)
    slot = made._slot if made._serial == rec.serial else rec.admit(made)
    slot, kind = fitted_slot(rec, self, made._spec, slot, made._kind)
    if leaf:
        kind = LEAF
        slot = same_value(rec, slot, self._spec, kind)
    elif slot < len(rec.owners) and rec.owners[slot] is None:
        # The value is an input or a view of another tensor: it takes a slot of its own.
        slot = same_value(rec, slot, self._spec, kind)
    self._set_slot(rec, slot, kind)
    return self


def store(out: Tensor, made: Tensor) -> Tensor:
    """Write a result into the tensor given as ``out=``."""
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if LOCAL.rec.grad and (out._kind or made._kind):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )
    if tuple(out._spec.shape) != tuple(made._spec.shape):
        _resize(out, made)
    return put(out, made)


def _resize(out: Tensor, made: Tensor) -> None:
    """Give ``out=`` another shape, with PyTorch's warning unless it was empty."""
    import warnings

    if out._spec.numel:
        warnings.warn(
            f"An output with one or more elements was resized since it had shape "
            f"{list(out._spec.shape)}, which does not match the required output shape "
            f"{list(made._spec.shape)}.",
            UserWarning,
            stacklevel=4,
        )
    spec = spec_of(out._spec.np, tuple(made._spec.shape))
    out._spec, out._serial = spec, 0
    out._array = np.zeros(tuple(made._spec.shape), spec.np)[()]
    out._kind = PLAIN
