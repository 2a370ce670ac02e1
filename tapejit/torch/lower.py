"""Recorded rows become values or a tape: run on plain arrays, or traced together with their adjoint.

Rows without a gradient record are cut off from it: what they read passes through a
``stop_gradient`` row, which goes away again once every adjoint of the trace has been appended.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..frontend.capture import Capture, capturing
from ..passes.adjoint import adjoint
from ..passes.rewrite import rewrite
from ..runtime.evaluate import run_tape
from ..tape.ir import Builder, Sym, Tape
from ..tape.ir import Row as TapeRow
from ..tape.primitive import BY_NAME
from .codes import PLAIN, Code
from .rerolling import Item, Loop, rerolled
from .rolled import Scope
from .round_order import asked_rows
from .rows import Row, Rows
from .spec import Spec

NUMBER_DTYPES: dict[Any, str] = {
    float: "float64", int: "int64", bool: "bool", complex: "complex128"
}  # fmt: skip


def run_plain(rows: Rows, inputs: Sequence[Any], outputs: Sequence[int]) -> list[Any]:
    """Return the values of slots, rows without derivatives being run one by one on arrays."""
    wanted = rows.needed(tuple(outputs))
    values: list[Any] = [None] * len(rows.producer)
    given = iter(inputs)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for (code, args, first), want in zip(rows.rows, wanted):
            if code.op.special == "input":
                values[first] = next(given)
                continue
            if not want:
                continue
            made = code.op.impl(*[values[k] for k in args], **code.params)
            for k, y in enumerate(made if isinstance(made, tuple) else (made,)):
                values[first + k] = np.asarray(y, code.specs[k].np)
    return [owned(values[s], rows.spec(s)) for s in outputs]


def owned(value: Any, spec: Spec) -> Any:
    """Return a value as tensors keep it: contiguous, of its own memory, 0-d ones as scalars."""
    if not spec.shape:
        return spec.np.type(value)
    return np.array(value, spec.np, order="C")


class Traced:
    """Rows traced onto a tape.

    Attributes
    ----------
    tape : Tape
    binding : list
        For each input of the tape, the number of the trace's input, those of inputs that are stacked,
        or an array.
    values : list
        The outputs of this very run.
    """

    def __init__(self, tape: Tape, binding: list[Any], values: list[Any]) -> None:
        self.tape, self.binding, self.values = tape, binding, values


def trace_rows(rows: Rows, inputs: Sequence[Any], outputs: Sequence[int]) -> Traced:
    """Trace rows, their backward passes included, and compute the values of slots."""
    with capturing() as cap:
        cap.b.limit = None
        cap.evaluate = run_tape
        lowering = _Lowering(cap, rows, inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lowering.items(_items(rows, outputs))
        syms = [lowering.sym(s) for s in outputs]
        values = [owned(y, rows.spec(s)) for y, s in zip(_values(cap, syms), outputs)]
        binding = lowering.binding()
        tape = without_cuts(cap.b.finish(syms))
    return Traced(tape, binding, values)


def _items(rows: Rows, outputs: Sequence[int]) -> list[Item]:
    """Return what slots depend on as rows and loops."""
    asked = asked_rows(rows, outputs)
    leaves = {s for s in rows.numbers if rows.kinds[s] != PLAIN}
    return rerolled(asked, set(outputs), leaves)


def rows_to_trace(rows: Rows, outputs: Sequence[int]) -> int:
    """Return how many rows tracing goes through: those of a loop's body count once."""

    def count(items: Iterable[Item]) -> int:
        return sum(count(y.items) if isinstance(y, Loop) else 1 for y in items)

    return count(_items(rows, outputs))


def _values(cap: Capture, syms: Sequence[Sym]) -> list[Any]:
    """Return the values of rows; what waits for loops is computed by one run of the tape."""
    b = cap.b
    if any(y.id in b.pending for y in syms):
        kind = BY_NAME["input"].index
        inputs = [b.known[i] for i in range(len(b)) if b.op[i] == kind]
        return list(run_tape(b.finish(list(syms)), inputs))
    return [cap.value(y) for y in syms]


