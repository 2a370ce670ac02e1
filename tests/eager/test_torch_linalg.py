"""Linear algebra where stored answers do not reach: replays, errors beside pending work, views."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config

M = [[2.0, -0.5, 0.3], [0.4, 1.5, -0.6], [-0.2, 0.7, 1.8]]
FUNCTIONS = {
    "inv": lambda x: torch.linalg.inv(x),
    "det": lambda x: torch.linalg.det(x),
    "slogdet": lambda x: torch.linalg.slogdet(x).logabsdet,
    "solve": lambda x: torch.linalg.solve(x, x[0]),
    "cholesky": lambda x: torch.linalg.cholesky(x @ x.mT),
    "qr": lambda x: torch.linalg.qr(x).R,
    "svdvals": lambda x: torch.linalg.svdvals(x),
    "eigvalsh": lambda x: torch.linalg.eigvalsh(x),
    "eig": lambda x: torch.linalg.eigvals(x).real.sum(),
    "matrix_exp": lambda x: torch.linalg.matrix_exp(x),
    "pinv": lambda x: torch.linalg.pinv(x),
    "lu": lambda x: torch.linalg.lu(x).U,
    "nuc": lambda x: torch.linalg.matrix_norm(x, "nuc"),
    "norm": lambda x: torch.linalg.vector_norm(x, 3),
    "fft": lambda x: torch.fft.fft(x).real,
    "irfft": lambda x: torch.fft.irfft(x),
    "einsum": lambda x: torch.einsum("ij,jk,kl->il", x, x, x),
    "complex": lambda x: (torch.complex(x, x.mT) * torch.polar(x.abs(), x)).imag,
}


def value_and_gradient(f):
    x = torch.tensor(M, dtype=torch.float64, requires_grad=True)
    y = f(x)
    (y * torch.cos(torch.arange(y.numel(), dtype=torch.float64).reshape(y.shape))).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_replays_agree_with_the_first_run(name):
    """Run on arrays, then traced, then interpreted; and the gradient by central differences."""
    f = FUNCTIONS[name]
    y, g = value_and_gradient(f)
    for _ in range(2):
        again = value_and_gradient(f)
        np.testing.assert_allclose(again[0], y, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(again[1], g, rtol=1e-12, atol=1e-14)
    w = np.cos(np.arange(y.size)).reshape(y.shape)
    for at in [(0, 0), (2, 1)]:
        h = np.zeros((3, 3))
        h[at] = 1e-6
        if name == "eigvalsh":
            h = h + h.T if at[0] != at[1] else h  # PyTorch's gradient is that of both halves
        up, down = ((f(torch.tensor(np.array(M) + s * h)).numpy() * w).sum() for s in (1, -1))
        expected = g[at] + (g[at[::-1]] if name == "eigvalsh" and at[0] != at[1] else 0)
        np.testing.assert_allclose((up - down) / 2e-6, expected, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["inv", "solve", "cholesky", "svdvals"])
def test_compiled_agrees(name, monkeypatch):
    y, g = value_and_gradient(FUNCTIONS[name])
    monkeypatch.setattr(config, "compile", "always")
    for _ in range(2):
        again = value_and_gradient(FUNCTIONS[name])
        np.testing.assert_allclose(again[0], y, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(again[1], g, rtol=1e-10, atol=1e-12)


def test_an_error_spoils_nothing_but_its_own_result():
    x = torch.ones(2, 2)
    pending = x * 3
    for _ in range(4):
        with pytest.raises(torch.linalg.LinAlgError, match="singular"):
            torch.linalg.inv(x)
        later = x + 1
    assert pending.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert later.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_ex_says_which_matrices_failed():
    stack = torch.stack([torch.eye(2), torch.ones(2, 2), -torch.eye(2)])
    found = torch.linalg.inv_ex(stack)
    assert found.info.tolist() == [0, 2, 0] and found.info.dtype is torch.int32
    assert bool(found.inverse[1].isnan().all()) and found.inverse[2].tolist()[0][0] == -1.0
    assert torch.linalg.cholesky_ex(stack).info.tolist() == [0, 2, 1]
    with pytest.raises(torch.linalg.LinAlgError):
        torch.linalg.inv_ex(stack, check_errors=True)


def test_parts_of_complex_tensors_are_views():
    z = torch.tensor([[1 + 2j, 3 - 1j]])
    z.real.mul_(10)
    z.imag[0, 1] = 7.0
    assert z.tolist() == [[10 + 2j, 30 + 7j]]
    torch.view_as_real(z)[0, 0, 1] = -4.0
    assert z[0, 0].item() == 10 - 4j
    z.conj()[0, 0] = 1 + 1j
    assert z[0, 0].item() == 1 - 1j and z.conj().is_conj() and not z.conj().conj().is_conj()
    pairs = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.view_as_complex(pairs)[1] = 0j
    assert pairs.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    with pytest.raises(RuntimeError, match="non-complex"):
        torch.ones(2).imag  # noqa: B018


def test_einsum_reads_every_form():
    x, y = torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(3, 4)
    expected = (x @ y).tolist()
    assert torch.einsum(" ij , jk -> ik ", x, y).tolist() == expected
    assert torch.einsum(x, [0, 1], y, [1, 2], [0, 2]).tolist() == expected
    # Without an arrow the letters are in order, capitals first.
    assert torch.einsum("kj,ji", x, y).tolist() == (x @ y).T.tolist()
    assert torch.einsum("aj,jB", x, y).tolist() == (x @ y).T.tolist()
    one = torch.ones(1, 4)
    assert torch.einsum("ij,jk->ik", x, one).tolist() == (x.sum(1, keepdim=True) * one).tolist()
    for bad in ("ij,jk->iz", "ij->ii", "i1,jk", "ijk,jk"):
        with pytest.raises(RuntimeError):
            torch.einsum(bad, x, y)


def test_beta_zero_does_not_read_the_input():
    nan = torch.full((2, 2), float("nan"))
    assert torch.addmm(nan, torch.eye(2), torch.eye(2), beta=0).tolist() == torch.eye(2).tolist()


def test_learning_rates_are_no_new_programs():
    x, y = torch.ones(2, 2), torch.ones(2, 2)
    from tapejit.torch.codes import OPS

    torch.addmm(x, x, y, alpha=0.25)
    known = len(OPS["addmm"].memo)
    for k in range(5):
        torch.addmm(x, x, y, alpha=0.5 + k)
    assert len(OPS["addmm"].memo) == known


def test_pinv_with_an_absolute_cutoff():
    x = torch.diag(torch.tensor([4.0, 1.0, 0.1]))
    assert torch.linalg.pinv(x, atol=0.5).diagonal().tolist() == [0.25, 1.0, 0.0]
    with pytest.raises(NotImplementedError, match="rtol"):
        torch.linalg.pinv(torch.stack([x, x]), atol=0.5)


def test_all_columns_of_q_have_no_derivative():
    x = torch.tensor([[1.0], [2.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match="complete"):
        torch.linalg.qr(x, mode="complete")
    for _ in range(3):
        q, r = torch.linalg.qr(x.detach(), mode="complete")
    np.testing.assert_allclose((q @ r).numpy(), [[1.0], [2.0]], rtol=1e-6)
    np.testing.assert_allclose((q.mT @ q).numpy(), np.eye(2), atol=1e-6)


def test_lu_solve_undoes_lu_factor():
    a = torch.tensor(M, dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    packed, pivots = torch.linalg.lu_factor(a)
    for x, matrix in (
        (torch.linalg.lu_solve(packed, pivots, b), a),
        (torch.linalg.lu_solve(packed, pivots, b, adjoint=True), a.mT),
    ):
        np.testing.assert_allclose((matrix @ x).detach().numpy(), b.numpy(), rtol=1e-12)
    x = torch.linalg.lu_solve(packed, pivots, b.mT, left=False)
    np.testing.assert_allclose((x @ a).detach().numpy(), b.mT.numpy(), rtol=1e-12)
    torch.linalg.lu_solve(packed, pivots, b).sum().backward()
    own = a.grad.clone()
    a.grad = None
    torch.linalg.solve(a, b).sum().backward()
    np.testing.assert_allclose(own.numpy(), a.grad.numpy(), rtol=1e-10)
