"""``no_rewrite``: functions that are captured as they are written.

The mark names the code that it was given for, so a wrapper that takes over a function's attributes
(``functools.wraps``) does not take over the mark.
"""

from __future__ import annotations

from types import CodeType, FunctionType, MethodType
from typing import TypeVar

from ...core.errors import ArgumentError
from ...core.sources import where

_MARK = "__tapejit_no_rewrite__"
F = TypeVar("F")


def no_rewrite(fn: F) -> F:
    """Have a function captured as it is: its loops are unrolled, its branches guarded.

    Parameters
    ----------
    fn : function or method
        Also what `staticmethod` and `classmethod` return. It is marked and returned. What it calls
        is rewritten all the same; functions defined inside it are not.

    Raises
    ------
    ArgumentError
        For what is no Python function.

    Examples
    --------
    >>> import tapejit as tj
    >>> @tj.grad
    ... @tj.no_rewrite
    ... def f(x):
    ...     return x * x if x > 0 else -x
    >>> float(f(3.0)), float(f(-3.0))
    (6.0, -1.0)
    >>> "guard" in str(f.tape(3.0))
    True
    """
    inner = fn.__func__ if isinstance(fn, (MethodType, staticmethod, classmethod)) else fn
    if not isinstance(inner, FunctionType):
        raise ArgumentError(
            f"no_rewrite takes a Python function, not {type(fn).__name__} ({where()})"
        )
    setattr(inner, _MARK, inner.__code__)
    return fn


def opted_out(fn: FunctionType) -> bool:
    """Whether a function is marked; functions made by the same ``def`` are each for themselves."""
    found: CodeType | None = fn.__dict__.get(_MARK)
    return found is fn.__code__
