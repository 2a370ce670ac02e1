"""Rows moved from one tape to another: load a tape, put a row, inline a tape, extract a part."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS
from ..core.errors import TapejitError
from .ir import PARAMS, Builder, Sym, Tape
from .primitive import PRIMITIVES


def load(tape: Tape) -> Builder:
    """Return a builder with the rows of a finished tape, under the same ids."""
    b = Builder()
    b.op, b.off, b.arg = tape.op[:], tape.off[:], tape.arg[:]
    b.avals, b.param, b.lines = tape.aval[:], tape.param[:], tape.line[:]
    b.n_inputs = tape.n_inputs
    return b


def put(b: Builder, source: Builder | Tape, i: int, args: Sequence[int]) -> int:
    """Append row `i` of another builder or tape with operands `args`; an eager `b` computes it."""
    lines = source.lines if isinstance(source, Builder) else source.line
    avals = source.avals if isinstance(source, Builder) else source.aval
    prim, params = PRIMITIVES[source.op[i]], PARAMS[source.param[i]]
    if prim.name == "lit":
        return b.lit(params["value"], AVALS[avals[i]]).id  # type: ignore[arg-type]
    made = b.append(source.op[i], args, avals[i], source.param[i], lines[i])
    if b.eager:
        if isinstance(source, Builder) and source.eager and i not in source.pending:
            b.known.append(source.known[i])
        else:
            b.known.append(b.computed(prim, made, params))
    return made


def inline(tape: Tape, b: Builder, inputs: Sequence[Sym]) -> list[Sym]:
    """Append the rows of a tape to `b`, with `inputs` for its inputs; return its outputs."""
    place = [x.id for x in inputs]
    for i in range(tape.n_inputs, tape.rows):
        place.append(put(b, tape, i, [place[k] for k in tape.args(i)]))
    return [Sym(b, place[o]) for o in tape.outputs]


def extract(s: Builder, inputs: Sequence[int], outputs: Sequence[int]) -> Tape:
    """Return the rows that compute `outputs` from `inputs` as a tape; inputs may be any rows.

    Raises
    ------
    TapejitError
        When the outputs depend on an input of `s` that is none of `inputs`.
    """
    cut = set(inputs)
    need = set(outputs)
    for k in range(max(need, default=-1), -1, -1):
        if k in need and k not in cut:
            need.update(s.arg[s.off[k] : s.off[k + 1]])
    b = Builder()
    place: dict[int, int] = {}
    for k in inputs:
        place[k] = b.input(s.aval(k)).id
    for k in sorted(need - cut):
        if PRIMITIVES[s.op[k]].name == "input":
            raise TapejitError(f"a part of a tape depends on input %{k}, which it is not given")
        place[k] = put(b, s, k, [place[a] for a in s.arg[s.off[k] : s.off[k + 1]]])
    return b.finish([place[o] for o in outputs])
