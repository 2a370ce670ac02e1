"""Logic, bits and whole numbers; nothing here has a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from .checks import not_implemented
from .forms import of_one, of_two
from .pointwise import pointwise

_NONE = ((), ())


def whole(name: str) -> Callable[[DType, tuple[Any, ...]], None]:
    """Return a check that only integers and bools pass."""

    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_floating_point or d.is_complex:
            raise not_implemented(name, d)

    return check


def whole_not_bool(name: str) -> Callable[[DType, tuple[Any, ...]], None]:
    """Return a check that only integers pass."""

    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_floating_point or d.is_complex or d.name == "bool":
            raise not_implemented(name, d)

    return check


# ---------------------------------------------------------------- logic

for _name, _fn in (
    ("logical_and", np.logical_and), ("logical_or", np.logical_or), ("logical_xor", np.logical_xor),
):  # fmt: skip
    of_two(
        pointwise(_name, _fn, _NONE, differentiable=False),
        _name, f"Return ``{_name.removeprefix('logical_')}`` of what is not 0.",
        number=False, number_first=False,
    )  # fmt: skip
logical_not = of_one(
    pointwise("logical_not", lambda x: x == 0, ((),), differentiable=False),
    "logical_not", "Return whether elements are 0.",
)  # fmt: skip


# ---------------------------------------------------------------- bits

BITS: dict[str, Any] = {}
"""The operations of the operators ``& | ^ << >>``, by the names of their methods."""
FUNCTIONS: dict[str, Any] = {}


def _left(x: Any, y: Any) -> Any:
    # A shift by the width or more, or by less than nothing, leaves no bit.
    width = x.dtype.itemsize * 8
    inside = (y >= 0) & (y < width)
    return np.where(inside, np.left_shift(x, np.where(inside, y, 0).astype(x.dtype)), 0).astype(
        x.dtype
    )


def _right(x: Any, y: Any) -> Any:
    width = x.dtype.itemsize * 8
    inside = (y >= 0) & (y < width)
    kept = np.where(inside, y, width - 1).astype(x.dtype)
    shifted = np.right_shift(x, kept)
    return shifted if x.dtype.kind == "i" else np.where(inside, shifted, 0).astype(x.dtype)


_TABLE: list[tuple[str, str, Any, Any, str]] = [
    ("bitwise_and", "and", np.bitwise_and, whole("bitwise_and"), "Return ``input & other``."),
    ("bitwise_or", "or", np.bitwise_or, whole("bitwise_or"), "Return ``input | other``."),
    ("bitwise_xor", "xor", np.bitwise_xor, whole("bitwise_xor"), "Return ``input ^ other``."),
    ("bitwise_left_shift", "lshift", _left, whole_not_bool("lshift"), "Return ``input << other``."),
    (
        "bitwise_right_shift",
        "rshift",
        _right,
        whole_not_bool("rshift"),
        "Return ``input >> other``.",
    ),
]
for _name, _short, _fn, _check, _doc in _TABLE:
    BITS[_short] = pointwise(_name, _fn, _NONE, check=_check, differentiable=False)
    FUNCTIONS[_short] = of_two(BITS[_short], _name, _doc)


def _not_check(d: DType, args: tuple[Any, ...]) -> None:
    if d.is_floating_point or d.is_complex:
        raise not_implemented("bitwise_not", d)


_invert = pointwise("bitwise_not", np.invert, ((),), check=_not_check, differentiable=False)
bitwise_not = of_one(_invert, "bitwise_not", "Return ``~input``.")


# ---------------------------------------------------------------- whole numbers

gcd = of_two(
    pointwise("gcd", np.gcd, _NONE, check=whole_not_bool("gcd"), differentiable=False),
    "gcd", "Return the greatest common divisor.", number=False, number_first=False,
)  # fmt: skip
lcm = of_two(
    pointwise("lcm", np.lcm, _NONE, check=whole_not_bool("lcm"), differentiable=False),
    "lcm", "Return the least common multiple.", number=False, number_first=False,
)  # fmt: skip
