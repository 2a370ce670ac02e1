"""What the stored answers do not reach: tables of look-ups, compiled kinks, repeated warnings."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config
from tapejit.torch.record import LOCAL
from tapejit.torch.rows import decoded
from tapejit.torch.surface import FUNCTIONS


def recorded():
    """The names of the operations that wait to be computed."""
    return [row.code.op.name for row in decoded(tuple(LOCAL.rec.code)).rows]


def test_a_flag_is_no_axis_though_they_are_equal():
    x = torch.tensor([[1.0, 2.0], [3.0, 7.0]])
    assert x.var(0).tolist() == [2.0, 12.5]
    assert x.var(False).item() == 5.1875
    assert x.var(1).tolist() == [0.5, 8.0]
    assert x.var(True).item() == pytest.approx(83 / 12)


def test_exponents_that_are_equal_are_not_the_same():
    n = torch.tensor([2, 3])
    assert [(n**p).dtype for p in (2, 2.0, True)] == [torch.int64, torch.float32, torch.int64]
    assert (n.pow(2).dtype, n.pow(2.0).dtype) == (torch.int64, torch.float32)
    assert [n.clamp(max=m).dtype for m in (1, 1.0)] == [torch.int64, torch.float32]


def test_a_square_is_one_row_of_one_operand():
    x = torch.tensor([3.0]) * 1
    LOCAL.rec.flush()
    _ = x**2
    assert recorded()[-1] == "pow"
    assert (x**2).tolist() == [9.0]


def test_a_number_that_changes_is_no_new_program():
    x = torch.tensor([1.0, 2.0])
    codes = set()
    for rate in (0.1, 0.2, 0.7):
        y = torch.lerp(x, x * 2, rate).clamp(max=rate).add(x, alpha=rate)
        codes.add(tuple(LOCAL.rec.code))
        assert y.tolist() == pytest.approx([2 * rate, 3 * rate])
    assert len(codes) == 1


def test_a_default_dtype_that_changes_empties_the_tables():
    n = torch.tensor([1, 4])
    assert n.sqrt().dtype is torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        found = [f(n).dtype for f in (torch.sqrt, torch.exp, lambda t: t**0.5, lambda t: t / 2)]
    finally:
        torch.set_default_dtype(torch.float32)
    assert found == [torch.float64] * 4
    assert n.sqrt().dtype is torch.float32


def test_a_warning_is_given_at_every_call():
    x = torch.tensor([2.0])
    for _ in range(2):
        with pytest.warns(UserWarning, match="degrees of freedom"):
            x.std()


def kinked(x, y):
    return [
        torch.sqrt(x), torch.rsqrt(y), torch.hypot(x, x), torch.maximum(x, y), torch.minimum(x, y),
        torch.logit(y), torch.acosh(x + 1), torch.xlogy(x, y), torch.logaddexp(x, y),
        torch.logaddexp2(x, y), x.pow(0.5), torch.fmax(x, y), x.sort(descending=True)[0],
        x.max(0)[0], y.cummax(0)[0],
    ]  # fmt: skip


def slope(x, y, halves):
    """The derivative by x of the weighted terms of `kinked`, `halves` at a tie of x and y."""
    share = 0.5 if halves else 0.0
    sigma = 1 / (1 + math.exp(y - x))
    sigma2 = 1 / (1 + 2 ** (y - x))
    return (
        1 * 0.5 / math.sqrt(x) + 3 * math.sqrt(2) + 4 * share + 5 * (1 - share)
        + 7 / math.sqrt((x + 1) ** 2 - 1) + 8 * math.log(y) + 9 * sigma + 10 * sigma2
        + 11 * 0.5 / math.sqrt(x) + 12 * (1.0 if halves else 0.0) + 13
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_kinks_are_the_interpreted_ones(dtype):
    """At 0, at ties, inside: the code of the functions with PyTorch's own partials."""
    before, found = config.compile, []
    try:
        for policy in ("never", "always"):
            config.compile = policy
            x = torch.tensor([0.0, 0.25, 0.5, 0.5], dtype=dtype, requires_grad=True)
            y = torch.tensor([0.5, 0.25, 0.5, 0.75], dtype=dtype, requires_grad=True)
            total = sum((k + 1) * part.sum() for k, part in enumerate(kinked(x, y)))
            total.backward()
            found.append([total.item(), *x.grad.tolist(), *y.grad.tolist()])
    finally:
        config.compile = before
    assert not math.isfinite(found[0][1])  # the slope of the root at 0
    # x = 0.25 beside y = 0.25 and x = 0.5 beside y = 0.75, term by term of `kinked`.
    assert found[0][2] == pytest.approx(slope(0.25, 0.25, halves=True), rel=1e-5)
    assert found[0][4] == pytest.approx(slope(0.5, 0.75, halves=False), rel=1e-5)
    assert all(map(math.isfinite, found[0][2:]))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-6)


@pytest.mark.parametrize(
    "function",
    [lambda x: x // 0.4, lambda x: 0.4 // x, lambda x: 5 % x, lambda x: torch.heaviside(x, x)],
)
def test_what_has_no_derivative_says_so(function):
    x = torch.tensor([1.5, 2.5], requires_grad=True)
    made = function(x)
    assert made.grad_fn.name() == "NotImplemented"
    assert made.tolist() == function(x.detach()).tolist()
    with pytest.raises(RuntimeError, match="not implemented"):
        made.sum().backward()


def test_integers_that_do_not_fit_wrap_around():
    n = torch.tensor([1, 2], dtype=torch.uint8)
    assert (n + 300).tolist() == [45, 46]
    assert (n - 3).tolist() == [254, 255]


def test_negative_powers_of_integers_by_tensors():
    n = torch.tensor([1, -1, -1, 2, 0])
    assert (n ** torch.tensor([-3, -3, -2, -1, 0])).tolist() == [1, -1, 1, 0, 1]


def test_shifts_beyond_the_width_leave_nothing():
    n = torch.tensor([5, -5], dtype=torch.int32)
    assert (n << 32).tolist() == [0, 0]
    assert (n >> 40).tolist() == [0, -1]


def test_arrays_beside_a_tensor():
    x = torch.tensor([1.0, 2.0])
    assert (x + np.array([1.0, 2.0])).dtype is torch.float64
    assert (np.array([1.0, 2.0]) * x).tolist() == [1.0, 4.0]
    assert (np.float32(2.0) * x).dtype is torch.float32


@pytest.mark.parametrize(
    "name", ["sin", "sum", "max", "sort", "unique", "quantile", "where", "var"]
)
def test_a_list_is_no_tensor(name):
    args = {"quantile": (0.5,)}.get(name, ())
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        FUNCTIONS[name]([1.0, 2.0], *args)


def test_axis_and_keepdims_are_understood_once():
    x = torch.ones(2, 3)
    assert x.sum(axis=1, keepdims=True).shape == (2, 1)
    with pytest.raises(TypeError, match="both 'axis' and 'dim'"):
        x.sum(dim=0, axis=1)


def test_results_of_several_tensors_have_names():
    found = torch.tensor([3.0, 1.0]).min(0)
    assert repr(found) == "torch.return_types.min(\nvalues=tensor(1.),\nindices=tensor(1))"
    assert (found.values.item(), found.indices.item()) == (1.0, 1)
