"""A tape of symbolic sizes, at sizes that are numbers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from ..core.avals import AVALS, AnyAval, Aval, TupleAval, aval_id
from ..core.dims import Dim, Real, Symbols, term
from ..core.formulas import compiled
from .ir import PARAMS, Tape, param_id

Number = Callable[[Any], Any]


def at_sizes(tape: Tape, run: Symbols, sizes: Sequence[int]) -> Tape:
    """Return the tape that stands where each size of `run` has another value."""
    terms: dict[Any, Any] = {}

    def noted(x: Any) -> Any:
        terms[term(x)] = None
        return x

    _tape(tape, noted, {})
    values = compiled(run, (), list(terms))(*sizes)
    found = dict(zip(terms, values, strict=True))
    return _tape(tape, lambda x: found[term(x)], {})


def _tape(tape: Tape, number: Number, done: dict[int, Tape]) -> Tape:
    """Return a tape with ``number(x)`` in place of each symbolic number."""
    if id(tape) in done:
        return done[id(tape)]
    avals = {k: aval_id(_aval(AVALS[k], number)) for k in set(tape.aval)}
    params = {
        k: param_id({name: _value(x, number, done) for name, x in PARAMS[k].items()})
        for k in set(tape.param)
    }
    made = done[id(tape)] = Tape(
        tape.op,
        tape.off,
        tape.arg,
        array("q", [avals[k] for k in tape.aval]),
        array("q", [params[k] for k in tape.param]),
        tape.line,
        tape.n_inputs,
        tape.outputs,
    )
    return made


def _aval(aval: AnyAval, number: Number) -> AnyAval:
    if isinstance(aval, TupleAval):
        return TupleAval(tuple(_one(a, number) for a in aval.items))
    return _one(aval, number) if isinstance(aval, Aval) else aval


def _one(aval: Aval, number: Number) -> Aval:
    shape = tuple(number(n) if isinstance(n, Dim) else n for n in aval.shape)
    return Aval(aval.dtype, shape, aval.weak)


def _value(x: Any, number: Number, done: dict[int, Tape]) -> Any:
    if isinstance(x, (Dim, Real)):
        return number(x)
    if isinstance(x, Tape):
        return _tape(x, number, done)
    if type(x) in (tuple, list):
        return type(x)(_value(y, number, done) for y in x)
    if type(x) is dict:
        return {k: _value(y, number, done) for k, y in x.items()}
    if type(x) is slice:
        return slice(*[_value(y, number, done) for y in (x.start, x.stop, x.step)])
    return x
