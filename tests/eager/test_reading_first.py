"""A loss that is read before ``backward()``: computed once, and everything as if it were not read.

From the second round of such a loop on, the gradients are computed when the loss is read; the tests
compare with the same program for which nothing is computed ahead.
"""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapejit.torch as torch
from tapejit.core.config import config
from tapejit.torch import ahead
from tapejit.torch.program import programs


@pytest.fixture
def policy():
    before = config.compile
    yield lambda p: setattr(config, "compile", p)
    config.compile = before


@pytest.fixture(autouse=True)
def no_forecasts():
    for program in programs():
        program.forecast = None


def leaves():
    w = torch.tensor(
        [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], dtype=torch.float64, requires_grad=True
    )
    b = torch.tensor([0.125, -0.5], dtype=torch.float64, requires_grad=True)
    return w, b


X = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]], dtype=torch.float64)


def loss_of(w, b):
    return torch.tanh(X @ w.t() + b).square().sum()


def train(read, steps=5):
    w, b = leaves()
    optimizer = torch.optim.SGD([w, b], lr=0.1, momentum=0.9)
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(w, b)
        if read:
            seen.append(loss.item())
        loss.backward()
        if not read:
            seen.append(loss.item())
        optimizer.step()
    return seen, w, b


def test_a_step_that_reads_its_loss_is_one_kernel_call(policy):
    policy("always")
    train(True)
    before = torch.stats()
    read = train(True, 12)
    after = torch.stats()
    assert after["interpreted"] == before["interpreted"]
    assert after["kernel_calls"] - before["kernel_calls"] <= 12 + 2  # no momentum in the first step
    plain = train(False, 12)
    np.testing.assert_allclose(read[0], plain[0], rtol=1e-6)
    for a, b in zip(read[1:], plain[1:]):
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-5)


def ahead_of(loss):
    """The gradients that wait for a loss that has been read."""
    segment, _ = loss._graph
    return segment.ahead


def expecting(w, b):
    """Read, then go back: until gradients are computed ahead. A wrong guess doubles the rounds."""
    for _ in range(200):
        loss = loss_of(w, b)
        loss.item()
        if ahead_of(loss) is not None:
            return loss
        loss.backward()
        w.grad = b.grad = None
    raise AssertionError("nothing is computed ahead")


def gradients(w, b):
    w2, b2 = (t.detach().clone().requires_grad_() for t in (w, b))
    loss_of(w2, b2).backward()
    return w2.grad, b2.grad


def close(found, expected):
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f.tolist(), e.tolist(), rtol=1e-6)


def test_gradients_that_wait_are_added_to_old_ones():
    w, b = leaves()
    loss = expecting(w, b)
    gw, gb = gradients(w, b)
    w.grad = torch.full((2, 3), 10.0, dtype=torch.float64)
    loss.backward()
    close((w.grad, b.grad), (gw + 10, gb))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_a_retained_graph_gives_its_gradients_again():
    w, b = leaves()
    loss = expecting(w, b)
    gw, gb = gradients(w, b)
    loss.backward(retain_graph=True)
    w.grad.numpy()[0, 0] = 100.0  # the memory handed out is this tensor's own
    loss.backward(retain_graph=True)
    loss.backward()
    gw = gw * 3
    gw[0, 0] = gw[0, 0] / 3 * 2 + 100
    close((w.grad, b.grad), (gw, gb * 3))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_a_write_to_a_saved_value_is_noticed():
    w, b = leaves()
    loss = expecting(w, b)
    with torch.no_grad():
        w.add_(1)  # no gradient reads w, since X has none
    loss.backward()
    w, b = leaves()
    for _ in range(4):
        loss = (w * w).sum()
        loss.item()
        before = w.clone().detach()
        with torch.no_grad():
            w.add_(0.0)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        loss = (w * w).sum()
        loss.item()
        loss.backward()
        close([w.grad], [2 * before])
        w.grad = None


