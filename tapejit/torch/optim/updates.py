"""One step of many parameters as one recorded row.

A *formula* says what a step does to one parameter: ``formula(p, g, states, numbers, **static)`` gives
``(p, *states)``. The row of a group applies it to all parameters; learning rates, decay rates and
bias corrections are operands, so that a number that changes is no new program. Results take the
place of the old values: parameters stay leaves, states stay plain, and no gradient enters the row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..codes import LEAF, OPS, PLAIN, Code, Op
from ..ops.convert import to
from ..record import LOCAL, STEPS
from ..replacing import admitted, dense, replace, replace_simple
from ..spec import spec_of
from ..tensor import Tensor

Formula = Callable[..., tuple[Any, ...]]
_lock = threading.Lock()
_SIMPLE = frozenset((PLAIN, LEAF))


def update(name: str, formula: Formula) -> Op:
    """Declare the update of a method.

    Operands: parameters, gradients, the first states of all, the second, .., then the numbers.
    Results: parameters, the first states, the second, ..
    """

    def impl(*operands: Any, n: int, states: int, **static: Any) -> tuple[Any, ...]:
        columns = [operands[k * n : (k + 1) * n] for k in range(2 + states)]
        numbers = operands[(2 + states) * n :]
        made = []
        for p, g, *kept in zip(*columns):
            kind = np.dtype(p.dtype).name
            local = [to(x, kind) for x in numbers]
            made.append(formula(p, to(g, kind), kept, local, **static))
        return tuple(
            row[k].astype(np.dtype(columns[0 if k == 0 else k + 1][i].dtype))
            for k in range(1 + states)
            for i, row in enumerate(made)
        )

    made = OPS[name] = Op(name, impl, differentiable=False)
    return made


def record_update(
    op: Op,
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    states: Sequence[Sequence[Tensor]],
    numbers: Sequence[float],
    **static: Any,
) -> None:
    """Record one step of parameters and states, and put its results into their places.

    Parameters
    ----------
    op : Op
        Made by `update`.
    states : sequence of sequences
        The first states of all parameters, the second, ..
    numbers : sequence of float
    **static
        What decides the formula's structure.
    """
    rec = LOCAL.rec
    outs = list(params)
    for column in states:
        outs += column
    ins = [*params, *grads, *outs[len(params) :]]
    slow: list[bool] | None = None
    described = None if rec.eager else STEPS["described"](ins, outs)
    if described is not None:
        specs, kinds = described
    else:
        specs, kinds = tuple([t._spec for t in ins]), tuple([t._kind for t in outs])
        if rec.eager or not _SIMPLE.issuperset(kinds) or any([t._more is not None for t in outs]):
            slow = [t._more is not None or t._kind not in _SIMPLE or rec.eager for t in outs]
            kinds = tuple([0 if apart else t._kind for t, apart in zip(outs, slow)])
    key = (specs, kinds, tuple([type(x) for x in numbers]), *static.items())
    found = op.memo.get(key)
    if found is None:
        found = op.memo[key] = _code(op, params, grads, outs, ins, numbers, kinds, static)
    if slow is not None:
        for p in params:
            if p._more is not None:
                p._check_inplace(rec)
    slots = admitted(rec, ins)
    given = [rec.number(x) for x in numbers]
    first = len(rec.owners)
    rec.code += (found.index, *slots, *given)
    if slow is None:
        replace_simple(rec, outs, first, kinds)
    else:
        rec.owners += [None] * len(outs)
        replace(rec, outs, slow, first, kinds)


def _code(
    op: Op,
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    outs: Sequence[Tensor],
    ins: Sequence[Tensor],
    numbers: Sequence[float],
    kinds: tuple[int, ...],
    static: dict[str, Any],
) -> Code:
    for p, g in zip(params, grads):
        if tuple(g._spec.shape) != tuple(p._spec.shape):
            raise RuntimeError(
                f"The size of the gradient {list(g._spec.shape)} must match the size of the "
                f"parameter {list(p._spec.shape)}"
            )
    specs = tuple(dense(t._spec) for t in outs)
    args = (*[t._spec for t in ins], *[type(x) for x in numbers])
    with _lock:
        return Code(
            op,
            {"n": len(params), "states": len(outs) // len(params) - 1, **static},
            args,
            specs,
            kinds,
        )


def counted(t: Tensor, last: tuple[Any, Any, float]) -> tuple[Any, Any, float]:
    """Add one to a state that counts steps; return its old and its new value and that as a float.

    `last` is what another state gave: parameters that are stepped together share these numbers, and
    finding the old one again takes 0.1 us, making a number of NumPy's 0.5.
    """
    array = t._array
    if t._more is not None or array is None:
        n = float(t._value()) + 1.0
        put_number(t, n)
        return (None, None, n)
    if array is not last[0]:
        n = float(array) + 1.0
        last = (array, t._spec.np.type(n), n)
    t._array = last[1]
    t._serial = 0
    t._ver += 1
    return last


def counted_together(states: Sequence[dict[str, Any]]) -> float | None:
    """Add one to the counts of all states if they share one number, which they do in most loops.

    Returns the new number; None, with nothing changed, when counts differ or a state has none.
    """
    try:
        steps: list[Tensor] = [mine["step"] for mine in states]
    except KeyError:
        return None
    array = steps[0]._array
    if (
        array is None
        or any([t._array is not array or t._more is not None for t in steps])
        or len(set(map(id, steps))) < len(steps)
    ):
        return None
    n = float(array) + 1.0
    fresh = steps[0]._spec.np.type(n)
    for t in steps:
        t._array = fresh
        t._serial = 0
        t._ver += 1
    return n


def put_number(t: Tensor, value: float) -> None:
    """Set the value of a 0-d state, as a write in place."""
    more = t._more
    if more is not None:
        home = t._expose()
        home[...] = value
    else:
        t._array = t._spec.np.type(value)
    t._serial = 0
    t._ver += 1


def number_state(value: float) -> Tensor:
    """Return a 0-d state."""
    from ..dtypes import float64, get_default_dtype
    from ..tensor import leaf_of

    kind = np.dtype("float64" if get_default_dtype() is float64 else "float32")
    return leaf_of(kind.type(value), spec_of(kind, ()))


def zeros_like(p: Tensor, value: float = 0.0) -> Tensor:
    """Return a state of the shape and dtype of a parameter."""
    from ..tensor import leaf_of

    spec = dense(p._spec)
    array = np.full(tuple(spec.shape), value, spec.np)
    return leaf_of(array if spec.shape else array[()], spec)
