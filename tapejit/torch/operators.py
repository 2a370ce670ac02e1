"""The operators of a tensor, on the hot path: a look-up, three integers and a new tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .codes import CODES, GRAD, LEAF, NUMBERS, PLAIN, Op
from .emit import apply, emit
from .inplace import fitted
from .ops import pointwise
from .record import LOCAL
from .tensor import Tensor

HOT: list[dict[Any, Any]] = []
"""The look-up tables of operators, emptied when the default dtype changes."""


def binary(op: Op, reflected: bool = False) -> Callable[[Tensor, Any], Any]:
    """Return an operator's method."""
    memo = op.memo

    def method(self: Tensor, other: Any) -> Any:
        rec = LOCAL.rec
        serial = rec.serial
        spec_a = self._spec
        if isinstance(other, Tensor):
            spec_b: Any = other._spec
            found = hot.get((spec_a, spec_b))
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
        first, spec, plain = found
        if plain or kind > 3 or rec.anomaly or rec.eager:
            return apply(op, (other, self) if reflected else (self, other))
        owners = rec.owners
        if kind and rec.grad and spec.floating:
            rec.code += (first + 1, b, a) if reflected else (first + 1, a, b)
            y = Tensor(serial, len(owners), spec, GRAD)
        else:
            rec.code += (first, b, a) if reflected else (first, a, b)
            y = Tensor(serial, len(owners), spec, PLAIN)
        owners.append(y)
        return y

    hot: dict[Any, Any] = {}

    def look(self: Tensor, other: Any) -> Any:
        from .codes import CODES
        from .emit import _new_code

        pair = (other, self) if reflected else (self, other)
        key = tuple(x._spec if isinstance(x, Tensor) else type(x) for x in pair)
        first = memo.get(key)
        if first is None:
            first = memo[key] = _new_code(op, pair, {})
        found = (first, CODES[first].specs[0], op.raises)
        mine = (self._spec, other._spec if isinstance(other, Tensor) else type(other))
        hot[mine] = found
        return found

    HOT.append(hot)
    return method


def operand(value: Any) -> Any:
    """Return what stands beside a tensor as an operand: NumPy's scalars and arrays become tensors."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    return NotImplemented


def inplace(op: Op) -> Callable[[Tensor, Any], Any]:
    """Return an operator that writes its result into its first operand."""
    hot: dict[Any, int] = {}

    def method(self: Tensor, other: Any) -> Any:
        rec = LOCAL.rec
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
        if first < 0 or self._more is not None or kind > 3 or rec.anomaly or rec.eager:
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
        rec.stale[a] = (self, self._ver)
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

    HOT.append(hot)
    return method


def write(self: Tensor, op: Op, args: tuple[Any, ...], **params: Any) -> Tensor:
    """Record an operation whose result replaces the value of `self`."""
    rec = LOCAL.rec
    leaf = self._check_inplace(rec)
    first, slot, kind = emit(rec, op, args, params, leaf)
    slot, kind = fitted(rec, self, first, slot, kind)
    self._set_slot(rec, slot, kind)
    return self


for _name, _op in {"add": pointwise.add, "sub": pointwise.sub, "mul": pointwise.mul,
                   "truediv": pointwise.div}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", binary(_op))
    setattr(Tensor, f"__i{_name}__", inplace(_op))
for _name, _op in {"add": pointwise.add, "mul": pointwise.mul}.items():
    setattr(Tensor, f"__r{_name}__", binary(_op))
setattr(Tensor, "__rsub__", binary(pointwise.rsub))  # noqa: B010
