"""Calls of unseen sizes: the results of NumPy, and neither a capture nor a text nor a compilation."""

from __future__ import annotations

import math
import operator
import os
import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from sized_programs import SIZED, normal

import tapejit as tj
from tapejit.core.config import config
from tapejit.runtime import build, families, sizes


@pytest.fixture(autouse=True)
def _as_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    monkeypatch.setattr(families, "_families", {})
    monkeypatch.setattr(config, "cache", False)


def leaves(x: Any) -> list[Any]:
    from tapejit.core.pytree import flatten

    return flatten(x)[0]


def same(found: Any, wanted: Any, rtol: float = 1e-10) -> None:
    for x, y in zip(leaves(found), leaves(wanted), strict=True):
        assert type(x) is type(y) and np.shape(x) == np.shape(y)
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-12 if rtol < 1e-8 else 1e-7)


def taught(f: Any, make: Any, seen: tuple[int, ...] = (100, 110, 111, 119)) -> Any:
    """Call a compiled function at some sizes; return it when it has a template."""
    for n in seen:
        f(*make(n))
        f(*make(n))
    assert f._dispatcher.templates, f._dispatcher.templates.reasons
    return f


def ml_loss(p: Any, x: Any, y: Any) -> Any:
    z = np.tanh(x @ p["W"] + p["b"]) @ p["V"]
    n, k = z.shape
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.sum(y * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True)))) / n + 0.5 * k / len(
        y
    )


def recurrence(x: Any, a: float) -> Any:
    s, total = 0.0, 0.0
    for t in range(1, len(x)):
        s = np.tanh(a * s + x[t - 1])
        total = total + (x[t] - s) ** 2
    return total / x.size


