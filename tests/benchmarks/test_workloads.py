"""The reference of every benchmark is right, and the table says so when tapejit is behind.

Only NumPy, SciPy and Numba are needed: what the peers compute is checked by the run itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.special

from benchmarks import environment, measure, recycle, table, trees
from benchmarks.contestants import HAND, Contestant
from benchmarks.measure import Cell, Row
from benchmarks.workloads import SUMS, WORKLOADS, select

BY_NAME = {w.name: w for w in (*WORKLOADS, SUMS[2])}


def finite_differences(loss, args, argnums):
    """Central differences of `loss` by every entry of the chosen arguments, as a tree."""
    picked = trees.pick(args, argnums)
    flat = [np.array(leaf, dtype=float) for leaf in trees.leaves(picked)]
    found = [np.empty_like(leaf) for leaf in flat]

    def value():
        changed = trees.unflatten(picked, flat)
        full = list(args)
        if isinstance(argnums, tuple):
            for i, arg in zip(argnums, changed):
                full[i] = arg
        else:
            full[argnums] = changed
        return loss(*full)

    for leaf, out in zip(flat, found):
        for index in np.ndindex(leaf.shape):
            kept, step = leaf[index], 1e-5
            leaf[index] = kept + step
            above = value()
            leaf[index] = kept - step
            below = value()
            leaf[index] = kept
            out[index] = (above - below) / (2 * step)
    return trees.unflatten(picked, found)


def check(workload, value_and_grad):
    """Why a result is wrong at the workload's test size, or None; losses are seen in float64."""
    args = workload.test_args(np.random.default_rng(7))
    found, single = value_and_grad(*args), workload.dtype == "float32"
    wide = trees.map_leaves(lambda a: np.asarray(a, np.result_type(a, np.float64)), args)
    exact = [wide[k] if np.asarray(a).dtype.kind == "f" else a for k, a in enumerate(args)]
    loss = workload.numpy_loss
    if workload.derivative != "gradient":
        wanted = columns(loss, exact[0], second=workload.derivative == "hessian")
        return trees.disagreement(found, wanted, rtol=2e-7, where=workload.derivative)
    value, gradient = found
    if not single:
        exact = args
    at = {"dtype": workload.dtype}
    rtol = 1e-6 if single else 1e-13
    reason = trees.disagreement(value, loss(*exact), rtol=rtol, where="value", **at)
    wanted = finite_differences(loss, exact, workload.argnums)
    rtol = 1e-5 if single else 2e-7
    return reason or trees.disagreement(gradient, wanted, rtol=rtol, where="gradient", **at)


def columns(f, x, *, second):
    """The Jacobian of `f` at `x` by central differences, or of the gradient where `second`."""
    if second:
        step = 1e-4
        at = lambda i, j: np.eye(len(x))[i] * step + np.eye(len(x))[j] * step
        between = lambda i, j: np.eye(len(x))[i] * step - np.eye(len(x))[j] * step
        return np.array(
            [
                [
                    (
                        f(x + at(i, j))
                        - f(x + between(i, j))
                        - f(x - between(i, j))
                        + f(x - at(i, j))
                    )
                    / (4 * step * step)
                    for j in range(len(x))
                ]
                for i in range(len(x))
            ]
        )
    steps = np.eye(len(x)) * 1e-5
    return np.stack([(f(x + s) - f(x - s)) / 2e-5 for s in steps], axis=1)


@pytest.mark.parametrize("name", BY_NAME)
def test_hand_written_adjoint_equals_finite_differences(name):
    workload = BY_NAME[name]
    assert check(workload, workload.hand()) is None


@pytest.mark.parametrize("name", BY_NAME)
def test_check_notices_one_wrong_entry(name):
    workload = BY_NAME[name]

    def broken(*args):
        found = workload.hand()(*args)
        gradient = found if workload.derivative != "gradient" else found[1]
        flat = [np.array(leaf) for leaf in trees.leaves(gradient)]
        flat[-1].flat[np.flatnonzero(flat[-1])[-1]] *= 1.001
        changed = trees.unflatten(gradient, flat)
        return changed if gradient is found else (found[0], changed)

    assert workload.derivative in check(workload, broken)


