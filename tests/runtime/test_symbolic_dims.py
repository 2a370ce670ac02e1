"""A second shape compiles a kernel whose sizes are run-time values; from then on none is compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sized_programs import SIZED, normal

import tapejit as tj
from tapejit.core.pytree import flatten
from tapejit.runtime import build, compile, families, images, program, sizes, skeletons


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a process without a disk cache does."""
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    monkeypatch.setattr(families, "_families", {})
    monkeypatch.setattr(build.config, "cache", False)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The sources that have been compiled."""
    sources: list[str] = []
    made = images._compiled

    def counted(source: str, *rest: Any) -> Any:
        sources.append(source)
        return made(source, *rest)

    monkeypatch.setattr(images, "_compiled", counted)
    yield sources


def ran(f: Any, *args: Any) -> Any:
    """Return the result of a second call: that of the first is its capture's."""
    f(*args)
    return f(*args)


def close(one: Any, other: Any) -> None:
    xs, ys = flatten(one)[0], flatten(other)[0]
    assert len(xs) == len(ys)
    for x, y in zip(xs, ys):
        single = np.asarray(x).dtype == np.float32
        np.testing.assert_allclose(
            x, y, rtol=2e-4 if single else 1e-9, atol=1e-5 if single else 1e-11
        )


@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_of_long_nests_are_given_the_sizes(
    threads: int, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.config, "threads", threads)
    f = tj.value_and_grad(lambda x: np.mean(np.tanh(x) * np.exp(-x * x)), compile="always")
    for n in (300_000, 310_001, 320_002, 333_333):
        x = np.linspace(-1.0, 2.0, n)
        value, slope = ran(f, x)
        t, e = np.tanh(x), np.exp(-x * x)
        np.testing.assert_allclose(value, np.mean(t * e), rtol=1e-12)
        np.testing.assert_allclose(
            slope, ((1 - t * t) * e - 2 * x * t * e) / n, rtol=1e-9, atol=1e-18
        )
    assert "parallel.run(chunk0, " in f.source(x)
    assert len(compiled) == 2 and "parallel.run(chunk0, size" in compiled[1]


@pytest.mark.parametrize("name", sorted(SIZED))
def test_from_the_third_shape_on_nothing_is_compiled(name: str, compiled: list[str]) -> None:
    fn, transform, arguments = SIZED[name]
    f, reference = transform(fn, compile="always"), transform(fn, compile="never")
    counts = []
    for n, m in ((67, 70), (80, 90), (91, 81), (100, 120), (127, 77), (67, 70), (80, 90)):
        args = arguments(n, m)
        close(ran(f, *args), reference(*args))
        counts.append(len(compiled))
    first, second = counts[0], counts[1]
    assert first >= 1 and second == 2 * first, "each kernel once as it is and once for all sizes"
    assert counts == [first, second, second, second, second, second, second]
    assert f.stats()["sizes_shared"] == 3 and f.stats()["kernels"] == 5
    assert sum("size0" in s for s in compiled) == first


SHARED: dict[str, Any] = {}


@given(
    name=st.sampled_from(["rosenbrock", "perceptron", "volatility", "joined", "second_order"]),
    n=st.integers(1, 300),
    m=st.integers(1, 80),
)
@settings(max_examples=60, deadline=None)
def test_any_shapes_give_what_numpy_gives(name: str, n: int, m: int) -> None:
    """One function object for all examples: its kernels serve ever more shapes."""
    fn, transform, arguments = SIZED[name]
    with pytest.MonkeyPatch.context() as patch:
        for module, key in ((sizes, "_skeletons"), (families, "_families")):
            patch.setattr(module, key, SHARED.setdefault(key, {}))
        f, reference = SHARED.setdefault(
            name, (transform(fn, compile="always"), transform(fn, compile="never"))
        )
        args = arguments(n, m)
        found = ran(f, *args)
        close(found, reference(*args))
        if transform is tj.value_and_grad:
            np.testing.assert_allclose(found[0], fn(*args), rtol=1e-10)


def test_a_size_that_python_looks_at_gives_each_shape_its_own_result(compiled: list[str]) -> None:
    @tj.value_and_grad
    def f(x: Any) -> Any:
        if x.shape[0] > 60:
            return np.sum(x**2) / len(x)
        return np.sum(np.sin(x) * x.size)

    f = tj.value_and_grad(f.fn, compile="always")
    for n in (50, 55, 70, 58, 90, 61, 60, 59):
        x = normal(n)
        value, slope = ran(f, x)
        if n > 60:
            close((value, slope), (np.sum(x**2) / n, 2 * x / n))
        else:
            close((value, slope), (np.sum(np.sin(x) * n), np.cos(x) * n))
    assert len(compiled) == 4, "two programs, each as it is and for all sizes"


