"""Abstract values: what is known of a value without computing it.

An aval is a dtype, a shape and whether the dtype is *weak*: a Python scalar yields to the dtype it
meets (NEP 50). Avals are hash-consed; a tape stores their indices.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dims import Dim, Real
from .errors import TapejitError
from .tables import Table

Shape = tuple[int, ...]

_SHORT = {
    "bool": "b1",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "complex64": "c64",
    "complex128": "c128",
}
_LONG = {short: np.dtype(name) for name, short in _SHORT.items()}
_WEAK_TYPES: dict[str, type] = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def common_shape(*shapes: Shape) -> Shape:
    """Return the common shape of operands, as ``numpy.broadcast_shapes`` does, for symbolic sizes too.

    Raises
    ------
    ValueError
        When there is none.
    """
    rank = max(map(len, shapes), default=0)
    made: list[int] = [1] * rank
    for shape in shapes:
        for k, n in enumerate(shape, rank - len(shape)):
            if n == 1:
                continue
            if made[k] == 1:
                made[k] = n
            elif made[k] != n:
                return np.broadcast_shapes(*shapes)  # which says what does not fit
    return tuple(made)


@functools.cache
def full_name(dtype: np.dtype[Any]) -> str:
    """Return NumPy's name of a dtype, which takes NumPy 2 us to make."""
    return str(dtype.name)


@functools.cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the short name of a dtype, ``f64`` for float64."""
    return _SHORT.get(dtype.name, dtype.name)


@dataclass(frozen=True, slots=True)
class Aval:
    """A dtype and a shape; `weak` marks a Python scalar, whose dtype yields to others."""

    dtype: np.dtype[Any]
    shape: Shape = ()
    weak: bool = False

    def __str__(self) -> str:
        star = "~" if self.weak else ""
        return f"{star}{dtype_name(self.dtype)}[{','.join(map(str, self.shape))}]"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for dim in self.shape:
            n *= dim
        return n

    @property
    def inexact(self) -> bool:
        """Whether the value can carry a derivative."""
        return self.dtype.kind in "fc"

    @property
    def weak_type(self) -> type:
        """The Python scalar type that a weak aval stands for."""
        return _WEAK_TYPES[self.dtype.kind]


@dataclass(frozen=True, slots=True)
class TupleAval:
    """The aval of a row with several results, read by ``out`` rows."""

    items: tuple[Aval, ...]

    def __str__(self) -> str:
        return f"({' '.join(map(str, self.items))})"


_SAME = {
    np.dtype(kind).num: np.dtype(np.dtype(kind).str)
    for kind in "bhilqBHILQ"
    if np.dtype(kind) is not np.dtype(np.dtype(kind).str)
}
"""Types of C that NumPy keeps apart from another of the same size (long long, on most machines), by
number. Kernels know arrays by number and tapes by name: an aval has the dtype that the name stands for."""

AnyAval = Aval | TupleAval
AVALS: Table[AnyAval] = Table()


def aval_id(aval: AnyAval) -> int:
    """Return the index of an aval in the process-wide table."""
    if isinstance(aval, Aval):
        if aval.dtype.num in _SAME:
            aval = Aval(_SAME[aval.dtype.num], aval.shape, aval.weak)
        return AVALS.intern((aval.dtype.num, aval.shape, aval.weak), aval)
    return AVALS.intern(aval, aval)


def parse_aval(text: str) -> AnyAval:
    """Read back what ``str`` of an aval wrote.

    Examples
    --------
    >>> parse_aval("f32[2,3]")
    Aval(dtype=dtype('float32'), shape=(2, 3), weak=False)

    Raises
    ------
    TapejitError
        When the text is not that of an aval.
    """
    try:
        if text.startswith("("):
            inner = text[1:-1].split()
            return TupleAval(tuple(_parse_one(part) for part in inner))
        return _parse_one(text)
    except (TypeError, ValueError):
        raise TapejitError(f"cannot read the aval {text!r}") from None


def _parse_one(text: str) -> Aval:
    weak = text.startswith("~")
    name, _, dims = text.lstrip("~").partition("[")
    shape = tuple(int(d) for d in dims.rstrip("]").split(",") if d)
    return Aval(_LONG.get(name) or np.dtype(name), shape, weak)


_PYTHON_DTYPES = {
    bool: np.dtype(bool),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
    Dim: np.dtype(np.int64),
    Real: np.dtype(np.float64),
}


def aval_of(value: Any) -> Aval:
    """Return the aval of an array, a NumPy scalar or a Python number."""
    if isinstance(value, (np.ndarray, np.generic)):
        dtype = value.dtype
        if dtype.kind not in "biufc":
            raise TapejitError(f"an array of dtype {dtype} cannot stand on a tape")
        if not dtype.isnative:
            dtype = dtype.newbyteorder("=")
        return Aval(_SAME.get(dtype.num, dtype), value.shape)
    found = _PYTHON_DTYPES.get(type(value))
    if found is None:
        raise TapejitError(f"a {type(value).__name__} cannot stand on a tape")
    return Aval(found, (), True)
