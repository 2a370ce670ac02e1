"""The quick ways to record a row: a look-up by specs, a few integers, a new tensor.

What an operation gives on operands of such specs is worked out once and kept in a table that
belongs to the function; from then on a call costs about a microsecond. Every other case (several
results, operations that run at once, modes that look at each row) goes through `emit.apply`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .codes import CODES, GRAD, NUMBERS, PLAIN, Op
from .emit import _new_code, apply
from .record import LIMIT, LOCAL
from .spec import spec_of_array
from .tensor import Tensor, leaf_of

Found = tuple[int, int, Any, int]
"""The plain code, the code where gradients flow, the result's spec, its kind where they flow."""

HOT: list[dict[Any, Any]] = []
"""The look-up tables of operators, emptied when the default dtype changes."""

QUICK: dict[Callable[..., Any], tuple[str, dict[Any, Any]]] = {}
"""Functions of a tensor and perhaps one more, how they look things up, and their tables.

`native` does in machine code what such a function does where its table knows the operands.
"""

new = object.__new__
"""Makes a tensor; calling the class takes 70 ns more, a quarter of what a row costs."""


def table() -> dict[Any, Any]:
    """Return a new look-up table, known to those who must empty it."""
    hot: dict[Any, Any] = {}
    HOT.append(hot)
    return hot


