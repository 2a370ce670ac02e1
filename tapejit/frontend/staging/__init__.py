"""What rewritten functions call in place of Python's control flow: the global ``__tapejit__``.

For ordinary values each of these does the ordinary Python thing; for traced ones it stages rows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.sizes import ACTIVE
from ..capture import current
from ..piles import Pile
from ..tracer import Root, Tracer
from .body import is_traced
from .branches import branch, choose, flag_of
from .calls import call
from .loops import for_loop, while_loop
from .owned import own, owned
from .sized import COMPARE as BINARY
from .sized import binary, contains, inplace
from .slots import UNBOUND
from .subscripts import augitem, augload, augstore, getitem, setitem

__all__ = [
    "UNBOUND", "and_", "assert_", "augitem", "augload", "augstore", "binary", "call", "compare", "contains",
    "for_", "getitem", "if_", "ifexp", "inplace", "local", "not_", "or_", "own", "owned", "pile",
    "setitem", "slice", "while_",
]  # fmt: skip

Thunk = Callable[[], Any]
slice = slice


def if_(
    test: Any, then: Any, orelse: Any, get: Any, put: Any, names: Any, reads: Any, line: int
) -> None:
    """``if test: then() else: orelse()``."""
    cap = current()
    if cap is None or not is_traced(test):
        then() if test else orelse()
    else:
        branch(cap, test, then, orelse, get, put, names, reads, line)


def for_(
    items: Any, round: Any, go: Any, get: Any, put: Any, names: Any, reads: Any, line: int
) -> None:
    """``for item in items: round(item)``, as long as `go` allows."""
    cap = current()
    if cap is None:
        for item in items:
            if go is not None and not go():
                break
            round(item)
    else:
        for_loop(cap, items, round, go, get, put, names, reads, line)


def while_(go: Any, round: Any, get: Any, put: Any, names: Any, reads: Any, line: int) -> None:
    """``while go(): round()``."""
    cap = current()
    if cap is None:
        while go():
            round()
    else:
        while_loop(cap, go, round, get, put, names, reads, line)


# ---------------------------------------------------------------- truth


def _scalar_flag(x: Any) -> bool:
    return is_traced(x) and x.ndim == 0 and x.dtype.kind == "b"


def and_(*parts: Thunk) -> Any:
    """``a and b and ...``."""
    value: Any = True
    for k, part in enumerate(parts):
        if k == 0:
            value = part()
        elif is_traced(value):
            cap = current()
            assert cap is not None
            return choose(cap, value, partial(and_, *parts[k:]), _constant(value, False))
        elif value:
            value = part()
    return value


def or_(*parts: Thunk) -> Any:
    """``a or b or ...``."""
    value: Any = False
    for k, part in enumerate(parts):
        if k == 0:
            value = part()
        elif is_traced(value):
            cap = current()
            assert cap is not None
            return choose(cap, value, _constant(value, True), partial(or_, *parts[k:]))
        elif not value:
            value = part()
    return value


def _constant(first: Any, outcome: bool) -> Thunk:
    """Return what gives the first operand where its truth decides: True or False for a flag."""
    return (lambda: outcome) if _scalar_flag(first) else (lambda: first)


def not_(value: Any) -> Any:
    """``not value``."""
    if not is_traced(value):
        return not value
    cap = current()
    assert cap is not None
    return Tracer(cap, Root(~flag_of(cap, value)))


def ifexp(test: Any, yes: Thunk, no: Thunk, line: int) -> Any:
    """``yes() if test else no()``."""
    cap = current()
    if cap is None or not is_traced(test):
        return yes() if test else no()
    return choose(cap, test, yes, no, noted=True)


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne, "is": operator.is_, "is not": operator.is_not,
    "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


def _compared(op: str, a: Any, b: Any) -> Any:
    if op in ("in", "not in"):
        return contains(a, b) is (op == "in")
    return binary(op, a, b) if op in BINARY else _COMPARISONS[op](a, b)


def compare(left: Any, *rest: Any) -> Any:
    """``left < b <= c``: every operand is evaluated at most once, and only if it matters."""
    op, thunk = rest[0], rest[1]
    right = thunk()
    sized = ACTIVE[0] > 0
    found = _compared(op, left, right) if sized else _COMPARISONS[op](left, right)
    if len(rest) == 2:
        return found
    return and_(lambda: found, lambda: compare(right, *rest[2:]))


def assert_(test: Any, message: Thunk | None) -> None:
    """``assert test, message()``: the truth of this call is guarded."""
    if not __debug__:
        return
    if not test:
        raise AssertionError(*(() if message is None else (message(),)))


def local(name: str, read: Thunk) -> Any:
    """Return a variable that may have no value."""
    try:
        return read()
    except NameError:
        text = f"cannot access local variable {name!r} where it is not associated with a value"
        raise UnboundLocalError(text) from None


def pile(items: list[Any]) -> list[Any]:
    """A list that is going to be appended to."""
    return items if current() is None else Pile(items)
