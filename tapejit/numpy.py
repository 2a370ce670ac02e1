"""NumPy with the functions that its own dispatch cannot reach: ``import tapejit.numpy as np``.

``np.array([x, y])`` of traced values, and ``np.zeros(n)`` filled by ``a[i] = x``, involve no
traced array that NumPy could dispatch on. Here they do; everything else is NumPy's own. A function
under a tapejit transformation sees its ``np`` this way already when the name is a global or a
closure variable; import this module where ``numpy`` is imported inside the function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as _np

from .core.errors import UnsupportedError
from .core.sizes import whole
from .core.sources import where as _user_line
from .frontend.capture import current
from .frontend.dispatch import FUNCTIONS, call_function, load_all
from .frontend.piles import Pile
from .frontend.tracer import Root, Tracer, sym_of
from .tape.primitive import BY_NAME


def __getattr__(name: str) -> Any:
    if name == "random" and current() is not None:
        from .frontend.effects import RANDOM

        return RANDOM
    found = getattr(_np, name)
    return over_lists(found) if type(found) is DISPATCHED and current() is not None else found


DISPATCHED = type(_np.where)
"""The type of NumPy's array functions."""


@functools.cache
def _implemented(function: Any) -> bool:
    if function not in FUNCTIONS:
        load_all()
    return function in FUNCTIONS