def test_hooks_that_come_after_the_reading_are_called():
    w, b = leaves()
    loss = expecting(w, b)
    gw, gb = gradients(w, b)
    seen = []
    handle = w.register_hook(lambda g: seen.append(g) or g * 2)
    loss.backward()
    close((w.grad, b.grad), (gw * 2, gb))
    assert len(seen) == 1
    handle.remove()
    w.grad = b.grad = None
    loss = expecting(w, b)
    loss.register_hook(lambda g: g * 3)
    loss.backward()
    close((w.grad, b.grad), (gw * 3, gb * 3))
    w.grad = b.grad = None
    loss = expecting(w, b)
    loss.grad_fn.register_hook(lambda inner, outer: seen.append(outer))
    loss.backward()
    assert len(seen) == 2
    close((w.grad, b.grad), (gw, gb))
    w.grad = b.grad = None
    loss = expecting(w, b)
    handle = b.register_post_accumulate_grad_hook(lambda t: seen.append(t))
    loss.backward()
    assert seen[-1] is b


def test_gradients_of_gradients_go_their_own_way():
    w, b = leaves()
    loss = expecting(w, b)
    with pytest.warns(UserWarning, match="reference cycle"):
        loss.backward(create_graph=True)
    w.grad.sum().backward()
    assert w.grad is not None and not np.allclose(w.grad.tolist(), gradients(w, b)[0].tolist())
    w.grad = b.grad = None
    loss = expecting(w, b)
    found = torch.autograd.grad(loss, [w, b])
    close(found, gradients(w, b))
    assert w.grad is None
    loss = expecting(w, b)
    loss.backward(torch.tensor(2.0, dtype=torch.float64))
    close((w.grad / 2, b.grad / 2), gradients(w, b))
    w.grad = b.grad = None
    loss = expecting(w, b)
    loss.backward(inputs=[b])
    assert w.grad is None
    close([b.grad], gradients(w, b)[1:])


def test_a_leaf_frozen_after_the_reading():
    w, b = leaves()
    loss = expecting(w, b)
    expected = gradients(w, b)
    w.requires_grad_(False)
    loss.backward()
    assert w.grad is None
    close([b.grad], expected[1:])


def test_loops_that_only_look_cost_few_wrong_guesses():
    w, b = leaves()
    expecting(w, b).backward()
    guesses = 0
    for _ in range(40):
        loss = loss_of(w, b)
        loss.item()
        guesses += ahead_of(loss) is not None
    assert guesses <= 1
    expecting(w, b)  # a training loop after them is found again


def test_wrong_guesses_become_rare_in_a_loop_that_goes_back_every_other_time():
    w, b = leaves()
    guesses = 0
    for k in range(80):
        loss = loss_of(w, b)
        loss.item()
        guesses += ahead_of(loss) is not None
        if k % 4 == 0:
            loss.backward()
    assert 1 <= guesses <= 8


def test_of_two_losses_each_has_its_own_gradients():
    w, b = leaves()
    for k in range(12):
        first, second = (w * w).sum(), (3 * w).sum() + b.sum()
        first.item()
        chosen = first if k // 3 % 2 == 0 else second
        chosen.backward()
        expected = 2 * w.detach() if chosen is first else torch.full((2, 3), 3.0)
        close([w.grad], [expected])
        w.grad = b.grad = None


def test_what_waits_goes_with_the_loss():
    w, b = leaves()
    loss = expecting(w, b)
    segment = loss._graph[0]
    waiting = weakref.ref(segment)
    del segment
    loss.backward()
    assert ahead_of(loss) is None and loss._graph[0].inputs is None
    del loss
    gc.collect()
    assert waiting() is None


def test_a_pass_from_another_thread():
    w, b = leaves()
    loss = expecting(w, b)
    thread = threading.Thread(target=loss.backward)
    thread.start()
    thread.join()
    close((w.grad, b.grad), gradients(w, b))


def test_an_error_of_the_sweep_is_no_error_of_the_reading(monkeypatch):
    w, b = leaves()
    loss = expecting(w, b)
    program = loss._graph[0].program
    loss.backward()
    w.grad = b.grad = None

    def broken(inputs):
        raise MemoryError("no room for gradients")

    monkeypatch.setattr(program.forecast.program, "run", broken)
    value = loss.item()
    loss = loss_of(w, b)
    assert loss.item() == pytest.approx(value) and ahead_of(loss) is None
    loss.backward()
    close((w.grad, b.grad), gradients(w, b))


ACTIONS = ("read", "logits", "hook", "retain", "scale", "write", "zeros", "keep", "freeze", "skip")