def smooth(u: Any) -> Any:
    n = u.shape[0]
    weights = np.zeros(n)
    weights[: n // 2] = 1.0
    for _ in range(3):
        u = u.copy()
        u[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(weights * u[::-1] ** 2) + u[-1]


def spectrum(x: Any) -> Any:
    return np.sum(np.abs(np.fft.rfft(x)) ** 2) / len(x)


def ranked(x: Any) -> Any:
    s = np.sort(x)
    return np.mean(s[-3:]) - np.median(x)


def single(x: Any, w: Any) -> Any:
    return np.mean(np.tanh(x @ w)) + np.float32(0.5) * np.var(x)


PROGRAMS: dict[str, tuple[Any, Any]] = {
    "ml_loss": (
        ml_loss,
        lambda n: (
            {"W": normal(6, 5), "b": normal(5), "V": normal(5, 3)}, normal(n, 6), np.eye(3)[np.arange(n) % 3],
        ),
    ),
    "recurrence": (recurrence, lambda n: (normal(n), 0.4)),
    "smooth": (smooth, lambda n: (normal(n),)),
    "spectrum": (spectrum, lambda n: (normal(n),)),
    "ranked": (ranked, lambda n: (normal(n),)),
    "single": (single, lambda n: (normal(n, 4).astype(np.float32), normal(4).astype(np.float32))),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_nothing_runs_but_the_kernel(name: str) -> None:
    fn, make = PROGRAMS[name]
    f, reference = tj.value_and_grad(fn, compile="always"), tj.value_and_grad(fn, compile="never")
    taught(f, make)
    assert not any("MISPREDICTED" in why for why in f._dispatcher.templates.reasons)
    before = f.stats()
    rtol = 2e-5 if name == "single" else 1e-10
    for n in (102, 104, 105, 113, 117):
        args = make(n)
        for _ in range(3):  # the program, then its hot path
            same(f(*args), reference(*args), rtol)
    after = f.stats()
    assert after["captures"] == before["captures"]
    assert after["compile_seconds"] == before["compile_seconds"]
    assert after["sizes_predicted"] - before["sizes_predicted"] == 5


@pytest.mark.parametrize("name", sorted(SIZED))
def test_the_tape_of_an_unseen_size_is_the_one_that_a_capture_gives(name: str) -> None:
    """Rows, shapes and parameters alike, the texts of their kernels too."""
    fn, transform, arguments = SIZED[name]
    f = transform(fn, compile="always")
    for n, m in ((67, 70), (80, 90), (91, 81), (97, 83)):
        f(*arguments(n, m))
        f(*arguments(n, m))
    found = f._dispatcher.templates
    assert not any("MISPREDICTED" in why for why in found.reasons)
    told = 0
    for n, m in ((69, 72), (77, 78), (88, 80), (93, 85), (99, 71), (180, 44), (48, 300)):
        args = arguments(n, m)
        before = f.stats()["sizes_predicted"]
        rtol = 2e-4 if name == "single_precision" else 1e-9
        same(f(*args), transform(fn, compile="never")(*args), rtol)
        if f.stats()["sizes_predicted"] > before:
            told += 1
            fresh = transform(fn, compile="never")
            assert f.tape(*args).hash == fresh.tape(*args).hash
            assert f.source(*args) == fresh.source(*args)
    if name in ("rosenbrock", "perceptron", "volatility"):
        assert told >= 2


TABLE = {140: 3.0}
DECISIONS: list[Any] = [
    lambda x: np.sum(x * x) * (2.0 if 0.5 * len(x) > 75.0 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if 1e3 / len(x) > 7.0 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if len(x) % 2 else 1.0),
    lambda x: np.sum(x * x) * TABLE.get(len(x), 1.0),
    lambda x: np.sum(x * x) * (2.0 if len(x) in TABLE else 1.0),
    lambda x: np.sum(x * x) * (2.0 if math.sqrt(x.size / 2) > 8.7 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if len(f"{x.size / 2:.0f}") > 2 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if len(str(x.size * 0.5)) > 4 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if (x.size / 4).is_integer() else 1.0),
    lambda x: np.sum(x * x) * (2.0 if abs(30.0 - x.shape[0] / 4) < 5.0 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if float(x.shape[0]) > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if int(x.shape[0] * 0.5) > 75 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if round(x.shape[0] / 100) > 1 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if np.float64(x.shape[0]) > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if np.log(x.shape[0]) > 5.0 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if len([1.0] * x.shape[0]) > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if np.zeros(x.shape[0]).nbytes > 1200 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if [1.0, 2.0, 3.0][x.shape[0] // 100] > 2.5 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if "%d" % x.shape[0] > "15" else 1.0),  # noqa: UP031
    lambda x: np.sum(x * x) * (2.0 if max(x.shape[0], 150) > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if complex(x.shape[0]).real > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if sum(range(x.shape[0])) > 11_000 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if max(x.shape[0], 150.5) > 150.5 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if min(150.5, x.shape[0], 1e9) < 150.5 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if 50.0 < x.shape[0] < 150.5 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if 150.5 < x.shape[0] < 1e6 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if x.shape[0] in (142.0, 153.0, 200.0) else 1.0),
    lambda x: np.sum(x * x) * (2.0 if x.shape[0] not in (142.0, 153.0, 200.0) else 1.0),
    lambda x: np.sum(x * x) * (2.0 if [x.shape[0]] == [153.0] else 1.0),
    lambda x: np.sum(x * x) * (2.0 if Decimal(x.shape[0]) * 2 > 300 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if Decimal("1.5") * x.shape[0] > 225 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if Fraction(1, 2) * x.shape[0] > 75 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if sum([0.5, x.shape[0]]) > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if pow(1.01, x.shape[0]) > 4.5 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if divmod(7500.0, x.shape[0])[0] < 50 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if round(x.shape[0], -2) > 100 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if ~x.shape[0] < -150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if x.shape[0].conjugate() > 150 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if operator.lt(150.5, x.shape[0]) else 1.0),
    lambda x: np.sum(x * x) * (2.0 if bytes(x.shape[0]) > bytes(150) else 1.0),
    lambda x: np.sum(x * x) * (2.0 if x.shape == (153.0,) else 1.0),
    lambda x: np.sum(x * x) * (2.0 if {x.shape[0]: 1}.get(151, 0) else 1.0),
    lambda x: np.sum(x * x) * (2.0 if -1.5 * x.shape[0] < -225 and not x.shape[0] % 3 else 1.0),
    lambda x: np.sum(x * x) * (2.0 if x.reshape(-1, 1).shape[0] * 0.5 + x[1:].size > 224 else 1.0),
]


@pytest.mark.parametrize("k", range(len(DECISIONS)))
def test_decisions_of_the_function_are_kept(k: int) -> None:
    """A branch on a size, however it is asked: each call decides for itself."""
    chosen = DECISIONS[k]
    f = tj.value_and_grad(chosen, compile="always")
    for n in (
        100,
        104,
        110,
        112,
        101,
        103,
        107,
        140,
        142,
        149,
        151,
        153,
        160,
        162,
        140,
        199,
        200,
        240,
    ):
        x = normal(n)
        for _ in range(2):
            value, slope = f(x)
            np.testing.assert_allclose(value, chosen(x), rtol=1e-12)
            np.testing.assert_allclose(slope, 2 * x * (chosen(x) / np.sum(x * x)), rtol=1e-12)
    assert not any("MISPREDICTED" in why for why in f._dispatcher.templates.reasons)


def test_sizes_that_leave_for_other_code_are_fixed() -> None:
    """``np.arange(n)`` and a list of n numbers: each size has a capture of its own, as it must."""

    def ramp(x: Any) -> Any:
        weights = np.linspace(0.0, 1.0, len(x))
        return np.sum(weights * x) + sum([0.5] * x.shape[0])

    f = tj.value_and_grad(ramp, compile="always")
    for n in (30, 40, 45, 50, 51):
        x = normal(n)
        for _ in range(2):
            value, slope = f(x)
            np.testing.assert_allclose(value, ramp(x), rtol=1e-12)
            np.testing.assert_allclose(slope, np.linspace(0.0, 1.0, n), rtol=1e-12)


def test_code_that_runs_as_it_is_reads_numbers() -> None:
    @tj.no_rewrite
    def plain(x: Any) -> Any:
        return np.sum(x * x) * (2.0 if 0.01 * len(x) > 1.2 else 1.0)

    f = tj.value_and_grad(plain, compile="always")
    for n in (100, 110, 113, 119, 121, 130, 150):
        x = normal(n)
        for _ in range(2):
            np.testing.assert_allclose(f(x)[0], plain(x), rtol=1e-12)
    assert f.stats()["sizes_predicted"] == 0
    assert any("read as a number" in why for why in f._dispatcher.templates.reasons)


def test_what_is_read_besides_the_arguments_is_found_again() -> None:
    state = {"w": 2.0, "v": np.arange(4.0)}

    def weighted(X: Any) -> Any:
        return state["w"] * np.sum(np.tanh(X @ state["v"]))

    f = taught(tj.value_and_grad(weighted, compile="always"), lambda n: (normal(n, 4),))
    for n, w in ((101, 2.0), (102, 5.0), (103, 5.0), (104, -1.0)):
        state["w"] = w
        state["v"] = np.arange(4.0) + w
        x = normal(n, 4)
        for _ in range(2):
            np.testing.assert_allclose(f(x)[0], weighted(x), rtol=1e-12)


def test_guards_on_values_hold_at_each_size() -> None:
    def kinked(x: Any) -> Any:
        if np.sum(x) > 0:
            return np.sum(x**2)
        return np.sum(np.cos(x))

    f = tj.value_and_grad(kinked, compile="always")
    for n in (50, 60, 65, 70, 75, 80, 85):
        for sign in (1.0, -1.0, 1.0):
            x = sign * (np.abs(normal(n)) + 0.1)
            np.testing.assert_allclose(f(x)[0], kinked(x), rtol=1e-12)


def test_results_are_arrays_of_their_own() -> None:
    f = taught(tj.value_and_grad(lambda x: np.sum(x**2), compile="always"), lambda n: (normal(n),))
    kept = []
    for n in (101, 102, 101, 102, 101):
        x = normal(n) * len(kept)
        kept.append((x, f(x)[1]))
    for x, slope in kept:
        np.testing.assert_allclose(slope, 2 * x)


def test_rejections_are_no_errors_and_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapejit.runtime import templating

    asked = []

    def refuse(*args: Any) -> Any:
        asked.append(1)
        raise RuntimeError("no")

    monkeypatch.setattr(templating, "template_of", refuse)
    f = tj.value_and_grad(lambda x: np.sum(x**3), compile="always")
    for n in range(20, 40):
        x = normal(n)
        for _ in range(2):
            np.testing.assert_allclose(f(x)[1], 3 * x**2)
    assert 0 < len(asked) <= 6


def test_a_wrong_formula_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The belts hold: a stage that reads a size behind Python's back gives no template."""
    from tapejit.codegen import nests

    real = nests.length_of

    def leaks(rounds: int, inner: int, lines: Any) -> int:
        return real(
            int.__add__(rounds, 0), inner, lines
        )  # the digits, without what they are made of

    monkeypatch.setattr(nests, "length_of", leaks)
    f = tj.value_and_grad(lambda x: np.sum(np.tanh(x) * np.exp(-x)), compile="always")
    for n in (60_000, 61_000, 62_000):
        x = normal(n)
        for _ in range(2):
            np.testing.assert_allclose(f(x)[0], np.sum(np.tanh(x) * np.exp(-x)), rtol=1e-9)
    assert any("MISPREDICTED" in why for why in f._dispatcher.templates.reasons)


def test_threads_learn_and_use_templates_at_once() -> None:
    f = tj.value_and_grad(ml_loss, compile="always")
    make = PROGRAMS["ml_loss"][1]
    reference = tj.value_and_grad(ml_loss, compile="never")
    wrong: list[Any] = []

    def work(first: int) -> None:
        try:
            for n in range(first, first + 40, 7):
                same(f(*make(n)), reference(*make(n)))
        except BaseException as error:  # told in the main thread
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(60 + 3 * k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong[0]


def test_under_auto_the_sizes_that_were_interpreted_are_witnesses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tapejit.runtime import program

    monkeypatch.setattr(program, "estimate_compile_seconds", lambda tape: 1e-4)
    fn, make = PROGRAMS["ml_loss"]
    f, reference = tj.value_and_grad(fn), tj.value_and_grad(fn, compile="never")
    for n in (70, 80, 90, 95) * 3:
        same(f(*make(n)), reference(*make(n)))
    before = f.stats()["sizes_predicted"]
    for n in (71, 77, 83, 89):
        same(f(*make(n)), reference(*make(n)))
    assert f.stats()["sizes_predicted"] > before


def test_a_size_beside_small_integers_is_a_number() -> None:
    """NumPy refuses a number beyond int8 beside an int8 array: at each size anew."""

    def shifted(x: Any, k: Any) -> Any:
        return np.sum(x * (k + len(x)))

    f = tj.value_and_grad(shifted, compile="always")
    k = np.ones(1, np.int8)
    for n in (100, 110, 111, 119, 120):
        x = normal(n)
        for _ in range(2):
            np.testing.assert_allclose(f(x, k)[0], shifted(x, k), rtol=1e-12)
    for _ in range(2):
        with pytest.raises(OverflowError):
            f(normal(128), k)


def test_structures_are_forgotten_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A static argument that never comes again leaves nothing behind."""
    from tapejit.runtime import templates

    monkeypatch.setattr(templates, "_FRAMES", 2)

    def named(x: Any, name: str) -> Any:
        return np.sum(x**2) * len(name)

    f = tj.value_and_grad(named, compile="always")
    for name in ("a", "bb", "ccc", "dddd"):
        for n in (30, 33, 37, 39):
            x = normal(n)
            for _ in range(2):
                np.testing.assert_allclose(f(x, name)[0], named(x, name), rtol=1e-12)
    known = f._dispatcher.templates
    assert len(known._tried) == 2 and 1 <= len(known._found) <= 2
    assert all(frame in known._tried for frame in known._found)


def test_a_forked_process_is_on_no_symbols() -> None:
    from tapejit.core import sizes as symbolic_sizes

    with symbolic_sizes._lock:  # as if another thread were just about to begin
        symbolic_sizes.ACTIVE[0] += 1
        try:
            child = os.fork()
            if child == 0:
                free = symbolic_sizes._lock.acquire(blocking=False)
                os._exit(0 if free and symbolic_sizes.ACTIVE[0] == 0 else 1)
            _, status = os.waitpid(child, 0)
        finally:
            symbolic_sizes.ACTIVE[0] -= 1
    assert os.waitstatus_to_exitcode(status) == 0
