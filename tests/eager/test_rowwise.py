"""Traces that are new and long run row by row, gradients included, and give what the tape gives."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.torch import program, rowwise
from tapejit.torch import record as record_module
from tapejit.torch.bounded import Bounded


@pytest.fixture
def short(monkeypatch):
    """Let every trace with a backward pass run so; return how many did, and how many were traced."""
    monkeypatch.setattr(program, "ROWS", 1)
    program.clear_programs()
    seen = {"rowwise": 0, "traced": 0}
    real_run, real_trace = program.run_rowwise, program.trace_rows

    def run(*args):
        found = real_run(*args)
        seen["rowwise"] += 1
        return found

    def trace(*args):
        seen["traced"] += 1
        return real_trace(*args)

    monkeypatch.setattr(program, "run_rowwise", run)
    monkeypatch.setattr(program, "trace_rows", trace)
    yield seen
    program.clear_programs()


def a(*shape):
    n = int(np.prod(shape))
    return torch.tensor(np.sin(np.arange(1.0, n + 1)).reshape(shape), requires_grad=True)


def several_results():
    x = a(4, 3)
    top, at = x.max(1)
    left, right = x.t().split(2, dim=1)
    ((top * at).sum() + (left * right).sum() + x.unbind(0)[2].prod()).backward()
    return [x.grad]


def numbers_and_powers():
    x, k = a(3), torch.tensor([1, 2, 3])
    (2.0 * x**3 / (1 - k).clamp(min=1) + x.square() * 0.5 - k).sum().backward()
    return [x.grad]


def seeds_and_old_gradients():
    x, w = a(2, 3), a(3)
    (x * w).backward(torch.ones(2, 3, dtype=torch.float64) * 2)
    (x @ w).sum().backward()
    return [x.grad, w.grad]


def no_gradient_on_the_way():
    x, w = a(3), a(3)
    with torch.no_grad():
        c = (x * 2).exp()
    ((x - x.detach().mean()) * c + w.detach() * x).sum().backward()
    return [x.grad]


def what_a_choice_leaves_out():
    x = torch.tensor([0.0, 2.0, -1.0], dtype=torch.float64, requires_grad=True)
    torch.where(x > 0, x.log() * x.sqrt(), x * 0).sum().backward()
    y = x.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(torch.where(y > 0, 1 / y, y).sum(), y)
    return [x.grad, found]


def writes_and_views():
    x = a(3, 4)
    y = x * 1
    y[1] = x[0] * 2
    y[:, 2].mul_(x[:, 0].detach())
    y.t().sin().sum().backward()
    return [x.grad]


def second_derivatives():
    x = a(3)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (g * g).sum().backward()
    return [x.grad]


def updated_leaves():
    w = a(3)
    found = []
    for _ in range(3):
        (w.exp() * torch.nn.functional.softmax(w, 0)).sum().backward()
        found.append(w.grad.clone())
        with torch.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    return [*found, w]


def unused_leaf():
    w, v = a(3), a(2)
    (w.sum() + (v * 0).sum()).backward()
    return [w.grad, v.grad]


PROGRAMS = [
    several_results,
    numbers_and_powers,
    seeds_and_old_gradients,
    no_gradient_on_the_way,
    what_a_choice_leaves_out,
    writes_and_views,
    second_derivatives,
    updated_leaves,
    unused_leaf,
]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_values_are_those_of_the_tape(f, short, monkeypatch):
    found = [t.tolist() for t in f()]
    assert short["rowwise"] and not short["traced"]
    again = [t.tolist() for t in f()]
    assert again == found
    program.clear_programs()
    monkeypatch.setattr(program, "ROWS", 10**9)
    expected = [t.tolist() for t in f()]
    assert short["traced"]
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-15)


def test_a_row_with_a_loop_inside_is_traced(short):
    layer = torch.nn.RNN(2, 3)
    layer(torch.ones(70, 1, 2))[0].sum().backward()
    assert short["traced"] and layer.weight_hh_l0.grad.shape == (3, 3)


def test_traces_that_come_again_are_traced_when_that_has_paid(short, monkeypatch):
    monkeypatch.setattr(rowwise, "TRACING", 0.0)
    monkeypatch.setattr(program, "TRACING", 0.0)
    for _ in range(3):
        several_results()
    assert short["traced"]


def different_losses(n):
    """Losses of which hardly two have the same rows, over several traces."""
    rng = np.random.default_rng(n)
    w = torch.ones(40, requires_grad=True)
    losses, expected = [], np.zeros(40)
    for _ in range(n):
        start = int(rng.integers(0, 20))
        stop = int(rng.integers(start + 2, 40))
        scale = float(rng.standard_normal())
        losses.append((w[start:stop].sin() * scale).sum())
        expected[start:stop] += np.cos(1.0) * scale
    return w, losses, expected


def test_many_different_losses_over_many_segments_are_linear(monkeypatch):
    rows = []
    real = rowwise._through
    monkeypatch.setattr(rowwise, "_through", lambda *a: rows.append(1) or real(*a))
    decoded = []
    real_rows = record_module.decoded
    monkeypatch.setattr(record_module, "decoded", lambda code: decoded.append(1) or real_rows(code))
    w, losses, expected = different_losses(1500)
    sum(losses).backward()
    np.testing.assert_allclose(w.grad.tolist(), expected, rtol=2e-3, atol=2e-3)
    assert 1500 * 5 <= len(rows) <= 1500 * 6  # the rows of the losses and of their sum, each once
    assert len(decoded) <= 10  # a segment is read once, not for each loss that lies in it


def test_programs_are_forgotten_with_their_count(monkeypatch):
    """A count that stayed behind would let ever fewer programs in."""
    program.clear_programs()
    monkeypatch.setattr(program, "_MOST", 200)
    for _ in range(2):
        for n in range(2, 8):
            (torch.arange(float(n)) + n).tolist()
        assert 4 <= len(program.programs()) <= 6
        program.clear_programs()
        assert program.programs() == [] and program._kept == [0]
    code = program.RECENT
    x = torch.ones(2)
    for _ in range(2):
        (x + 1).tolist()
    assert len(program.programs()) == 1 and code
    program.clear_programs()
    assert not code


def test_the_oldest_entry_of_a_bounded_table_goes_first():
    table = Bounded(2)
    table["a"], table["b"] = 1, 2
    assert table.get("a") == 1
    table["c"] = 3
    assert table.get("b") is None and table.get("a") == 1 and table.get("c") == 3
    assert len(table) == 2
