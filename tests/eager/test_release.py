"""Codes and specs of shapes that do not come back are let go; what is alive keeps its own."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.torch import codes, spec


@pytest.fixture
def often(monkeypatch):
    """Let codes go after some hundred new ones."""
    monkeypatch.setattr(codes, "PERIOD", 300)


def _visit(sizes, backward=True):
    """Compute something on new shapes."""
    for n in sizes:
        x = torch.ones(n, 2, requires_grad=True)
        y = (x * 2 + 1).sum()
        if backward:
            y.backward()
            assert x.grad[0, 1].item() == 2.0
        assert y.item() == 6.0 * n


def test_memory_is_flat(often):
    _visit(range(1, 400), backward=False)
    tracemalloc.start()
    try:
        seen = []
        for k in range(1, 6):
            _visit(range(400 * k, 400 * (k + 1)), backward=False)
            gc.collect()
            seen.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # 1600 shapes: 11 MB when everything was kept. (With backward passes, 1.6 kB a shape stay in the
    # tables of the tapes that were traced.)
    assert max(seen[1:]) - seen[0] < 600_000
    assert len(codes.CODES) < 5_000
    assert len(spec.specs) < 2_000


def test_what_is_alive_keeps_its_codes(often):
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    data = torch.arange(12.0).reshape(3, 4)
    part, turned = data[1:, 1], data.t()
    hidden = (w * 2).sin()
    view, product = hidden[1:], hidden * w
    product.tolist()
    pending = data * 3
    frozen = codes.age()
    for k in range(8):
        _visit(range(3000 + 200 * k, 3000 + 200 * k + 60))
    assert codes.age() > frozen + 5 * codes.PERIOD
    part.add_(1.0)
    assert data[:, 1].tolist() == [1.0, 6.0, 10.0]
    assert turned[1].tolist() == [1.0, 6.0, 10.0]
    assert pending.sum().item() == 3 * 66.0
    assert view.tolist() == pytest.approx(np.sin([4.0, 6.0]).tolist())
    (view.sum() + product.sum()).backward()
    x = np.array([1.0, 2.0, 3.0])
    want = 2 * np.cos(2 * x) * (x + [0, 1, 1]) + np.sin(2 * x)
    assert w.grad.tolist() == pytest.approx(want.tolist(), rel=1e-5)


def test_a_training_loop_beside_new_shapes(often):
    def losses(visit):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        x = torch.arange(12.0).reshape(4, 3) / 10
        for k in range(30):
            loss = (model(x) - 1).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if visit:
                _visit(range(5000 + 20 * k, 5000 + 20 * k + 8))
            yield loss.item()

    assert list(losses(True)) == list(losses(False))


def test_traces_of_other_threads_keep_theirs(often):
    go, done = threading.Event(), threading.Event()
    found = []

    def other():
        x = torch.ones(7, 11, requires_grad=True)
        y = (x * 5).exp().log()
        done.set()
        go.wait()
        y.sum().backward()
        found.append((y.sum().item(), x.grad.sum().item()))

    thread = threading.Thread(target=other)
    thread.start()
    done.wait()
    for k in range(6):
        _visit(range(7000 + 200 * k, 7000 + 200 * k + 60))
    go.set()
    thread.join()
    assert found == [pytest.approx((385.0, 385.0))]


def test_a_spec_that_is_held_stays_the_same(often):
    x = torch.zeros(13, 17)
    for k in range(6):
        _visit(range(9000 + 200 * k, 9000 + 200 * k + 60))
    assert torch.zeros(13, 17)._spec is x._spec
    assert spec.specs[np.dtype("float32"), (13, 17), None] is x._spec
