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

from ..codes import CODES, GRAD, PLAIN, Op, three
from ..emit import _new_code, apply
from ..hot import new, table
from ..record import LOCAL
from ..tensor import More, Tensor
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
    rec = LOCAL.rec
    known = _VIEWS.get(first)
    if known is None:
        known = _known(first)
    spec, graded = known
    kind = self._kind
    if kind > 3 or rec.slow:
        code = CODES[first]
        made: Tensor = apply(code.op, (self,), **code.params)
        return made
    more = self._more
    root: Tensor = self if more is None or more.base is None else more.root
    grad = graded and rec.grad
    y = new(Tensor)
    y._spec = spec
    y._array = y._grad = y._graph = None
    y._ver = 0
    if not kind and root._array is not None and not root._kind:
        y._serial = y._slot = 0
        y._kind = PLAIN
    else:
        slot = self._slot if self._serial == rec.serial else rec.admit(self)
        owners = rec.owners
        if self._kind and grad:
            rec.code += (first + GRAD, slot)
            y._kind = GRAD
        else:
            rec.code += (first, slot)
            y._kind = PLAIN
        y._serial, y._slot = rec.serial, len(owners)
        owners.append(y)
    more = self._more  # an admission may have dropped the old one
    if more is None:
        more = self._more = More()
    mine = y._more = new(More)
    mine.base, mine.root, mine.code = self, root, first
    mine.detached = not grad
    mine.hushed = graded and not rec.grad
    mine.seen = root._ver
    more.adopt(y)
    if y._serial and root._more.exposed:  # type: ignore[union-attr]
        rec.copies.append((y._slot, y))
        y._serial = 0  # its memory may be written to from outside: it is read anew when it is used
    return y


_VIEWS: dict[int, tuple[Any, bool]] = table()
"""By code: the spec of the view, and whether it carries gradients."""


def _known(first: int) -> tuple[Any, bool]:
    code = CODES[first]
    spec = code.specs[0]
    found = _VIEWS[first] = (spec, spec.floating and code.op.differentiable)
    return found


def views_of(self: Tensor, codes: Sequence[int]) -> tuple[Tensor, ...]:
    """Record several views of a tensor."""
    return tuple([view_of(self, first) for first in codes])