def test_rosenbrock_of_two_variables_has_no_interior():
    workload = BY_NAME["rosenbrock-10"]
    smallest = replace(workload, test_args=lambda rng: (rng.normal(size=2),))
    assert check(smallest, workload.hand()) is None


@pytest.mark.parametrize(
    ("name", "reference", "low", "high", "rtol"),
    [
        ("exp", np.exp, -700.0, 700.0, 4e-16),
        ("expm1_negative", np.expm1, -40.0, 0.0, 5e-16),
        ("tanh", np.tanh, -20.0, 20.0, 7e-16),
        ("log", np.log, 1e-3, 1e3, 4e-16),
        ("log1p_unit", np.log1p, 0.0, 1.0, 6e-16),
        ("exp32", lambda x: np.exp(np.float32(x).astype(float)), -80.0, 80.0, 2e-7),
    ],
)
def test_vector_math_is_accurate(name, reference, low, high, rtol):
    from benchmarks import vector_math

    f = getattr(vector_math, name)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(low, high, 2000), rng.uniform(low, high, 500) * 1e-3])
    x = x[(x >= low) & (x <= high)]
    kind = np.float32 if name.endswith("32") else float
    np.testing.assert_allclose([f(kind(v)) for v in x], reference(x), rtol=rtol)


def test_normal_cdf_is_accurate_in_the_tail():
    from benchmarks import vector_math

    x = np.linspace(-30.0, 8.0, 3001)
    got = [vector_math.normal_cdf(v, vector_math.exp(-0.5 * v * v)) for v in x]
    # rounding x**2 / 2 costs that many ulp in exp
    wanted = scipy.special.ndtr(x)
    assert np.all(np.abs(got - wanted) <= (4.0 + x * x) * 2.3e-16 * wanted)


def test_a_recycled_array_is_one_that_nobody_holds():
    pool = recycle.Recycler(smallest=4)
    first = pool.empty(8)
    address = first.ctypes.data
    view = first[2:]
    assert pool.empty(8).ctypes.data != address
    del first
    assert pool.empty(8).ctypes.data != address  # the view still holds it
    del view
    found = [pool.empty(8) for _ in range(2)]
    assert address in [array.ctypes.data for array in found]


# the run


def _contestant(key, build, **changes):
    return Contestant(key, key, lambda: None, lambda workload, args: args, build, **changes)


def _run(*contestants, workload="vector10"):
    return measure.run_row(BY_NAME[workload], contestants, repeats=3, absent={})


@pytest.mark.parametrize("seconds", [2e-8, 5e-7, 3e-4, 0.2])
def test_a_sample_fills_a_millisecond(monkeypatch, seconds):
    """With a clock of our own: a call of these seconds is repeated enough, and not far beyond."""
    monkeypatch.setattr(measure, "_time", lambda call, inner: seconds * inner)
    inner = measure.calibrate(lambda: None)
    assert inner * seconds >= measure.SAMPLE_SECONDS >= 1e-3
    assert inner == 1 or inner * seconds <= 8 * measure.SAMPLE_SECONDS


def test_samples_are_taken():
    cell = _run(HAND).cells["hand"]
    assert cell.status == "ok" and len(cell.samples) == 3 and cell.inner >= 1


def test_a_wrong_gradient_is_not_timed():
    def build(workload, args):
        return lambda: (workload.numpy_loss(*args), 2.0 * args[0] + 1e-6)

    cell = _run(HAND, _contestant("tapejit", build)).cells["tapejit"]
    assert (cell.status, cell.samples) == ("WRONG", ())
    assert "differs" in cell.note


def test_a_gradient_that_goes_wrong_at_the_second_call_is_not_timed():
    calls = []

    def build(workload, args):
        def call():
            calls.append(None)
            return workload.numpy_loss(*args), (2.0 if len(calls) == 1 else 3.0) * args[0]

        return call

    assert _run(HAND, _contestant("tapejit", build)).cells["tapejit"].status == "WRONG"