class _Lowering(Scope):
    """The rows of a trace; inputs become inputs of the tape when they are first read.

    Attributes
    ----------
    bound : dict
        By row of the tape: the number of the trace's input, or those of inputs that are stacked.
    """

    def __init__(self, cap: Capture, rows: Rows, inputs: Sequence[Any]) -> None:
        super().__init__(cap)
        self.rows = rows
        self.inputs = list(inputs)
        self.number = rows.numbers
        self.bound: dict[int, int | tuple[int, ...]] = {}

    def sym(self, slot: int) -> Sym:
        if slot not in self.values and slot in self.number:
            self.values[slot] = self._input(slot)
        return super().sym(slot)

    def flows(self, slot: int) -> bool:
        return bool(self.rows.kinds[slot])

    def results(self, row: Row) -> Sequence[Sym]:
        if row.code.op.special == "backward":
            return self._backward(row.code, row.args)
        return super().results(row)

    def _aval(self, slot: int) -> Aval:
        spec: Any = self.rows.spec(slot)
        if isinstance(spec, Spec):
            return Aval(spec.np, tuple(spec.shape))
        return Aval(np.dtype(NUMBER_DTYPES[spec]), (), True)

    def _input(self, slot: int) -> Sym:
        aval, k = self._aval(slot), self.number[slot]
        value = self.inputs[k] if aval.weak else np.asarray(self.inputs[k])[()]
        made = self.cap.b.input(aval, value)
        self.bound[made.id] = k
        return made

    def is_number(self, slot: int) -> bool:
        return self._aval(slot).weak if slot in self.number else super().is_number(slot)

    def stack(self, slots: tuple[int, ...]) -> Sym:
        """Return slots stacked; inputs without a gradient are one input of the tape."""
        plain = all(s in self.number and self.rows.kinds[s] == PLAIN for s in slots)
        if not plain:
            return super().stack(slots)
        numbers = tuple([self.number[s] for s in slots])
        aval = self._aval(slots[0])
        aval = Aval(aval.dtype, (len(slots), *aval.shape))
        made = self.cap.b.input(aval, stacked(self.inputs, numbers, aval))
        self.bound[made.id] = numbers
        return made

    def _backward(self, code: Code, args: tuple[int, ...]) -> list[Sym]:
        """Append the adjoint of a root: ``args`` are it, its cotangent, leaves and old gradients."""
        b = self.cap.b
        root, n = self.sym(args[0]), code.params["leaves"]
        at = 1
        if code.params["seeded"]:
            ct: Sym = self.sym(args[1])
            at = 2
        else:
            ct = b.lit(1.0, Aval(root.dtype))
        leaves = [self.sym(k) for k in args[at : at + n]]
        olds = iter(args[at + n :])
        found = adjoint(b, [root], [ct], leaves)
        made = []
        for leaf, g, old in zip(leaves, found, code.params["added"]):
            if g is None:
                g = BY_NAME["broadcast_to"](b.lit(0.0, Aval(leaf.dtype)), shape=leaf.shape)
            g = b.cast(g, leaf.dtype)
            made.append(self.sym(next(olds)) + g if old else g)
        return made

    def binding(self) -> list[Any]:
        """Return what stands for each input of the tape, in the order of the finished tape."""
        b = self.cap.b
        fixed = {s.id: snapshot for s, _, snapshot in self.cap.consts}
        kind = BY_NAME["input"].index
        return [
            self.bound[i] if i in self.bound else fixed[i] for i in range(len(b)) if b.op[i] == kind
        ]


def stacked(inputs: Sequence[Any], numbers: tuple[int, ...], aval: Aval) -> Any:
    """Return inputs of a trace as one array."""
    return np.array([inputs[k] for k in numbers], aval.dtype).reshape(aval.shape)


def given(inputs: Sequence[Any], binding: Sequence[Any], tape: Tape) -> list[Any]:
    """Return the inputs of a tape from those of its trace."""
    return [
        inputs[k]
        if type(k) is int
        else stacked(inputs, k, tape.value(i))
        if type(k) is tuple
        else k
        for i, k in enumerate(binding)
    ]


def without_cuts(tape: Tape) -> Tape:
    """Return a tape whose ``stop_gradient`` and ``copy`` rows are gone: values never change."""

    def visit(b: Builder, row: TapeRow, args: list[int]) -> int | None:
        return args[0] if row.prim.name in ("stop_gradient", "copy") else None

    return rewrite(tape, visit)
