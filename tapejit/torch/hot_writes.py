"""The quick ways to record a write in place: a look-up, three integers, another slot for the tensor.

As in `hot`, what an operation gives on operands of such specs is kept in tables. Tensors with views,
hooks or memory that others see go the long way, `write`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .codes import CODES, GRAD, LEAF, NUMBERS, PLAIN, Op
from .emit import emit
from .hot import QUICK, operand, table
from .inplace import fitted
from .record import LIMIT, LOCAL
from .tensor import Tensor


def inplace(op: Op) -> Callable[[Tensor, Any], Any]:
    """Return an operator that writes its result into its first operand."""
    hot: dict[Any, dict[Any, int]] = table()

    def method(self: Tensor, other: Any) -> Any:
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        serial = rec.serial
        kind = self._kind
        tensor = isinstance(other, Tensor)
        if tensor:
            key: Any = other._spec
            kind |= other._kind
        else:
            key = type(other)
        try:
            first = hot[self._spec][key]
        except KeyError:
            first = -1
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
        if tensor:
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
        if flag == LEAF:
            rec.leaves[slot] = self
        elif self._graph is not None:
            self._leave_graph(self._ver - self._hidden)
        self._ver += 1
        return self

    def general(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor) and type(other) not in NUMBERS:
            other = operand(other)
            if other is NotImplemented:
                return NotImplemented
        made = write(self, op, (self, other))
        key = other._spec if isinstance(other, Tensor) else type(other)
        first = op.memo.get((self._spec, key))
        if first is not None and CODES[first].specs[0] is self._spec and self._spec.floating:
            hot.setdefault(self._spec, {})[key] = first
        return made

    QUICK[method] = ("inplace", hot)
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

    QUICK[method] = ("overwriting", hot)
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
