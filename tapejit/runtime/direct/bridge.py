"""What Numba is asked for: the type of a call or operator, and the code it stands for.

Only here is Numba imported. Answers about types are kept, for they cost far more than the code
that follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import codegen, compiler, errors, runtime, targetconfig, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from .values import BY_NAME, NOTHING, Kind, Uncovered, Value, pointer_to

_numba: Any = compiler  # Numba declares the types of few of its parts
_config: Any = targetconfig
_types: Any = types
_runtime: Any = runtime


class Library(codegen.JITCodeLibrary):
    """Numba's book of what code is linked to; the code itself is finished elsewhere."""

    def parts(self) -> list[Any]:
        """Return the LLVM modules of all that was used, each once."""
        found = dict.fromkeys([*self._linking_libraries, _runtime.rtsys.library])
        return [library._get_module_for_linking() for library in found]


class Bridge:
    """Numba's typing and code of single calls, for one kernel."""

    def __init__(self, names: dict[str, Any], typing: Any, target: Any) -> None:
        self.names, self.typing, self.target = names, typing, target

    def _resolved(self, fn: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
        key = (fn, args)
        try:
            found = _KNOWN.get(key)
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
            found = _KNOWN[key] = (kind, signature)
        return found

    def call(self, builder: Any, fn: Any, args: list[Value]) -> Value:
        """Append the call of a function that Numba knows."""
        kind, signature = self._resolved(fn, tuple(type_of(a.kind) for a in args))
        given = [self._cast(builder, a, to) for a, to in zip(args, signature.args)]
        made = self.target.get_function(kind, signature)(builder, given)
        return Value(self._kind(signature.return_type), made)

    def cast(self, builder: Any, x: Value, to: Kind) -> Value:
        """Append Numba's conversion between two types."""
        return Value(to, self._cast(builder, x, type_of(to)))

    def _cast(self, builder: Any, x: Value, to: Any) -> Any:
        source = type_of(x.kind)
        if source == to:
            return x.llvm
        try:
            return self.target.cast(builder, x.llvm, source, to)
        except NotImplementedError as error:
            raise Uncovered(str(error)) from None

    def unified(self, a: Kind, b: Kind) -> Kind:
        """Return the kind that two branches of one expression have together."""
        found = self.typing.unify_types(type_of(a), type_of(b))
        if found is None:
            raise Uncovered(f"{a} or {b}")
        return self._kind(found)

    def items(self, kind: Kind) -> list[Kind]:
        """Return the kinds of the items of a tuple."""
        whole: Any = kind.numba
        if not isinstance(whole, types.BaseTuple):
            raise Uncovered(f"an element of {kind}")
        each: Any = whole
        return [self._kind(t) for t in each.types]

    def _kind(self, t: Any) -> Kind:
        """Return the kind of a type of Numba's."""
        if isinstance(t, types.CPointer):
            return pointer_to(self._kind(t.dtype))
        if t == types.none:
            return NOTHING
        found = BY_NAME.get(str(t))
        if found is None:
            found = Kind(str(t), self.target.get_value_type(t))
            found.numba = t
        return found


def type_of(kind: Kind) -> Any:
    """Return Numba's type of a kind."""
    if kind.numba is None:
        if kind.element is not None:
            kind.numba = _types.CPointer(type_of(kind.element))
        else:
            kind.numba = types.boolean if kind.name == "bool" else getattr(types, kind.name)
    return kind.numba


@contextmanager
def numba_at_hand(names: dict[str, Any], options: dict[str, Any]) -> Iterator[tuple[Bridge, Any]]:
    """Make Numba ready to be asked, for a kernel with these options and names."""
    with global_compiler_lock:
        flags = _numba.Flags()
        options_of: Any = cpu_target.options
        options_of.parse_as_flags(flags, {"nopython": True, **options})
        typing, target = cpu_target.typing_context, cpu_target.target_context
        typing.refresh()
        target.refresh()
        target = _numba._make_subtarget(target, flags)
        made: Any = Library
        library = made(target.codegen(), "kernel")
        with _config.ConfigStack().enter(flags), target.push_code_library(library):
            yield Bridge(names, typing, target), library


_KNOWN: dict[Any, Any] = {}
