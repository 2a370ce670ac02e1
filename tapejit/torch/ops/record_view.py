"""Views on the hot path: what `emit.apply` does for them, with the look-up already done.

A view of plain data that lies in memory records nothing: whoever uses it takes the elements as an
input. A loop over ``data[k : k + 32]`` is therefore one program, not one for each k.

A view's code depends on its base's spec and on static parameters alone. Functions keep a table from
these to codes, filled after all checks have passed, so that a call that has been made before is one
look-up, two integers and a new tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

from ..codes import CODES, GRAD, PLAIN, Op, three
from ..emit import _new_code, apply
from ..hot import new, table
from ..record import LIMIT, LOCAL, STEPS, Recorder
from ..tensor import More, Tensor, plain_above
from ..views import SHARED_PLACES
from .memory import part_spec


def view_code(op: Op, t: Tensor, **params: Any) -> int:
    """Return the code of a view of a tensor."""
    key = (*params.items(), t._spec)
    first = op.memo.get(key)
    if first is None:
        first = op.memo[key] = _new_code(op, (t,), params)
    return int(first)


def part_code(op: Op, t: Tensor, at: tuple[Any, ...], /, **params: Any) -> int:
    """Return the code of a view that is a basic index."""
    known = (*params.items(), t._spec)
    first = op.memo.get(known)
    if first is None:
        spec = t._spec
        first = op.memo[known] = three(op, params, (spec,), (part_spec(spec, at),))
    return int(first)


def no_write(base: Any, new: Any, **params: Any) -> Any:
    """Refuse to write through a view that shows one place twice."""
    raise RuntimeError(SHARED_PLACES)


def view_of(self: Tensor, first: int) -> Tensor:
    """Record the view of a tensor that a code stands for."""
    known = _VIEWS.get(first)
    if known is None:
        known = _known(first)
    y: Any = STEPS["part"](self, known)
    if y is None:
        rec = LOCAL.rec
        if len(rec.owners) > LIMIT:
            rec.flush()
        if self._kind > 3 or rec.slow:
            code = CODES[first]
            made: Tensor = apply(code.op, (self,), **code.params)
            return made
        y = _part(rec, self, known)
    more = self._more  # an admission may have dropped the old one
    if more is None:
        more = self._more = More()
    mine = y._more = More()
    mine.base = self
    mine.root = root = self if more.base is None else more.root
    mine.code = first
    mine.seen = root._ver
    if not y._kind:
        graded = known[3] == GRAD
        mine.hushed = graded and not LOCAL.rec.grad
        mine.detached = mine.hushed or not graded
    views = more.views
    if len(views) & 63:
        views.append(ref(y))  # type: ignore[attr-defined]
    else:
        more.adopt(y)
    if root._more.exposed and y._serial:  # type: ignore[union-attr]
        LOCAL.rec.copies.append((y._slot, y))
        y._serial = 0  # its memory may be written to from outside: it is read anew when it is used
    return y  # type: ignore[no-any-return]


def _part(rec: Recorder, self: Tensor, known: tuple[int, int, Any, int]) -> Tensor:
    """Record the row of a view, if it needs one: the tensor alone, no note of its base."""
    plain, flowing, spec, found = known
    kind, more = self._kind, self._more
    root: Tensor = self if more is None or more.base is None else more.root
    y = new(Tensor)
    y._spec = spec
    y._array = y._grad = y._graph = y._more = None
    y._ver = 0
    direct = more is None or more.base is None or more.base is root
    if not kind and root._array is not None and not root._kind and (direct or plain_above(self)):
        y._serial = y._slot = 0
        y._kind = PLAIN
        return y
    slot = self._slot if self._serial == rec.serial else rec.admit(self)
    kind = self._kind  # a view of what has been written to may have another one now
    owners = rec.owners
    if kind and found == GRAD and rec.grad:
        rec.code += (flowing, slot)
        y._kind = GRAD
    else:
        rec.code += (plain, slot)
        y._kind = PLAIN
    y._serial, y._slot = rec.serial, len(owners)
    owners.append(y)
    return y


_VIEWS: dict[int, tuple[int, int, Any, int]] = table()
"""By code: the codes of the view without and with gradients, its spec, its kind with gradients."""


def _known(first: int) -> tuple[int, int, Any, int]:
    code = CODES[first]
    spec = code.specs[0]
    flows = spec.floating and code.op.differentiable
    kind = GRAD if flows else PLAIN
    found = _VIEWS[first] = (first, first + kind, spec, kind)
    return found


def views_of(self: Tensor, codes: Sequence[int]) -> tuple[Tensor, ...]:
    """Record several views of a tensor."""
    return tuple([view_of(self, first) for first in codes])
