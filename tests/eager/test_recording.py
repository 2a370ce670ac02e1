"""What makes recording quick must not show: kept arrays, kept blocks, tables, guesses that fail."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config
from tapejit.torch import codes, record, release, rows, runner
from tapejit.torch import program as programs
from tapejit.torch.record import LOCAL


@pytest.fixture(autouse=True)
def always():
    before, config.compile = config.compile, "always"
    yield
    config.compile = before


def descent(start):
    """Return a step of ``w -= 0.1 dL/dw`` and what `start` is after `n` of them, by NumPy."""
    w = torch.tensor(start, requires_grad=True)

    def step():
        y = w * w
        loss = y.sum()
        loss.backward()
        with torch.no_grad():
            w.sub_(0.1 * w.grad)
            w.grad.zero_()
        return y, loss

    def values(n):
        found, now = [], np.array(start, "float32")
        for _ in range(n):
            found.append(now * now)
            now = now - np.float32(0.1) * (now + now)
        return np.array(found)

    return w, step, values


def test_results_that_somebody_holds_are_not_written_over():
    w, step, values = descent([1.0, -2.0, 3.0])
    kept, weights, arrays = [], [], []
    for _ in range(12):
        y, _ = step()
        kept.append(y)
        weights.append(w.detach().clone())
        arrays.append(weights[-1].numpy())
    np.testing.assert_allclose([y.tolist() for y in kept], values(12), rtol=1e-5)
    np.testing.assert_allclose(np.square(arrays)[:-1], values(12)[1:], rtol=1e-5)


def test_numpys_name_of_a_result_keeps_its_value():
    w = torch.tensor([1.0, 2.0])
    seen = []
    for k in range(8):
        y = w * float(k)
        seen.append(y.numpy())
        del y
    np.testing.assert_array_equal(seen, [[k, 2.0 * k] for k in range(8)])


def test_results_of_a_loop_take_the_room_of_earlier_ones():
    _, step, _ = descent([1.0, -2.0, 3.0])
    places = []
    for _ in range(12):
        y, _ = step()
        places.append(y._array.__array_interface__["data"][0])
        del y
    assert len(set(places[4:])) <= 2


def test_large_results_are_given_back():
    n = runner.SMALL
    x = torch.ones(n)
    for _ in range(4):
        y = x + 1.0
        y._value()
    (program,) = [
        p for p in programs.programs() if p.computed and p.rows.spec(p.computed[0]).shape == (n,)
    ]
    assert program.fast is not None and "kept" not in program.fast.__code__.co_varnames


def test_threads_share_programs_but_no_room():
    n, steps = 6, 150
    found = [None] * n
    ready = threading.Barrier(n)

    def work(k):
        start = [float(k + 1), 2.0, -1.0]
        _, step, values = descent(start)
        ready.wait()
        seen = []
        for _ in range(steps):
            y, loss = step()
            seen.append((y.tolist(), loss.item()))
        found[k] = (seen, values(steps))

    before, config.compile = config.compile, "always"
    threads = [threading.Thread(target=work, args=(k,)) for k in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    config.compile = before
    for seen, wanted in found:
        np.testing.assert_allclose([y for y, _ in seen], wanted, rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(
            [v for _, v in seen], wanted.sum(axis=1, dtype="float64"), rtol=1e-4, atol=1e-12
        )


def test_a_run_within_a_run_has_room_of_its_own():
    x = torch.tensor([1.0, 2.0])
    for _ in range(4):
        y = x * 2.0 + 1.0
        y._value()
    (program,) = [p for p in programs.programs() if p.calls and p.living == [y._slot]][-1:]
    space, within = program.fast.__globals__, []
    refs = space["refs"]

    def looking(array):
        # As if another thread ran here, and everything that is kept were free.
        if not within:
            within.append(None)
            within[0] = program.fast([np.array([5.0, 6.0], "float32"), 2.0, 1.0])[0]
        return 1 << 30 if array is None else 0

    space["refs"] = looking
    try:
        (outer,) = program.fast([np.array([3.0, 4.0], "float32"), 2.0, 1.0])
    finally:
        space["refs"] = refs
    assert (outer.tolist(), within[0].tolist()) == ([7.0, 9.0], [11.0, 13.0])


def test_the_same_rows_with_other_survivors_are_another_program():
    x = torch.tensor([1.0, 2.0])
    for k in range(6):
        a = x + 1.0
        b = a * 3.0
        c = b - 1.0
        if k % 2:
            del b
            assert (a.tolist(), c.tolist()) == ([2.0, 3.0], [5.0, 8.0])
        else:
            del a
            assert (b.tolist(), c.tolist()) == ([6.0, 9.0], [5.0, 8.0])


def test_traces_of_one_length_are_told_apart():
    x = torch.tensor([1.0, 4.0], requires_grad=True)
    for k in range(6):
        x.grad = None
        (x.exp() if k % 2 else x.sqrt()).sum().backward()
        wanted = np.exp([1.0, 4.0]) if k % 2 else [0.5, 0.25]
        np.testing.assert_allclose(x.grad.tolist(), wanted, rtol=1e-6)


def test_what_is_remembered_of_recent_traces_is_bounded():
    config.compile = "never"
    x = torch.tensor(1.0)
    for n in range(1, rows._RECENT + 9):
        y = x
        z = torch.tensor(1.0, requires_grad=True)
        for _ in range(n):
            y = y + 1.0
            z = z * 1.0
        assert y.item() == n + 1
        z.backward()
    assert len(programs.RECENT) <= programs._RECENT
    assert len(rows._recent) <= rows._RECENT


def test_rows_of_data_are_found_again_and_follow_writes(monkeypatch):
    monkeypatch.setattr(codes, "_collected", [codes.age()])  # codes go when this test says so
    data = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    for _ in range(3):
        assert [(data[k] + 0.0).tolist() for k in range(3)] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert data._more.parts[0] is data._array and len(data._more.parts[1]) == 3
    release.collect()  # the same views have other codes from here on
    assert [(data[k] + 0.0).tolist() for k in range(3)] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert len(data._more.parts[1]) == 3
    data[1] = 7.0
    assert (data[1] + 0.0).tolist() == [7.0, 7.0]
    data.data = torch.zeros(3, 2)
    assert (data[1] + 0.0).tolist() == [0.0, 0.0]
    place = data._array.__array_interface__["data"]
    shared = data.numpy()
    assert shared.__array_interface__["data"] == place  # what is kept is no reason to copy
    assert (data[2] + 0.0).tolist() == [0.0, 0.0]
    shared[2] = 5.0
    assert (data[2] + 0.0).tolist() == [5.0, 5.0]
    del shared
    assert (data[2] + 0.0).tolist() == [5.0, 5.0]


def test_only_blocks_within_the_data_are_kept_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(codes, "PERIOD", 1 << 60)  # blocks go when codes do
    data = torch.zeros(4, 3)
    (data[:, 1] + 0.0).tolist()
    assert not data._more.parts[1]
    many = torch.zeros(record._PARTS + 8, 1)
    for k in range(len(many)):
        (many[k] + 1.0).tolist()
    assert len(many._more.parts[1]) == record._PARTS


def test_pieces_are_told_apart_by_how_many_and_by_type():
    x = torch.arange(6.0)
    for _ in range(2):
        assert [p.tolist() for p in x.chunk(2)] == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
        assert len(x.chunk(3)) == 3
        with pytest.raises(TypeError):
            x.chunk(2.0)
        with pytest.raises(TypeError):
            x.chunk(2, 0.0)


def test_a_context_is_entered_twice():
    mode = torch.no_grad()
    with mode:
        with mode:
            assert not torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    with torch.no_grad(), torch.enable_grad():
        assert torch.is_grad_enabled()
    with pytest.raises(TypeError):
        torch.no_grad(3)


def test_parameters_with_different_counts_of_steps():
    p, q = (torch.tensor([v], requires_grad=True) for v in (1.0, 2.0))
    optimizer = torch.optim.Adam([p, q], lr=0.1)
    for k in range(4):
        p.grad = torch.ones(1)
        q.grad = torch.ones(1) if k > 1 else None
        optimizer.step()
    assert [optimizer.state[t]["step"].item() for t in (p, q)] == [4.0, 2.0]
    # A constant gradient moves a parameter by the learning rate, bias corrections done.
    np.testing.assert_allclose([p.item(), q.item()], [0.6, 1.8], rtol=1e-5)


def test_a_long_trace_is_run_before_anybody_looks():
    x, y = torch.ones(2), torch.tensor([1.0, 0.5])
    for record_one in (lambda z: z * y, lambda z: z * 1.0, lambda z: z.neg(), lambda z: z.sum(0)):
        z = x
        for _ in range(record.LIMIT + 10):
            z = record_one(z) if z._spec.ndim else record_one(x)
        assert len(LOCAL.rec.owners) <= record.LIMIT + 2
    LOCAL.rec.flush()


@pytest.mark.parametrize("graded", [False, True])
def test_views_that_nobody_looks_at_do_not_pile_up(graded: bool) -> None:
    x = torch.ones(3, requires_grad=graded) * 2.0
    for k in range(5 * record.LIMIT):
        y = x[k % 3]
        assert len(record.LOCAL.rec.owners) <= record.LIMIT + 2
    assert y.item() == 2.0
