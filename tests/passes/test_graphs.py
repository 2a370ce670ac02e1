"""Strong components and least cuts, against SciPy's."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, maximum_flow

from tapejit.passes.graphs import before_the_cut, strong_components

EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40)
ARCS = st.dictionaries(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda e: e[0] != e[1]),
    st.integers(0, 5) | st.just(1 << 29),
    max_size=40,
)


@given(EDGES)
def test_nodes_that_reach_each_other_have_one_representative(edges):
    after = {}
    for a, b in edges:
        after.setdefault(a, []).append(b)
    found = strong_components(after)
    assert set(found) == {n for edge in edges for n in edge}
    tails, heads = [e[0] for e in edges], [e[1] for e in edges]
    graph = coo_array((np.ones(len(edges)), (tails, heads)), shape=(12, 12))
    _, label = connected_components(graph, directed=True, connection="strong")
    for a in found:
        assert found[found[a]] == found[a]
        for b in found:
            assert (found[a] == found[b]) == (label[a] == label[b])


def test_a_long_way_round_is_no_recursion():
    n = 20_000
    found = strong_components({i: [(i + 1) % n] for i in range(n)})
    assert len(set(found.values())) == 1


@example({(0, 2): 1, (2, 1): 1, (1, 9): 1, (2, 3): 1, (3, 9): 1})  # what is filled has a way back
@given(ARCS)
def test_a_cut_costs_as_much_as_flows_and_lies_next_to_the_end(capacity):
    arcs = [(a, b, c) for (a, b), c in capacity.items()]
    lost = before_the_cut(arcs, 10, 0, 9)
    cost = sum(c for a, b, c in arcs if lost[a] and not lost[b])
    ends, sizes = [(a, b) for a, b, _ in arcs], np.array([c for *_, c in arcs], np.int32)
    graph = coo_array((sizes, tuple(np.array(ends, int).reshape(-1, 2).T)), shape=(10, 10)).tocsr()
    flow = maximum_flow(graph, 0, 9)
    assert lost[0] and not lost[9] and cost == flow.flow_value
    left = (graph - flow.flow).toarray() > 0  # what still has a way to the end is on its side
    reach = {9}
    while new := {int(a) for a in np.nonzero(left[:, list(reach)].any(axis=1))[0]} - reach:
        reach |= new
    assert [n not in reach for n in range(10)] == lost


LOOP = """
def loss(u, w):
    for i in range(100):
        a = w @ u + 1.0
        b = a * u
        u = np.tanh(b * b * a + u)
    return np.sum(u)

tj.grad(loss)(np.ones(4), np.ones((4, 4)) / 9)
"""
WIDE = """
def loss(params, u):
    return sum(np.sum(np.tanh(p) * np.exp(np.sum(p))) for p in params.values())

tj.grad(loss)({str(k): np.ones(4) for k in range(70)}, np.ones(4))
"""


@pytest.mark.parametrize("program", [LOOP, WIDE])
def test_loops_and_wide_tapes_are_compiled_without_scipy(tmp_path, program):
    path = tmp_path / "program.py"
    code = program.replace("tj.grad(loss)", 'tj.grad(loss, compile="always")')
    path.write_text(f"import sys\nimport numpy as np\nimport tapejit as tj\n{code}")
    with path.open("a") as file:
        file.write("assert 'scipy' not in sys.modules\nprint('done')\n")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
