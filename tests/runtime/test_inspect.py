"""Looking inside: source, explain, compile and stats of transformed functions."""

import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.config import config
from tapejit.core.errors import ReplayWarning
from tapejit.runtime import build, sizes
from tapejit.runtime.stages import KernelStage, stages_of, traffic

SCALE = 2.0
WEIGHTS = np.ones((3, 3))
FACTOR = [1.5]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "cache_dir", str(tmp_path))
    monkeypatch.setattr(config, "cache", True)
    return tmp_path


def wave(x, n):
    for _ in range(n):
        x = np.sin(x) * SCALE
    return np.sum(x @ WEIGHTS)


@tj.no_rewrite
def branch(x):
    if x.sum() > 0:
        return np.sum(np.sin(x))
    return np.sum(np.cos(x))


def hosted(x):
    y = np.exp(x)
    return np.sum(np.tanh(y.astype(np.float16).astype(np.float64)))


X = np.linspace(0.1, 0.3, 3)


def test_source_is_the_text_that_is_compiled(own_cache):
    f = tj.value_and_grad(wave)
    shown = f.source(X, 2)
    f.compile(X, 2)
    (file,) = [n for n in os.listdir(own_cache / "kernels") if n.endswith(".py")]
    name = file.removesuffix(".py").removeprefix("k_")
    written = (own_cache / "kernels" / file).read_text()
    assert written.replace(f"def kernel_{name}(", "def kernel(") == shown
    assert f.source(X, 2) == shown


def test_source_names_the_lines_of_the_user():
    text = tj.grad(wave).source(X, 1)
    line = wave.__code__.co_firstlineno + 2
    assert f"test_inspect.py:{line}" in text
    assert "def kernel(" in text


def test_source_and_explain_do_not_import_numba():
    code = (
        "import sys, numpy as np, tapejit as tj\n"
        "f = tj.grad(lambda x: np.sum(np.tanh(x) ** 2))\n"
        "assert 'def kernel' in f.source(np.ones(3)) and 'nest 3' in f.explain(np.ones(3))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_looking_does_not_compile_under_any_policy():
    f = tj.grad(wave, compile="always")
    assert "def kernel(" in f.source(X, 5) and "captured once" in f.explain(X, 5)
    assert f.stats()["kernels"] == 0
    f(X, 5)
    f(X, 5)
    assert f.stats()["kernels"] == 1 and f.stats()["compiled"] == 1


def test_stats_count_every_compiled_call():
    f = tj.grad(wave)
    f.compile(X, 6)
    for _ in range(7):
        f(X, 6)
    assert f.stats()["compiled"] == 7 and f.stats()["interpreted"] == 0


def test_source_marks_host_steps_in_order():
    f = tj.value_and_grad(hosted)
    text = f.source(X)
    host = text.index("host step, run by NumPy: cast of float16 has no native code")
    assert text.index("stage 1 of") < host < text.rindex("def kernel(")
    assert "test_inspect.py" in text[host:]
    report = f.explain(X)
    assert "3 kernels, 4 host steps" in report
    assert "stage 2, host step: cast of float16 has no native code\n" in report
    f.compile(X)
    value, gradient = f(X)
    assert f.stats()["compiled"] == 1
    np.testing.assert_allclose(value, hosted(X))
    assert gradient.shape == X.shape


def test_explain_before_and_after_compiling():
    f = tj.value_and_grad(wave)
    first = f.explain(X, 3)
    assert "x  f64[3]" in first and "n  static 3" in first
    assert "captured once" in first
    f(X, 3)
    f(X, 3)
    assert "interpreted by NumPy: 1 call" in f.explain(X, 3)
    f.compile(X, 3)
    f(X, 3)
    after = f.explain(X, 3)
    assert "\n  compiled in " in after and "2 calls so far" in after
    assert f.stats()["kernels"] == 1 and f.stats()["compiled"] == 1


def test_explain_tells_a_cached_kernel(monkeypatch):
    def make():
        monkeypatch.setattr(build, "_built", {})
        monkeypatch.setattr(sizes, "_skeletons", {})
        return tj.value_and_grad(wave, compile="always")

    make()(X, 4)
    again = make()
    again(X, 4)
    assert "loaded from the disk cache in " in again.explain(X, 4)
    assert again.stats()["cache_hits"] == 1


def test_explain_counts_the_rows_of_each_pass():
    f = tj.value_and_grad(wave)
    section = f.explain(X, 2).split("\ntape\n")[1].split("\n\n")[0].splitlines()
    rows = [int(line.split()[1]) for line in section]
    assert [line.split()[0] for line in section][:3] == ["captured", "same_places", "sparse_rounds"]
    assert rows[-1] == len(f.tape(X, 2)) and rows[0] > rows[-1]


def test_explain_names_captured_values():
    text = tj.grad(wave).explain(X, 2)
    assert "global WEIGHTS  f64[3,3]  read at every call" in text
    assert "global SCALE == 2.0, checked at every call" in text


def test_explain_shows_the_guards_of_every_variant():
    f = tj.value_and_grad(branch)
    for x in (X, X, -X, -X):
        f(x)
    line = branch.__code__.co_firstlineno + 2
    text = f.explain(X)
    assert f"is True at test_inspect.py:{line} in branch\n" in text
    assert f"is False at test_inspect.py:{line} in branch\n" in text
    assert "    if x.sum() > 0:\n" in text
    assert "none: no Python branch" not in text


def test_explain_says_why_nothing_is_compiled():
    assert 'not compiled: compile="never"' in tj.grad(wave, compile="never").explain(X, 2)


def test_compile_overrides_never():
    f = tj.grad(wave, compile="never")
    assert f.compile(X, 2) is None
    f(X, 2)
    assert f.stats()["compiled"] == 1 and f.stats()["interpreted"] == 0


def test_compile_of_a_function_that_cannot_be_replayed():
    rng = random.Random(0)

    def noisy(x):
        return np.sum(x) * rng.gauss()

    f = tj.value_and_grad(noisy)
    with pytest.warns(ReplayWarning, match="random numbers"):
        f.compile(X)
    assert f.stats()["kernels"] == 0
    assert "run by Python at every call: it can draw random numbers" in f.explain(X)


def test_stats_is_a_copy():
    f = tj.grad(wave)
    f.stats()["captures"] = 99
    assert f.stats()["captures"] == 0


def test_traffic_of_one_fused_nest():
    f = tj.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2))
    x = np.linspace(-1, 1, 1000)
    (stage,) = stages_of(f.tape(x), "f")
    assert isinstance(stage, KernelStage)
    moved = traffic(stage)
    assert sum(t.read for t in moved) == x.nbytes
    assert sum(t.written for t in moved) == x.nbytes
    assert "kernels read 8.0 kB and write 8.0 kB" in f.explain(x)


