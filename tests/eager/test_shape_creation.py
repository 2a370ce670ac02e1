"""Creation and random streams: what stored answers cannot say, since streams differ."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch


def test_a_seed_repeats_every_function():
    def draws():
        p, x = torch.full((5,), 0.5), torch.empty(5)
        return [
            torch.rand(5), torch.randn(5), torch.randint(9, (5,)), torch.randperm(5),
            torch.normal(p, p), torch.bernoulli(p), torch.multinomial(p, 3), torch.rand_like(p),
            torch.poisson(p), x.clone().normal_(), x.clone().uniform_(), x.clone().bernoulli_(),
            x.clone().random_(), x.clone().exponential_(), x.clone().cauchy_(),
            x.clone().log_normal_(), x.clone().geometric_(0.5),
        ]  # fmt: skip

    torch.manual_seed(4)
    first, second = draws(), draws()
    torch.manual_seed(4)
    again = draws()
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not all(torch.equal(a, b) for a, b in zip(first, second))


def test_a_state_put_back_repeats_the_stream():
    g = torch.Generator().manual_seed(9)
    torch.randn(3, generator=g)
    state = g.get_state()
    a = torch.randn(4, generator=g), torch.randint(100, (4,), generator=g)
    g.set_state(state)
    b = torch.randn(4, generator=g), torch.randint(100, (4,), generator=g)
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) and g.initial_seed() == 9
    other = torch.Generator().set_state(state)
    assert other.initial_seed() == 9 and torch.equal(torch.randn(4, generator=other), a[0])
    with pytest.raises(TypeError, match="ByteTensor"):
        g.set_state(torch.zeros(48))
    with pytest.raises(RuntimeError, match="size"):
        g.set_state(torch.zeros(3, dtype=torch.uint8))


def test_distributions_have_their_moments():
    torch.manual_seed(0)
    n = 20000
    for x, mean, std in [
        (torch.rand(n), 0.5, 12**-0.5),
        (torch.randn(n), 0, 1),
        (torch.empty(n).uniform_(2, 4), 3, 2 / 12**0.5),
        (torch.empty(n).normal_(1, 3), 1, 3),
        (torch.empty(n).exponential_(2.0), 0.5, 0.5),
        (torch.randint(0, 5, (n,)).double(), 2, 2**0.5),
        (torch.bernoulli(torch.full((n,), 0.3)), 0.3, 0.21**0.5),
        (torch.randn(n, dtype=torch.complex64).real, 0, 0.5**0.5),
    ]:
        a = np.array(x.tolist())
        # Five standard errors; the seed is fixed, so this does not fail now and then.
        assert abs(a.mean() - mean) < 5 * std / n**0.5
        assert abs(a.std() - std) < 0.05 * std


def test_half_precision_uniforms_stay_below_one():
    torch.manual_seed(0)
    assert max(torch.rand(5000, dtype=torch.float16).tolist()) < 1


def test_multinomial_draws_without_repetition_and_by_weight():
    torch.manual_seed(0)
    picked = torch.multinomial(torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]]), 1)
    assert picked[0].item() in (1, 2) and picked[1].item() == 0
    for row in torch.multinomial(torch.ones(20, 4), 3).tolist():
        assert len(set(row)) == 3
    with pytest.raises(RuntimeError, match="not enough"):
        torch.multinomial(torch.tensor([1.0, 0.0]), 2)


def test_a_random_fill_cuts_the_gradient():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y[:2].uniform_()
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 2]
    with pytest.raises(RuntimeError, match="leaf"):
        x.normal_()


def test_tensor_copies_and_from_numpy_shares():
    a = np.zeros(3, np.float32)
    copied, shared, also = torch.tensor(a), torch.from_numpy(a), torch.as_tensor(a)
    a[0] = 1
    shared[1] = 2
    assert copied.tolist() == [0, 0, 0] and a.tolist() == [1, 2, 0] == also.tolist()
    zero = np.array(3.0)
    t = torch.from_numpy(zero)
    t += 1
    assert zero == 4 and t.shape == ()


def test_from_numpy_of_read_only_memory_warns_and_is_not_written():
    a = np.broadcast_to(np.zeros(2), (2, 2))
    with pytest.warns(UserWarning, match="not writable"):
        t = torch.from_numpy(a)
    assert (t + 1).tolist() == [[1, 1], [1, 1]]


def test_linspace_ends_exactly_and_is_symmetric():
    for n in (2, 7, 100):
        x = torch.linspace(-1, 1, n).tolist()
        assert x[0] == -1 and x[-1] == 1
        assert all(abs(p + q) <= 2**-24 for p, q in zip(x, reversed(x)))


def test_requires_grad_only_for_floats():
    assert torch.zeros(2, requires_grad=True).is_leaf
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="must be bool"):
        torch.ones(2, requires_grad=1)
