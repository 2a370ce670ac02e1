"""From NumPy's protocols to rows: ufuncs, array functions, operators, ``out=`` and ``where=``.

`FUNCTIONS` maps a NumPy or SciPy function to an implementation over `Sym`; `UFUNCS` a ufunc to a
primitive or such a function. The families in ``frontend.api`` fill both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..core.avals import common_shape
from ..core.errors import CaptureError, MutationError, TapejitError, UnsupportedError
from ..core.sources import where
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME, PRIMITIVES
from .capture import Capture
from .piles import Pile
from .tracer import Tracer, active, sym_of, wrap

F = TypeVar("F", bound=Callable[..., Any])
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
UFUNCS: dict[Any, Callable[..., Any]] = {}
DIRECT: dict[Any, Callable[..., Any]] = {}
LATE: list[Callable[[Any], Callable[..., Any] | None]] = []
"""Asked in turn for an implementation of a function that neither table holds yet."""
_raw: dict[Any, frozenset[str]] = {}
_copies: set[Any] = set()
_OPERANDS = (Tracer, np.ndarray)


def implements(
    *functions: Any, raw: tuple[str, ...] = (), copies: bool = False
) -> Callable[[F], F]:
    """Register the implementation of NumPy or SciPy functions over `Sym`.

    The implementation receives the arguments as given, with every tracer and array (also inside
    lists and tuples) turned into a `Sym`; Python numbers, strings and None stay as they are, and
    so does all of the keyword parameters named in `raw`. It returns a `Sym`, a container of them,
    or static Python values. ``out=`` is handled before it is called. With `copies` the result is
    an array of its own, even when it is made of views of an argument.
    """

    def register(fn: F) -> F:
        for function in functions:
            FUNCTIONS[function] = fn
            _raw[function] = frozenset(raw)
            if copies:
                _copies.add(function)
        return fn

    return register


def implements_directly(*functions: Any) -> Callable[[F], F]:
    """Register an implementation on tracers themselves: functions that write to an argument."""

    def register(fn: F) -> F:
        for function in functions:
            DIRECT[function] = fn
        return fn

    return register


def implements_ufunc(*ufuncs: Any) -> Callable[[F], F]:
    """Register an implementation of ufuncs that is not a single primitive."""

    def register(fn: F) -> F:
        for ufunc in ufuncs:
            UFUNCS[ufunc] = fn
        return fn

    return register


def late(function: Any) -> Callable[..., Any] | None:
    """Return the implementation of a function of a library that tapejit does not import."""
    for recognise in LATE:
        found = recognise(function)
        if found is not None:
            return found
    return None


@functools.cache
def load() -> None:
    """Enter every primitive that means a ufunc, and the usual array functions, once.

    The first capture asks for it: importing tapejit alone stays quick.
    """
    from .. import rules  # noqa: F401

    for prim in PRIMITIVES:
        if isinstance(prim.numpy, np.ufunc) and not prim.family:
            UFUNCS.setdefault(prim.numpy, prim)
    from . import api  # noqa: F401


@functools.cache
def load_all() -> None:
    """Enter the families of array functions that few programs use as well."""
    load()
    from .api import rest  # noqa: F401


# ---------------------------------------------------------------- operands and results


def to_syms(cap: Capture, value: Any) -> Any:
    """Replace tracers and arrays by rows, inside lists and tuples too."""
    if isinstance(value, (*_OPERANDS, np.generic)):
        return sym_of(cap, value)
    if isinstance(value, Pile):
        return to_syms(cap, value.array())
    if type(value) in (list, tuple) and _holds_tracer(value):
        return type(value)(to_syms(cap, v) for v in value)
    return value


def _holds_tracer(value: Any) -> bool:
    return any(
        isinstance(v, _OPERANDS) or (type(v) in (list, tuple) and _holds_tracer(v)) for v in value
    )


def tracers_in(value: Any) -> tuple[Tracer, ...]:
    """Return the tracers among arguments, looking into lists and tuples."""
    if isinstance(value, Tracer):
        return (value,)
    if isinstance(value, (list, tuple)):
        return tuple(t for v in value for t in tracers_in(v))
    if isinstance(value, dict):
        return tracers_in(list(value.values()))
    return ()


def settled_values(value: Any) -> Any:
    """Return arguments with arrays in place of traced ones that no call can change."""
    if isinstance(value, Tracer):
        return np.array(value.value)[()]
    if type(value) in (list, tuple):
        return type(value)(map(settled_values, value))
    if type(value) is dict:
        return {k: settled_values(v) for k, v in value.items()}
    return value


def from_syms(cap: Capture, value: Any, sources: tuple[Tracer, ...]) -> Any:
    """Wrap the rows in a result as tracers."""
    if isinstance(value, Sym):
        return wrap(cap, value, sources)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(from_syms(cap, v, sources) for v in value))
    if type(value) in (list, tuple):
        return type(value)(from_syms(cap, v, sources) for v in value)
    return value


def _name(function: Any) -> str:
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{getattr(function, '__name__', function)}"


def call_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry out an array function on tracers."""
    cap = active()
    if func not in FUNCTIONS:
        load_all()
    if func in DIRECT:
        return DIRECT[func](*args, **kwargs)
    impl = FUNCTIONS.get(func) or late(func)
    if impl is None:
        if all(t.settled for t in tracers_in((args, kwargs))):
            return func(*settled_values(args), **settled_values(kwargs))
        raise UnsupportedError(
            f"{_name(func)} has no rule in tapejit; write it with functions that have one, or give "
            f"its derivative with tj.custom_vjp ({where()})"
        )
    out = kwargs.pop("out", None) if "out" in kwargs else None
    raw = _raw.get(func, frozenset())
    given = [to_syms(cap, a) for a in args]
    named = {k: v if k in raw else to_syms(cap, v) for k, v in kwargs.items()}
    try:
        result = impl(*given, **named)
    except TypeError as error:
        if "unexpected keyword" in str(error) or "positional argument" in str(error):
            raise UnsupportedError(
                f"{_name(func)}: {_said(error)} is not supported here ({where()})"
            ) from None
        raise
    if out is not None:
        return store_out(cap, out, result)
    sources = () if func in _copies else tracers_in((args, kwargs))
    return from_syms(cap, result, sources)


