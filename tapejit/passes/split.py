"""Parts of a tape as tapes of their own: what moves, and what is shared.

`split` divides rows into those that depend on *moving* values (the cotangent of a pullback, the
index of a map) and the rest. The rest is computed once, where the rows came from; the moving part
becomes a body: a tape whose inputs are the moving values and then the *shared* values that it
reads. Invariant: body, run on the moving values and the shared values, gives what the rows gave.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS
from ..core.errors import CaptureError
from ..core.records import record
from ..core.sources import LINES
from ..tape.ir import Builder, Sym, Tape
from ..tape.pieces import put
from ..tape.primitive import BY_NAME, PRIMITIVES


@record(frozen=True)
class Split:
    """A body and what it needs.

    Attributes
    ----------
    body : Tape
        Inputs: the moving values in use, then the shared values.
    moving : list of int
        Which of the moving values are in use, by position.
    shared : list of Sym
        The shared values, rows of the builder that keeps the rest.
    results : list of int, Sym or None
        For each result: its number among the body's outputs, or the row that keeps it when it
        does not depend on moving values; None stays None.
    masked : list of bool
        Whether each result may be exactly zero by selection.
    """

    body: Tape
    moving: list[int]
    shared: list[Sym]
    results: list[int | Sym | None]
    masked: list[bool]


def fork(b: Builder) -> Builder:
    """Return a builder with the same rows, to which others can be appended without a trace."""
    made = Builder(b.eager, b.limit)
    made.op, made.off, made.arg = b.op[:], b.off[:], b.arg[:]
    made.avals, made.param, made.lines = b.avals[:], b.param[:], b.lines[:]
    made.n_inputs, made.line = b.n_inputs, b.line
    made._lits, made.masked = dict(b._lits), set(b.masked)
    made.copy_known(b)
    made.pending, made.defers = set(b.pending), b.defers
    made.origin, made.forked_at = b, len(b)
    return made


def split(
    s: Builder,
    start: int,
    moving: Sequence[Sym],
    results: Sequence[Sym | None],
    into: Builder,
    place: dict[int, int],
) -> Split:
    """Divide the rows of `s` from `start` on; see the module.

    Parameters
    ----------
    moving : sequence of Sym
        Inputs of `s` that become the first inputs of the body.
    into : Builder
        Receives the rows that do not depend on moving values.
    place : dict
        Where the other inputs of `s` stand in `into`; rows below `start` are the same in both.

    Raises
    ------
    CaptureError
        When a guard depends on a moving value: no single outcome holds for all of them.
    """
    depends = {x.id for x in moving}
    for i in range(start, len(s)):
        if any(k in depends for k in s.arg[s.off[i] : s.off[i + 1]]):
            depends.add(i)
    needed = _needed(s, start, results)
    body = Builder()
    inner: dict[int, int] = {}
    kept = []
    for n, x in enumerate(moving):
        if x.id in needed:
            kept.append(n)
            inner[x.id] = body.input(x.aval).id
    shared: list[Sym] = []
    outer = dict(place)

    def outside(k: int) -> int:
        return outer[k] if k >= start or k in outer else k

    def inside(k: int) -> int:
        if k not in inner:
            if PRIMITIVES[s.op[k]].name == "lit":
                inner[k] = put(body, s, k, ())
            else:
                shared.append(Sym(into, outside(k)))
                inner[k] = body.input(AVALS[s.avals[k]]).id  # type: ignore[arg-type]
        return inner[k]

    for i in range(start, len(s)):
        if i not in needed or i in inner or i in outer:
            continue
        args = s.arg[s.off[i] : s.off[i + 1]]
        if i not in depends:
            outer[i] = put(into, s, i, [outside(k) for k in args])
        elif PRIMITIVES[s.op[i]].effect:
            raise CaptureError(
                "Python asks for the value of something that differs from one element of the map "
                f"(or one derivative direction) to the next ({LINES[s.lines[i]]}): use np.where "
                "instead of if, or run the function in a loop"
            )
        else:
            inner[i] = put(body, s, i, [inside(k) for k in args])
    outputs: list[int] = []
    found: list[int | Sym | None] = []
    for r in results:
        if r is None:
            found.append(None)
        elif r.id not in depends:
            found.append(Sym(into, outside(r.id)))
        else:
            found.append(len(outputs))
            outputs.append(inside(r.id))
    masked = [r is not None and r.id in s.masked for r in results]
    return Split(body.finish(outputs), kept, shared, found, masked)


def _needed(s: Builder, start: int, results: Sequence[Sym | None]) -> set[int]:
    """Return the rows that the results read, and the guards."""
    needed = {r.id for r in results if r is not None}
    guard = BY_NAME["guard"].index
    for i in range(len(s) - 1, start - 1, -1):
        if s.op[i] == guard:
            needed.add(i)
        if i in needed:
            needed.update(s.arg[s.off[i] : s.off[i + 1]])
    return needed
