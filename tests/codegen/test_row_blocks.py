"""Matrices read once: blocks of rows give what the whole gives, in one piece and in chunks."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tapejit as tj
from tapejit.codegen.kernel import write_kernel
from tapejit.core.config import config
from tapejit.passes import row_blocks
from tapejit.passes.legalise import legalise
from tapejit.runtime.compile import compile_staged
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify


def numbers(*shape, dtype=float):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


def one_hot(n, c, dtype=float):
    return np.eye(c, dtype=dtype)[np.arange(n) * 7 % c]


def logistic(w, b, X, y):
    z = X @ w + b
    return np.mean(np.logaddexp(0.0, z) - y * z)


def squares(w, X, y):
    r = X @ w - y
    return np.mean(r * r) + 0.1 * np.sum(w * w)


def poisson(w, X, y):
    z = X @ w
    return np.sum(np.exp(0.1 * z) - y * z)


def softmax(W, b, X, Y):
    z = X @ W + b
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean(np.sum(Y * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))), axis=1))


def labelled(W, X, labels):
    z = X @ W
    top = np.max(z, axis=1)
    total = top + np.log(np.sum(np.exp(z - top[:, None]), axis=1))
    return np.mean(total - z[np.arange(len(labels)), labels])


def network(W, b, V, X, Y):
    return np.mean((np.tanh(X @ W + b) @ V - Y) ** 2)


def centred(w, X, y):
    z = X @ w
    return np.sum((z - np.mean(z)) ** 2 * y)


LOSSES = {
    "logistic": (logistic, (0, 1), (numbers(5), 0.3, numbers(203, 5), numbers(203))),
    "long rows": (squares, 0, (numbers(131), numbers(83, 131), numbers(83))),
    "longer rows": (squares, 0, (numbers(127), numbers(83, 127), numbers(83))),
    "float32": (poisson, 0, [x.astype("f") for x in (numbers(17), numbers(99, 17), numbers(99))]),
    "softmax": (softmax, (0, 1), (numbers(6, 9), numbers(9), numbers(150, 6), one_hot(150, 9))),
    "turned": (softmax, (0, 1), (numbers(6, 10), numbers(10), numbers(501, 6), one_hot(501, 10))),
    "two classes": (softmax, 0, (numbers(6, 2), numbers(2), numbers(77, 6), one_hot(77, 2))),
    "labels": (labelled, 0, (numbers(6, 9), numbers(150, 6), np.arange(150) * 7 % 9)),
    "network": (
        network,
        (0, 1, 2),
        (numbers(6, 11), numbers(11), numbers(11, 3), numbers(90, 6), numbers(90, 3)),
    ),
    "wide network": (
        network,
        (0, 1, 2),
        (numbers(6, 90), numbers(90), numbers(90, 3), numbers(90, 6), numbers(90, 3)),
    ),
}


@pytest.fixture
def blocks(monkeypatch):
    """All matrices are large: blocks have 8 rows, chunks are asked for by `WORTH`."""
    monkeypatch.setattr(row_blocks, "SMALLEST", 0)
    for name in ("BLOCK", "LONG_BLOCK", "FEWEST", "CHUNK"):
        monkeypatch.setattr(row_blocks, name, 1)
    before = config.threads
    yield
    config.threads = before


def sample(name):
    loss, argnums, args = LOSSES[name]
    return tj.value_and_grad(loss, argnums=argnums).tape(*args)


def close(found, wanted):
    for have, want in zip(found, wanted, strict=True):
        tolerance = 1e-11 if np.asarray(want).dtype == float else 1e-4
        assert np.shape(have) == np.shape(want)
        np.testing.assert_allclose(have, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_blocks_give_what_the_whole_gives(blocks, monkeypatch, name, chunks, direct):
    if not direct and name not in ("logistic", "softmax"):
        pytest.skip("Numba's own pipeline reads the same text")
    monkeypatch.setattr(config, "direct", direct)
    monkeypatch.setattr(row_blocks, "WORTH", 0 if chunks else 1 << 60)
    tape = sample(name)
    legal = verify(legalise(tape))
    assert sum(row.prim.name == "blocks" for row in legal) == 1
    text = write_kernel(legal)
    assert text.parallel == chunks
    inputs = inputs_of(name, tape)
    wanted = interpret(tape, inputs)
    close(interpret(legal, inputs), wanted)
    kernel = compile_staged(tape, "test")
    assert not direct or kernel.note in ("direct", "asked")
    found = []
    for n in (1, 3, 2) if chunks else (1,):
        config.threads = n
        found.append([np.array(x) for x in kernel(inputs)])
        close(found[-1], wanted)
    assert len({tuple(x.tobytes() for x in results) for results in found}) == 1


def inputs_of(name, tape):
    """The inputs of a tape: the arguments, and an array of positions that `labels` makes."""
    args = [np.asarray(a) for a in LOSSES[name][2]]
    more = tape.n_inputs - len(args)
    return [*args, *[np.arange(tape.value(len(args) + k).shape[0]) for k in range(more)]]


def test_what_lies_behind_a_row_is_not_read(blocks):
    tape = sample("longer rows")
    w, X, y = inputs_of("longer rows", tape)
    roomy = np.full(160, np.nan)
    roomy[:127] = w
    close(compile_staged(tape, "test")([roomy[:127], X, y]), interpret(tape, [w, X, y]))


def test_chunks_have_room_of_their_own(blocks, monkeypatch):
    monkeypatch.setattr(row_blocks, "WORTH", 0)
    text = write_kernel(legalise(sample("wide network"))).source
    (each,) = re.findall(r"ws = memory.shift\(\w+_room, k \* (\d+)\)", text)
    assert int(each) >= 8 * 90 * 8


def test_arrays_that_are_turned_have_the_rows_along_their_last_axis(blocks):
    legal = legalise(sample("turned"))
    (row,) = (row for row in legal if row.prim.name == "blocks")
    block, axes = row.params["block"], row.params["axes"]
    assert any(axes[k] == 1 and block.prim(k).name == "exp" for k in range(block.rows))


def test_a_report_names_what_runs_in_blocks_once(blocks):
    loss, argnums, args = LOSSES["float32"]
    text = tj.grad(loss, argnums=argnums).explain(*args)
    (runs,) = re.findall(r"blocks: (\d+) rows", text)
    legal = legalise(tj.grad(loss, argnums=argnums).tape(*args))
    (row,) = (row for row in legal if row.prim.name == "blocks")
    block = row.params["block"]
    assert int(runs) == block.rows - block.n_inputs


def test_rows_that_need_a_sum_over_all_rows_are_left(blocks):
    args = (numbers(5), numbers(64, 5), numbers(64))
    legal = legalise(tj.grad(centred).tape(*args))
    assert all(row.prim.name != "blocks" for row in legal)


def test_small_matrices_and_wide_products_are_left(blocks, monkeypatch):
    tape = sample("logistic")
    monkeypatch.setattr(row_blocks, "SMALLEST", 203 * 5 * 8 + 1)
    assert all(row.prim.name != "blocks" for row in legalise(tape))
    monkeypatch.setattr(row_blocks, "SMALLEST", 203 * 5 * 8)
    assert any(row.prim.name == "blocks" for row in legalise(tape))
    tape = sample("network")
    monkeypatch.setattr(row_blocks, "SMALLEST", 0)
    for rows in (31, 32):
        monkeypatch.setattr(row_blocks, "PRODUCT", rows * 6 * 11)
        assert any(row.prim.name == "blocks" for row in legalise(tape)) == (rows == 32)


def test_the_length_of_a_block_is_no_other_length(blocks):
    # 9 classes, 6 features: a block of 8 rows; with 8 classes it has 16, whose axis is known
    args = (numbers(6, 8), numbers(8), numbers(150, 6), one_hot(150, 8))
    tape = tj.grad(softmax).tape(*args)
    legal = legalise(tape)
    (row,) = (row for row in legal if row.prim.name == "blocks")
    lengths = {
        row.params["block"].value(k).shape[0] for k, cut in enumerate(row.params["cut"]) if cut
    }
    assert lengths == {16}
    inputs = [np.asarray(a) for a in args]
    close(compile_staged(tape, "test")(inputs), interpret(tape, inputs))
