"""Methods and attributes of ndarray on tracers, mostly NumPy functions under another name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import CaptureError, UnsupportedError
from ..core.sources import where
from ..tape.primitive import BY_NAME
from .tracer import Tracer, active, sym_of, wrap

_FUNCTIONS = (
    "all any argmax argmin argsort clip conj conjugate copy cumprod cumsum diagonal dot "
    "max mean min nonzero prod ptp ravel repeat reshape round searchsorted squeeze std sum swapaxes "
    "take trace transpose var argpartition choose compress"
).split()


def _reshape(x: Tracer, *shape: Any, **options: Any) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape, **options)


def _transpose(x: Tracer, *axes: Any) -> Any:
    if len(axes) == 1 and (axes[0] is None or np.ndim(axes[0])):
        return np.transpose(x, axes[0])
    return np.transpose(x, axes or None)


def _astype(x: Tracer, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
            copy: bool = True) -> Any:  # fmt: skip
    cap = active()
    target = np.dtype(dtype)
    if not np.can_cast(x.dtype, target, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {x.dtype!r} to {target!r} according to the rule "
            f"{casting!r} ({where()})"
        )
    sym = sym_of(cap, x)
    if sym.dtype == target and not sym.aval.weak:
        return wrap(cap, BY_NAME["copy"](sym)) if copy else x
    return wrap(cap, cap.b.cast(sym, target))


def _item(x: Tracer, *index: Any) -> Any:
    if index:
        x = x.reshape(-1)[index[0]] if len(index) == 1 and x.ndim != 1 else x[index]
    if x.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    cap = active()
    flat = BY_NAME["reshape"](sym_of(cap, x), shape=()) if x.ndim else sym_of(cap, x)
    return wrap(cap, cap.b.cast(flat, flat.dtype, weak=True))


def _fill(x: Tracer, value: Any) -> None:
    x[...] = value


def _flatten(x: Tracer, order: str = "C") -> Any:
    return np.copy(np.ravel(x, order=order))  # type: ignore[call-overload]


def _sort(x: Tracer, axis: int = -1, kind: Any = None) -> None:
    x[...] = np.sort(x, axis=axis)


def _compress(x: Tracer, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return np.compress(condition, x, axis=axis, out=out)


def _partition(x: Tracer, kth: Any, axis: int = -1, kind: str = "introselect") -> None:
    x[...] = np.partition(x, kth, axis=axis)


def _put(x: Tracer, indices: Any, values: Any, mode: Any = "raise") -> None:
    np.put(x, indices, values, mode)  # type: ignore[arg-type]


def _copy(x: Tracer, order: str = "C") -> Any:
    cap = active()
    sym = BY_NAME["copy"](sym_of(cap, x))
    # Whether a later reshape is a view depends on the order in memory, as it does in NumPy.
    cap.b.known[sym.id] = np.array(cap.b.known[sym.id], order=order)[()]  # type: ignore[call-overload]
    return wrap(cap, sym)


def _view(x: Tracer, *args: Any) -> Any:
    if args and args[0] is not np.ndarray and np.dtype(args[0]) != x.dtype:
        raise UnsupportedError(f"viewing the bytes of a traced array as another dtype ({where()})")
    return x[...]


def _refuse(name: str) -> Callable[..., Any]:
    def method(x: Tracer, *args: Any, **kwargs: Any) -> Any:
        if x.settled:
            return getattr(np.asarray(x.value), name)(*args, **kwargs)
        raise CaptureError(f".{name}() leaves NumPy and would lose the derivative ({where()})")

    return method


METHODS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in _FUNCTIONS
                                          if hasattr(np, name)}  # fmt: skip
METHODS.update(
    reshape=_reshape,
    transpose=_transpose,
    astype=_astype,
    item=_item,
    fill=_fill,
    flatten=_flatten,
    sort=_sort,
    compress=_compress,
    copy=_copy,
    partition=_partition,
    put=_put,
    view=_view,
    tolist=_refuse("tolist"),
    tobytes=_refuse("tobytes"),
    tofile=_refuse("tofile"),
)
ATTRIBUTES: dict[str, Callable[[Tracer], Any]] = {
    "T": lambda x: _transpose(x),
    "mT": lambda x: np.swapaxes(x, -1, -2),
    "real": lambda x: np.real(x),
    "imag": lambda x: np.imag(x),
    "flat": lambda x: x.reshape(-1),
}


class _Method:
    """A bound method of a traced array."""

    __slots__ = ("fn", "x")

    def __init__(self, fn: Callable[..., Any], x: Tracer) -> None:
        self.fn, self.x = fn, x

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(self.x, *args, **kwargs)


def attribute(x: Tracer, name: str) -> Any:
    """Return a method or attribute of a traced array."""
    made = ATTRIBUTES.get(name)
    if made is not None:
        return made(x)
    fn = METHODS.get(name)
    if fn is not None:
        return _Method(fn, x)
    if hasattr(np.ndarray, name) and not name.startswith("__"):
        raise UnsupportedError(f"ndarray.{name} has no rule in tapejit ({where()})")
    raise AttributeError(f"a traced array has no attribute {name!r}")
