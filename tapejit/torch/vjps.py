"""The gradient of one row as an operation of its own, which is recorded and differentiates again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..frontend.capture import current
from ..frontend.tracer import Root, Tracer, sym_of
from .codes import CODES, OPS, PLAIN, Code, Op
from .emit import _new_code, apply
from .hot import new, table
from .record import Recorder
from .row_adjoint import cotangents
from .tensor import Tensor


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


def _shape(args: Any, params: dict[str, Any]) -> list[Any]:
    n = sum(params["given"])
    return [(a.np, tuple(a.shape)) for a, need in zip(args[n:], params["needs"]) if need]


def _node(params: dict[str, Any], args: Any) -> str:
    node = params["fwd"].node
    n = sum(params["given"])
    name: str = node if isinstance(node, str) else node(dict(params["fwd_params"]), args[n:])
    return "MulBackward0" if params["fwd"].saves != () else name


vjp = OPS["vjp"] = Op("vjp", _impl, _node, shape=_shape, traced=True)


_hot = table()


def recorded_vjp(
    rec: Recorder,
    code: Code,
    given: Sequence[Tensor | None],
    operands: Sequence[Any],
    needs: tuple[bool, ...],
) -> tuple[Tensor, ...]:
    """Record the gradients of a row's operands that need them; `given` are its cotangents."""
    cts = [g for g in given if g is not None]
    args = [*cts, *operands]
    kind = 0
    specs: list[Any] = []
    for x in args:
        if isinstance(x, Tensor):
            specs.append(x._spec)
            kind |= x._kind
        else:
            specs.append(type(x))
    key = (code.index, needs, tuple([g is not None for g in given]), *specs)
    first = _hot.get(key)
    if first is None or rec.grad or kind > 3 or rec.slow:
        params = {
            "fwd": code.op,
            "fwd_params": tuple(code.params.items()),
            "needs": needs,
            "given": key[2],
        }
        if first is None:
            known = (*params.items(), *specs)
            first = vjp.memo.get(known)
            if first is None:
                first = vjp.memo[known] = _new_code(vjp, args, params)
            _hot[key] = first
        made = apply(vjp, args, **params)
        return made if isinstance(made, tuple) else (made,)
    serial = rec.serial
    slots = [
        rec.number(x)
        if not isinstance(x, Tensor)
        else x._slot
        if x._serial == serial
        else rec.admit(x)
        for x in args
    ]
    rec.code += (first, *slots)
    owners = rec.owners
    results = []
    for spec in CODES[first].specs:
        y = new(Tensor)
        y._serial, y._slot, y._spec, y._kind = serial, len(owners), spec, PLAIN
        y._array = y._more = y._grad = y._graph = None
        y._ver = 0
        owners.append(y)
        results.append(y)
    return tuple(results)
