"""Random losses around ``X @ w``: in blocks of rows = replayed, for any size and number of threads.

Constants are made so small that all matrices are cut into blocks, and half of them into chunks.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
from whole_programs import function_of

import tapejit as tj
from tapejit.core.config import config
from tapejit.passes import row_blocks
from tapejit.passes.legalise import legalise

EFFORT = int(os.environ.get("TAPEJIT_TEST_EFFORT", "1"))
SMOOTH = """np.tanh({0}); np.exp(-0.1 * {0} * {0}); {0} * {0}; np.sin({0}); np.maximum({0}, 0.1)
np.log1p({0} * {0}); np.where({0} > 0, {0}, 0.2 * {0}); np.abs({0})"""
SMOOTH = [entry for line in SMOOTH.split("\n") for entry in line.split("; ")]
LAST = """np.sum(z); np.mean(z * z); np.sum(z) + np.max(z); np.sum(z[3:]) * 0.1 + np.sum(z)
np.log(np.sum(np.exp(0.01 * z))) + np.sum(X @ w) * 0.1; np.mean((z - np.mean(z)) ** 2)"""
LAST = [entry for line in LAST.split("\n") for entry in line.split("; ")]
ROWS = ("np.max(z, axis=1, keepdims=True)", "np.sum(z * z, axis=1, keepdims=True)")


def loss(seed: int) -> str:
    """Return the text of a loss of ``w, W, b, V, M, X, y``."""
    r = random.Random(seed)
    lines, vector = [], r.random() < 0.5
    if vector:
        lines.append(r.choice(["z = X @ w", "z = X @ w + b[0]"]))
    else:
        lines.append(r.choice(["z = X @ W", "z = X @ W + b", "z = b - X @ (2.0 * W)"]))
        lines += [f"z = z - {ROWS[0]}"] * r.choice([0, 0, 1])
        lines += [f"z = z / (1.0 + {ROWS[1]})"] * r.choice([0, 0, 1])
        ends = [
            "z = np.log(np.sum(np.exp(0.1 * z), axis=1))",
            f"z = {r.choice(SMOOTH).format('z')} @ V",
        ]
        end = r.choice([*ends, f"z = {r.choice(SMOOTH).format('z')} @ M", "z = z.T", "", ""])
        vector = end in ends or end == "z = z.T"  # what y can be added to
        lines += [end] * bool(end)
    for _ in range(r.randint(1, 3)):
        y = "y" if vector else "y[:, None]"
        more = [f"z {r.choice('+-*')} {y}", f"z + z[::1] * 0.5 - {y}", "z * np.sum(w)"]
        lines.append(f"z = {r.choice([*[s.format('z') for s in SMOOTH], *more, *more])}")
    lines.append(f"return {r.choice(LAST)}")
    return "def f(w, W, b, V, M, X, y):\n" + "".join(f"    {line}\n" for line in lines)


def arguments(r: random.Random, n: int, d: int, k: int, dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(n)
    shapes = (d,), (d, k), (k,), (k,), (k, k), (n, d), (n,)
    found = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    found[5] /= np.sqrt(d, dtype=dtype)
    if r.random() < 0.2:
        found[5] = np.asfortranarray(found[5])
    return found


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(row_blocks, "SMALLEST", 1 << 12)
    monkeypatch.setattr(row_blocks, "BLOCK", 1 << 11)
    monkeypatch.setattr(row_blocks, "FEWEST", 8)
    monkeypatch.setattr(row_blocks, "CHUNK", 1 << 12)
    monkeypatch.setattr(row_blocks, "WORTH", 1 << 14)
    before = config.threads
    yield
    config.threads = before


def check(seed: int, rounds: int = 3) -> bool:
    """Check a loss at a few sizes; return whether any of its tapes had blocks."""
    r, text = random.Random(seed), loss(seed)
    f = function_of(text)
    d, k = r.choice([2, 3, 7, 16, 33]), r.choice([1, 2, 3, 5])
    dtype = r.choice(["f8", "f8", "f8", "f4"])
    every = tuple(range(5))
    fast, slow = (tj.value_and_grad(f, every, compile=p) for p in ("always", "never"))
    blocks = False
    for n in (r.choice([333, 500, 1000]), r.choice([640, 777, 1401]), r.choice([2000, 513, d]))[
        :rounds
    ]:
        args = arguments(r, n, d, k, dtype)
        value, grads = slow(*args)
        fast(*args)  # answered by the capture
        blocks |= any(row.prim.name == "blocks" for row in legalise(fast.tape(*args)))
        results = []
        for config.threads in (1, 2, 3):
            found, cotangents = fast(*args)
            results.append(b"".join(x.tobytes() for x in (np.asarray(found), *cotangents)))
            tolerance = 1e-9 if dtype == "f8" else 2e-3
            for have, want in zip((found, *cotangents), (value, *grads), strict=True):
                scale = max(1.0, float(np.max(np.abs(want))))
                assert np.shape(have) == np.shape(want)
                where = f"seed {seed}, {n} x {d}, {k}, {dtype}\n{text}"
                np.testing.assert_allclose(
                    have, want, rtol=tolerance, atol=tolerance * scale, err_msg=where
                )
        assert len(set(results)) == 1, f"other bits with other threads: seed {seed}, {n}\n{text}"
    return blocks


def test_random_losses(small_blocks: None) -> None:
    blocks = [check(seed) for seed in range(6 * EFFORT)]
    assert sum(blocks) > 0.5 * len(blocks), blocks