def look_up(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Found | None:
    """Return what an operation gives on such operands; None where `apply` must do it."""
    key: tuple[Any, ...] = tuple(params.items())
    key += tuple([x._spec if isinstance(x, Tensor) else type(x) for x in args])
    first = op.memo.get(key)
    if first is None:
        first = op.memo[key] = _new_code(op, args, params)
    code = CODES[first]
    spec = code.specs[0]
    if op.raises or op.view or code.n_out > 1 or op.traced:
        return None
    flows = GRAD if spec.floating and op.differentiable else PLAIN
    return (first, first + flows, spec, flows)


def recorded(op: Op, found: Found | None, params: dict[str, Any], x: Tensor) -> Any:
    """Record an operation of one tensor that has been looked up."""
    rec = LOCAL.rec
    serial = rec.serial
    a = x._slot if x._serial == serial else rec.admit(x)
    if found is None or x._kind > 3 or rec.slow:
        return apply(op, (x,), **params)
    plain, graded, spec, flows = found
    owners = rec.owners
    y = new(Tensor)
    if x._kind and rec.grad:
        rec.code += (graded, a)
        y._kind = flows
    else:
        rec.code += (plain, a)
        y._kind = PLAIN
    y._serial = serial
    y._slot = n = len(owners)
    y._spec = spec
    y._array = y._more = y._grad = y._graph = None
    y._ver = 0
    owners.append(y)
    if n > LIMIT:
        rec.flush()
    return y


def unary(op: Op, name: str | None = None) -> Callable[[Tensor], Any]:
    """Return the function of one tensor that records an operation without parameters."""
    hot = table()
    called = name or op.name

    def function(input: Tensor) -> Any:
        try:
            found = hot[input._spec]
        except KeyError:
            found = None
        except AttributeError:
            raise not_a_tensor(called, "input", 1, input) from None
        rec = LOCAL.rec
        if found is None or rec.slow:
            return general(input)
        serial = rec.serial
        a = input._slot if input._serial == serial else rec.admit(input)
        kind = input._kind
        if kind > 3:
            return apply(op, (input,))
        plain, graded, spec, flows = found
        owners = rec.owners
        y = new(Tensor)
        if kind and rec.grad:
            rec.code += (graded, a)
            y._kind = flows
        else:
            rec.code += (plain, a)
            y._kind = PLAIN
        y._serial = serial
        y._slot = n = len(owners)
        y._spec = spec
        y._array = y._more = y._grad = y._graph = None
        y._ver = 0
        owners.append(y)
        if n > LIMIT:
            rec.flush()
        return y

    def general(input: Tensor) -> Any:
        if input._spec not in hot:
            hot[input._spec] = look_up(op, (input,), {})
        return apply(op, (input,))

    QUICK[function] = ("unary", hot)
    return function


class Unkept(dict[str, Any]):
    """Parameters that are worked out again at every call: making them warns."""


_SPELLINGS = {"axis": "dim", "keepdims": "keepdim"}


def parametric(op: Op | Callable[..., Op]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of one tensor out of one that returns an operation's static parameters.

    ``@parametric(op)`` over ``def name(input, dim, ..) -> dict`` gives a function that calls it once
    for each spec and set of arguments; NumPy's spellings ``axis`` and ``keepdims`` are understood.
    The function may return ``(op, params)`` where the operation depends on the arguments.
    """

    def made(params_of: Callable[..., Any]) -> Callable[..., Any]:
        hot = table()
        name = params_of.__name__

        @functools.wraps(params_of)
        def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
            try:
                # By type as well: x.var(False) is no x.var(0), though False == 0.
                key: Any = (input._spec, args, *map(type, args)) if args else input._spec
                if kwargs:
                    key = (key, *kwargs.items())
                known = hot.get(key)
            except (TypeError, AttributeError):
                key, known = None, None
            if known is None:
                known = parameters(key, input, args, kwargs)
            its, found, params = known
            return recorded(its, found, params, input)

        def parameters(key: Any, input: Any, args: Any, kwargs: dict[str, Any]) -> Any:
            if not isinstance(input, Tensor):
                raise not_a_tensor(name, "input", 1, input)
            for old in _SPELLINGS.keys() & kwargs.keys():
                if _SPELLINGS[old] in kwargs:
                    raise TypeError(f"{name}() got both '{old}' and '{_SPELLINGS[old]}'")
                kwargs[_SPELLINGS[old]] = kwargs.pop(old)
            params = params_of(input, *args, **kwargs)
            its, params = params if isinstance(params, tuple) else (op, params)
            known = (its, look_up(its, (input,), params), params)
            if key is not None and not isinstance(params, Unkept):
                hot[key] = known
            return known

        QUICK[function] = ("bare", hot)
        return function

    return made


def binary(op: Op, reflected: bool = False) -> Callable[[Tensor, Any], Any]:
    """Return the method of two operands, the second a tensor or a number."""
    hot = table()  # by the first spec, then by the second or the type of the number

    def method(self: Tensor, other: Any) -> Any:
        rec = LOCAL.rec
        serial = rec.serial
        if isinstance(other, Tensor):
            try:
                found = hot[self._spec][other._spec]
            except KeyError:
                found = None
            if found is None:
                return general(self, other)
            a = self._slot if self._serial == serial else rec.admit(self)
            b = other._slot if other._serial == serial else rec.admit(other)
            kind = self._kind | other._kind
            if kind > 3 or rec.slow:
                return apply(op, (self, other))
            plain, graded, spec, flows, _ = found
            owners = rec.owners
            y = new(Tensor)
            if kind and rec.grad:
                rec.code += (graded, a, b)
                y._kind = flows
            else:
                rec.code += (plain, a, b)
                y._kind = PLAIN
        else:
            try:
                found = hot[self._spec][type(other)]
            except KeyError:
                found = None
            if found is None:
                return general(self, other)
            a = self._slot if self._serial == serial else rec.admit(self)
            kind = self._kind
            if kind > 3 or rec.slow:
                return apply(op, (self, other))
            plain, graded, spec, flows, number = found
            owners = rec.owners
            b = len(owners)
            owners.append(None)
            rec.inputs.append(other)
            y = new(Tensor)
            if kind and rec.grad:
                rec.code += (number, graded, a, b)
                y._kind = flows
            else:
                rec.code += (number, plain, a, b)
                y._kind = PLAIN
        y._serial = serial
        y._slot = n = len(owners)
        y._spec = spec
        y._array = y._more = y._grad = y._graph = None
        y._ver = 0
        owners.append(y)
        if n > LIMIT:
            rec.flush()
        return y

    def general(self: Tensor, other: Any) -> Any:
        number = None
        if not isinstance(other, Tensor):
            if type(other) not in NUMBERS:
                other = operand(other)
                return other if other is NotImplemented else method(self, other)
            number = NUMBERS[type(other)]
        found = look_up(op, (self, other), {})
        if found is not None:
            key = other._spec if number is None else type(other)
            hot.setdefault(self._spec, {})[key] = (*found, number)
        return apply(op, (self, other))

    def turned(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor) and type(other) not in NUMBERS:
            other = operand(other)
            if other is NotImplemented:
                return NotImplemented
        return apply(op, (other, self))

    if reflected:
        return turned
    QUICK[method] = ("binary", hot)
    return method


def several(op: Op) -> Callable[..., Any]:
    """Return the function of several operands, tensors and numbers, that records an operation."""
    hot = table()

    def function(*args: Any) -> Any:
        key = tuple([x._spec if isinstance(x, Tensor) else type(x) for x in args])
        if key not in hot:
            hot[key] = look_up(op, args, {})
        found = hot[key]
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        if found is None or rec.slow:
            return apply(op, args)
        serial = rec.serial
        kind = 0
        slots = []
        for x in args:
            if isinstance(x, Tensor):
                slots.append(x._slot if x._serial == serial else rec.admit(x))
                kind |= x._kind
            else:
                slots.append(rec.number(x))
        if kind > 3:
            return apply(op, args)
        plain, graded, spec, flows = found
        owners = rec.owners
        y = new(Tensor)
        if kind and rec.grad:
            rec.code += (graded, *slots)
            y._kind = flows
        else:
            rec.code += (plain, *slots)
            y._kind = PLAIN
        y._serial, y._slot, y._spec, y._ver = serial, len(owners), spec, 0
        y._array = y._more = y._grad = y._graph = None
        owners.append(y)
        return y

    return function


def operand(value: Any) -> Any:
    """Return what stands beside a tensor in an operator: NumPy's scalars and arrays are welcome."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is np.ndarray:
        array = np.array(value, order="C")
        return leaf_of(array[()], spec_of_array(array))
    return NotImplemented


def not_a_tensor(name: str, argument: str, position: int, value: Any) -> TypeError:
    """Return PyTorch's error for an argument that must be a tensor."""
    return TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be Tensor, not "
        f"{type(value).__name__}"
    )
