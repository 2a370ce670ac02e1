"""Positions that are checked: where an index or a window lies, or an IndexError.

The code of ``kernels.moves.wrap_index`` and ``window_start``, with their messages; kernels that index
by computed numbers then need no Numba.
"""

from __future__ import annotations

import ast
import pickle
from typing import Any

from .expressions import expression, is_small
from .function import Function
from .values import BOOL, INT, Value, converted

_OUTSIDE = pickle.dumps((IndexError, ("index is out of bounds",), None))
_LEAVES = pickle.dumps((IndexError, ("a slice of fixed length leaves its axis",), None))


def refuse(f: Function, bad: Any, pickled: bytes) -> None:
    """Append a return that raises where a flag holds, which is rare."""
    b = f.builder
    full, good = f.block(), f.block()
    b.cbranch(f.unlikely(bad), full, good)
    f.move(full)
    f.raises(pickled)
    f.move(good)


def integers_of(f: Function, args: list[ast.expr]) -> list[Any] | None:
    """Return the arguments as 64-bit integers, None where one is something else."""
    given = [expression(f, a) for a in args]
    if not all(is_small(x.kind) and x.kind is not BOOL for x in given):
        return None
    return [converted(f.builder, x, INT).llvm for x in given]


def _wrapped(f: Function, k: Any, n: Any) -> Any:
    b = f.builder
    return b.select(b.icmp_signed("<", k, k.type(0)), b.add(k, n), k)


def wrap_index(f: Function, args: list[ast.expr]) -> Value | None:
    """Append the position of an index that may be negative."""
    given = integers_of(f, args)
    if given is None:
        return None
    b, (k, n) = f.builder, given
    at = _wrapped(f, k, n)
    refuse(f, b.icmp_unsigned(">=", at, n), _OUTSIDE)
    return Value(INT, at)


def window_start(f: Function, args: list[ast.expr]) -> Value | None:
    """Append the position of the first element of a window."""
    given = integers_of(f, args)
    if given is None:
        return None
    b, (k, n, length) = f.builder, given
    zero = k.type(0)
    around = b.and_(b.icmp_signed("<", k, zero), b.icmp_signed(">", b.add(k, length), zero))
    at = _wrapped(f, k, n)
    low, high = b.icmp_signed("<", at, zero), b.icmp_signed(">", at, b.sub(n, length))
    refuse(f, b.or_(around, b.or_(low, high)), _LEAVES)
    return Value(INT, at)