def test_numbers_that_are_no_sizes_are_compared_too(compiled: list[str]) -> None:
    """An exponent, an axis and a constant: texts that differ in what they mean, not in sizes."""
    for c in (2.0, 3.0, 5.0, 7.0):
        for n in (50, 64, 71):
            f = tj.grad(lambda x, c=c: np.sum(c * np.sin(x)), compile="always")
            close(ran(f, normal(n)), c * np.cos(normal(n)))
    for power in (3, 4, 5):
        f = tj.grad(lambda x, p=power: np.sum((x + 0j).real ** p), compile="always")
        close(ran(f, normal(50)), power * normal(50) ** (power - 1))


def test_the_comparison_is_what_keeps_texts_apart(
    monkeypatch: pytest.MonkeyPatch, compiled: list[str]
) -> None:
    def scaled(c: float, n: int) -> Any:
        f = tj.grad(lambda x: np.sum(c * np.sin(x)), compile="always")
        return ran(f, normal(n))

    scaled(2.0, 50), scaled(2.0, 60)
    close(scaled(3.0, 70), 3.0 * np.cos(normal(70)))
    count = len(compiled)
    assert count == 3
    monkeypatch.setattr(skeletons.Classes, "matches", lambda self, literals: True)
    damaged = scaled(4.0, 80)
    assert len(compiled) == count and not np.allclose(damaged, 4.0 * np.cos(normal(80)))


def test_widening_has_an_end(compiled: list[str]) -> None:
    """Each constant is a literal in another place; with all of them varied the texts are general."""
    base = [2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0]
    x = normal(50)
    for k in range(len(base)):
        a = list(base)
        a[k] += 0.5
        f = tj.grad(
            lambda x, a=tuple(a): np.sum(
                a[0] * np.sin(a[1] * np.cos(a[2] * np.tanh(a[3] * x)))
                + a[4] * np.exp(-a[5] * x * x) / (a[6] + x * x)
            ),
            compile="always",
        )
        close(ran(f, x), tj.grad(f.fn, compile="never")(x))
    general = [s for s in compiled if "real0" in s]
    assert len(general) == sizes.WIDENINGS and len(compiled) == len(base)
    (skeleton,) = [s for s in sizes._skeletons.values() if s.general]
    assert len(skeleton.witnesses) == sizes.WIDENINGS + 1


def test_what_the_compiler_refuses_is_compiled_as_it_is(
    monkeypatch: pytest.MonkeyPatch, compiled: list[str]
) -> None:
    """A text in which some literal has to be one: the general text has a type error."""
    whole = sizes.general_text
    monkeypatch.setattr(
        sizes, "general_text", lambda *a: whole(*a).replace("return 0", "return size0 + 'x'")
    )
    fn, transform, arguments = SIZED["rosenbrock"]
    f, reference = transform(fn, compile="always"), transform(fn, compile="never")
    for n in (50, 60, 70):
        close(ran(f, *arguments(n, 0)), reference(*arguments(n, 0)))
    assert ["'x'" in s for s in compiled] == [False, True, False, False], "tried once"
    assert f.stats()["sizes_shared"] == 0 and f.stats()["kernels"] == 3


def test_the_rent_of_all_sizes_counts_together(
    monkeypatch: pytest.MonkeyPatch, compiled: list[str]
) -> None:
    """Time is faked: an interpretation costs 0.1, compiling 0.55. Six, of whatever sizes, pay it."""
    monkeypatch.setattr(program, "estimate_compile_seconds", lambda tape: 0.55)
    now = [0.0]

    def clock() -> float:
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr(program.time, "perf_counter", clock)
    fn, transform, arguments = SIZED["rosenbrock"]
    f, reference = transform(fn, compile="auto"), transform(fn, compile="never")

    def called(n: int, times: int) -> None:
        for _ in range(times):
            close(f(*arguments(n, 0)), reference(*arguments(n, 0)))

    called(50, 2 + 3)
    called(60, 2 + 3)
    assert (f.stats()["interpreted"], len(compiled)) == (6, 0)
    called(60, 1)
    assert len(compiled) == 1 and "size0" in compiled[0], "made for both sizes at once"
    called(50, 1)
    called(80, 3)
    assert (f.stats()["interpreted"], len(compiled)) == (6, 1)
    assert f.stats()["kernels"] == 3 and f.stats()["sizes_shared"] == 2


