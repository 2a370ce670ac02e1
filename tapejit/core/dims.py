"""Sizes as symbols: integers that carry the polynomial of the sizes that they were made of.

A `Dim` is an int: code that computes with sizes takes it as it takes any other. What is added,
multiplied or divided stays one, and what is compared notes the outcome in its `Symbols`. So after
a run of the stages on Dims, every number in their result is known as a function of the sizes, and
the notes say for which sizes the same decisions are taken.

Invariant: for sizes at which all notes hold, the run would have done the same, and each Dim is what
its polynomial says. Two ways out are closed: a Dim asked for a plain number (``int(n)``) is *pinned*, noted
as equal to its value, and one written into a text stands there as a *marker*, a large number that
names it. C code that reads the digits behind Python's back is not seen (``range(n)``, NumPy): users of
this module compare what they predict with runs at other sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import count
from types import FrameType
from typing import Any

import numpy as np

from .polynomials import Poly, added, constant, multiplied, scaled

_MARK = 8 * 10**18
_RUN = 10**6
_runs = count()
"""Markers are never used again: texts on symbols are kept by what they say, as all others are."""
Term = Any
"""A polynomial, a `Real`'s node ``("real", k)``, or a float."""


def is_ours(frame: FrameType) -> bool:
    """Whether code belongs to this library, which is made for Dims."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _OURS


_OURS = __name__.partition(".")[0]


class Symbols:
    """One run: its symbols, what was made of them, and what was noted of them.

    Attributes
    ----------
    values : tuple of int
        The sizes of this run, by symbol; each is at least 2, and no two are equal.
    notes : dict
        Polynomials and the relations to zero, among ``== != > <=``, that were found to hold.
    pins : list of str
        Where a Dim was asked for its number, for finding out why something does not vary.
    """

    def __init__(self, values: Sequence[int]) -> None:
        self.values = tuple(values)
        self.mark = _MARK + _RUN * next(_runs)
        self.atoms: list[Any] = [None] * len(self.values)
        self._atom: dict[Any, int] = {}
        self.dims: list[Dim] = []
        self._marks: dict[Poly, int] = {}
        self.reals: list[Any] = []
        self._real: dict[Any, int] = {}
        self.notes: dict[Any, None] = {}
        self.pins: list[str] = []

    def symbol(self, k: int) -> Dim:
        """Return symbol `k`."""
        return Dim(self.values[k], self, (((k,), 1),))

    def opaque(self, op: str, value: int, *terms: Term) -> Dim:
        """Return the result of an operation on polynomials that is none."""
        key = (op, *terms)
        found = self._atom.get(key)
        if found is None:
            found = self._atom[key] = len(self.atoms)
            self.atoms.append(key)
        return Dim(value, self, (((found,), 1),))

    def real(self, value: float, op: str, *terms: Term) -> Real:
        """Return a float made of sizes; operations keep their order, so that all bits agree."""
        key = (op, *[(x, repr(x)) if isinstance(x, float) else x for x in terms])  # 0.0 == -0.0
        found = self._real.get(key)
        if found is None:
            found = self._real[key] = len(self.reals)
            self.reals.append((op, *terms))
        made = Real(value)
        made.run, made.k = self, found
        return made

    def note(self, poly: Poly, relation: str) -> None:
        if not self._certain(poly, relation):
            self.notes.setdefault((poly, relation))

    def _certain(self, poly: Poly, relation: str) -> bool:
        """Whether a relation holds for all sizes: coefficients of one sign, and sizes are positive."""
        if relation == "==":
            return not poly
        if any(k >= len(self.values) for monomial, _ in poly for k in monomial):
            return False  # what is no size may be negative
        signs = {c > 0 for _, c in poly}
        if relation == "<=":
            return True not in signs
        return signs == {True} or (relation == "!=" and signs == {False})

    def pin(self, dim: Dim) -> int:
        """Note that a Dim was read as a number: other sizes must give the same."""
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        self.pins.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        value = int.__add__(dim, 0)
        self.note(added(dim.poly, constant(-value)), "==")
        return value

    def marker(self, dim: Dim) -> int:
        found = self._marks.get(dim.poly)
        if found is None:
            found = self._marks[dim.poly] = len(self.dims)
            self.dims.append(dim)
        return self.mark + found


def marked(run: Symbols, text: str) -> Term | None:
    """Return what the marker of a Dim or a Real stands for; None for other literals."""
    if text.isdigit():
        k = int(text) - run.mark
        return run.dims[k].poly if 0 <= k < len(run.dims) else None
    if text.startswith("7.") and text.endswith("e+222"):
        k = int(text[2:-5]) - run.mark
        return ("real", k) if 0 <= k < len(run.reals) else None
    return None


def _poly(x: int) -> Poly:
    return x.poly if isinstance(x, Dim) else constant(x)


def _dim(run: Symbols, value: int, poly: Poly) -> int:
    if not poly or (poly[0][0] == () and len(poly) == 1):
        return value
    return Dim(value, run, poly)


def _plain(x: int) -> int:
    return int.__add__(x, 0)


class Dim(int):
    """An integer with its polynomial. See the module."""

    run: Symbols
    poly: Poly
    __array_ufunc__ = None  # NumPy's operators leave it to those below
    real = numerator = property(lambda self: self)
    imag = property(lambda self: 0)
    denominator = property(lambda self: 1)

    def __new__(cls, value: int, run: Symbols, poly: Poly) -> Dim:
        made = int.__new__(cls, value)
        made.run, made.poly = run, poly
        return made

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_op(self, other, "+")
        return _dim(self.run, int.__add__(self, other), added(self.poly, _poly(other)))

    def __radd__(self, other: Any) -> Any:
        return self + other if isinstance(other, int) else _real_op(other, self, "+")

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_op(self, other, "-")
        poly = added(self.poly, scaled(_poly(other), -1))
        return _dim(self.run, int.__sub__(self, other), poly)

    def __rsub__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_op(other, self, "-")
        poly = added(_poly(other), scaled(self.poly, -1))
        return _dim(self.run, int.__sub__(_plain(other), self), poly)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_op(self, other, "*")  # of a list: `_real_op` pins the Dim
        return _dim(self.run, int.__mul__(self, other), multiplied(self.poly, _poly(other)))

    def __rmul__(self, other: Any) -> Any:
        return self * other if isinstance(other, int) else _real_op(other, self, "*")

    def __truediv__(self, other: Any) -> Any:
        return _real_op(self, other, "/")

    def __rtruediv__(self, other: Any) -> Any:
        return _real_op(other, self, "/")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        return _dim(self.run, int.__neg__(self), scaled(self.poly, -1))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if type(other) is not int or other < 0 or other > 8 or modulus is not None:
            return pow(self.run.pin(self), other, modulus)
        made: Any = 1
        for _ in range(other):
            made = made * self
        return made

    def __int__(self) -> int:
        return self.run.pin(self)

    __trunc__ = __index__ = __ceil__ = __floor__ = __int__

    def __float__(self) -> float:
        return float(self.run.pin(self))

    def __round__(self, digits: Any = None) -> Any:
        return self if digits is None or digits >= 0 else round(self.run.pin(self), digits)

    def __invert__(self) -> Any:
        return -self - 1

    def bit_length(self) -> int:
        return self.run.pin(self).bit_length()

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __hash__(self) -> int:
        if not is_ours(sys._getframe(1)):  # a dict of numbers, a cache
            return hash(self.run.pin(self))
        return hash((id(self.run), self.poly))

    def __eq__(self, other: Any) -> Any:
        return _compared(self, other, "==", int.__eq__)

    def __ne__(self, other: Any) -> Any:
        found = _compared(self, other, "==", int.__eq__)
        return found if found is NotImplemented else not found

    def __lt__(self, other: Any) -> Any:  # other - self > 0
        if not isinstance(other, int):
            return _real_compared(self, other, "<")
        return _positive(self.run, other, self)

    def __gt__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_compared(self, other, ">")
        return _positive(self.run, self, other)

    def __le__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_compared(self, other, "<=")
        return not _positive(self.run, self, other)

    def __ge__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_compared(self, other, ">=")
        return not _positive(self.run, other, self)

    def __repr__(self) -> str:
        return self._text(is_ours(sys._getframe(1)))

    def __str__(self) -> str:
        return self._text(is_ours(sys._getframe(1)))

    def __format__(self, spec: str) -> str:
        if spec in ("", "d"):
            return self._text(is_ours(sys._getframe(1)))
        return format(self.run.pin(self), spec)

    def _text(self, ours: bool) -> str:
        if not ours:
            return str(self.run.pin(self))
        return str(self.run.marker(self)) if self >= 0 else f"-{(-self)._text(True)}"

    def __reduce__(self) -> Any:
        return (int, (self.run.pin(self),))


def _binary(op: str, name: str, compute: Callable[[int, int], int]) -> None:
    """Give Dims an operation whose result is no polynomial."""

    def method(self: Dim, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_op(self, other, op)
        return _opaque(self.run, self, other, op, compute)

    def reflected(self: Dim, other: Any) -> Any:
        if not isinstance(other, int):
            return _real_op(other, self, op)
        return _opaque(self.run, other, self, op, compute)

    setattr(Dim, f"__{name}__", method)
    setattr(Dim, f"__r{name}__", reflected)


def _opaque(run: Symbols, a: int, b: int, op: str, compute: Callable[[int, int], int]) -> Any:
    x, y = _poly(a), _poly(b)
    value = compute(_plain(a), _plain(b))
    if op in ("//", "%") and len(y) == 1 and y[0][0] == ():
        n = y[0][1]
        if all(c % n == 0 for _, c in x):  # 64 n // 8 is 8 n
            return _dim(run, value, tuple((m, c // n) for m, c in x) if op == "//" else ())
    return run.opaque(op, value, x, y)


for _op, _name, _compute in (
    ("//", "floordiv", lambda a, b: a // b),
    ("%", "mod", lambda a, b: a % b),
    ("&", "and", lambda a, b: a & b),
    ("|", "or", lambda a, b: a | b),
    ("^", "xor", lambda a, b: a ^ b),
    ("<<", "lshift", lambda a, b: a << b),
    (">>", "rshift", lambda a, b: a >> b),
):
    _binary(_op, _name, _compute)


def _compared(a: Dim, b: Any, relation: str, compute: Any) -> Any:
    if not isinstance(b, int):
        return _real_compared(a, b, relation)
    found = compute(a, b)
    a.run.note(added(a.poly, scaled(_poly(b), -1)), "==" if found else "!=")
    return found


def _positive(run: Symbols, a: int, b: int) -> bool:
    """Whether a > b, noted."""
    poly = added(_poly(a), scaled(_poly(b), -1))
    found = int.__gt__(_plain(a), _plain(b))
    run.note(poly, ">" if found else "<=")
    return found


class Real(float):
    """A float made of sizes, with the operations that made it."""

    run: Symbols
    k: int
    __array_ufunc__ = None

    def __repr__(self) -> str:
        return self._text(is_ours(sys._getframe(1)))

    def __str__(self) -> str:
        return self._text(is_ours(sys._getframe(1)))

    def __format__(self, spec: str) -> str:
        return self._text(is_ours(sys._getframe(1)) and not spec, spec)

    def _text(self, ours: bool, spec: str = "") -> str:
        if not ours:
            return format(self.__float__(), spec)
        if self >= 0:
            return f"7.{self.run.mark + self.k}e+222"
        return f"-{(-self)._text(True)}"

    def __hash__(self) -> int:
        if not is_ours(sys._getframe(1)):
            return hash(self.__float__())
        return hash((id(self.run), self.k))

    def __float__(self) -> float:
        value = float.__add__(self, 0.0)
        self.run.pins.append("a float")
        self.run.notes.setdefault(("real", "==", ("real", self.k), value))
        return value

    def __int__(self) -> int:
        return int(self.__float__())

    __trunc__ = __ceil__ = __floor__ = __int__

    def __round__(self, digits: Any = None) -> Any:
        return round(self.__float__(), digits)

    def is_integer(self) -> bool:
        return self.__float__().is_integer()

    def as_integer_ratio(self) -> tuple[int, int]:
        return self.__float__().as_integer_ratio()

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        op, *terms = self.run.reals[self.k]
        if op == "neg":
            made = Real(float.__neg__(self))
            made.run, made.k = self.run, terms[0][1]
            return made
        return self.run.real(float.__neg__(self), "neg", ("real", self.k))

    def __eq__(self, other: Any) -> Any:
        return _real_compared(self, other, "==")

    def __ne__(self, other: Any) -> Any:
        return _real_compared(self, other, "!=")

    def __lt__(self, other: Any) -> Any:
        return _real_compared(self, other, "<")

    def __gt__(self, other: Any) -> Any:
        return _real_compared(self, other, ">")

    def __le__(self, other: Any) -> Any:
        return _real_compared(self, other, "<=")

    def __ge__(self, other: Any) -> Any:
        return _real_compared(self, other, ">=")


def _real_method(op: str, name: str) -> None:
    setattr(Real, f"__{name}__", lambda self, other: _real_op(self, other, op))
    setattr(Real, f"__r{name}__", lambda self, other: _real_op(other, self, op))


FLOAT_OPS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
for _op, _name in (
    ("+", "add"),
    ("-", "sub"),
    ("*", "mul"),
    ("/", "truediv"),
    ("//", "floordiv"),
    ("%", "mod"),
    ("**", "pow"),
):
    _real_method(_op, _name)


def bare(x: Any) -> Any:
    """Return a number, or a container of numbers, without what they were made of."""
    if isinstance(x, Real):
        return float.__add__(x, 0.0)
    if isinstance(x, Dim):
        return _plain(x)
    if type(x) in (tuple, list):
        return type(x)([bare(y) for y in x])
    return x


def number(x: Any) -> Any:
    """Return a size as a plain number, pinned; anything else as it is."""
    if isinstance(x, Dim):
        return int(x)
    return float(x) if isinstance(x, Real) else x


def term(x: Any) -> Term:
    """Return what a number is made of."""
    if isinstance(x, Real):
        return ("real", x.k)
    return x if isinstance(x, float) else _poly(x)


def _real_op(a: Any, b: Any, op: str) -> Any:
    if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
        return _with_others(a, b, op)
    run: Symbols = a.run if isinstance(a, (Dim, Real)) else b.run
    return run.real(FLOAT_OPS[op](bare(a), bare(b)), op, term(a), term(b))


def _real_compared(a: Any, b: Any, op: str) -> Any:
    if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
        return _with_others(a, b, op)
    run: Symbols = a.run if isinstance(a, (Dim, Real)) else b.run
    found = FLOAT_OPS[op](bare(a), bare(b))
    run.notes.setdefault(("real", op if found else f"not {op}", term(a), term(b)))
    return found


def _with_others(a: Any, b: Any, op: str) -> Any:
    """An operator between a size and what is no number of Python's: the size is pinned."""
    other = b if isinstance(a, (Dim, Real)) else a
    # a tracer says that it is an array or a number
    if issubclass(type(other), (np.ndarray, np.generic, str, bytes, list, tuple, complex)):
        return FLOAT_OPS[op](number(a), number(b))
    return NotImplemented


def between(a: Any, b: Any, op: str) -> Any:
    """Return ``a op b`` for a number or text on the left, which would not ask the size on the right."""
    return (_real_compared if op in _RELATIONS else _real_op)(a, b, op)


_RELATIONS = frozenset(["==", "!=", "<", "<=", ">", ">="])
_NUMBERS = (int, float, bool, Dim, Real)
