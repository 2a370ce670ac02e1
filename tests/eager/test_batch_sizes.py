"""A changed batch size: from the third on a training step compiles nothing."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config
from tapejit.runtime import build, families, images, sizes
from tapejit.torch import program


def losses(batches: list[int]) -> list[float]:
    """Train a layer on batches of these sizes."""
    data = [
        np.random.default_rng(k).normal(size=(n, 5)).astype("f4") for k, n in enumerate(batches)
    ]
    start = np.random.default_rng(99).normal(size=(5, 3)).astype("f4")
    w = torch.tensor(start, requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    found = []
    for x in map(torch.tensor, data):
        loss = ((torch.tanh(x @ w + b) - 0.5) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.1 * p.grad
                p.grad = None
        found.append(loss.item())
    return found


@pytest.mark.parametrize("policy", ["always", "auto"])
def test_the_last_batch_of_an_epoch(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [64] * 4 + [51] * 4 + [64, 64, 70, 70, 70, 83, 83, 83, 64, 51, 90, 90, 90]
    for place, name in (
        (build, "_built"), (sizes, "_skeletons"), (families, "_families"), (program, "_programs"),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, {})
    monkeypatch.setattr(program, "_accounts", type(program._accounts)())
    monkeypatch.setattr(config, "cache", False)
    monkeypatch.setattr(program, "estimate_compile_seconds", lambda tape: 0.0)
    sources: list[int] = []
    made = images._compiled
    monkeypatch.setattr(images, "_compiled", lambda *args: (sources.append(0), made(*args))[1])
    monkeypatch.setattr(config, "compile", "never")
    expected = losses(batches)
    monkeypatch.setattr(program, "_programs", {})
    monkeypatch.setattr(config, "compile", policy)
    np.testing.assert_allclose(losses(batches[:8]), expected[:8], rtol=1e-4)
    count = len(sources)
    assert count
    monkeypatch.setattr(program, "_programs", {})
    np.testing.assert_allclose(losses(batches), expected, rtol=1e-4)
    assert len(sources) == count
