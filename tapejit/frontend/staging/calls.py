"""Calls: what a rewritten function calls is rewritten in turn; builtins and ``math`` know tracers."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ...core.dims import Dim, Real
from ...core.errors import MutationError
from ...core.sizes import ACTIVE, holds_sizes, pinned
from ...core.sources import where
from ...tape.primitive import BY_NAME
from ..capture import Unstageable, current
from ..dispatch import tracers_in
from ..piles import Pile
from ..reach import is_user_module
from ..tracer import Root, Tracer, sym_of
from .iterables import make_enumerate, make_range, make_reversed, make_zip
from .sized import binary, on_sizes
from .subscripts import PLAIN, plainly


def call(fn: Any) -> Any:
    """Return what to call for `fn`."""
    found = _called(fn)
    return on_sizes(fn, found) if ACTIVE[0] else found


def _called(fn: Any) -> Any:
    cap = current()
    if cap is None:
        return fn
    kind = type(fn)
    if kind in (type(len), type):
        try:
            found = REPLACED.get(fn)
        except TypeError:
            found = None
        if found is not None:
            return found
        owner = None if kind is type else type(fn.__self__)
        if owner is np.ndarray and fn.__name__ in _WRITING:
            return functools.partial(_write, fn)
        if owner is np.ufunc:
            return _over_lists(fn)
    if kind is np.ufunc or kind is _DISPATCHED:
        return _over_lists(fn)
    around = cap.outermost.around
    if around is None or kind is type(len):
        return fn
    inner = fn.__func__ if kind is MethodType else fn
    if kind is functools.partial or kind in (FunctionType, MethodType):
        mine = kind is functools.partial or is_user_module(getattr(inner, "__module__", None) or "")
        return around.met(fn) if mine else fn
    if kind is type and is_user_module(fn.__module__):
        return _class(around, fn)
    given = kind.__dict__.get("__call__")
    if is_user_module(kind.__module__) and isinstance(given, FunctionType):
        return MethodType(around.met(given), fn)
    return fn


_DISPATCHED = type(np.where)
_WRITING = frozenset(["fill", "put", "itemset"])


def _write(fn: Any, *args: Any) -> Any:
    """A method that writes to a plain array."""
    args = tuple(map(plainly, args))
    if tracers_in(args):
        raise MutationError(f"{PLAIN} ({where()})")
    return fn(*args)


@functools.cache
def _over_lists(fn: Any) -> Any:
    """Return a function that knows lists of traced values, ``np.square([x, y])``, which NumPy's does not."""
    import tapejit.numpy as tnp

    if type(fn) is _DISPATCHED:
        return tnp.over_lists(fn)

    @functools.wraps(fn, updated=())
    def apply(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, (list, tuple)) for a in args):
            args = tuple(tnp.asarray(a) if isinstance(a, (list, tuple)) else a for a in args)
        return fn(*args, **kwargs)

    return apply


def _class(around: Any, cls: type) -> Any:
    """Return what makes an instance, its ``__init__`` rewritten."""
    init: Any = getattr(cls, "__init__")  # noqa: B009  (of the class, whatever it is)
    if not isinstance(init, FunctionType) or getattr(cls, "__new__") is not object.__new__:  # noqa: B009
        return cls
    if issubclass(cls, BaseException):
        return cls

    def make(*args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        around.met(init)(made, *args, **kwargs)
        return made

    return make


def _traced(args: tuple[Any, ...]) -> bool:
    return any(isinstance(a, Tracer) for a in args)


def _weak(value: Any, dtype: type) -> Any:
    """Return a traced number as Python has it: its dtype yields to others."""
    cap = current()
    assert cap is not None
    sym = sym_of(cap, value)
    if sym.size != 1:
        raise TypeError("only arrays of size 1 can be converted to Python scalars")
    if sym.shape:
        sym = BY_NAME["reshape"](sym, shape=())
    return Tracer(cap, Root(cap.b.cast(sym, np.dtype(dtype), True)))


def _float(*args: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], Tracer) and not args[0].settled:
        if args[0].dtype.kind == "c":
            raise TypeError("float() argument must be a string or a real number, not 'complex'")
        return _weak(args[0], np.float64)
    if len(args) == 1 and isinstance(args[0], (Dim, Real)):
        return args[0] * 1.0
    return float(*args)


def _complex(*args: Any) -> Any:
    if _traced(args):
        x = args[0] if len(args) == 1 else args[0] + 1j * args[1]
        return _weak(x, np.complex128)
    return complex(*args)


def _int(*args: Any, **kwargs: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], Tracer) and not args[0].settled:
        x = args[0]
        return _weak(np.trunc(x) if x.dtype.kind == "f" else x, np.int64)
    if len(args) == 1 and isinstance(args[0], Dim):
        return args[0]
    return int(*args, **kwargs)


def _bool(*args: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], Tracer) and not args[0].settled:
        from .branches import flag_of

        cap = current()
        assert cap is not None
        return Tracer(cap, Root(cap.b.cast(flag_of(cap, args[0]), np.dtype(bool), True)))
    return bool(*args)


def _scalar(kind: Any) -> Any:
    """A scalar type of NumPy, which makes an array of another array."""

    def make(*args: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], Tracer) and not args[0].settled:
            return args[0].astype(kind)
        return kind(*map(pinned, args))

    return make