def test_nobody_waits_for_another_thread_that_compiles(compiled: list[str]) -> None:
    fn, transform, arguments = SIZED["rosenbrock"]
    f = transform(fn, compile="always")
    ran(f, *arguments(50, 0)), ran(f, *arguments(60, 0))
    tape, title = f.tape(*arguments(70, 0)), f._dispatcher.name
    with ThreadPoolExecutor(1) as other:
        with compile.compile_lock:
            assert other.submit(build.is_there, tape, title).result(timeout=20) is None
        assert other.submit(build.is_there, tape, title).result(timeout=60) is True
    assert len(compiled) == 2


def test_a_family_of_ever_new_texts_is_not_looked_at_for_ever() -> None:
    tape = tj.grad(SIZED["rosenbrock"][0]).tape(normal(50))
    assert not families.worth_a_look(tape)
    families.note_family(tape)
    assert families.worth_a_look(tj.grad(SIZED["rosenbrock"][0]).tape(normal(60)))
    for _ in range(families._MISSES):
        families.missed(tape)
    assert not families.worth_a_look(tape)


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "_MOST", 5)
    monkeypatch.setattr(tj.runtime.dispatch.config, "max_signatures", 16)
    f = tj.grad(SIZED["rosenbrock"][0], compile="always")
    for n in range(50, 90):
        close(ran(f, normal(n)), tj.grad(f.fn, compile="never")(normal(n)))
    assert len(f._dispatcher.table) <= 16
    for k in range(7):
        sizes.witness(f.source(normal(50)).replace("= 0.0", f"= v{k}v + 1.0"), "")
    assert len(sizes._skeletons) <= 5


def test_explain_and_stats_say_so() -> None:
    f = tj.grad(SIZED["rosenbrock"][0], compile="always")
    for n in (50, 60, 70, 80):
        f(normal(n))
    assert "sizes:" not in f.explain(normal(50)), "the first is compiled as it is"
    report = f.explain(normal(70))
    assert "an instance of a kernel that was there" in report
    assert "sizes: run-time values, shared with 2 other shapes" in report
    assert "sizes shared 2" in report and f.stats()["sizes_shared"] == 2


SCRIPT = """
import json, sys
import numpy as np
import tapejit as tj
from tapejit.runtime import compile
def loss(w, x):
    return np.mean(np.tanh(x @ w) ** 2)
policy, *ns = sys.argv[1:]
f = tj.value_and_grad(loss, compile=policy)
for n in map(int, ns):
    x, w = np.linspace(-1, 1, 3 * n).reshape(n, 3), np.linspace(1, 2, 3)
    for _ in range(3):
        v, g = f(w, x)
    h = np.tanh(x @ w)
    assert np.allclose(v, np.mean(h**2)) and np.allclose(g, 2 / n * (h * (1 - h**2)) @ x)
print(json.dumps({k: f.stats()[k] for k in ("kernels", "cache_hits", "sizes_shared", "interpreted")}))
"""


def process(folder: Path, *args: Any) -> Any:
    given = {**os.environ, "TAPEJIT_CACHE_DIR": str(folder)}
    given["PYTHONPATH"] = str(Path(__file__).parents[2])
    (folder.parent / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(folder.parent / "script.py"), *map(str, args)]
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_other_processes_find_the_general_kernel(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    assert process(folder, "always", 50)["cache_hits"] == 0
    second = process(folder, "always", 60)
    assert (second["kernels"], second["cache_hits"]) == (1, 0), "made with the first as a witness"
    kernels = list((folder / "kernels").glob("k_*.py"))
    assert sorted("size0" in k.read_text() for k in kernels) == [False, True]
    third = process(folder, "auto", 70, 80)
    assert third == {"kernels": 2, "cache_hits": 1, "sizes_shared": 1, "interpreted": 0}
    again = process(folder, "auto", 50, 60)
    assert again == {"kernels": 2, "cache_hits": 2, "sizes_shared": 0, "interpreted": 0}
    assert len(list((folder / "kernels").glob("k_*.py"))) == 2
    for note in (folder / "kernels").glob("s_*"):
        note.write_text(note.read_text()[3:])
    assert process(folder, "always", 90)["kernels"] == 1, "a damaged note costs a compilation"
    assert len(list((folder / "kernels").glob("k_*.py"))) == 3
