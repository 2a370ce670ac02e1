"""Recording one operation: operands to slots, specs of the results, one row, new tensors.

The specs of results are found by running the operation once on stand-ins of the same shapes and
dtypes; after that they are a dictionary look-up.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .codes import CODES, GRAD, INFERENCE, LEAF, PLAIN, VOLATILE, Op, three
from .record import LIMIT, LOCAL, Recorder
from .spec import Spec, spec_of, spec_of_array
from .tensor import More, Tensor

_NUMBERS = (float, int, bool, complex)


def apply(op: Op, args: Sequence[Any], **params: Any) -> Any:
    """Record an operation on tensors and Python numbers; return its result, or a tuple of them.

    Parameters
    ----------
    op : Op
    args : sequence of Tensor or number
        Numbers become inputs of the row, so that a number that changes is no new program.
    **params
        Static parameters, hashable.
    """
    rec = LOCAL.rec
    if len(rec.owners) > LIMIT:
        rec.flush()
    first, slot, kind = emit(rec, op, args, params)
    code = CODES[first]
    if op.view:
        return _view(rec, code.index, args[0], slot, kind)
    serial, owners = rec.serial, rec.owners
    made = []
    extra = INFERENCE if rec.inference else 0
    for k, spec in enumerate(code.specs):
        its = kind if spec.floating and op.differentiable else PLAIN
        y = Tensor(serial, slot + k, spec, its | extra)
        owners[slot + k] = y
        made.append(y)
    if op.raises or rec.slow:
        _run_at_once(rec, op, made)
    return made[0] if len(made) == 1 else tuple(made)


def emit(
    rec: Recorder, op: Op, args: Sequence[Any], params: dict[str, Any], leaf: bool = False
) -> tuple[int, int, int]:
    """Append a row and return its plain code, its first slot and its kind."""
    serial = rec.serial
    key: list[Any] = [*params.items()] if params else []
    slots: list[int] = []
    kind = 0
    for a in args:
        if isinstance(a, Tensor):
            # Admission first: a view of what has been written to may have another kind now.
            slots.append(a._slot if a._serial == serial else rec.admit(a))
            key.append(a._spec)
            kind |= a._kind
        else:
            slots.append(rec.number(a))
            key.append(type(a))
    memo_key = tuple(key)
    first = op.memo.get(memo_key)
    if first is None:
        first = op.memo[memo_key] = _new_code(op, args, params)
    if leaf:
        kind = LEAF
    elif kind & VOLATILE:
        kind = VOLATILE
    else:
        connected = kind & 3 and rec.grad and op.differentiable and not rec.inference
        if connected and kind & INFERENCE:
            _refuse_inference(first, args)
        kind = GRAD if connected else PLAIN
    owners = rec.owners
    slot = len(owners)
    rec.code += (first + (kind & 3), *slots)
    n = CODES[first].n_out
    owners += [None] * n
    if rec.anomaly:
        from .anomaly import note_line

        note_line(rec, slot)
    return first, slot, kind


def _refuse_inference(first: int, args: Sequence[Any]) -> None:
    """Raise when a tensor of inference mode would be saved for backward."""
    kinds = [a._kind if isinstance(a, Tensor) else 0 for a in args]
    saved = CODES[first].saved([bool(k & 3) for k in kinds])
    if any(k >= 0 and kinds[k] & INFERENCE for k in saved):
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
            "inference mode in computation tracked by autograd. To work around this, you can make "
            "a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` "
            "instead of `torch.inference_mode()`."
        )


def _view(rec: Recorder, code: int, base: Tensor, slot: int, kind: int) -> Tensor:
    spec = CODES[code].specs[0]
    inferred = INFERENCE if rec.inference else base._kind & INFERENCE
    y = Tensor(rec.serial, slot, spec, (kind if spec.floating else PLAIN) | inferred)
    more = base._more
    if more is None:
        more = base._more = More()
    root = base if more.base is None else more.root
    mine = More()
    mine.base, mine.root, mine.code = base, root, code
    mine.detached = not rec.grad or not CODES[code].op.differentiable or spec.floating is False
    mine.hushed = not rec.grad and CODES[code].op.differentiable and spec.floating
    mine.seen = root._ver
    y._more = mine
    more.adopt(y)
    rec.owners[slot] = y
    if root._more is not None and root._more.exposed:
        rec.copies.append((slot, y))
        y._serial = 0  # its memory may be written to from outside: it is read anew when it is used
    return y


def _run_at_once(rec: Recorder, op: Op, made: list[Tensor]) -> None:
    """Compute what has just been recorded, so that an error comes from the user's line."""
    from .anomaly import check_forward

    rec.flush()
    if rec.anomaly:
        check_forward(op, made)


def _new_code(op: Op, args: Sequence[Any], params: dict[str, Any]) -> int:
    kinds = tuple(a._spec if isinstance(a, Tensor) else type(a) for a in args)
    for k in kinds:
        if not isinstance(k, Spec) and k not in _NUMBERS:
            raise TypeError(f"{op.name}(): {k.__name__} is no tensor and no Python number")
    if op.resolve is not None:
        params = op.resolve(kinds, dict(params))
    return three(op, dict(params), kinds, infer(op, kinds, params))


def infer(op: Op, args: Sequence[Any], params: dict[str, Any]) -> tuple[Spec, ...]:
    """Return the specs of an operation's results."""
    if op.shape is not None:
        return tuple(spec_of(np.dtype(d), tuple(s)) for d, s in op.shape(args, params))
    given = [stand_in(a) for a in args]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = op.impl(*given, **params)
    except np.exceptions.AxisError as error:
        raise IndexError(
            f"Dimension out of range (expected to be in range of "
            f"[{-max(error.ndim or 0, 1)}, {max(error.ndim or 0, 1) - 1}], but got {error.axis})"
        ) from None
    except (ValueError, np.linalg.LinAlgError) as error:
        raise RuntimeError(f"{op.name}: {error}") from None
    results = made if isinstance(made, tuple) else (made,)
    if op.view:
        return (spec_of_array(np.asarray(results[0])),)
    return tuple(spec_of(np.asarray(y).dtype, np.shape(y)) for y in results)


def stand_in(arg: Any) -> Any:
    """Return an array of the shape, dtype and layout of a spec, or a number of a type."""
    if not isinstance(arg, Spec):
        return arg(1)
    one = np.ones((), arg.np) if arg.np.kind in "fc" else np.zeros((), arg.np)
    if arg.strides is not None:
        room = sum((n - 1) * s for n, s in zip(arg.shape, arg.strides)) + 1
        flat = np.full(max(room, 1), one)
        steps = [s * arg.np.itemsize for s in arg.strides]
        return np.lib.stride_tricks.as_strided(flat, arg.shape, steps)
    return np.full(arg.shape, one) if arg.shape else one[()]