def _fold(plain: Any, pick: Callable[[Any, Any], Any]) -> Any:
    def fold(*args: Any, key: Any = None, **options: Any) -> Any:
        items = args
        if len(args) == 1:
            if isinstance(args[0], Pile) and args[0].is_rolled and key is None and not options:
                whole = args[0].array()
                if isinstance(whole, Tracer) and whole.ndim == 1:
                    return (np.max if plain is max else np.min)(whole)
            items = tuple(args[0])
        if holds_sizes(items):
            if key is not None or options or not items:
                return plain(*pinned(items), **pinned(options), **({"key": key} if key else {}))
            found = items[0]
            for item in items[1:]:
                found = item if binary(">" if plain is max else "<", item, found) else found
            return found
        if key is not None or not _traced(items) or (options and not items):
            given = {**options, **({} if key is None else {"key": key})}
            return plain(items, **given) if len(args) == 1 else plain(*items, **given)
        found = items[0]
        for item in items[1:]:
            found = pick(item, found)
        return found

    return fold


def _choice(flag: Any, a: Any, b: Any) -> Any:
    """Python's ``a if flag else b`` of numbers, without a branch; ties share nothing: b stays."""
    if not isinstance(flag, Tracer):
        return a if flag else b
    cap = current()
    assert cap is not None
    from .branches import choose

    return choose(cap, flag, lambda: a, lambda: b)


_max = _fold(max, lambda a, best: _choice(a > best, a, best))
_min = _fold(min, lambda a, best: _choice(a < best, a, best))


def _sum(items: Any, start: Any = 0) -> Any:
    if isinstance(items, Pile) and items.is_rolled:
        whole = items.array()
        if isinstance(whole, Tracer):
            total = np.sum(whole, axis=0)
            return total if type(start) is int and start == 0 else start + total
    total = start
    for item in items:
        total = binary("+", total, item) if ACTIVE[0] else total + item
    return total


def _abs(x: Any) -> Any:
    return np.abs(x) if isinstance(x, Tracer) and not x.aval.weak else abs(x)


def _len(x: Any) -> Any:
    if isinstance(x, Pile):
        return x.size
    return x.shape[0] if isinstance(x, Tracer) and x.ndim else len(x)


def _pow(base: Any, exponent: Any, *rest: Any) -> Any:
    if ACTIVE[0] and not rest:
        return binary("**", base, exponent)
    return base**exponent if not rest and _traced((base, exponent)) else pow(base, exponent, *rest)


def _list(*args: Any) -> Any:
    if not args:
        return Pile()
    return list(*args)


def _needs_python(fn: Callable[..., Any], name: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        cap = current()
        if cap is not None and cap.abstract:
            raise Unstageable(f"it calls {name}()")
        return fn(*args, **kwargs)

    return run


# ---------------------------------------------------------------- math


def _math(plain: Callable[..., Any], numpy: Callable[..., Any], whole: bool = False) -> Any:
    """A function of ``math``: Python numbers in, a Python number out."""

    def run(*args: Any) -> Any:
        if not any(isinstance(a, Tracer) and not a.settled for a in args):
            return plain(*[a.value if isinstance(a, Tracer) else a for a in args])
        given = [_weak(a, np.float64) if isinstance(a, Tracer) else a for a in args]
        return _weak(numpy(*given), np.int64 if whole else np.float64)

    return run


def _log(x: Any, *base: Any) -> Any:
    return np.log(x) if not base else np.log(x) / np.log(base[0])


def _special(name: str) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return run


_MATH: dict[str, Any] = {
    **{n: getattr(np, n) for n in (
        "sqrt", "exp", "expm1", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh",
        "tanh", "fabs", "copysign", "degrees", "radians", "isnan", "isinf", "isfinite", "fmod",
        "cbrt", "exp2",
    )},
    **{n: getattr(np, "arc" + n[1:]) for n in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    "atan2": np.arctan2, "log": _log, "pow": lambda x, y: x**y,
    "erf": _special("erf"), "erfc": _special("erfc"), "gamma": _special("gamma"),
    "lgamma": _special("gammaln"),
}  # fmt: skip


def _hypot(*xs: Any) -> Any:
    if not _traced(xs):
        return math.hypot(*xs)
    total = xs[0]
    for x in xs[1:]:
        total = np.hypot(total, x)
    return _weak(total if len(xs) > 1 else np.abs(total), np.float64)


def _isclose(a: Any, b: Any, **options: Any) -> Any:
    if not _traced((a, b)):
        return math.isclose(a, b, **options)
    rel, absolute = options.get("rel_tol", 1e-9), options.get("abs_tol", 0.0)
    size = np.maximum(np.abs(a), np.abs(b))
    return np.abs(a - b) <= np.maximum(rel * size, absolute)


def _replaced() -> dict[Any, Any]:
    found: dict[Any, Any] = {
        builtins.range: make_range, builtins.enumerate: make_enumerate, builtins.zip: make_zip,
        builtins.reversed: make_reversed, builtins.float: _float, builtins.int: _int,
        builtins.bool: _bool, builtins.complex: _complex, builtins.max: _max, builtins.min: _min,
        builtins.sum: _sum, builtins.abs: _abs, builtins.len: _len, builtins.pow: _pow,
        builtins.list: _list,
    }  # fmt: skip
    for kind in (np.float64, np.float32, np.int64, np.int32, np.complex128, np.complex64, np.bool_):
        found[kind] = _scalar(kind)
    found[builtins.next] = _needs_python(next, "next")
    for name, fn in _MATH.items():
        plain = getattr(math, name, None)
        if plain is not None:
            boolean = name.startswith("is")
            found[plain] = _bools(plain, fn) if boolean else _math(plain, fn)
    for name in ("floor", "ceil", "trunc"):
        found[getattr(math, name)] = _math(getattr(math, name), getattr(np, name), whole=True)
    found[math.hypot], found[math.isclose] = _hypot, _isclose
    return found


def _bools(plain: Callable[..., Any], numpy: Callable[..., Any]) -> Any:
    def run(x: Any) -> Any:
        return numpy(x) if isinstance(x, Tracer) else plain(x)

    return run


REPLACED: dict[Any, Any] = _replaced()
