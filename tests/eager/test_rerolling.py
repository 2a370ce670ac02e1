"""Loops that Python has unrolled are found again: same values, same gradients, a tape that is short."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config
from tapejit.frontend.capture import Unstageable, current
from tapejit.torch import lower, program, rerolling
from tapejit.torch.codes import OPS
from tapejit.torch.record import recorder
from tapejit.torch.rerolling import Loop, rerolled
from tapejit.torch.round_order import asked_rows, early, runs

N, H, B = 12, 4, 2


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    monkeypatch.setattr(config, "compile", "never")
    monkeypatch.setattr(program, "ROWS", 10**9)  # long traces are traced at once


@pytest.fixture
def tapes(monkeypatch):
    """The tapes that are made while a test runs."""
    found = []
    real = program.trace_rows

    def traced(*args):
        made = real(*args)
        found.append(made.tape)
        return made

    monkeypatch.setattr(program, "trace_rows", traced)
    return found


def values(*shape, phase=0.0, scale=1.0):
    k = np.arange(1, int(np.prod(shape)) + 1)
    return (scale * np.sin(k * 1.7 + phase)).astype(np.float32).reshape(shape)


def tensor(*shape, phase=0.0, scale=1.0, grad=False):
    return torch.tensor(values(*shape, phase=phase, scale=scale), requires_grad=grad)


def both(monkeypatch, build, runs=2):
    """Return what a program gives with loops and without, made afresh each time."""
    results = []
    for roll in (True, False):
        program.clear_programs()
        if not roll:
            monkeypatch.setattr(lower, "rerolled", lambda rows, *_: list(rows))
        results.append([np.array(v) for _ in range(runs) for v in build()])
    monkeypatch.setattr(lower, "rerolled", rerolled)
    return results


def same(monkeypatch, build, rtol=2e-5):
    rolled, flat = both(monkeypatch, build)
    assert len(rolled) == len(flat)
    for a, b in zip(rolled, flat):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)


def loops(tapes):
    """Count the ``for`` rows of the longest tape, those of bodies included."""

    def count(tape):
        here = sum(row.prim.name == "for" for row in tape)
        return here + sum(count(body) for body in tape.bodies())

    return max((count(t) for t in tapes), default=0)


def with_grads(loss, *leaves):
    loss.backward()
    found = [loss.detach().numpy(), *(p.grad.numpy() for p in leaves)]
    return found


# ---------------------------------------------------------------- programs


def lstm(n=N):
    w_x, w_h = tensor(4 * H, 3, grad=True), tensor(4 * H, H, phase=1, scale=0.5, grad=True)
    b = tensor(4 * H, phase=2, grad=True)
    xs = tensor(n, B, 3, phase=3)
    h = c = torch.zeros(B, H)
    for k in range(n):
        i, f, g, o = (xs[k] @ w_x.t() + b + h @ w_h.t()).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return with_grads((h * h).mean(), w_x, w_h, b)


def gru(n=N):
    w, u = tensor(3 * H, 3, grad=True), tensor(3 * H, H, phase=1, scale=0.5, grad=True)
    xs, h = tensor(n, B, 3, phase=3), torch.zeros(B, H)
    for k in range(n):
        a, b = xs[k] @ w.t(), h @ u.t()
        r = torch.sigmoid(a[:, :H] + b[:, :H])
        z = torch.sigmoid(a[:, H : 2 * H] + b[:, H : 2 * H])
        h = (1 - z) * torch.tanh(a[:, 2 * H :] + r * b[:, 2 * H :]) + z * h
    return with_grads(h.sum(), w, u)


def rnn_outputs(n=N):
    """Every state is looked at: stacked, and the loss sums over all."""
    w, u = tensor(H, 3, grad=True), tensor(H, H, phase=1, scale=0.5, grad=True)
    xs, h, outs = tensor(n, B, 3, phase=3), torch.zeros(B, H), []
    for x in xs:
        h = torch.tanh(x @ w.t() + h @ u.t()) * 0.9 + 0.1 * torch.sin(h)
        outs.append(h)
    y = torch.stack(outs, 1)
    del outs  # or each of them is a result of the program
    return with_grads((y**2).sum(), w, u)


def euler(n=N):
    """Numbers and tensors that differ from step to step; a force that is used twice."""
    k, force = tensor(3, grad=True), tensor(n, 3, phase=5)
    x, v = tensor(3, phase=1), tensor(3, phase=2)
    for i in range(n):
        a = force[i] - k * x + 0.1 * force[i] * v
        v = v + (0.01 + 0.002 * i) * a
        x = x + 0.05 * v
    return with_grads((x * x).sum(), k)


def changes_in_the_middle(n=20):
    w, x = tensor(3, grad=True), tensor(3, phase=1)
    for t in range(n):
        x = torch.tanh(w * x) + torch.sin(x) * 0.5 - x * w * 0.1
        if t == 7:
            x = torch.exp(-x * x)
    return with_grads(x.sum(), w)


def nested(n=7):
    w, x = tensor(3, grad=True), tensor(3, phase=1)
    for _ in range(n):
        y = x
        for _ in range(8):
            y = y - 0.1 * (y * y * y - torch.sin(w * x) * torch.cos(y)) - 0.01 * y * w
        x = torch.tanh(y) + 0.5 * x
    return with_grads(x.sum(), w)


def parts_with_gradient(n=N):
    """x[t] and x[:, t] of a tensor that gradients flow to; the second one backwards."""
    x, y, w = tensor(n, 3, grad=True), tensor(3, n, phase=1, grad=True), tensor(3, grad=True)
    x2, y2, h = x * 1.5, y * 0.5, torch.zeros(3)
    for t in range(n):
        h = torch.tanh(x2[t] * w + h) + y2[:, n - 1 - t] * torch.sin(h)
    return with_grads((h * h).sum(), x, y, w)


def leaves_of_each_round(n=9):
    """A deep network: each layer has leaves of its own."""
    ws = [tensor(H, H, phase=k, scale=0.6, grad=True) for k in range(n)]
    bs = [tensor(H, phase=k + 0.5, grad=True) for k in range(n)]
    h = tensor(B, H)
    for w, b in zip(ws, bs):
        h = torch.tanh(h @ w + b) * 0.8 + torch.sin(torch.cos(h) * 0.3).exp() * 0.1
    return with_grads(h.sum(), *ws, *bs)


def two_rounds_ago(n=14):
    w = tensor(3, grad=True)
    a, b = tensor(3, phase=1), tensor(3, phase=2)
    for _ in range(n):
        a, b = b, torch.tanh(w * b) + 0.3 * a * torch.sin(b)
    return with_grads((a * b).sum(), w)


def three_rounds_ago(n=14):
    w, xs = tensor(3, grad=True), [tensor(3, phase=k) for k in range(3)]
    for _ in range(n):
        xs.append(torch.tanh(w * xs[-1]) + 0.3 * xs[-3] * torch.sin(xs[-3]))
    return with_grads((xs[-1] * xs[-2]).sum(), w)


def some_rounds_are_kept(n=N):
    w, h, kept = tensor(3, grad=True), tensor(3, phase=1), []
    for t in range(n):
        h = torch.tanh(w * h) + 0.5 * torch.cos(h) * w
        if t % 3 == 1:
            kept.append(h)
    return [*with_grads((sum(kept) * h).sum(), w), *(k.detach().numpy() for k in kept)]


def detached(n=N):
    """Rows without gradients in the round, which read what has one."""
    w, h = tensor(3, grad=True), tensor(3, phase=1)
    for _ in range(n):
        with torch.no_grad():
            scale = torch.exp(-h * h)
        h = torch.tanh(w * h) + scale * h.detach() * 0.5 + w * 0.1
    return with_grads(h.sum(), w)


def loss_of_all_rounds(n=N):
    w, h, loss = tensor(3, grad=True), tensor(3, phase=1), 0
    target = tensor(n, 3, phase=4)
    for t in range(n):
        h = torch.tanh(w * h) + 0.2 * w
        loss = loss + ((h - target[t]) ** 2).mean()
    return with_grads(loss, w)


def backward_into_kept_gradients(n=N):
    w, h = tensor(3, grad=True), tensor(3, phase=1)
    for _ in range(n):
        h = torch.tanh(w * h) + 0.5 * torch.cos(h) * w
    loss = h.sum()
    loss.backward(retain_graph=True)
    loss.backward()
    return [w.grad.numpy()]


def late_carry(n=16):
    """One operand comes from the round before, but only from the fourth round on."""
    w, xs = tensor(3, grad=True), [tensor(3, phase=1), tensor(3, phase=2)]
    for t in range(n):
        b = xs[0] if t < 3 else xs[-1]
        xs.append(torch.tanh(w * b) + 0.3 * xs[-2] * torch.sin(xs[-2]))
    return with_grads(xs[-1].sum(), w)


def uneven_rounds_are_stacked(n=N):
    w, h, kept = tensor(3, grad=True), tensor(3, phase=1), []
    for t in range(n):
        h = torch.tanh(w * h) + 0.5 * torch.cos(h) * w
        if t in (0, 1, 2, 4, 5, 6, 9, 11):
            kept.append(h)
    y = torch.stack(kept)
    del kept
    weight = tensor(8, 3, phase=2)
    return with_grads((y * y * weight).sum(), w)


def repeated_rows_are_kept(n=N):
    w, h = tensor(3, grad=True), tensor(3, phase=1)
    for _ in range(n):
        e = w.exp()
        h = torch.tanh(e * h) + 0.5 * torch.cos(h) * w
    return [*with_grads(h.sum(), w), e.detach().numpy()]


PROGRAMS = {
    late_carry: 2, uneven_rounds_are_stacked: 2, repeated_rows_are_kept: 2,
    lstm: 2, gru: 2, rnn_outputs: 2, euler: 2, nested: 4, parts_with_gradient: 2,
    leaves_of_each_round: 2, two_rounds_ago: 2, three_rounds_ago: 2, some_rounds_are_kept: 2,
    detached: 2, loss_of_all_rounds: 2, changes_in_the_middle: 4,
    backward_into_kept_gradients: 3,  # the second run has both passes in one program
}  # fmt: skip
"""Programs, and how many loops their tape has, the reverse ones included."""


@pytest.mark.parametrize("build", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_gradients_are_those_of_the_flat_tape(build, monkeypatch, tapes):
    same(monkeypatch, build)
    assert loops(tapes) == PROGRAMS[build]


def test_a_loop_without_gradients(monkeypatch, tapes):
    def build():
        with torch.no_grad():
            w, x = tensor(3), tensor(3, phase=1)
            for k in range(20):
                x = torch.tanh(w * x) + 0.5 * torch.cos(x) - 0.1 * k * w
            return [x.numpy()]

    same(monkeypatch, build)
    assert loops(tapes) == 1


def test_no_gradient_flows_through_rows_without_one(tapes):
    """h' = 0.1 w + s(h) with s made under no_grad: the gradient is that of the last round alone."""
    w, h = tensor(3, grad=True), tensor(3, phase=1)
    for _ in range(N):
        with torch.no_grad():
            s = torch.exp(-h * h) + torch.sin(h)
        h = w * 0.1 + s
    h.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.float32([0.1] * 3))
    assert loops(tapes) == 2


