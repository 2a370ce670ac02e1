"""Comparisons and tests of values; none of them has a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from ..emit import apply
from ..hot import binary
from ..hot_writes import write
from ..surface import public
from ..tensor import Tensor
from .checks import CALLED, NUMBERS, not_implemented, operand_of, tensor_of
from .forms import numbered, of_one, of_two
from .pointwise import pointwise


def _ordered(name: str) -> Any:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_complex:
            raise not_implemented(name, d)

    return check


_NONE = ((), ())
_TABLE: list[tuple[str, Any, str]] = [
    ("eq", np.equal, "Return whether elements are equal."),
    ("ne not_equal", np.not_equal, "Return whether elements differ."),
    ("lt less", np.less, "Return whether elements of `input` are less."),
    ("le less_equal", np.less_equal, "Return whether elements of `input` are not greater."),
    ("gt greater", np.greater, "Return whether elements of `input` are greater."),
    ("ge greater_equal", np.greater_equal, "Return whether elements of `input` are not less."),
]

OPERATORS: dict[str, Any] = {}
"""Methods of the operators by their names: ``lt`` gives ``<``."""


def _written(name: str, names: str, fn: Any, check: Any) -> None:
    """Make the methods that write the outcome of a comparison, as 0 and 1, over their tensor."""

    def impl(x: Any, y: Any) -> Any:
        return fn(x, y)

    over = pointwise(
        f"{name}_over", impl, _NONE, node=numbered(name.capitalize(), 1, 0), check=check
    )
    plain = over.impl

    def cast(x: Any, y: Any, *, dtype: str, kept: str) -> Any:
        return plain(x, y, dtype=dtype).astype(kept)

    resolve = over.resolve
    assert resolve is not None
    over.impl = cast
    over.resolve = lambda args, params: {**resolve(args, params), "kept": args[0].np.name}

    def method(self: Tensor, other: Any) -> Tensor:
        return write(self, over, (self, operand_of(f"{name}_", "other", 1, other)))

    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"Write the outcome of `{name}`, as 0 and 1, into this tensor and return it."
    public(*[f"{n}_" for n in names.split()], function=False)(method)


for _names, _fn, _doc in _TABLE:
    _name = _names.split()[0]
    _check = None if _name in ("eq", "ne") else _ordered(_name)
    _op = pointwise(_name, _fn, _NONE, differentiable=False, check=_check)
    of_two(_op, _names, _doc, inplace=False, number_first=False)
    OPERATORS[_name] = binary(_op)
    _written(_name, _names, _fn, _check)


# ---------------------------------------------------------------- what kind of number


def _never(x: Any) -> Any:
    return np.zeros(x.shape, bool)[()]


def _number_test(fn: Any, of_whole: bool) -> Any:
    def test(x: Any) -> Any:
        if x.dtype.kind in "biu":
            return np.ones(x.shape, bool)[()] if of_whole else _never(x)
        return fn(x)

    return test


_TESTS: list[tuple[str, Any, bool, str]] = [
    ("isnan", np.isnan, False, "Return whether elements are nan."),
    ("isinf", np.isinf, False, "Return whether elements are infinite."),
    ("isfinite", np.isfinite, True, "Return whether elements are neither nan nor infinite."),
    ("isposinf", lambda x: x == np.inf, False, "Return whether elements are inf."),
    ("isneginf", lambda x: x == -np.inf, False, "Return whether elements are -inf."),
    ("isreal", lambda x: np.imag(x) == 0 if x.dtype.kind == "c" else np.ones(x.shape, bool)[()],
     True, "Return whether the imaginary part is 0."),
]  # fmt: skip
for _name, _fn, _of_whole, _doc in _TESTS:
    _op = pointwise(_name, _number_test(_fn, _of_whole), ((),), differentiable=False)
    of_one(_op, _name, _doc, inplace=False, out=_name in ("isposinf", "isneginf"))


# ---------------------------------------------------------------- nearly equal


def _isclose_impl(x: Any, y: Any, rtol: Any, atol: Any, *, equal_nan: bool) -> Any:
    close = x == y
    if x.dtype.kind in "fc":
        near = np.abs(x - y) <= atol + np.abs(rtol * y)
        close = close | (near & np.isfinite(x) & np.isfinite(y))
    elif x.dtype.kind != "b":
        a, b = x.astype("float64"), y.astype("float64")
        close = close | (np.abs(a - b) <= atol + np.abs(rtol * b))
    return close | (np.isnan(x) & np.isnan(y)) if equal_nan and x.dtype.kind in "fc" else close


def _same_dtype(d: DType, args: tuple[Any, ...]) -> None:
    names = [CALLED[a.np.name] for a in args[:2]]
    if names[0] != names[1]:
        raise RuntimeError(f"{names[0]} did not match {names[1]}")


_isclose = pointwise(
    "isclose", _isclose_impl, ((), (), (), ()), deciding=2, check=_same_dtype, differentiable=False
)


def _tolerances(name: str, rtol: float, atol: float) -> tuple[float, float]:
    for called, value in (("rtol", rtol), ("atol", atol)):
        if type(value) not in NUMBERS:
            raise TypeError(
                f"{name}(): argument '{called}' must be float, not {type(value).__name__}"
            )
        if value < 0:
            raise RuntimeError(f"{called} must be greater than or equal to zero, but got {value}")
    return float(rtol), float(atol)


@public("isclose")
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Return whether ``|input - other| <= atol + rtol * |other|``, or both are the same infinity.

    Raises
    ------
    RuntimeError
        If the dtypes differ.
    """
    pair = (tensor_of("isclose", "input", 1, input), tensor_of("isclose", "other", 2, other))
    return apply(_isclose, (*pair, *_tolerances("isclose", rtol, atol)), equal_nan=bool(equal_nan))


@public("allclose")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Return whether all elements are nearly equal, as `isclose` says, as a bool."""
    close: Any = isclose(input, other, rtol, atol, equal_nan)
    return bool(np.all(close._value()))


def _all_equal(x: Any, y: Any) -> bool:
    return bool(np.all((x == y)._value()))


@public("equal")
def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether shapes and all elements are the same, as a bool."""
    x, y = tensor_of("equal", "input", 1, input), tensor_of("equal", "other", 2, other)
    return tuple(x._spec.shape) == tuple(y._spec.shape) and _all_equal(x, y)


def _isin_impl(x: Any, y: Any, *, invert: bool) -> Any:
    found = np.any(np.reshape(x, (*x.shape, 1)) == np.reshape(y, (-1,)), axis=-1)
    return ~found if invert else found


def _isin_resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    from .convert import promoted

    return {**params, "dtype": promoted(*args).numpy.name}


def _isin_in(x: Any, y: Any, *, invert: bool, dtype: str) -> Any:
    from .convert import to

    return _isin_impl(to(x, dtype), to(y, dtype), invert=invert)


def _declare_isin() -> Any:
    from ..codes import Op
    from .pointwise import declared

    return declared(
        Op("isin", _isin_in, None, ((), ()), resolve=_isin_resolve, differentiable=False)
    )


_isin = _declare_isin()


@public("isin", method=False)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Any:
    """Return for each element whether it is among others."""
    pair = (
        operand_of("isin", "elements", 1, elements),
        operand_of("isin", "test_elements", 2, test_elements),
    )
    if not any(isinstance(x, Tensor) for x in pair):
        raise TypeError("isin(): one of elements and test_elements must be a Tensor")
    return apply(_isin, pair, invert=bool(invert))
