"""What Numba is asked for: the type of a call or operator, and the code it stands for.

Answers about types are kept, for they cost far more than the code that follows from them.
"""

from __future__ import annotations

from typing import Any

from numba.core import errors

from .values import Uncovered, Value


class Bridge:
    """Numba's typing and code of single calls, inside one library."""

    def __init__(self, typing_context: Any, target_context: Any) -> None:
        self.typing, self.target = typing_context, target_context

    def _resolved(self, fn: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
        known: dict[Any, Any] = _KNOWN
        key = (fn, args)
        try:
            found = known.get(key)
        except TypeError:
            raise Uncovered(f"a call of {fn!r}") from None
        if found is None:
            try:
                kind = self.typing.resolve_value_type(fn)
                signature = self.typing.resolve_function_type(kind, args, {})
            except errors.NumbaError as error:
                raise Uncovered(str(error)) from None
            if signature is None:
                raise Uncovered(f"a call of {fn!r} with {args}")
            found = known[key] = (kind, signature)
        return found

    def call(self, builder: Any, fn: Any, args: list[Value]) -> Value:
        """Append the call of a function that Numba knows."""
        kind, signature = self._resolved(fn, tuple(a.type for a in args))
        given = [self.cast(builder, a, to).llvm for a, to in zip(args, signature.args)]
        made = self.target.get_function(kind, signature)(builder, given)
        return Value(signature.return_type, made)

    def cast(self, builder: Any, x: Value, to: Any) -> Value:
        """Append Numba's conversion between two types."""
        if x.type == to:
            return x
        try:
            return Value(to, self.target.cast(builder, x.llvm, x.type, to))
        except NotImplementedError as error:
            raise Uncovered(str(error)) from None

    def unified(self, a: Any, b: Any) -> Any:
        """Return the type that two branches of one expression have together."""
        found = self.typing.unify_types(a, b)
        if found is None:
            raise Uncovered(f"{a} or {b}")
        return found


_KNOWN: dict[Any, Any] = {}
