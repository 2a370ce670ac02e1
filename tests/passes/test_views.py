"""The algebra of strides is NumPy's own: same offsets and strides, a copy where NumPy copies."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tapejit.core.avals import Aval
from tapejit.passes.views import Strided, all_views, own, strides_of, viewed
from tapejit.tape.primitive import BY_NAME
from tapejit.tape.text import from_text

many = settings(max_examples=300, deadline=None, derandomize=True)
sides = st.sampled_from((1, 2, 3, 4, 0, 6))
INT8 = np.dtype(np.int8)


@st.composite
def view_rows(draw: Any, shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """Draw a view of an array of this shape."""
    kind = draw(st.sampled_from(("transpose", "slice", "reshape", "broadcast_to")))
    if kind == "transpose":
        return kind, {"axes": tuple(draw(st.permutations(range(len(shape)))))}
    if kind == "broadcast_to":
        grown = tuple(draw(st.sampled_from((1, 3))) if n == 1 else n for n in shape)
        return kind, {"shape": (*draw(st.lists(st.sampled_from((1, 2)), max_size=1)), *grown)}
    if kind == "slice":
        ranges = []
        for n in shape:
            if not n:
                ranges.append((0, 0, 1))
                continue
            start, step = draw(st.integers(0, n - 1)), draw(st.sampled_from((1, 2, -1, -3)))
            room = len(range(start, n if step > 0 else -1, step))
            ranges.append((start, draw(st.integers(0, room)), step))
        return kind, {"ranges": tuple(ranges)}
    size = int(np.prod(shape))
    new = [size]
    for _ in range(draw(st.integers(0, 3))):  # split a factor off, or put a 1 somewhere
        k = draw(st.integers(0, len(new) - 1))
        f = draw(st.sampled_from([f for f in (1, 2, 3) if new[k] % f == 0]))
        new[k : k + 1] = draw(st.sampled_from(([new[k] // f, f], [f, new[k] // f])))
    return "reshape", {"shape": tuple(new)}


@many
@given(st.data())
def test_strides_are_those_of_numpy(data: Any) -> None:
    shape = tuple(data.draw(st.lists(sides, max_size=3)))
    memory = np.arange(int(np.prod(shape)), dtype=np.int8)
    y = memory.reshape(shape)
    x, aval = own(0, Aval(INT8, shape)), Aval(INT8, shape)
    for _ in range(data.draw(st.integers(1, 4))):
        if y.size > 100:
            break
        name, params = data.draw(view_rows(aval.shape))
        prim = BY_NAME[name]
        out = prim.infer(aval, **params)
        found = viewed(name, params, x, aval, out)
        made = prim.numpy(y, **params)
        if not isinstance(made, np.ndarray):  # NumPy reads a number out of an array without axes
            return
        if found is None:
            # NumPy copies too: no strides of the same memory give this shape.
            assert name == "reshape" and not np.shares_memory(made, memory)
            return
        if made.size:
            assert np.shares_memory(made, memory)
            start = made.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
            assert found.offset == start
            for n, ours, theirs in zip(made.shape, found.strides, made.strides, strict=True):
                assert n == 1 or ours == theirs
            if made.flags.c_contiguous:
                assert found.contiguous(made.shape)
            else:
                assert not found.contiguous(made.shape)
            lowest = found.offset + sum(
                min(0, (n - 1) * s) for n, s in zip(made.shape, found.strides)
            )
            highest = found.offset + sum(
                max(0, (n - 1) * s) for n, s in zip(made.shape, found.strides)
            )
            assert 0 <= lowest <= highest < memory.size
        x, y, aval = found, made, out


@many
@given(st.lists(sides, max_size=4).map(tuple))
def test_contiguous_strides(shape: tuple[int, ...]) -> None:
    x = np.empty(shape, np.int8)
    if x.size:
        assert all(n == 1 or a == b for n, a, b in zip(shape, strides_of(shape), x.strides))
    assert own(7, Aval(INT8, shape)) == Strided(7, 0, strides_of(shape))
    assert own(7, Aval(INT8, shape)).contiguous(shape)


def test_views_of_a_tape_follow_to_the_root() -> None:
    tape = from_text(
        "tape(%0: f64[4,6]) -> (%4)\n"
        "  %1 = slice %0 {ranges=((3, 2, -2), (1, 4, 1))} : f64[2,4]\n"
        "  %2 = transpose %1 {axes=(1, 0)} : f64[4,2]\n"
        "  %3 = sin %2 : f64[4,2]\n"
        "  %4 = broadcast_to %3 {shape=(5, 4, 2)} : f64[5,4,2]"
    )
    assert all_views(tape) == [
        Strided(0, 0, (6, 1)),
        Strided(0, 19, (-12, 1)),
        Strided(0, 19, (1, -12)),
        Strided(3, 0, (2, 1)),
        Strided(3, 0, (0, 2, 1)),
    ]