def test_an_exception_is_shown():
    def build(workload, args):
        raise NotImplementedError("no such rule")

    row = _run(HAND, _contestant("jax", build))
    assert row.cells["jax"].note == "NotImplementedError: no such rule"
    text = table.format_rows([row], {"hand": "hand", "jax": "JAX"})
    assert text.splitlines()[2].split()[3] == "-"
    assert "JAX: failed: NotImplementedError: no such rule (vector10)" in text


def test_a_wrong_shape_or_container_is_a_disagreement():
    want = {"a": np.ones(3), "b": 1.0}
    assert trees.disagreement({"a": np.ones(3), "b": 1.0}, want) is None
    assert "shape" in trees.disagreement({"a": np.ones((3, 1)), "b": 1.0}, want)
    assert "keys" in trees.disagreement({"a": np.ones(3)}, want)
    assert "dtype" in trees.disagreement({"a": np.ones(3, np.float32), "b": 1.0}, want)
    assert "finite" in trees.disagreement({"a": np.ones(3), "b": np.nan}, want)
    assert "sequence" in trees.disagreement(np.ones(3), (np.ones(3),))


def test_threads_cannot_be_fixed_too_late():
    with pytest.raises(RuntimeError, match="before importing numpy"):
        environment.fix_threads(1)


def test_quick_leaves_out_only_what_is_not_named():
    quick = {w.name for w in select([], quick=True)}
    assert "black-scholes-1e6" not in quick and "mlp" in quick
    assert [w.name for w in select(["scholes-1e6"], quick=True)] == ["black-scholes-1e6"]


def test_workloads_are_run_by_name():
    loops = select(["loop"], quick=True)
    assert len(loops) == 7 and all(w in select([], quick=False) for w in loops)


def test_a_workload_without_a_loss_for_a_peer_is_not_measured_with_it():
    def build(workload, args):
        raise AssertionError("there is nothing to build")

    row = _run(HAND, _contestant("autograd", build), workload="loop-dtw")
    assert row.cells["hand"].status == "ok"
    assert (row.cells["autograd"].status, row.cells["autograd"].note) == (
        "absent",
        "not written for this workload",
    )
    assert all(
        BY_NAME["loop-heat"].why_absent(key) is None for key in ("hand", "tapejit", "jax", "numpy")
    )
    assert "unrolls" in BY_NAME["loop-garch"].why_absent("torch-compile")
    assert BY_NAME["loop-garch"].why_absent("torch") is None
    assert "no hessian" in BY_NAME["rosenbrock-hessian"].why_absent("numpy")


def test_an_unknown_contestant_is_refused_before_anything_runs(monkeypatch, capsys):
    from benchmarks import __main__ as command

    monkeypatch.setattr(environment, "fix_threads", lambda threads: None)
    assert command.main(["--only", "scalar", "--contestant", "hand", "--contestant", "jaxx"]) == 2
    assert capsys.readouterr().out.strip() == "no contestant is named jaxx"


def test_only_chosen_contestants_are_run(monkeypatch, capsys):
    from benchmarks import __main__ as command

    monkeypatch.setattr(environment, "fix_threads", lambda threads: None)
    chosen = ["--contestant", "hand", "--contestant", "numpy"]
    assert command.main(["--only", "vector10", "--repeats", "2", *chosen]) == 0
    headers = [line for line in capsys.readouterr().out.splitlines() if "workload" in line]
    assert headers[0].split() == ["workload", "hand", "NumPy", "primal", "spread"]
    assert headers[1].split() == ["workload", "verdict"]


def test_parts_in_fresh_processes_are_of_the_named_workloads(monkeypatch, capsys):
    from benchmarks import __main__ as command
    from benchmarks import processes

    monkeypatch.setattr(environment, "fix_threads", lambda threads: None)
    asked = []

    def note(workloads, contestants, **_):
        asked.append([w.name for w in workloads])
        return {}

    monkeypatch.setattr(processes, "first_calls", note)
    monkeypatch.setattr(processes, "memory", note)
    parts = ["--part", "first-calls", "--part", "memory", "--contestant", "tapejit"]
    assert command.main(["--only", "vector10", *parts]) == 0
    assert command.main(parts) == 0
    capsys.readouterr()
    cold = [w.name for w in BY_NAME.values() if w.cold]
    large = [w.name for w in BY_NAME.values() if w.memory]
    assert len(cold) > 1 and len(large) > 1
    assert asked == [["vector10"], ["vector10"], cold, large]


