"""Recorded rows become values or a tape: run on plain arrays, or traced together with their adjoint.

Rows without a gradient record are cut off from it: what they read passes through a
``stop_gradient`` row, which goes away again once every adjoint of the trace has been appended.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..frontend.capture import Capture, capturing
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.adjoint import adjoint
from ..passes.rewrite import rewrite
from ..runtime.evaluate import run_tape
from ..tape.ir import Builder, Sym, Tape
from ..tape.ir import Row as TapeRow
from ..tape.primitive import BY_NAME
from ..transforms.order import differentiating
from .codes import LEAF, Code
from .rows import Row, Rows
from .spec import Spec

_NUMBERS = {float: "float64", int: "int64", bool: "bool", complex: "complex128"}


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
        For each input of the tape, the number of the trace's input, or an array.
    values : list
        The outputs of this very run.
    """

    def __init__(self, tape: Tape, binding: list[Any], values: list[Any]) -> None:
        self.tape, self.binding, self.values = tape, binding, values


def trace_rows(rows: Rows, inputs: Sequence[Any], outputs: Sequence[int]) -> Traced:
    """Trace rows, their backward passes included, and compute the values of slots."""
    wanted = rows.needed(tuple(outputs))
    with capturing() as cap:
        cap.b.limit = None
        cap.evaluate = run_tape
        lowering = _Lowering(cap, rows, inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row, want in zip(rows.rows, wanted):
                lowering.row(row, want)
        syms = [lowering.output(s) for s in outputs]
        values = [owned(y, rows.spec(s)) for y, s in zip(_values(cap, syms), outputs)]
        binding = lowering.binding()
        tape = without_cuts(cap.b.finish(syms))
    return Traced(tape, binding, values)


def _values(cap: Capture, syms: Sequence[Sym]) -> list[Any]:
    """Return the values of rows; what waits for loops is computed by one run of the tape."""
    b = cap.b
    if any(y.id in b.pending for y in syms):
        kind = BY_NAME["input"].index
        inputs = [b.known[i] for i in range(len(b)) if b.op[i] == kind]
        return list(run_tape(b.finish(list(syms)), inputs))
    return [cap.value(y) for y in syms]


class _Lowering:
    def __init__(self, cap: Capture, rows: Rows, inputs: Sequence[Any]) -> None:
        self.cap, self.rows = cap, rows
        self.inputs = list(inputs)
        self.bound: dict[int, int] = {}
        self.syms: list[Sym | None] = [None] * len(rows.producer)
        self.cuts: dict[int, Sym] = {}
        self.taken = 0

    def sym(self, slot: int) -> Sym:
        found = self.syms[slot]
        assert found is not None
        return found

    def row(self, row: Row, want: bool) -> None:
        code, args, first = row
        if code.op.special == "input":
            k, self.taken = self.taken, self.taken + 1
            if want:
                self.syms[first] = self._input(code, k)
            return
        if not want:
            return
        if code.op.special == "backward":
            found = self._backward(code, args)
        else:
            tracers = [self._operand(k, code.grad) for k in args]
            # Functions that bring their own derivative record it only where it will be asked for.
            with differentiating(1 if code.grad else 0):
                made = code.op.impl(*tracers, **code.params)
            found = [sym_of(self.cap, y) for y in (made if isinstance(made, tuple) else (made,))]
        for k, (y, spec) in enumerate(zip(found, code.specs)):
            y = self.cap.b.cast(y, spec.np)
            if y.shape != tuple(spec.shape):
                raise AssertionError(f"{code} gave the shape {y.shape}")
            if code.kinds[k] == LEAF:
                y = BY_NAME["stop_gradient"](y)
            self.syms[first + k] = y

    def _input(self, code: Code, k: int) -> Sym:
        spec: Any = code.specs[0]
        value = self.inputs[k]
        if isinstance(spec, Spec):
            aval = Aval(spec.np, tuple(spec.shape))
            value = np.asarray(value)[()]
        else:
            aval = Aval(np.dtype(_NUMBERS[spec]), (), True)
        made = self.cap.b.input(aval, value)
        self.bound[made.id] = k
        return made

    def _operand(self, slot: int, connected: bool) -> Any:
        y = self.sym(slot)
        if not connected and self.rows.kinds[slot]:
            cut = self.cuts.get(slot)
            if cut is None:
                cut = self.cuts[slot] = BY_NAME["stop_gradient"](y)
            y = cut
        return Tracer(self.cap, Root(y))

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

    def output(self, slot: int) -> Sym:
        return self.sym(slot)

    def binding(self) -> list[Any]:
        """Return what stands for each input of the tape, in the order of the finished tape."""
        b = self.cap.b
        fixed = {s.id: snapshot for s, _, snapshot in self.cap.consts}
        kind = BY_NAME["input"].index
        return [
            self.bound[i] if i in self.bound else fixed[i] for i in range(len(b)) if b.op[i] == kind
        ]


def without_cuts(tape: Tape) -> Tape:
    """Return a tape whose ``stop_gradient`` and ``copy`` rows are gone: values never change."""

    def visit(b: Builder, row: TapeRow, args: list[int]) -> int | None:
        return args[0] if row.prim.name in ("stop_gradient", "copy") else None

    return rewrite(tape, visit)