def test_traffic_of_overlapping_views_counts_their_memory_once():
    f = tj.value_and_grad(lambda x: np.sum(x[1:] * x[:-1]), compile="never")
    x = np.ones(1000)
    (stage,) = stages_of(f.tape(x), "f")
    first = traffic(stage)[0]
    assert first.read == x.nbytes


def test_names_of_nested_arguments():
    def loss(params, pair):
        return np.sum(params["W"]) * pair[1]

    text = tj.grad(loss).explain({"W": np.ones(2)}, (1.0, 2.0))
    for name in ("params['W']", "pair[0]", "pair[1]"):
        assert name in text


def test_looking_inside_leaves_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tj.grad(wave).explain(X, 2)


def flows(x, names):
    total, kept = 0.0, []
    for v in x:
        if v > 0.2:
            total = total + v
        kept.append(v * total)
    for name in names:
        total = getattr(np, name)(total)
    for _ in range(3):
        total = total * 2.0
    if total > 1e6:
        raise ValueError("too large")
    while total > 0.1:
        total = total * 0.5
    y = x if total > 0.07 else x[:2]
    return total * np.sum(y) + (np.sin(total) if total > 0.01 else 0.0)


def test_explain_says_what_became_of_each_loop_and_branch():
    f = tj.value_and_grad(flows)
    x = np.linspace(0.1, 0.3, 9)
    text = f.explain(x, ["sin", "cos"])
    section = text.split("\nloops and branches\n")[1].split("\n\n")[0]
    section = section.replace("\n    ", "\f").replace("\f  ", "\n    ").replace("\f", " ")
    section = section.splitlines()
    first = flows.__code__.co_firstlineno
    found = {}
    for at, line in enumerate(section):
        if line.startswith("  test_inspect.py:"):
            place, _, what = line.strip().partition(" in flows: ")
            found[int(place.split(":")[1]) - first] = what, section[at + 1].strip()
    assert found == {
        2: ("rolled, 9 rounds", "for v in x:"),
        3: ("staged", "if v > 0.2:"),
        6: (
            "unrolled: it does not go through a range, arrays or rolled lists",
            "for name in names:",
        ),
        8: ("unrolled: 3 rounds are few", "for _ in range(3):"),
        10: ("guarded: ValueError: too large", "if total > 1e6:"),
        12: ("rolled, as long as its test holds", "while total > 0.1:"),
        14: (
            "guarded: the result has shape (9,) on one side and (2,) on the other",
            "y = x if total > 0.07 else x[:2]",
        ),
        15: ("staged", "return total * np.sum(y) + (np.sin(total) if total > 0.01 else 0.0)"),
    }


def test_explain_says_what_became_of_loops_in_loops():
    def nested(x):
        total, text = 0.0, ""
        for v in x:
            text += "a"
            for w in x:
                total = total * 0.9 + v * w
        return total * len(text)

    text = tj.grad(nested).explain(np.linspace(0.1, 0.3, 9))
    first = nested.__code__.co_firstlineno
    assert f"test_inspect.py:{first + 2} in nested: unrolled: text changes from 'a' to" in text
    assert f"test_inspect.py:{first + 4} in nested: rolled, 9 rounds\n" in text


def test_explain_of_a_function_without_control_flow():
    text = tj.grad(lambda x: np.sum(x)).explain(X)
    assert "\nloops and branches\n  none on traced values\n" in text
