"""A trace run row by row on arrays, its backward passes included: for what may never come again.

Tracing a row onto a tape, with its adjoint, costs some 0.4 ms; running it on arrays costs some 30 us.
A row's gradient is traced once for its code, and replayed for every row of that code, so a long trace
is as dear as what it computes. Rows that pass through a `where` keep what the adjoint of a whole tape
knows: cotangents that are zero because of it stay zero, whatever they are multiplied by.

Invariant: the values are those of the traced tape up to the order in which cotangents are added.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..frontend.capture import Capture, capturing
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.dce import dce
from ..runtime.interp import Interpreter
from ..tape.ir import Sym, Tape
from .bounded import Bounded
from .codes import Code
from .lower import NUMBER_DTYPES, owned, without_cuts
from .row_adjoint import cotangents, needs_of
from .rows import Row, Rows
from .spec import Spec

ROWS = 256
"""Rows from which on a trace that is new is run so when it holds a backward pass."""
TRACING = 4e-4
"""Seconds that tracing a row takes, with its adjoint and the passes, on a machine at rest."""
_STEPS = 2000
_LOOPS = ("for", "while", "cond", "map")


class Unfit(Exception):
    """A row has a loop inside: interpreting it could cost any time, so the trace is traced."""


class Step:
    """What a row's results, or the cotangents of its operands, are computed by.

    Attributes
    ----------
    run : callable
        From a list of values to a list of values.
    masked : tuple of bool
        Which results are zero where a choice was not taken.
    """

    __slots__ = ("masked", "run")

    def __init__(self, run: Callable[[list[Any]], list[Any]], masked: tuple[bool, ...]) -> None:
        self.run, self.masked = run, masked


_steps: Bounded[Any, Step] = Bounded(_STEPS)


def run_rowwise(rows: Rows, inputs: Sequence[Any], outputs: Sequence[int]) -> list[Any]:
    """Return the values of slots.

    Raises
    ------
    Unfit
        When a row is better traced.
    """
    wanted = rows.needed(tuple(outputs))
    values: list[Any] = [None] * len(rows.producer)
    zeroed: set[int] = set()  # slots of cotangents that are zero where a choice was not taken
    given = iter(inputs)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row, want in zip(rows.rows, wanted):
            code, args, first = row
            if code.op.special == "input":
                values[first] = next(given)
                continue
            if not want:
                continue
            if code.op.special == "backward":
                made: Any = _backward(rows, row, values)
            elif code.op.traced:
                taken = [values[k] for k in args]
                step = _traced(code, taken, tuple([k in zeroed for k in args]))
                made = step.run(taken)
                zeroed.update([first + k for k, masked in enumerate(step.masked) if masked])
            else:
                made = code.op.impl(*[values[k] for k in args], **code.params)
            for k, y in enumerate(made if isinstance(made, tuple | list) else (made,)):
                values[first + k] = np.asarray(y, code.specs[k].np)
    return [owned(values[s], rows.spec(s)) for s in outputs]


def _backward(rows: Rows, row: Row, values: list[Any]) -> list[Any]:
    """Return the new gradients of a backward row: a sweep, latest row first."""
    code, args, _ = row
    n, at = code.params["leaves"], 1
    root = args[0]
    kind = rows.spec(root).np
    if code.params["seeded"]:
        ct, at = np.asarray(values[args[1]], kind), 2
    else:
        ct = np.ones(np.shape(values[root]), kind)
    found: dict[int, tuple[Any, bool]] = {root: (ct, False)}
    leaves = args[at : at + n]
    for r in rows.cone(root).rows:
        _through(rows, rows.rows[r], values, found)
    olds = iter(args[at + n :])
    made = []
    for leaf, old in zip(leaves, code.params["added"]):
        spec = rows.spec(leaf)
        g, _ = found.get(leaf, (np.zeros(tuple(spec.shape), spec.np), False))
        made.append(values[next(olds)] + g if old else g)
    return made


def _through(rows: Rows, row: Row, values: list[Any], found: dict[int, tuple[Any, bool]]) -> None:
    """Carry the cotangents of a row's results on to its operands."""
    code, args, first = row
    cts = [found.pop(first + k, None) for k in range(code.n_out)]
    needs = needs_of(code, [rows.kinds[k] for k in args])
    if not any(needs) or all(ct is None for ct in cts):
        return
    taken = [ct[0] for ct in cts if ct is not None] + [values[k] for k in args]
    step = _sweep(code, needs, tuple([None if ct is None else ct[1] for ct in cts]), taken)
    each = iter(zip(step.run(taken), step.masked))
    for k, need in zip(args, needs):
        if need:
            g, masked = next(each)
            old = found.get(k)
            found[k] = (g, masked) if old is None else (old[0] + g, old[1] and masked)


# ---------------------------------------------------------------- steps


def _sweep(
    code: Code,
    needs: tuple[bool, ...],
    given: tuple[bool | None, ...],
    values: Sequence[Any],
) -> Step:
    """Return the step of a row's gradient; `given` says of each cotangent whether it is masked."""
    key = (code, needs, given)
    step = _steps.get(key)
    if step is None:
        specs = [spec for spec, g in zip(code.specs, given) if g is not None]

        def record(cap: Capture, syms: list[Sym]) -> list[Sym]:
            n = len(specs)
            flags = [g for g in given if g is not None]
            cap.b.masked.update([y.id for y, masked in zip(syms, flags) if masked])
            seeds = iter(syms[:n])
            cts = [None if g is None else next(seeds) for g in given]
            return cotangents(cap, code.op, code.params, cts, syms[n:], needs)

        step = _steps[key] = _captured(record, [*specs, *code.args], values)
    return step


def _traced(code: Code, values: Sequence[Any], masked: tuple[bool, ...]) -> Step:
    """Return the step of a row that runs on no plain arrays: of a gradient that was recorded."""
    step = _steps.get((code, masked))
    if step is None:

        def record(cap: Capture, syms: list[Sym]) -> list[Sym]:
            cap.b.masked.update([y.id for y, m in zip(syms, masked) if m])
            made = code.op.impl(*[Tracer(cap, Root(y)) for y in syms], **code.params)
            return [sym_of(cap, y) for y in (made if isinstance(made, tuple) else (made,))]

        step = _steps[code, masked] = _captured(record, code.args, values)
    return step


def _captured(
    record: Callable[[Capture, list[Sym]], list[Sym]],
    args: Sequence[Spec | type],
    values: Sequence[Any],
) -> Step:
    """Return a step that replays what `record` records; the first values are these."""
    with capturing() as cap:
        cap.b.limit = None
        given = [cap.b.input(_aval(a), x) for a, x in zip(args, values)]
        made = record(cap, given)
        masked = tuple([y.id in cap.b.masked for y in made])
        fixed = [snapshot for _, _, snapshot in cap.consts]
        tape = dce(without_cuts(cap.b.finish(made)))
    _refuse_loops(tape)
    replay = Interpreter(tape)
    return Step(lambda values: replay([*values, *fixed]), masked)


def _refuse_loops(tape: Tape) -> None:
    if any(row.prim.name in _LOOPS for row in tape):
        raise Unfit


def _aval(arg: Spec | type) -> Aval:
    if isinstance(arg, Spec):
        return Aval(arg.np, tuple(arg.shape))
    return Aval(np.dtype(NUMBER_DTYPES[arg]), (), True)
