"""Modules that are one function of `nn.functional` and its options, made from a row of a table.

The class's constructor takes the options and keeps them as attributes of the same names; `forward`
looks at the attributes as they are then, so an option that is changed later counts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .late import F
from .module import Module

NEEDED = inspect.Parameter.empty
"""The default of an option that must be given."""


def of_function(
    name: str,
    function: str,
    options: Mapping[str, Any] | None = None,
    *,
    doc: str,
    inputs: Sequence[str] = ("input",),
    shown: Callable[[Any], str] | None = None,
    check: Callable[[Any], None] | None = None,
    passed: Mapping[str, str] | None = None,
    keyword_only: Sequence[str] = (),
    module: str,
) -> Any:
    """Return a class of modules that compute a function.

    Parameters
    ----------
    name : str
        The name of the class.
    function : str
        The name in `nn.functional`, looked up at every call.
    options : mapping
        The constructor's arguments and their defaults.
    inputs : sequence of str
        The arguments of `forward`.
    shown : callable or None
        ``shown(module)`` is `extra_repr`; by default all options, `inplace` only where it is True.
    check : callable or None
        Looks at a new module and raises if it cannot be right.
    passed : mapping or None
        The function's arguments and the attributes they come from; by default the options.
    """
    options = dict(options or {})
    passed = {o: o for o in options} if passed is None else passed
    kinds = inspect.Parameter
    signature = inspect.Signature(
        [
            kinds(o, kinds.KEYWORD_ONLY if o in keyword_only else kinds.POSITIONAL_OR_KEYWORD,
                  default=default)
            for o, default in options.items()
        ]
    )  # fmt: skip
    pairs = tuple(passed.items())
    arity = len(inputs)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__() {error}") from None
        Module.__init__(self)
        bound.apply_defaults()
        for option, value in bound.arguments.items():
            setattr(self, option, value)
        if check is not None:
            check(self)

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = _ordered(self, inputs, args, kwargs)
        if len(args) != arity:
            raise TypeError(
                f"{type(self).__name__}.forward() takes {arity} arguments ({', '.join(inputs)}) "
                f"but {len(args)} were given"
            )
        return getattr(F, function)(*args, **{key: getattr(self, a) for key, a in pairs})

    def extra_repr(self: Any) -> str:
        if shown is not None:
            return shown(self)
        told = [o for o in options if o != "inplace" or self.inplace]
        return ", ".join(f"{o}={getattr(self, o)!r}" for o in told)

    members = {
        "__init__": init,
        "forward": forward,
        "extra_repr": extra_repr,
        "__doc__": doc,
        "__module__": module,
        "__signature__": signature,
    }
    for method in (init, forward, extra_repr):
        method.__qualname__ = f"{name}.{method.__name__}"
        method.__module__ = module
    init.__name__ = "__init__"
    return type(name, (Module,), members)


def _ordered(self: Any, inputs: Sequence[str], args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Return the inputs of `forward` in order, some of them given by name."""
    signature = inspect.Signature(
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in inputs]
    )
    try:
        return signature.bind(*args, **kwargs).args
    except TypeError as error:
        raise TypeError(f"{type(self).__name__}.forward() {error}") from None


def nothing(module: Any) -> str:
    """Return what modules that show no options show."""
    return ""
