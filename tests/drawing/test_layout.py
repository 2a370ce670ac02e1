"""Layouts: edges lead down, boxes are apart, edges keep clear of boxes, few crossings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from svg_geometry import boxes, crossed, edges, overlaps, root_of

from tapejit.drawing.graph import Box, Graph
from tapejit.drawing.layers import depths, layered
from tapejit.drawing.order import crossings, ordered
from tapejit.drawing.place import GAP, isotonic, spread
from tapejit.drawing.svg import LONGEST, drawn


@st.composite
def graphs(draw, most=14):
    """Return random graphs without cycles, with boxes of different sizes."""
    n = draw(st.integers(1, most))
    line = st.text("abcdefgh", min_size=1, max_size=25)
    lines = st.lists(line, min_size=1, max_size=3).map(tuple)
    made = [Box(draw(lines), draw(st.sampled_from(("step", "input")))) for _ in range(n)]
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1])
    found = draw(st.lists(pairs, max_size=2 * n)) if n > 1 else []
    return Graph(tuple(made), tuple(found))


def chain(n, extra=()):
    return Graph(
        tuple(Box((f"node {k}",)) for k in range(n)),
        (*((k, k + 1) for k in range(n - 1)), *extra),
    )


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_no_overlaps_and_no_edge_through_a_box(graph):
    picture = drawn(graph)
    assert len(boxes(picture)) == len(graph.boxes)
    assert not overlaps(picture, gap=10.0)
    assert not crossed(picture)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_edge_leads_down_and_everything_is_on_the_paper(graph):
    picture = drawn(graph)
    seen = boxes(picture)
    for a, b in graph.edges:
        assert seen[a].bottom < seen[b].top
    for points in edges(picture):
        assert np.all(np.diff(points[:, 1]) >= -1e-9)
    wide, high = (float(root_of(picture).get(k)) for k in ("width", "height"))
    for b in seen:
        assert b.left >= 0 and b.top >= 0 and b.right <= wide and b.bottom <= high
    for points in edges(picture):
        assert points.min() >= 0 and points[:, 0].max() <= wide


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_segments_join_neighbouring_layers_and_lead_where_the_edges_lead(graph):
    found = layered(graph)
    place = {v: d for d, layer in enumerate(found.layers) for v in layer}
    assert all(place[b] == place[a] + 1 for a, b in found.segments)
    above = {b: a for a, b in found.segments if b >= found.n}  # a joint has one source

    def origin(v):
        while v >= found.n:
            v = above[v]
        return v

    led = sorted((origin(a), b) for a, b in found.segments if b < found.n)
    assert led == sorted(graph.edges)


@settings(max_examples=80, deadline=None)
@given(graphs(9))
def test_crossings_are_the_pairs_in_the_wrong_order(graph):
    found = layered(graph)
    place = {v: (d, k) for d, layer in enumerate(found.layers) for k, v in enumerate(layer)}
    slow = 0
    for (a, b), (c, d) in itertools.combinations(found.segments, 2):
        if place[a][0] == place[c][0]:
            slow += (place[a][1] - place[c][1]) * (place[b][1] - place[d][1]) < 0
    assert crossings(found.layers, found.segments) == slow
    kept = ordered(found)
    assert [sorted(x) for x in kept] == [sorted(x) for x in found.layers]
    assert crossings(kept, found.segments) <= slow


def test_crossings_that_can_be_undone_are_undone():
    # a reads 3 and b reads 2: in the order of their numbers the edges cross.
    graph = Graph(tuple(Box((c,)) for c in "abcd"), ((0, 3), (1, 2)))
    found = layered(graph)
    assert crossings(found.layers, found.segments) == 1
    assert crossings(ordered(found), found.segments) == 0
    ladder = Graph(
        tuple(Box((str(k),)) for k in range(12)),
        tuple((k, 6 + (5 - k)) for k in range(6)) + tuple((k, 6 + (4 - k)) for k in range(5)),
    )
    found = layered(ladder)
    assert crossings(found.layers, found.segments) > 10
    assert crossings(ordered(found), found.segments) == 0


@given(
    st.lists(
        st.tuples(st.floats(-100, 100), st.floats(0.5, 8)), min_size=1, max_size=20
    )
)  # fmt: skip
def test_isotonic_is_the_least_squares_solution(pairs):
    wanted, weights = zip(*pairs)
    best = isotonic_regression(wanted, weights=weights).x
    np.testing.assert_allclose(isotonic(wanted, weights), best, atol=1e-8)


def test_spreading_keeps_what_fits_and_parts_what_does_not():
    width = [40.0, 60.0, 20.0]
    assert spread([0, 1, 2], [0.0, 500.0, 900.0], width, 3) == [0.0, 500.0, 900.0]
    a, b, c = spread([0, 1, 2], [100.0, 100.0, 100.0], width, 3)
    assert b - a == pytest.approx(50.0 + GAP) and c - b == pytest.approx(40.0 + GAP)
    assert a + b + c == pytest.approx(300.0)


def test_layers_are_longest_paths_and_inputs_sink_to_their_readers():
    # 0 -> 1 -> 2 -> 3, 4 is read by 3 only, 5 by 1 and 3; 6 stands alone.
    names = [Box((str(k),)) for k in range(7)]
    graph = Graph(tuple(names), ((0, 1), (1, 2), (2, 3), (0, 3), (4, 3), (5, 1), (5, 3)))
    assert depths(graph) == [0, 1, 2, 3, 2, 0, 0]


def test_results_are_at_the_bottom():
    kinds = ("step", "result", "step", "step", "result")
    graph = Graph(
        tuple(Box((k,), k) for k in kinds), ((0, 1), (0, 2), (2, 3), (3, 4))
    )  # fmt: skip
    assert depths(graph) == [0, 3, 1, 2, 3]


def test_a_cycle_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        drawn(Graph((Box(("a",)), Box(("b",))), ((0, 1), (1, 0))))


def test_an_operand_read_twice_has_two_arrows():
    picture = drawn(Graph((Box(("x",)), Box(("x*x",))), ((0, 1), (0, 1))))
    ends = [tuple(points[-1]) for points in edges(picture)]
    assert len(set(ends)) == 2
    below = boxes(picture)[1]
    assert all(below.left < x < below.right for x, _ in ends)


def test_readers_of_one_box_share_its_line():
    n = 40
    extra = tuple((0, k) for k in range(2, n))
    found = layered(chain(n, extra))
    assert sum(len(layer) for layer in found.layers) - n == n - 2
    assert not crossed(drawn(chain(n, extra)))


def test_many_boxes_and_deep_chains():
    rng = np.random.default_rng(0)
    extra = tuple((int(a), int(rng.integers(a + 1, 300))) for a in rng.integers(0, 299, 150))
    picture = drawn(chain(300, extra))
    assert len(boxes(picture)) == 300
    assert not overlaps(picture)
    assert drawn(chain(3000)).count("<text") == 3000  # no recursion


def test_an_empty_graph_is_a_picture_too():
    assert root_of(drawn(Graph((), ()))).tag.endswith("svg")


def test_text_is_escaped_and_fits():
    title = 'x < y & "z"\n\x00second'
    long = "n" * 200
    picture = drawn(Graph((Box(("<lambda> & co", long, "a\nb"), "step", title),), ()))
    (box,) = boxes(picture)
    assert box.lines == ("<lambda> & co", "n" * (LONGEST - 1) + "…", "a b")
    assert box.title == 'x < y & "z"\n second'
    assert box.right - box.left > 6.6 * LONGEST  # 11 px, 0.6 em a character
