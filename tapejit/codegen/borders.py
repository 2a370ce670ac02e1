"""Fills of arrays that loops overwrite: only the border is filled.

    D = full((n+1, m+1), inf);  for i: for j: D[i+1, j+1] = f(D[i, j], D[i, j+1], D[i+1, j])

writes a box of D, in the order of the rounds, and reads of the box only what earlier rounds have
written: the fill of the box is never seen. Let round (i, j) write (i + p, j + q). An element that it
reads at (i + p', j + q') lies outside of the box, or was written in round (i + p' - p, j + q' - q), which
is an earlier one when that difference is negative in the order of the loops.

Invariant: an element that is not filled is written before it is read. All loops run forwards and all
their rounds, and nothing but these loops sees the array before they end.
"""

from __future__ import annotations

from ..passes.carried_elements import Affine, Places
from ..tape.ir import Row, Tape

Box = list[tuple[int, int]]


def overwritten_box(tape: Tape, i: int) -> Box | None:
    """Return the box of array `i` that a loop writes before it reads it, None where none is known."""
    readers = [r for r in range(i + 1, tape.rows) if i in tape.args(r)]
    if i in tape.outputs or len(readers) != 1:
        return None
    row = tape.row(readers[0])
    if row.prim.name != "for" or row.args.count(i) != 1:
        return None
    k = row.args.index(i) - 1
    return _Search(tape.value(i).ndim).box(row, k) if 0 <= k < row.params["carry"] else None


class _Search:
    """The reads and the write of one array in loops inside each other.

    Attributes
    ----------
    lengths : list of int
        The rounds of each loop.
    reads : list
        Where the array is read, as affine functions of the numbers of the loops, by axis.
    """

    def __init__(self, ndim: int) -> None:
        self.ndim = ndim
        self.lengths: list[int] = []
        self.reads: list[list[tuple[int | None, int]]] = []

    def box(self, row: Row, k: int) -> Box | None:
        write = self._write(row, k, {})
        if write is None or [level for level, _ in write] != list(range(len(self.lengths))):
            return None
        found = [(offset, offset + n) for (_, offset), n in zip(write, self.lengths)]
        if not all(self._good(read, write, found) for read in self.reads):
            return None
        return found

    def _good(self, read: list[tuple[int | None, int]], write: list, box: Box) -> bool:  # type: ignore[type-arg]
        """Whether a read sees no element of the box that is not written yet."""
        for (level, at), (low, high) in zip(read, box):
            if level is None and not low <= at < high:
                return True
        for axis, (level, at) in enumerate(read):
            if level != axis or at > write[axis][1]:
                return False
            if at < write[axis][1]:
                return True
        return False

    def _write(self, row: Row, k: int, outer: dict[int, tuple[int | None, int]]):  # type: ignore[no-untyped-def]
        """Note the reads of a loop; return where it writes, by axis the loop and an offset."""
        p = row.params
        body: Tape = p["body"]
        x, depth = 1 + k, len(self.lengths)
        if p["reverse"] or p["length"] < 1 or depth == self.ndim or body.outputs.count(x):
            return None
        self.lengths.append(p["length"])
        known = {1 + j: outer[a] for j, a in enumerate(row.args[1:]) if a in outer}
        places = Places(body, p["carry"], p["shared"])

        def place(a: int) -> tuple[int | None, int] | None:
            found: Affine | None = places.affine(a)
            if found is None or found.slope not in (0, 1):
                return None
            if not found.rows:
                return (depth if found.slope else None), found.offset
            if found.slope or len(found.rows) > 1 or found.rows[0] not in known:
                return None
            level, offset = known[found.rows[0]]
            return level, offset + found.offset

        inner: list[Row] = []
        write = None
        for r in (r for r in body if x in r.args):
            starts = [place(a) for a in r.args[1:]] if r.prim.name == "dynamic_slice" else []
            if r.prim.name == "dynamic_slice" and r.aval.size == 1 and None not in starts:  # type: ignore[union-attr]
                self.reads.append(starts)  # type: ignore[arg-type]
            elif r.prim.name == "dynamic_update" and r.args[0] == x and r.args.count(x) == 1:
                if write is not None or inner or body.value(r.args[1]).size != 1:
                    return None
                if body.outputs[k] != r.id or self._seen(body, r.id):
                    return None
                write = [place(a) for a in r.args[2:]]
                if None in write:
                    return None
            elif r.prim.name == "for" and not inner and write is None and r.args.count(x) == 1:
                inner.append(r)
            else:
                return None
        if write is not None or not inner:
            return write
        loop, j = inner[0], inner[0].args.index(x) - 1
        out = body.outputs[k]
        if body.prim(out).name != "out" or body.args(out)[0] != loop.id or self._seen(body, out):
            return None
        if body.params(out)["k"] != j or not 0 <= j < loop.params["carry"]:
            return None
        if any(x in r.args and r.id > loop.id for r in body):
            return None
        numbers = {a: at for a in loop.args[1:] if a not in (x,) and (at := place(a)) is not None}
        return self._write(loop, j, numbers)

    def _seen(self, body: Tape, i: int) -> bool:
        """Whether the new array is read in the round, or handed on twice."""
        return body.outputs.count(i) != 1 or any(i in r.args for r in body)
