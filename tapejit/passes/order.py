"""Reads before writes: an order of rows, and small copies, that let arrays be updated in place.

A row may write into the memory of its operand only when nobody reads that array afterwards. Two
things are done so that this holds more often:

- a row that reads an array and could stand before the row that overwrites it is moved there;
- a view or window that is still read behind it is copied before, because copying a part is cheaper
  than copying the whole: ``a[i], a[j] = a[j], a[i]`` for rows of a matrix saves one row.

Neither changes any value: a tape has no order but that of its operands.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..tape.ir import Builder, Sym, Tape
from ..tape.primitive import BY_NAME
from .schedule import INLINE, is_element, memory_of, overwritten


def reads_first(tape: Tape, lent: frozenset[int] = frozenset()) -> Tape:
    """Return the tape with reads of overwritten arrays in front of the rows that overwrite them.

    Parameters
    ----------
    lent : set of int
        The inputs that may be overwritten: the carried arrays of a body.
    """
    victims: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        found = [a for a in set(overwritten(tape, i)) if _owned(tape, a, lent)]
        if found:
            victims[i] = found
    if not victims:
        return tape
    order = _order(tape, victims)
    return _with_copies(tape, order, victims)


def _owned(tape: Tape, a: int, lent: frozenset[int]) -> bool:
    kind = tape.prim(a).emit.kind
    whole = memory_of(tape, a) == a and tape.value(a).shape != ()
    return whole and kind != "lit" and (kind != "input" or a in lent)


def _order(tape: Tape, victims: dict[int, list[int]]) -> list[int]:
    """Return the rows in an order in which readers stand before the row that overwrites."""
    readers: dict[int, list[int]] = {}
    wanted = {a for found in victims.values() for a in found}
    for j in range(tape.n_inputs, tape.rows):
        if tape.prim(j).effect or tape.prim(j).emit.kind not in (*INLINE, "view"):
            continue
        for a in tape.args(j):
            if memory_of(tape, a) in wanted:
                readers.setdefault(memory_of(tape, a), []).append(j)
    done = [i < tape.n_inputs for i in range(tape.rows)]
    order: list[int] = []

    def emit(i: int) -> None:
        done[i] = True
        order.append(i)

    for i in range(tape.n_inputs, tape.rows):
        if done[i]:
            continue
        for base in victims.get(i, ()):
            for j in readers.get(base, ()):
                if j > i and not done[j] and all(done[a] for a in tape.args(j)):
                    emit(j)
        emit(i)
    return order


def _with_copies(tape: Tape, order: list[int], victims: dict[int, list[int]]) -> Tape:
    """Return the rows in this order, with copies of the parts that are read too late."""
    at = {i: k for k, i in enumerate(order)}
    readers = _readers(tape, at, {base for found in victims.values() for base in found})
    late: dict[int, list[int]] = {}
    for i, found in victims.items():
        for base in found:
            late.setdefault(i, []).extend(_late_parts(tape, at, i, base, readers.get(base, ())))
    b = Builder()
    place: dict[int, int] = {}
    for i in range(tape.n_inputs):
        place[i] = b.append(tape.op[i], (), tape.aval[i], tape.param[i], tape.line[i])
    for i in order:
        for v in late.get(i, ()):
            b.line = tape.line[v]
            place[v] = BY_NAME["copy"](Sym(b, place[v])).id
        args = [place[a] for a in tape.args(i)]
        place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
    return b.finish([place[o] for o in tape.outputs])


def _readers(tape: Tape, at: dict[int, int], wanted: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Return what shows the memory of some arrays, and the place in the order where it is read."""
    found: dict[int, list[tuple[int, int]]] = {}
    reads = [(a, k) for j, k in at.items() if tape.prim(j).emit.kind != "out" for a in tape.args(j)]
    for a, place in (*reads, *((o, tape.rows) for o in tape.outputs)):
        base = memory_of(tape, a)
        if base in wanted:
            found.setdefault(base, []).append((a, place))
    return found


def _late_parts(
    tape: Tape, at: dict[int, int], i: int, base: int, reads: Sequence[tuple[int, int]]
) -> list[int]:
    """Return the views and windows of `base` that row `i` or rows behind it read.

    None when the array itself is read then: it is copied anyway.
    """
    parts: set[int] = set()
    own = tape.args(i)
    for a, place in reads:
        if place < at[i]:
            continue
        if a != base:
            parts.add(a)
        elif place > at[i] or own.count(base) > 1:
            return []
    return sorted(v for v in parts if at[v] < at[i] and not is_element(tape, v))
