"""The gradient of one row as an operation of its own, which is recorded and differentiates again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..frontend.capture import Capture, current
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.adjoint import adjoint
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from ..transforms.order import differentiating
from .codes import OPS, Code, Op
from .spec import Spec


def _impl(
    *operands: Any,
    fwd: Op,
    fwd_params: tuple[tuple[str, Any], ...],
    needs: tuple[bool, ...],
    given: tuple[bool, ...],
) -> Any:
    """Return the cotangents of the operands that need them; the first operands are cotangents."""
    cap = current()
    assert cap is not None
    n = sum(given)
    syms = [sym_of(cap, x) for x in operands]
    each = iter(syms[:n])
    cts = [next(each) if g else None for g in given]
    found = cotangents(cap, fwd, dict(fwd_params), cts, syms[n:], needs)
    return tuple([Tracer(cap, Root(y)) for y in found])


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


def _shape(args: Any, params: dict[str, Any]) -> list[Any]:
    n = sum(params["given"])
    return [(a.np, tuple(a.shape)) for a, need in zip(args[n:], params["needs"]) if need]


def _node(params: dict[str, Any], args: Any) -> str:
    node = params["fwd"].node
    n = sum(params["given"])
    name: str = node if isinstance(node, str) else node(dict(params["fwd_params"]), args[n:])
    return "MulBackward0" if params["fwd"].saves != () else name


vjp = OPS["vjp"] = Op("vjp", _impl, _node, shape=_shape, traced=True)


def needs_of(code: Code, kinds: list[int]) -> tuple[bool, ...]:
    """Return which operands of a row take a cotangent."""
    return tuple(bool(k) and isinstance(a, Spec) and a.floating for k, a in zip(kinds, code.args))
