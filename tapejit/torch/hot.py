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

from .codes import CODES, GRAD, LEAF, NUMBERS, PLAIN, Op
from .emit import _new_code, apply, emit
from .inplace import fitted
from .record import LIMIT, LOCAL
from .spec import spec_of_array
from .tensor import Tensor, leaf_of

Found = tuple[int, Any, bool, bool, dict[str, Any]]
"""The plain code, the result's spec, whether `apply` must do it, whether it carries gradients."""

HOT: list[dict[Any, Any]] = []
"""The look-up tables of operators, emptied when the default dtype changes."""


def table() -> dict[Any, Any]:
    """Return a new look-up table, known to those who must empty it."""
    hot: dict[Any, Any] = {}
    HOT.append(hot)
    return hot


def look_up(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Found:
    """Return what an operation gives on such operands."""
    key: tuple[Any, ...] = tuple(params.items())
    key += tuple([x._spec if isinstance(x, Tensor) else type(x) for x in args])
    first = op.memo.get(key)
    if first is None:
        first = op.memo[key] = _new_code(op, args, params)
    code = CODES[first]
    spec = code.specs[0]
    slow = op.raises or op.view or code.n_out > 1 or op.traced
    return (first, spec, slow, spec.floating and op.differentiable, params)


def recorded(op: Op, found: Found, x: Tensor) -> Any:
    """Record an operation of one tensor that has been looked up."""
    first, spec, slow, graded, params = found
    rec = LOCAL.rec
    if len(rec.owners) > LIMIT:
        rec.flush()
    if slow or x._kind > 3 or rec.slow:
        return apply(op, (x,), **params)
    serial = rec.serial
    a = x._slot if x._serial == serial else rec.admit(x)
    owners = rec.owners
    if graded and x._kind and rec.grad:
        rec.code += (first + 1, a)
        y = Tensor(serial, len(owners), spec, GRAD)
    else:
        rec.code += (first, a)
        y = Tensor(serial, len(owners), spec, PLAIN)
    owners.append(y)
    return y


def unary(op: Op, name: str | None = None) -> Callable[[Tensor], Any]:
    """Return the function of one tensor that records an operation without parameters."""
    hot = table()
    called = name or op.name

    def function(input: Tensor) -> Any:
        try:
            found = hot.get(input._spec)
        except AttributeError:
            raise not_a_tensor(called, "input", 1, input) from None
        if found is None:
            found = hot[input._spec] = look_up(op, (input,), {})
        first, spec, slow, graded, _ = found
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        if slow or input._kind > 3 or rec.slow:
            return apply(op, (input,))
        serial = rec.serial
        a = input._slot if input._serial == serial else rec.admit(input)
        owners = rec.owners
        if graded and input._kind and rec.grad:
            rec.code += (first + 1, a)
            y = Tensor(serial, len(owners), spec, GRAD)
        else:
            rec.code += (first, a)
            y = Tensor(serial, len(owners), spec, PLAIN)
        owners.append(y)
        return y

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
                pair = hot.get(key)
            except (TypeError, AttributeError):
                key, pair = None, None
            if pair is None:
                if not isinstance(input, Tensor):
                    raise not_a_tensor(name, "input", 1, input)
                for old in _SPELLINGS.keys() & kwargs.keys():
                    if _SPELLINGS[old] in kwargs:
                        raise TypeError(f"{name}() got both '{old}' and '{_SPELLINGS[old]}'")
                    kwargs[_SPELLINGS[old]] = kwargs.pop(old)
                params = params_of(input, *args, **kwargs)
                if isinstance(params, Tensor):
                    return params
                its, params = params if isinstance(params, tuple) else (op, params)
                pair = (its, look_up(its, (input,), params))
                if key is not None and type(params) is not Unkept:
                    hot[key] = pair
            return recorded(pair[0], pair[1], input)

        return function

    return made


def binary(op: Op, reflected: bool = False) -> Callable[[Tensor, Any], Any]:
    """Return the method of two operands, the second a tensor or a number."""
    hot = table()

    def method(self: Tensor, other: Any) -> Any:
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        serial = rec.serial
        spec_a = self._spec
        if isinstance(other, Tensor):
            found = hot.get((spec_a, other._spec))
            if found is None:
                found = look(self, other)
            a = self._slot if self._serial == serial else rec.admit(self)
            b = other._slot if other._serial == serial else rec.admit(other)
            kind = self._kind | other._kind
        else:
            spec_b = type(other)
            if spec_b not in NUMBERS:
                other = operand(other)
                if other is NotImplemented:
                    return NotImplemented
                return method(self, other)
            found = hot.get((spec_a, spec_b))
            if found is None:
                found = look(self, other)
            a = self._slot if self._serial == serial else rec.admit(self)
            b = rec.number(other)
            kind = self._kind
        first, spec, slow, graded, _ = found
        if slow or kind > 3 or rec.slow:
            return apply(op, (other, self) if reflected else (self, other))
        owners = rec.owners
        if graded and kind and rec.grad:
            rec.code += (first + 1, b, a) if reflected else (first + 1, a, b)
            y = Tensor(serial, len(owners), spec, GRAD)
        else:
            rec.code += (first, b, a) if reflected else (first, a, b)
            y = Tensor(serial, len(owners), spec, PLAIN)
        owners.append(y)
        return y

    def look(self: Tensor, other: Any) -> Any:
        found = look_up(op, (other, self) if reflected else (self, other), {})
        hot[(self._spec, other._spec if isinstance(other, Tensor) else type(other))] = found
        return found

    return method


def several(op: Op) -> Callable[..., Any]:
    """Return the function of several operands, tensors and numbers, that records an operation."""
    hot = table()

    def function(*args: Any) -> Any:
        key = tuple([x._spec if isinstance(x, Tensor) else type(x) for x in args])
        found = hot.get(key)
        if found is None:
            found = hot[key] = look_up(op, args, {})
        first, spec, slow, graded, _ = found
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        serial = rec.serial
        kind = 0
        slots = []
        for x in args:
            if isinstance(x, Tensor):
                slots.append(x._slot if x._serial == serial else rec.admit(x))
                kind |= x._kind
            else:
                slots.append(rec.number(x))
        if slow or kind > 3 or rec.slow:
            return apply(op, args)
        owners = rec.owners
        kind = GRAD if graded and kind and rec.grad else PLAIN
        rec.code += (first + kind, *slots)
        y = Tensor(serial, len(owners), spec, kind)
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


def inplace(op: Op) -> Callable[[Tensor, Any], Any]:
    """Return an operator that writes its result into its first operand."""
    hot: dict[Any, int] = table()

    def method(self: Tensor, other: Any) -> Any:
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        serial = rec.serial
        kind = self._kind
        if isinstance(other, Tensor):
            first = hot.get((self._spec, other._spec), -1)
            kind |= other._kind
        else:
            if type(other) not in NUMBERS:
                other = operand(other)
                if other is NotImplemented:
                    return NotImplemented
            first = hot.get((self._spec, type(other)), -1)
        if first < 0 or self._more is not None or kind > 3 or rec.slow:
            return general(self, other)
        if self._kind == LEAF:
            if rec.grad:
                self._check_inplace(rec)
            flag = LEAF
        else:
            flag = GRAD if kind and rec.grad else PLAIN
            if flag != self._kind and self._kind:
                return general(self, other)
        a = self._slot if self._serial == serial else rec.admit(self)
        if isinstance(other, Tensor):
            b = other._slot if other._serial == serial else rec.admit(other)
        else:
            b = rec.number(other)
        owners = rec.owners
        slot = len(owners)
        rec.code += (first + flag, a, b)
        rec.stale[a] = (self, self._ver, slot + (other is self))
        if owners[a] is self:
            owners[a] = None
        owners.append(self)
        self._slot, self._kind, self._array = slot, flag, None
        self._ver += 1
        if flag == LEAF:
            rec.leaves[slot] = self
        elif self._graph is not None:
            self._graph = None
        return self

    def general(self: Tensor, other: Any) -> Tensor:
        made = write(self, op, (self, other))
        key = (self._spec, other._spec if isinstance(other, Tensor) else type(other))
        first = op.memo.get(key)
        if first is not None and CODES[first].specs[0] is self._spec and self._spec.floating:
            hot[key] = first
        return made

    return method


def overwriting(op: Op) -> Callable[[Tensor], Tensor]:
    """Return the method that replaces a tensor's value by one that no graph leads to."""
    hot: dict[Any, int] = table()

    def method(self: Tensor) -> Tensor:
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        first, flag = hot.get(self._spec, -1), self._kind
        if first < 0 or flag != PLAIN or self._more is not None or rec.slow:
            made = write(self, op, (self,))
            code = op.memo.get((self._spec,))
            if code is not None and CODES[code].specs[0] is self._spec:
                hot[self._spec] = code
            return made
        a = self._slot if self._serial == rec.serial else rec.admit(self)
        owners = rec.owners
        slot = len(owners)
        rec.code += (first, a)
        rec.stale[a] = (self, self._ver, slot)
        if owners[a] is self:
            owners[a] = None
        owners.append(self)
        self._slot, self._array = slot, None
        self._ver += 1
        return self

    return method


def write(self: Tensor, op: Op, args: tuple[Any, ...], **params: Any) -> Tensor:
    """Record an operation whose result replaces the value of `self`."""
    rec = LOCAL.rec
    leaf = self._check_inplace(rec, op.uniform)
    first, begins, kind = emit(rec, op, args, params, leaf)
    slot, kind = fitted(rec, self, first, begins, kind)
    # An operand that is the tensor itself is not kept as it was, except the first.
    rec.mark = len(rec.owners) if any(a is self for a in args[1:]) else begins
    try:
        self._set_slot(rec, slot, kind)
    finally:
        rec.mark = -1
    return self