def over_lists(function: Any) -> Any:
    """Return an array function that knows lists of traced values: ``np.sum([x, y])``.

    NumPy looks for traced values among the arguments, not in lists of them.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, Pile) for a in args):
            args = tuple(a.array() if isinstance(a, Pile) else a for a in args)
        lists = any(
            type(a) in (list, tuple) and _holds_tracer(a) for a in (*args, *kwargs.values())
        )
        if lists and _implemented(function):
            return call_function(function, args, kwargs)
        return function(*args, **kwargs)

    return call


def _made(value: Any, shape: Any, dtype: Any) -> Any:
    cap = current()
    assert cap is not None
    single = isinstance(shape, (int, _np.integer)) or (
        isinstance(shape, Tracer) and shape.ndim == 0  # a traced size is asked for, and guarded
    )
    dims = (whole(shape),) if single else tuple(whole(n) for n in shape)
    x = cap.b.cast(sym_of(cap, value), _np.dtype(dtype))
    if x.shape != dims or not dims:
        x = BY_NAME["broadcast_to"](x, shape=dims or (1,))
    return as_array(Tracer(cap, Root(BY_NAME["copy"](x))), dims)


def as_array(made: Any, dims: tuple[int, ...]) -> Any:
    """Return a new array as one of these dims: without axes, a view of an array of one element.

    ``t = np.zeros(()); s = t; s += 1`` writes to both names; a traced number would be bound anew.
    """
    return made if dims else _np.reshape(made, ())


def _traceable(dtype: Any) -> bool:
    return current() is not None and _np.dtype(dtype).kind in "biufc"


def zeros(shape: Any, dtype: Any = float, order: str = "C", **options: Any) -> Any:
    """Return zeros that traced values can be written into; see `numpy.zeros`."""
    dtype = float if dtype is None else dtype
    if not _traceable(dtype) or options:
        return _np.zeros(shape, dtype, order, **options)  # type: ignore[call-overload]
    return _made(0, shape, dtype)


def ones(shape: Any, dtype: Any = None, order: str = "C", **options: Any) -> Any:
    """Return ones that traced values can be written into; see `numpy.ones`."""
    dtype = float if dtype is None else dtype
    if not _traceable(dtype) or options:
        return _np.ones(shape, dtype, order, **options)  # type: ignore[call-overload]
    return _made(1, shape, dtype)


def empty(shape: Any, dtype: Any = float, order: str = "C", **options: Any) -> Any:
    """Return an array that traced values can be written into, zero at first."""
    dtype = float if dtype is None else dtype
    if not _traceable(dtype) or options:
        return _np.empty(shape, dtype, order, **options)  # type: ignore[call-overload]
    return _made(0, shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **options: Any) -> Any:
    """Return a constant array that traced values can be written into; see `numpy.full`."""
    fill_value = array(fill_value) if _holds_tracer(fill_value) else fill_value
    plain = isinstance(fill_value, (bool, int, float, complex, _np.generic, Tracer))
    if dtype is None and plain:
        dtype = fill_value.dtype if hasattr(fill_value, "dtype") else _np.asarray(fill_value).dtype
    if not plain or not _traceable(dtype) or options:
        return _np.full(shape, fill_value, dtype, order, **options)  # type: ignore[call-overload]
    return _made(fill_value, shape, dtype)


def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, *args: Any, **options: Any) -> Any:
    """Return ones on a diagonal, an array that traced values can be written into or that can be
    indexed with traced positions; see `numpy.eye`."""
    made = _np.eye(N, M, k, dtype, *args, **options)
    cap = current()
    if cap is None or not _traceable(made.dtype):
        return made
    return Tracer(cap, Root(BY_NAME["copy"](cap.const(made))))


def identity(n: Any, dtype: Any = None, **options: Any) -> Any:
    """Return the identity matrix as `eye` does; see `numpy.identity`."""
    return eye(n, dtype=float if dtype is None else dtype)


def arange(*args: Any, **options: Any) -> Any:
    """Return whole numbers in order; traced ones decide a length, so they are guarded."""
    if not any(isinstance(a, Tracer) for a in (*args, *options.values())):
        return _np.arange(*args, **options)
    return _np.arange(*map(_whole, args), **{k: _whole(v) for k, v in options.items()})


def _whole(value: Any) -> Any:
    if not isinstance(value, Tracer):
        return value
    if value.ndim or value.dtype.kind not in "iub":
        raise UnsupportedError(
            f"np.arange of a traced {value.dtype} array of shape {value.shape}: its length would "
            f"depend on the value; take start + step * np.arange(n), or np.linspace ({_user_line()})"
        )
    return int(value) if value.aval.weak else value.dtype.type(int(value))


def _holds_tracer(value: Any) -> bool:
    if isinstance(value, Tracer):
        return True
    return isinstance(value, (list, tuple)) and any(_holds_tracer(v) for v in value)


def array(
    object: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **options: Any
) -> Any:
    """Return an array of nested lists that may hold traced values; see `numpy.array`."""
    object = object.array() if isinstance(object, Pile) else object
    if not _holds_tracer(object):
        return _np.array(object, dtype, copy=copy, ndmin=ndmin, **options)
    from .frontend.api.creation import array_of

    if isinstance(object, Tracer):
        made = object if copy is not True and dtype in (None, object.dtype) else _np.copy(object)
        made = made if dtype is None else made.astype(dtype)
    else:
        made = array_of(object, dtype)
    while made.ndim < ndmin:
        made = made[None]
    return made


def asarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """Return `a` as an array, a traced array as itself; see `numpy.asarray`."""
    a = a.array() if isinstance(a, Pile) else a
    if not _holds_tracer(a):
        return _np.asarray(a, dtype, order, **options)
    if isinstance(a, Tracer):
        return a if dtype is None or _np.dtype(dtype) == a.dtype else a.astype(dtype)
    return array(a, dtype)


def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """Return `a` with one axis at least; layout does not matter to traced arrays."""
    if not _holds_tracer(a):
        return _np.ascontiguousarray(a, dtype)
    made = asarray(a, dtype)
    return made if made.ndim else made.reshape(1)


class _Joiner:
    """``np.r_`` and ``np.c_``, for traced parts too: numbers, lines and slices, no directives."""

    def __init__(self, plain: Any, columns: bool) -> None:
        self._plain, self._columns = plain, columns

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not _holds_tracer(list(parts)):
            return self._plain[key]
        if any(isinstance(p, str) for p in parts):
            raise UnsupportedError(
                f"np.r_ with a string directive: use concatenate ({_user_line()})"
            )
        made = []
        for part in parts:
            x = _np.r_[part] if isinstance(part, slice) else array(part, ndmin=1)
            made.append(x[:, None] if self._columns and x.ndim == 1 else x)
        return _np.concatenate(made, axis=-1 if self._columns else 0)


r_ = _Joiner(_np.r_, columns=False)
c_ = _Joiner(_np.c_, columns=True)

REPLACED: dict[Any, Callable[..., Any]] = {
    _np.zeros: zeros,
    _np.ones: ones,
    _np.empty: empty,
    _np.full: full,
    _np.eye: eye,
    _np.identity: identity,
    _np.arange: arange,
    _np.array: array,
    _np.asarray: asarray,
    _np.asanyarray: asarray,
    _np.ascontiguousarray: ascontiguousarray,
    _np.asfortranarray: ascontiguousarray,
}
asanyarray = asarray
