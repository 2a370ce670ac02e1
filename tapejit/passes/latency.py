"""Sums in a reverse round, in the order in which their terms can be had.

The cotangent of a carried value is a sum, and one of its terms is the cotangent from the round
before, times something. Written ``((dc * p + a) + b)`` a round cannot end earlier than two additions
behind that of the round before it; as ``(a + b) + dc * p`` it is one, and the processor computes a
and b of many rounds at once. So terms that depend on what the sum itself hands on come last.

Cotangents are sums without an order, so the order is free. Rows of the forward round that are
computed again are left as they are: a comparison of such a value must find what the first one found.
GARCH(1,1) of 10,000 steps: 46 us before, 41 us after.
"""

from __future__ import annotations

from ..tape.ir import Builder, Tape
from .dce import dce


def late_terms_last(body: Tape, carry: int, first: int) -> Tape:
    """Return the body of a loop with its sums of numbers from row `first` on put in this order."""
    needs = _needs(body, carry)
    cycle = _handed_on(body, carry, needs)
    readers: dict[int, int] = {}
    for i in range(body.n_inputs, body.rows):
        for a in body.args(i):
            readers[a] = readers.get(a, 0) + 1
    for o in body.outputs:
        readers[o] = readers.get(o, 0) + 2  # an output is no mere part of a sum

    def is_sum(i: int) -> bool:
        good = i >= max(first, body.n_inputs) and body.prim(i).name == "add"
        return good and body.value(i).shape == () and body.value(i).inexact

    def is_part(a: int, i: int) -> bool:
        return is_sum(a) and readers[a] == 1 and body.value(a).dtype == body.value(i).dtype

    def terms(i: int) -> list[int]:
        found: list[int] = []
        todo = list(reversed(body.args(i)))
        while todo:  # no recursion: sums may have thousands of terms
            a = todo.pop()
            if is_part(a, i):
                todo += reversed(body.args(a))
            else:
                found.append(a)
        return found

    parts = {
        a
        for i in range(body.n_inputs, body.rows)
        if is_sum(i)
        for a in body.args(i)
        if is_part(a, i)
    }
    b = Builder()
    place: list[int] = []
    depth = _depths(body, carry)
    changed = False
    for row in body:
        args = [place[a] for a in row.args]
        b.line = row.line
        if is_sum(row.id) and row.id not in parts:
            found = terms(row.id)
            rank = {t: depth[t] if needs[t] & cycle[row.id] else -1 for t in found}
            order = sorted(found, key=rank.__getitem__)
            if order != found and len(found) > 2:
                changed = True
                total = place[order[0]]
                for t in order[1:]:
                    total = b.append(
                        row.prim.index, [total, place[t]], body.aval[row.id], body.param[row.id]
                    )
                place.append(total)
                continue
        place.append(b.append(body.op[row.id], args, body.aval[row.id], body.param[row.id]))
    return dce(b.finish([place[o] for o in body.outputs])) if changed else body


def _needs(body: Tape, carry: int) -> list[int]:
    """Return for each row the carried values that it depends on within a round, as bits."""
    found: list[int] = []
    for i in range(body.rows):
        bits = 1 << (i - 1) if 1 <= i <= carry else 0
        for a in body.args(i):
            bits |= found[a]
        found.append(bits)
    return found


def _depths(body: Tape, carry: int) -> list[int]:
    """Return how many rows lie between the start of a round and each row."""
    found: list[int] = []
    for i in range(body.rows):
        found.append(1 + max((found[a] for a in body.args(i)), default=-1))
    return found


def _handed_on(body: Tape, carry: int, needs: list[int]) -> list[int]:
    """Return for each row the carried values that later rounds compute from it, as bits."""
    reach = [needs[body.outputs[k]] for k in range(carry)]  # output k needs these inputs
    feeds = [sum(1 << k for k in range(carry) if reach[k] >> j & 1) for j in range(carry)]
    later = [1 << j for j in range(carry)]
    for _ in range(carry):
        later = [_union(later, bits | feeds[j]) for j, bits in enumerate(later)]
    found = [0] * body.rows
    for k in range(carry):
        found[body.outputs[k]] |= later[k]
    for i in range(body.rows - 1, -1, -1):
        for a in body.args(i):
            found[a] |= found[i]
    return found


def _union(later: list[int], bits: int) -> int:
    found = bits
    for j, more in enumerate(later):
        if bits >> j & 1:
            found |= more
    return found
