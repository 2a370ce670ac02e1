"""Places in the workspace: first fit, as a search through all arrays before would find it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tapejit.codegen.room import Room

LIVES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8), st.integers(1, 5)), max_size=25)
INNER = st.dictionaries(st.integers(0, 20), st.lists(st.integers(0, 4), max_size=3), max_size=5)


class Searched:
    """First fit by comparing with all that was placed before."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int, int, int]] = []
        self.size = 0

    def place(self, size: int, start: int, end: int) -> int:
        busy = sorted((o, s) for o, s, a, b in self.taken if a <= end and start <= b)
        offset = 0
        for o, s in busy:
            if offset + size <= o:
                break
            offset = max(offset, o + s)
        self.taken.append((offset, size, start, end))
        self.size = max(self.size, offset + size)
        return offset


@given(LIVES, INNER)
def test_places_are_those_of_a_search_through_all_arrays(lives, inner):
    room, searched = Room(), Searched()
    for start, more, size in sorted(lives):
        assert room.place(size, start, start + more) == searched.place(size, start, start + more)
    steps = sorted(inner.items())
    found = room.beside(steps)
    for (step, sizes), places in zip(steps, found, strict=True):
        assert places == [searched.place(s, step, step) if s else 0 for s in sizes]
    assert room.size == searched.size
