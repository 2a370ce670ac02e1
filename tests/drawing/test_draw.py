"""``tapejit.draw``: what stands in the pictures of tensors, nodes and tapes."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from svg_geometry import boxes, crossed, edges, overlaps

import tapejit
import tapejit.torch as torch


def names(picture):
    return sorted(b.lines[0] for b in boxes(picture))


def only(picture, name):
    (found,) = (b for b in boxes(picture) if b.lines[0] == name)
    return found


def test_the_graph_of_a_tensor():
    x = torch.ones(2, 3, requires_grad=True)
    b = torch.ones(3, dtype=torch.float64, requires_grad=True)
    picture = tapejit.draw(x * 2 + b)
    want = ["AccumulateGrad", "AccumulateGrad", "AddBackward0", "MulBackward0", "Tensor"]
    assert names(picture) == want
    leaves = sorted(box.lines[1] for box in boxes(picture) if box.kind == "input")
    assert leaves == ["(2, 3) float32", "(3,) float64"]
    result = only(picture, "Tensor")
    assert result.kind == "result" and result.lines[1] == "(2, 3) float64"
    assert result.top == max(box.top for box in boxes(picture))
    assert len(edges(picture)) == 4  # the number 2 has no edge
    assert not overlaps(picture) and not crossed(picture)


def test_the_graph_of_a_node_ends_in_the_node():
    x = torch.ones(3, requires_grad=True)
    y = x * x
    picture = tapejit.draw(y.grad_fn)
    assert names(picture) == ["AccumulateGrad", "MulBackward0"]
    assert len(edges(picture)) == 2
    leaf, _ = y.grad_fn.next_functions[0]
    assert names(tapejit.draw(leaf)) == ["AccumulateGrad"]


def test_a_node_that_is_reached_twice_is_one_box():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    picture = tapejit.draw(y * 3 + y * 4 + x)
    assert names(picture).count("AccumulateGrad") == 1
    assert names(picture).count("MulBackward0") == 3
    assert names(picture).count("AddBackward0") == 2


def test_scalars_and_leaves():
    x = torch.tensor(1.0, requires_grad=True)
    assert only(tapejit.draw(x * 2), "AccumulateGrad").lines[1] == "scalar float32"
    (leaf,) = boxes(tapejit.draw(x))
    assert leaf.lines == ("Tensor", "scalar float32", "a leaf that requires grad")
    (plain,) = boxes(tapejit.draw(torch.ones(2)))
    assert plain.lines == ("Tensor", "(2,) float32", "a leaf without a graph")


def test_lines_are_known_when_anomalies_are_looked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with torch.autograd.detect_anomaly():
            x = torch.ones(3, requires_grad=True)
            y = x * 5  # the line
    title = only(tapejit.draw(y), "MulBackward0").title
    assert "y = x * 5  # the line" in title and os.path.basename(__file__) in title
    plain = only(tapejit.draw(x * 5), "MulBackward0")
    assert plain.title == "MulBackward0"


def test_drawing_computes_nothing_and_keeps_the_graph():
    x = torch.ones(3, requires_grad=True)
    y = x * x
    tapejit.draw(y)
    y.backward(torch.ones(3))
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_the_rows_of_a_tape():
    def f(x, y):
        return np.sum(np.sin(x) * y + 2.5)

    call = tapejit.jit(f)
    tape = call.tape(np.ones((2, 3)), np.ones(3))
    picture = tapejit.draw(tape)
    seen = boxes(picture)
    assert [b.lines for b in seen if b.kind == "input"] == [
        ("input 0", "f64[2,3]"),
        ("input 1", "f64[3]"),
    ]
    assert only(picture, "sin").lines == ("sin", "f64[2,3]")
    assert [b.lines[0] for b in seen if b.kind == "constant"] == ["2.5"]
    out = only(picture, "output")
    assert out.kind == "result" and out.lines[1] == "f64[]"
    first, place, code = only(picture, "sin").title.split("\n")
    assert first.startswith("%") and "= sin %0 : f64[2,3]" in first
    assert os.path.basename(__file__) in place and place.endswith("in f")
    assert code == "return np.sum(np.sin(x) * y + 2.5)"
    assert "axis=(0, 1)" in only(picture, "sum").title
    assert len(seen) == tape.rows + 1


def test_several_outputs_are_numbered():
    tape = tapejit.value_and_grad(lambda x: np.sum(x**3)).tape(np.ones(4))
    outs = [b.lines for b in boxes(tapejit.draw(tape)) if b.kind == "result"]
    assert outs == [("output 0", "f64[]"), ("output 1", "f64[4]")]


def test_a_loop_is_one_box():
    def f(x):
        s = 0.0
        for _ in range(100):
            s = np.sin(s) + x
        return s

    tape = tapejit.jit(f).tape(1.5)
    (loop,) = (b for b in boxes(tapejit.draw(tape)) if b.kind == "body")
    inside = len(tape) - tape.rows
    assert inside > 0 and loop.lines[1] == f"{inside} rows inside"
    assert f"=<{inside} rows>" in loop.title
    assert len(boxes(tapejit.draw(tape))) == tape.rows + 1


def test_what_is_returned(tmp_path):
    tape = tapejit.jit(lambda x: x + 1).tape(np.ones(2))
    path = tmp_path / "graph.svg"
    picture = tapejit.draw(tape, path)
    assert path.read_text(encoding="utf-8") == picture
    assert isinstance(picture, str) and picture._repr_svg_() == picture
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert len(repr(picture)) < 100
    assert str(picture) == picture and type(picture._repr_svg_()) is str
    again = tmp_path / "again.svg"
    picture.save(str(again))
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("thing", [3, "text", None, np.ones(3), lambda x: x, Path()])
def test_other_things_are_refused(thing):
    with pytest.raises(TypeError, match=r"draw\(\) takes a tensor, its grad_fn or a tape"):
        tapejit.draw(thing)


def test_importing_tapejit_does_not_import_drawing():
    code = (
        "import sys, tapejit; assert 'tapejit.drawing' not in sys.modules; "
        "tapejit.draw; assert 'tapejit.drawing' in sys.modules; "
        "assert 'tapejit.torch' not in sys.modules"
    )
    where = str(Path(tapejit.__file__).resolve().parent.parent)
    env = {**os.environ, "PYTHONPATH": where}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    with pytest.raises(AttributeError, match="no attribute 'drew'"):
        tapejit.drew  # noqa: B018


def test_the_picture_of_the_documentation_is_current():
    x = torch.ones(5)
    w = torch.zeros(5, 3, requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    z = x @ w + b
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.zeros(3))
    root = Path(__file__).resolve().parents[2]
    kept = root / "docs" / "images" / "torch-graph.svg"
    assert kept.read_text(encoding="utf-8") == tapejit.draw(loss)