# the table


def _row(*, small=False, **times):
    cells = {key: Cell("ok", "", (time,) * 3, 1, 1.0) for key, time in times.items()}
    return Row("some", "some workload", small, cells)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (_row(hand=10e-6, tapejit=12e-6, jax=30e-6, torch=1e-3), "goal met"),
        (_row(hand=10e-6, tapejit=12e-6, jax=11e-6, torch=1e-3), "behind JAX 1.09x"),
        (_row(hand=1e-6, tapejit=4e-6, jax=2e-6, torch=1e-6), "behind JAX 2.00x, PyTorch 4.00x"),
        (_row(hand=10e-6, tapejit=12e-6, jax=12e-6), "behind JAX 1.00x"),
        (_row(hand=10e-6, tapejit=12e-6, jax=18e-6), "behind goal: JAX only 1.50x"),
        (_row(hand=10e-6, tapejit=15e-6, jax=90e-6), "behind goal: 1.50x hand"),
        (_row(hand=0.5e-6, tapejit=1.9e-6, jax=9e-6, small=True), "goal met"),
        (_row(hand=0.5e-6, tapejit=1.9e-6, jax=9e-6), "behind goal: 3.80x hand"),
        (_row(hand=0.5e-6, tapejit=2.1e-6, jax=9e-6, small=True), "behind goal: 4.20x hand"),
        (_row(hand=10e-6, jax=18e-6), "-"),
    ],
)
def test_verdict(row, wanted):
    assert table.verdict(row) == wanted
    assert table.format_rows([row], {key: key for key in row.cells}).endswith(wanted)


@pytest.mark.parametrize("status", ["failed", "WRONG"])
def test_a_row_without_a_number_of_tapejit_is_behind(status):
    row = _row(hand=1e-6)
    row.cells["tapejit"] = Cell(status, "why")
    assert table.verdict(row) == f"behind: {status}"


def test_columns_are_aligned():
    rows = [_row(hand=1e-6, jax=2e-3), replace(_row(hand=1.0, jax=2e-9), workload="a longer name")]
    text = table.format_rows(rows, {"hand": "hand", "jax": "JAX"})
    header, _, *lines = text.partition("\n\n")[0].splitlines()
    end = header.index("JAX") + len("JAX")
    assert [line[:end].rsplit("  ", 1)[1] for line in lines] == ["2.00 ms", "2.00 ns"]
    assert "JAX/hand" in text and "tapejit" not in text


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1.234e-6, "1.23 us"),
        (12.34e-6, "12.3 us"),
        (123.4e-6, "123 us"),
        (999.9e-6, "1.00 ms"),
        (9.996e-6, "10.0 us"),
        (2.0, "2.00 s"),
        (150e-9, "150 ns"),
        (0.2e-9, "0.20 ns"),
    ],
)
def test_seconds(value, wanted):
    assert table.seconds(value) == wanted


def test_first_call_records_show_failures():
    records = {"jax": {"first_call_s": 0.1}, "torch": {"failed": "ValueError: no"}}
    text = table.format_records(records, {"first_call_s": "first call"}, first="contestant")
    assert "100 ms" in text.splitlines()[2]
    assert text.endswith("failed: ValueError: no")


def test_chart_is_drawn_with_and_without_some_cells(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import plot

    row = _row(hand=1e-6, tapejit=2e-6, jax=3e-6)
    row.cells["torch"] = Cell("WRONG", "")
    labels = {key: key for key in ("hand", "tapejit", "jax", "torch")}
    described = {"cpu": "some", "threads": 1, "versions": {"numpy": "2"}}
    draw = partial(plot.draw, labels=labels, environment=described, path=tmp_path / "times.png")
    draw([row])
    assert (tmp_path / "times.png").stat().st_size > 10_000