def run_actions(rounds):
    """A loop whose rounds differ by what they do between the forward and the backward pass."""
    w, b = leaves()
    seen, kept = [], []
    for actions in rounds:
        out = torch.tanh(X @ w.t() + b)
        loss = (out * out).sum() + (b * b * w[0, :2]).sum()
        handle = None
        if "read" in actions:
            seen.append(loss.item())
        if "logits" in actions:
            seen.append(out.tolist())
        if "hook" in actions:
            handle = b.register_hook(lambda g: g * 2)
        if "zeros" in actions:
            w.grad = torch.zeros(2, 3, dtype=torch.float64)
        if "write" in actions:
            with torch.no_grad():
                b.mul_(0.5)
        if "freeze" in actions:
            b.requires_grad_(False)
        if "keep" in actions:
            kept.append(loss)
        try:
            if "skip" not in actions:
                loss.backward(
                    torch.tensor(2.0, dtype=torch.float64) if "scale" in actions else None,
                    retain_graph="retain" in actions,
                )
            if "retain" in actions:
                loss.backward()
        except RuntimeError as error:
            seen.append(str(error)[:60])
        b.requires_grad_()
        if handle is not None:
            handle.remove()
        seen.append([None if t.grad is None else t.grad.tolist() for t in (w, b)])
        with torch.no_grad():
            for t in (w, b):
                if t.grad is not None:
                    t.sub_(t.grad, alpha=0.01)
        b.grad = None
    return seen


def flat(x):
    if isinstance(x, (list, tuple)):
        return [y for part in x for y in flat(part)]
    return [x]


@settings(max_examples=25, deadline=None)
@given(
    rounds=st.lists(
        st.sets(st.sampled_from(ACTIONS), max_size=3).map(sorted), min_size=2, max_size=4
    )
)
def test_random_loops_are_as_if_nothing_were_computed_ahead(rounds):
    rounds = [("read", *actions) for actions in rounds for _ in range(2)]
    found = flat(run_actions(rounds))
    guess = ahead.Forecast.guess
    ahead.Forecast.guess = lambda self: False
    try:
        expected = flat(run_actions(rounds))
    finally:
        ahead.Forecast.guess = guess
    assert len(found) == len(expected)
    for f, e in zip(found, expected):
        if isinstance(e, float):
            np.testing.assert_allclose(f, e, rtol=2e-5, atol=1e-6)
        else:
            assert f == e


def train_by_grad(read, steps=6, reverse=False):
    w, b = leaves()
    seen = []
    for _ in range(steps):
        loss = loss_of(w, b)
        if read:
            seen.append(loss.item())
        inputs = [b, w] if reverse else [w, b]
        grads = torch.autograd.grad(loss, inputs)
        with torch.no_grad():
            for p, g in zip(inputs, grads):
                p -= 0.1 * g
        if not read:
            seen.append(loss.item())
    return seen, w, b


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_asked_for_after_reading(reverse):
    read, plain = train_by_grad(True, 12, reverse), train_by_grad(False, 12, reverse)
    np.testing.assert_allclose(read[0], plain[0], rtol=1e-12)
    for a, b in zip(read[1:], plain[1:]):
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-12)


def test_gradients_asked_for_have_waited(policy):
    policy("always")
    w, b = leaves()
    for k in range(6):
        loss = loss_of(w, b)
        loss.item()
        assert (ahead_of(loss) is not None) == (k > 0)
        before = torch.stats()
        grads = torch.autograd.grad(loss, [w, b])
        after = torch.stats()
        if k > 0:
            assert after == before  # nothing has been run
        assert grads[0].shape == w.shape
        assert w.grad is None
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, [w])


def test_gradients_by_other_tensors_go_the_ordinary_way():
    for _ in range(5):
        w, b = leaves()
        hidden = w * 2
        loss = (torch.tanh(X @ hidden.t() + b) ** 2).sum()
        loss.item()
        g, h = torch.autograd.grad(loss, [w, hidden], retain_graph=True)
        np.testing.assert_allclose(g.tolist(), (2 * h).tolist())
        (once,) = torch.autograd.grad(loss, w, retain_graph=True)
        (again,) = torch.autograd.grad(loss, w, retain_graph=True)
        assert once.tolist() == again.tolist()
        np.testing.assert_allclose(once.tolist(), g.tolist())
        other = torch.ones(2, requires_grad=True, dtype=torch.float64)
        with pytest.raises(RuntimeError, match="not have been used"):
            torch.autograd.grad(loss, [w, other], retain_graph=True)
        found = torch.autograd.grad(loss, [w, other], allow_unused=True)
        assert found[1] is None
        assert found[0].tolist() == once.tolist()