def test_numbers_of_rounds_promote_nothing(tapes):
    """A Python number is a float64 that yields: float32 tensors stay float32 in the body."""
    euler()

    def doubles(tape):
        own = [r.prim.name for r in tape if getattr(r.aval, "dtype", None) == np.float64]
        return own + [name for body in tape.bodies() for name in doubles(body)]

    found = {name for t in tapes for name in doubles(t)}
    assert found <= {"input", "cast", "lit", "out"}


def test_numbers_that_differ_in_each_round_stay_weak_in_their_stack(tapes):
    """Stacked, 0.1, 0.2, .. are a float64 array; a round's number must still yield to float32.

    ``x * 0.1`` is computed in float32: in float64, rounded at the end, 24 of 60 elements differ.
    """
    x = torch.tensor(values(60))
    for _ in range(2):  # what comes once is not traced
        y = x
        for k in range(N):
            y = torch.sin(y) * (0.1 * k + 0.7) + x * (1.3 - 0.1 * k) - (k + 1)
        y = y.numpy()
    assert loops(tapes) == 1
    (tape,) = tapes
    (body,) = tape.bodies()
    wide = [r.prim.name for r in body if getattr(r.aval, "dtype", None) == np.float64]
    assert set(wide) <= {"input", "cast", "lit"}
    numbers = [r.aval for r in body if r.prim.name == "input" and r.aval.shape == ()]
    assert sum(a.weak for a in numbers) >= 3
    expected = values(60)
    for k in range(N):
        expected = (
            np.sin(expected) * np.float32(0.1 * k + 0.7)
            + values(60) * np.float32(1.3 - 0.1 * k)
            - np.float32(k + 1)
        )
    np.testing.assert_array_equal(y, expected)