def _said(error: Exception) -> str:
    return str(error).split("()", 1)[-1].strip()


def store_out(cap: Capture, out: Any, result: Any) -> Any:
    """Write a result into ``out=``, which must be a traced array."""
    if isinstance(out, tuple):
        if len(out) == 1:
            return store_out(cap, out[0], result)
        return tuple(store_out(cap, o, r) for o, r in zip(out, result))
    if not isinstance(out, Tracer):
        raise MutationError(
            "a plain array is written, by out= or an operator like +=, with traced values, and it "
            "cannot be told that nothing else holds it: copy it first, where it is written: "
            f"a = a.copy(), or make it with np.zeros_like(x) of a traced x ({where()})"
        )
    assign(out, result)
    return out


def assign(target: Tracer, new: Sym) -> None:
    """Write `new`, broadcast and cast, over the whole of `target`."""
    if new.dtype.kind == "c" and target.dtype.kind != "c":
        raise TypeError(f"cannot write complex values into an array of {target.dtype} ({where()})")
    b = new.b
    new = b.cast(new, target.dtype)
    if new.shape != target.shape:
        new = BY_NAME["broadcast_to"](new, shape=target.shape)
    target.write(new)


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Carry out a ufunc, or one of its methods, on tracers."""
    cap = active()
    if method != "__call__":
        from .api.ufunc_methods import call_method

        return call_method(ufunc, method, inputs, kwargs)
    if ufunc not in UFUNCS:
        load_all()
    impl = UFUNCS.get(ufunc) or late(ufunc)
    if impl is None:
        if ufunc in FUNCTIONS:
            return call_function(ufunc, inputs, kwargs)
        raise UnsupportedError(
            f"the ufunc {ufunc.__name__} has no rule in tapejit; write it with functions that have "
            f"one, or give its derivative with tj.custom_vjp ({where()})"
        )
    out = kwargs.pop("out", None)
    mask = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    casting = kwargs.pop("casting", "same_kind")
    if kwargs and ufunc.signature is None:
        raise UnsupportedError(f"{ufunc.__name__}: option {next(iter(kwargs))} ({where()})")
    syms = [sym_of(cap, _operand(x)) for x in inputs]
    if all(s.aval.weak for s in syms):
        syms = [cap.b.cast(s, s.dtype) for s in syms]
    if dtype is not None:
        syms = [cap.b.cast(s, np.dtype(dtype)) for s in syms]
    result = impl(*syms, **kwargs)
    if mask is not True:
        if out is None:
            raise UnsupportedError(f"{ufunc.__name__}: where= needs out= ({where()})")
        base = out[0] if isinstance(out, tuple) else out
        result = BY_NAME["where"](sym_of(cap, _operand(mask)), result, sym_of(cap, base))
    if out is not None and any(o is not None for o in (out if type(out) is tuple else (out,))):
        _check_casting(ufunc, out, result, casting)
        return store_out(cap, out, result)
    return from_syms(cap, result, ())


def _check_casting(ufunc: np.ufunc, out: Any, result: Any, casting: Any) -> None:
    targets = out if type(out) is tuple else (out,)
    for target, made in zip(targets, result if type(result) is tuple else (result,)):
        if isinstance(target, Tracer) and not np.can_cast(made.dtype, target.dtype, casting):
            raise TypeError(
                f"Cannot cast ufunc '{ufunc.__name__}' output from {made.dtype!r} to "
                f"{target.dtype!r} with casting rule '{casting}' ({where()})"
            )


def _operand(x: Any) -> Any:
    """Lists become arrays, as NumPy makes them; lists of tracers are stacked."""
    if isinstance(x, Pile):
        x = x.array()
    if isinstance(x, (list, tuple)):
        if tracers_in(x):
            from .api.creation import array_of

            return array_of(x)
        return np.asarray(x)
    if isinstance(x, (Tracer, np.ndarray, np.generic, bool, int, float, complex)):
        return x
    if hasattr(x, "__array__"):
        return np.asarray(x)
    raise TapejitError(f"a {type(x).__name__} cannot be combined with a traced array ({where()})")


def operate(name: str, *operands: Any) -> Any:
    """Carry out a Python operator: unlike a ufunc, it leaves Python scalars weak."""
    cap = active()
    try:
        syms = [sym_of(cap, _operand(x)) for x in operands]
    except CaptureError:
        raise
    except TapejitError:
        return NotImplemented
    impl = UFUNCS.get(getattr(np, name))
    if impl is None:
        raise UnsupportedError(f"the operator {name} has no rule in tapejit ({where()})")
    if name == "power" and syms[0].dtype.kind == "b" and syms[0].shape and _is_two(operands[1]):
        impl, syms = UFUNCS[np.square], syms[:1]  # an array of bools squares itself: int8
    return wrap(cap, impl(*syms))


def _is_two(value: Any) -> bool:
    return type(value) is int and value == 2


def operate_inplace(name: str, target: Tracer, other: Any) -> Any:
    """Carry out ``target op= other``: arrays are written, scalars are rebound."""
    if target.ndim == 0 and not target.chain:
        return operate(name, target, other)
    result = operate(name, target, other)
    if result is NotImplemented:
        return result
    fits_in_place(name, result, target)
    assign(target, result.sym)
    return target


def fits_in_place(name: str, result: Any, target: Any) -> None:
    """Check that what an operator gives fits where ``target op= other`` puts it, as NumPy does."""
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc '{name}' output from {result.dtype!r} to {target.dtype!r} "
            f"with casting rule 'same_kind' ({where()})"
        )
    if common_shape(result.shape, target.shape) != target.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {target.shape} doesn't match the "
            f"broadcast shape {result.shape} ({where()})"
        )
