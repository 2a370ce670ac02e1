"""Views as strides: the elements of a value within the memory of its root.

A `Strided` says that element (i0, i1, ...) lies at ``offset + i0*strides[0] + ...``, counted in
elements of the root's contiguous buffer. A window whose place is computed is a root too: its
pointer is known only when the kernel runs, and its strides are those of the array it looks into.
"""

from __future__ import annotations

from itertools import accumulate
from operator import mul
from typing import Any

from ..core.avals import Aval, Shape
from ..core.records import record
from ..tape.ir import Tape


@record(frozen=True)
class Strided:
    """Where the elements of a value lie in the buffer of its root row."""

    root: int
    offset: int
    strides: tuple[int, ...]

    def contiguous(self, shape: Shape) -> bool:
        """Whether the elements lie one after the other in C order."""
        return all(n == 1 or s == c for n, s, c in zip(shape, self.strides, strides_of(shape)))


def root_of(tape: Tape, i: int) -> int:
    """Follow views to the row whose memory they show."""
    while tape.prim(i).emit.kind == "view":
        i = tape.args(i)[0]
    return i


def root_source(tape: Tape, i: int) -> int:
    """The row whose step makes the value of `i`: an ``out`` row is made by its parent."""
    return tape.args(i)[0] if tape.prim(i).emit.kind == "out" else i


def strides_of(shape: Shape) -> tuple[int, ...]:
    """Return the strides, in elements, of a contiguous array."""
    made: list[int] = []
    step = 1
    for n in reversed(shape):
        made.append(step)
        step *= n
    return tuple(reversed(made))


def own(i: int, aval: Aval) -> Strided:
    """Return a value that is its own root."""
    return Strided(i, 0, strides_of(aval.shape))


def viewed(name: str, params: dict[str, Any], x: Strided, a: Aval, out: Aval) -> Strided | None:
    """Return what a view row shows of `x`, or None when strides cannot express it."""
    if name == "transpose":
        return Strided(x.root, x.offset, tuple(x.strides[k] for k in params["axes"]))
    if name == "broadcast_to":
        lead = len(out.shape) - len(a.shape)
        strides = [0] * lead
        for n, m, s in zip(a.shape, out.shape[lead:], x.strides):
            strides.append(0 if n == 1 and m != 1 else s)
        return Strided(x.root, x.offset, tuple(strides))
    if name == "slice":
        offset = x.offset
        strides = []
        for (start, length, step), s in zip(params["ranges"], x.strides):
            offset += start * s if length else 0
            strides.append(step * s)
        return Strided(x.root, offset, tuple(strides))
    if name == "reshape":
        return _reshaped(x, a.shape, out.shape)
    return None


def _reshaped(x: Strided, old: Shape, new: Shape) -> Strided | None:
    """Return the strides that show the same elements in another shape, None where none do.

    Axes are split and merged in groups of equal sizes: the old axes of a group must be one run.
    """
    if 0 in old or x.contiguous(old):
        return Strided(x.root, x.offset, strides_of(new))
    kept = [(n, s) for n, s in zip(old, x.strides) if n != 1]
    made: list[int] = []
    done = 0
    while done < len(kept) and len(made) < len(new):
        n, last = kept[done]
        stop, m = len(made) + 1, new[len(made)]
        while m != n:
            if m < n:
                m, stop = m * new[stop], stop + 1
            else:
                done += 1
                if kept[done - 1][1] != kept[done][1] * kept[done][0]:
                    return None
                n, last = n * kept[done][0], kept[done][1]
        group = list(accumulate(reversed(new[len(made) + 1 : stop]), mul, initial=last))
        made += group[::-1]
        done += 1
    return Strided(x.root, x.offset, (*made, *[made[-1] if made else 1] * (len(new) - len(made))))


def windowed(i: int, x: Strided) -> Strided:
    """Return what a window at a computed place shows: it is a pointer of its own, into `x`."""
    return Strided(i, 0, x.strides)


def all_views(tape: Tape) -> list[Strided | None]:
    """Return the `Strided` of every row with one result; None for rows with several.

    A reshape that needs a copy, and what is seen through it, has None until `legalise` has made it.
    """
    found: list[Strided | None] = []
    for row in tape:
        if not isinstance(row.aval, Aval):
            found.append(None)
        elif row.prim.emit.kind == "window":
            x = found[row.args[0]]
            assert x is not None
            found.append(windowed(row.id, x))
        elif row.prim.emit.kind == "view":
            x = found[row.args[0]]
            seen = tape.value(row.args[0])
            found.append(x and viewed(row.prim.name, row.params, x, seen, row.aval))
        else:
            found.append(own(row.id, row.aval))
    return found
