"""The adjoint of a single row, traced: what recorded gradients and runs row by row have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..frontend.capture import Capture
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.adjoint import adjoint
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from ..transforms.order import differentiating
from .codes import Code, Op
from .spec import Spec


def needs_of(code: Code, kinds: list[int]) -> tuple[bool, ...]:
    """Return which operands of a row take a cotangent."""
    return tuple(bool(k) and isinstance(a, Spec) and a.floating for k, a in zip(kinds, code.args))


def cotangents(
    cap: Capture,
    fwd: Op,
    params: dict[str, Any],
    cts: Sequence[Sym | None],
    operands: Sequence[Sym],
    needs: Sequence[bool],
) -> list[Sym]:
    """Return the cotangents of the operands of an operation that need them."""
    # Each operand that takes a cotangent gets a name of its own: the same value may stand here
    # twice, and another operand may have been computed from it (x - x.detach().mean()).
    copy = BY_NAME["copy"]
    xs = [copy(x) if need else x for x, need in zip(operands, needs)]
    with differentiating():
        made = fwd.impl(*[Tracer(cap, Root(x)) for x in xs], **params)
    ys = [sym_of(cap, y) for y in (made if isinstance(made, tuple) else (made,))]
    pairs = [(y, cap.b.cast(c, y.dtype)) for y, c in zip(ys, cts) if c is not None]
    wanted = [x for x, need in zip(xs, needs) if need]
    found = adjoint(cap.b, [y for y, _ in pairs], [c for _, c in pairs], wanted)
    out = []
    for x, ct in zip(wanted, found):
        if ct is None:
            zero = cap.b.lit(0.0)
            ct = BY_NAME["broadcast_to"](cap.b.cast(zero, x.dtype), shape=x.shape)
        out.append(cap.b.cast(ct, x.dtype))
    return out
