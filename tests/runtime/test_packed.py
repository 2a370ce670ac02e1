"""Kernels of many arrays, which are checked in one loop: what fits, what does not, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tapejit.core.config import config
from tapejit.runtime import sizes
from tapejit.runtime.compile import Kernel, compile_staged
from tapejit.runtime.native import packed
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify

KINDS = ("f64[3,2]", "f32[2]", "f64[]", "i64[3,1]", "c128[]", "u8[2]", "i32[]")


def made() -> tuple[Kernel, Tape, list[Any]]:
    """A kernel of arrays of several dtypes and ranks, numbers between them, its tape and its inputs."""
    kinds = [KINDS[k % len(KINDS)] for k in range(24)]
    inputs = ", ".join(f"%{k}: {kind}" for k, kind in enumerate(kinds))
    lines = [f"  %{24 + k} = add %{k} %{k} : {kind}" for k, kind in enumerate(kinds)]
    outputs = ", ".join(f"%{24 + k}" for k in range(24))
    tape = verify(from_text("\n".join([f"tape({inputs}) -> ({outputs})", *lines])))
    rng = np.random.default_rng(0)
    given: list[Any] = []
    for k in range(24):
        aval = tape.value(k)
        x = rng.integers(0, 9, aval.shape).astype(aval.dtype)
        given.append(x if aval.shape else aval.dtype.type(x))
    kernel = compile_staged(tape, "many")
    assert isinstance(kernel, Kernel)
    return kernel, tape, given


@pytest.mark.parametrize("many", [16, 1000])
def test_arrays_and_numbers_arrive(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """In one row of fields or one by one, the same results."""
    monkeypatch.setattr(packed, "MANY", many)
    monkeypatch.setattr(config, "cache", False)
    monkeypatch.setattr(sizes, "_skeletons", {})
    kernel, tape, given = made()
    found = kernel(given)
    assert found is not None
    for have, want in zip(found, interpret(tape, given), strict=True):
        assert np.asarray(have).dtype == np.asarray(want).dtype
        np.testing.assert_array_equal(have, want)


BAD = [
    pytest.param(lambda x: x.astype("f4" if x.dtype != "f4" else "f8"), id="dtype"),
    pytest.param(lambda x: x.astype(x.dtype.newbyteorder(">")), id="byte order"),
    pytest.param(lambda x: np.repeat(x, 2, axis=0)[::2], id="strides"),
    pytest.param(lambda x: x[None], id="rank"),
    pytest.param(lambda x: x.view(np.recarray), id="subclass"),
    pytest.param(lambda x: x.tolist(), id="list"),
    pytest.param(lambda x: None, id="nothing"),
]


@pytest.fixture(scope="module")
def sample() -> tuple[Kernel, list[Any]]:
    kernel, tape, given = made()
    ranks = [np.ndim(x) for x in given] + [a.ndim for _, a in kernel.text.arrays]
    assert packed.is_packed(ranks)
    return kernel, tape, given


def outputs(kernel: Kernel) -> list[Any]:
    return [np.zeros(a.shape, a.dtype) for _, a in kernel.text.arrays]


@pytest.mark.parametrize("place", [0, 1, 22])
@pytest.mark.parametrize("change", BAD)
def test_one_array_that_does_not_fit(sample: Any, change: Any, place: int) -> None:
    kernel, _, given = sample
    args = list(given)
    args[place] = change(args[place])
    outs = outputs(kernel)
    with pytest.raises(TypeError, match="another type or layout"):
        kernel.call(*args, *outs)
    assert not any(x.any() for x in outs)


def test_numbers_among_many_arrays_are_checked_too(sample: Any) -> None:
    kernel, _, given = sample
    for place, wrong in ((2, "two"), (6, 1.5), (4, None)):
        args = list(given)
        args[place] = wrong
        with pytest.raises(TypeError, match="another type or layout"):
            kernel.call(*args, *outputs(kernel))


def test_every_output_must_be_writeable(sample: Any) -> None:
    kernel, _, given = sample
    outs = outputs(kernel)
    assert kernel.call(*given, *outs)[0] == 0
    for k, x in enumerate(outs):
        frozen = x.copy()
        frozen.flags.writeable = False
        with pytest.raises(TypeError, match="another type or layout"):
            kernel.call(*given, *outs[:k], frozen, *outs[k + 1 :])
    reads = [x.copy() if isinstance(x, np.ndarray) else x for x in given]
    for x in reads:
        if isinstance(x, np.ndarray):
            x.flags.writeable = False
    assert kernel.call(*reads, *outs)[0] == 0


def test_the_number_of_arguments_and_shapes(sample: Any) -> None:
    kernel, _, given = sample
    outs = outputs(kernel)
    for args in ([], given, [*given, *outs, outs[0]]):
        with pytest.raises(TypeError, match="another type or layout"):
            kernel.call(*args)
    for place in (0, 1, 21):
        args = list(given)
        args[place] = np.zeros(tuple(n + 1 for n in args[place].shape), args[place].dtype)
        assert kernel.call(*args, *outs)[0] == -1