def test_integers_and_truth_values_are_carried(monkeypatch, tapes):
    def build():
        n, hit = torch.tensor([3, 8, 11]), torch.tensor([False, False, False])
        for _ in range(15):
            n = torch.where(n % 2 == 0, n // 2, 3 * n + 1)
            hit = hit | (n == 1)
        return [n.numpy(), hit.numpy()]

    same(monkeypatch, build)
    assert loops(tapes) == 1


def test_numbers_are_read_again_by_later_steps(tapes):
    """The rates of a step are inputs of the program: another step gives others."""
    w = tensor(3, grad=True)

    def step(rate):
        x = tensor(3, phase=1)
        for k in range(N):
            x = x - (rate + 0.01 * k) * (x * w - torch.sin(x))
        return x.detach().numpy()

    found = [step(rate) for rate in (0.1, 0.1, 0.3)]
    assert loops(tapes) >= 1
    for rate, mine in zip((0.1, 0.1, 0.3), found):
        x = values(3, phase=1).astype(float)
        for k in range(N):
            x = x - (rate + 0.01 * k) * (x * values(3) - np.sin(x))
        np.testing.assert_allclose(mine, x, rtol=1e-4)


def test_inputs_are_read_again_by_later_steps():
    w = tensor(H, 3, grad=True)

    def step(xs):
        h = torch.zeros(B, H)
        for k in range(N):
            h = torch.tanh(xs[k] @ w.t() + 0.5 * h) + 0.1 * torch.sin(h)
        return h.detach().numpy()

    for phase in (0.0, 0.0, 2.0):
        x, h = values(N, B, 3, phase=phase), np.zeros((B, H))
        for k in range(N):
            h = np.tanh(x[k] @ values(H, 3).T + 0.5 * h) + 0.1 * np.sin(h)
        np.testing.assert_allclose(step(torch.tensor(x)), h, rtol=1e-4)


@pytest.mark.parametrize("build", [lstm, rnn_outputs, parts_with_gradient, nested])
def test_a_tape_does_not_grow_with_the_rounds(build, tapes):
    lengths = []
    for n in (10, 25):
        tapes.clear()
        build(n)
        lengths.append(max(len(program.optimise(t)) for t in tapes))
    few, many = lengths
    assert few <= many <= few + 4


def test_compiled_steps_with_stacked_inputs(monkeypatch):
    def build():
        w = tensor(3, grad=True)
        force, x = tensor(N, 3, phase=5), tensor(3, phase=1)
        for i in range(N):
            x = torch.tanh(x * w) + force[i] - (0.1 + 0.01 * i) * torch.sin(x)
        return with_grads(x.sum(), w)

    expected = build()
    program.clear_programs()
    program._kept[0] = 0  # or what other tests have kept would push these programs out
    monkeypatch.setattr(config, "compile", "always")
    for _ in range(3):
        for a, b in zip(build(), expected):
            np.testing.assert_allclose(a, b, rtol=2e-5)
    assert any(p.calls for p in program.programs())


# ---------------------------------------------------------------- what stays flat


def test_a_few_rounds_and_short_traces_stay(tapes):
    lstm(3)
    rows = 0
    for t in tapes:
        rows += sum(row.prim.name == "for" for row in t)
    assert rows == 0


def test_leaves_of_short_rounds_are_not_copied(monkeypatch, tapes):
    def build():
        ws = [tensor(H, H, phase=k, scale=0.6, grad=True) for k in range(20)]
        h = tensor(B, H)
        for w in ws:
            h = torch.tanh(h @ w) * 0.8
        return with_grads(h.sum(), *ws)

    same(monkeypatch, build)
    assert loops(tapes) == 0


def test_rounds_of_other_shapes_stay(monkeypatch, tapes):
    def build():
        w = tensor(1, grad=True)
        x = tensor(40)
        for _ in range(12):
            x = torch.tanh(w * x[1:]) + 0.5 * torch.cos(x[1:]) * w
        return with_grads(x.sum(), w)

    same(monkeypatch, build)
    assert loops(tapes) == 0


def test_results_of_rounds_in_no_order_stay(monkeypatch, tapes):
    """Each round reads another earlier round: neither carried nor from before the loop."""

    def build():
        w, xs = tensor(3, grad=True), [tensor(3, phase=1)]
        for t in range(16):
            xs.append(torch.tanh(w * xs[-1]) + 0.5 * torch.cos(xs[t // 2]) * w)
        return with_grads(xs[-1].sum(), w)

    same(monkeypatch, build)
    assert loops(tapes) == 0


def test_leaves_that_are_written_to_in_each_round_stay(monkeypatch, tapes):
    """Each update makes the leaf anew: such rows are never part of a round."""

    def build():
        w, x = tensor(3, grad=True), tensor(3, phase=1)
        for _ in range(12):
            with torch.no_grad():
                w -= 0.1 * torch.sin(w * x) * torch.cos(w)
        return [*with_grads((w * w).sum(), w), w.detach().numpy()]

    same(monkeypatch, build)
    assert loops(tapes) == 0


def test_a_body_that_cannot_be_captured_stays_flat(monkeypatch, tapes):
    """An operation that wants to see its operand in the round: the rows stand one by one."""
    expected = euler()
    program.clear_programs()
    program._kept[0] = 0  # or what other tests have kept would push these programs out
    tapes.clear()
    plain = OPS["sub"].impl

    def looks(*operands, **params):
        cap = current()
        if cap is not None and cap.abstract:
            raise Unstageable("it looks")
        return plain(*operands, **params)

    monkeypatch.setattr(OPS["sub"], "impl", looks)
    for a, b in zip(euler(), expected):
        np.testing.assert_allclose(a, b, rtol=2e-5)
    assert loops(tapes) == 0


# ---------------------------------------------------------------- the search


def test_runs_of_periods():
    assert runs(np.array([7, 1, 2, 1, 2, 1, 2, 8]), 3) == [(6, 2, 1)]
    assert runs(np.array([5] * 6), 3)[0] == (6, 1, 0)
    assert runs(np.arange(9), 2) == []


def rows_of(build):
    """The rows of a trace, without its inputs, and its last slot."""
    recorder().flush()
    y = build()
    rows = lower.Rows(tuple(recorder().code))
    kept = asked_rows(rows, (y._slot,))
    recorder().flush()
    return kept, y._slot


def chain(n=10):
    w, x = tensor(3, grad=True), tensor(3, phase=1)
    for _ in range(n):
        x = torch.tanh(w.exp() * x) + torch.cos(x) * w
    return x


def test_what_is_repeated_stands_in_front():
    rows, last = rows_of(chain)
    moved = early(rows, {last})
    assert [r.code.op.name for r in rows].count("exp") == 10
    assert [r.code.op.name for r in moved].count("exp") == 1
    assert moved[0].code.op.name == "exp"


def test_a_loop_says_what_it_carries_and_shares():
    rows, last = rows_of(chain)
    *front, loop = rerolled(rows, {last})
    assert [r.code.op.name for r in front] == ["exp"]
    assert isinstance(loop, Loop) and loop.rounds == 10 and len(loop.items) == 5
    assert len(loop.carried) == 1 and len(loop.shared) == 2 and loop.stacked == ()
    assert loop.finals == ((0, last),) and loop.kept == ()
    assert len(loop.flat) == 50


def test_few_rows_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(rerolling, "early", None)  # would fail
    rows, last = rows_of(lambda: chain(2))
    assert rerolled(rows, {last}) == rows


def test_a_base_that_dead_views_hold_is_dead():
    """The parts of a round hold the tensor that they are parts of, and nobody holds them."""
    h = tensor(2, 4, grad=True)
    for _ in range(3):
        a, b = (h * 2.0).chunk(2, 1)
        h = torch.cat([b, a], 1).tanh()
    del a, b
    h.sum().item()
    made = program.programs()[-1]
    names = [made.rows.rows[made.rows.producer[s]].code.op.name for s in made.computed]
    assert names == ["tanh", "sum"] or names == ["tanh"]
