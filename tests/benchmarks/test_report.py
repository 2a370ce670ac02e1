"""What is made of a run: saved and read again, held to goals, checked against an earlier one."""

from __future__ import annotations

import copy
import importlib
import json

import numpy as np
import pytest

from benchmarks import check, goals, lengths, measure, page, processes, report, table
from benchmarks.measure import Cell, Row
from benchmarks.workloads import by_name

SAMPLES = (0.9, 1.0, 1.0, 1.0, 1.1)
ENVIRONMENT = {
    "cpu": "some", "cores": 2, "threads": 1, "system": "Linux", "python": "3.11", "commit": "abc",
    "versions": {"numpy": "2"}, "load_at_start": 0.1,
}  # fmt: skip


def cells(**times):
    return {k: Cell("ok", "", tuple(t * s for s in SAMPLES), 1, 1.0) for k, t in times.items()}


@pytest.fixture
def run():
    """A run of every part: vector10 meets its goal, gmm is behind JAX, Black-Scholes has failed."""
    labels = {"hand": "hand", "tapejit": "tapejit", "jax": "JAX", "torch-compile": "torch.compile"}
    found = {"environment": ENVIRONMENT, "repeats": 5, "compile": "always", "labels": labels}
    found |= {"how": {key: f"how {key} is called" for key in labels}, "seconds": {"rows": 60.0}}
    rows = {
        "vector10": cells(hand=1e-6, tapejit=2e-6, jax=9e-6),
        "gmm": cells(hand=1e-3, tapejit=3e-3, jax=2e-3),
        "black-scholes-1e6": cells(hand=1e-3, jax=1e-1) | {"tapejit": Cell("failed", "no rule")},
    }
    rows["gmm"]["torch-compile"] = Cell("skipped", "not ready after 90 s")
    sums = {"sum-1e1": cells(hand=1e-6, tapejit=2e-6), "sum-1e2": cells(hand=1e-6, tapejit=4e-6)}
    for part, named in (("rows", rows), ("sums", sums)):
        workloads = [by_name(name) for name in named]
        made = [Row(w.name, w.about, w.small, named[w.name]) for w in workloads]
        report.record_rows(found, part, workloads, made)
    point = {"statements": 4, "rows": 40, "record_s": 1e-3, "passes_s": 1e-3, "text_s": 1e-3}
    later = {key: 10 * value for key, value in point.items()}
    found["lengths"] = {
        "scalar": {
            "tapejit": [point | {"compile_s": 0.1, "run_s": 1e-6}, later | {"compile_s": 5.0}],
            "jax": [{"statements": 4, "record_s": 1e-2}, {"failed": "ended after 9 s"}],
        }
    }
    found["imports"] = {"tapejit": {"import_s": 0.2}}
    first = {"first_call_s": 0.1, "second_call_s": 1e-3, "import_s": 0.3}
    found["first_calls"] = {
        "mlp": {
            "tapejit": first | {"first_call_s": 0.4},
            "tapejit-cached": first,
            "jax": first,
        }
    }
    found["memory"] = {
        "mlp": {
            key: {"before_mib": 50.0, "first_rise_mib": 9.0, "steady_rise_mib": 8.0, "peak_mib": at}
            for key, at in {"tapejit": 90.0, "jax": 80.0}.items()
        }
    }
    return found


def test_a_saved_run_is_as_good(run, tmp_path):
    report.write(run, tmp_path / "some" / "run.json")
    again = report.read(tmp_path / "some" / "run.json")
    assert report.rows_of(again) == report.rows_of(run)
    assert page.text_of(again, []) == page.text_of(run, [])


def test_parts_of_a_run_are_put_together(run):
    first, second = copy.deepcopy(run), copy.deepcopy(run)
    for part in ("sums", "lengths"):
        del first[part]
    for part in ("imports", "memory"):
        del second[part]
    second["rows"] = {"vector10": run["rows"]["gmm"]}
    second["environment"]["commit"], second["seconds"] = "abc123", {"rows": 1.0, "sums": 2.0}
    made = report.merged([first, second])
    later = made.pop("later")
    assert later == [("abc123", ["rows", "sums"])]
    assert made == run | {"rows": run["rows"] | second["rows"], "seconds": made["seconds"]}
    told = page.text_of(made | {"later": later}, [])
    assert "rows, sums: measured again at commit abc123." in " ".join(told.split())
    second["environment"]["threads"] = 2
    with pytest.raises(ValueError, match="differ in threads"):
        report.merged([first, second])


def test_ratios_are_of_medians_and_leave_out_what_has_none(run):
    found = report.ratios(run)
    assert found.keys() == {"vector10", "gmm"}
    assert found["gmm"] == pytest.approx({"tapejit/hand": 3.0, "jax/tapejit": 2 / 3})


# the check


def test_a_run_is_not_worse_than_itself(run, tmp_path):
    check.store(run, tmp_path / "ratios.json")
    assert check.check(run, tmp_path / "ratios.json") == []


@pytest.mark.parametrize(
    ("row", "ratio", "factor", "named"),
    [
        ("vector10", "tapejit/hand", 0.4, "tapejit/hand is 2.00, was 0.80 (2.5x worse)"),
        ("vector10", "tapejit/hand", 2.5, None),
        ("gmm", "jax/tapejit", 2.5, "jax/tapejit is 0.67, was 1.67 (2.5x worse)"),
        ("gmm", "jax/tapejit", 0.4, None),
        ("gmm", "jax/tapejit", 1.5, None),
    ],
)
def test_a_damaged_ratio_is_found(run, tmp_path, row, ratio, factor, named):
    path = tmp_path / "ratios.json"
    check.store(run, path)
    stored = json.loads(path.read_text())
    stored["ratios"][row][ratio] *= factor
    path.write_text(json.dumps(stored))
    assert check.check(run, path) == ([] if named is None else [f"{row}: {named}"])


def test_a_row_without_a_time_is_worse_and_one_that_was_not_run_is_not(run):
    now, before = {"a": {"jax/tapejit": 2.0}}, {"b": {"jax/tapejit": 2.0}, "c": {}}
    assert check.worse(now, before, ["a", "b"]) == ["b: tapejit has no time, and had one"]


def test_the_command_checks_a_saved_run(run, tmp_path, monkeypatch, capsys):
    command = importlib.import_module("benchmarks.__main__")
    monkeypatch.setattr("benchmarks.environment.fix_threads", lambda threads: None)
    run["rows"].pop("black-scholes-1e6")
    saved, ratios = tmp_path / "run.json", tmp_path / "ratios.json"
    report.write(run, saved)
    assert command.main(["--from", str(saved), "--check", str(ratios)]) == 1
    assert "no ratios are stored" in capsys.readouterr().out
    assert command.main(["--from", str(saved), "--store", str(ratios)]) == 0
    assert command.main(["--from", str(saved), "--check", str(ratios)]) == 0
    assert "no ratio is worse" in capsys.readouterr().out
    ratios.write_text(ratios.read_text().replace('"tapejit/hand": 3.0', '"tapejit/hand": 1.0'))
    assert command.main(["--from", str(saved), "--check", str(ratios)]) == 1
    assert "WORSE gmm: tapejit/hand is 3.00, was 1.00" in capsys.readouterr().out


def test_a_failure_of_tapejit_is_the_exit_status(run, tmp_path, monkeypatch, capsys):
    command = importlib.import_module("benchmarks.__main__")
    monkeypatch.setattr("benchmarks.environment.fix_threads", lambda threads: None)
    report.write(run, tmp_path / "run.json")
    assert command.main(["--from", str(tmp_path / "run.json")]) == 1
    assert "black-scholes-1e6: tapejit failed: no rule" in capsys.readouterr().out


# goals


def test_what_is_behind_is_said(run):
    found = goals.behind(run)
    assert found["rows"] == [
        "gmm: takes 1.50 times as long as JAX, takes 3.00 times as long as the hand-written adjoint",
        "black-scholes-1e6: failed: no rule",
    ]
    assert found["sums"] == ["sum-1e2: takes 4.00 times as long as the hand-written adjoint"]
    assert found["lengths"] == [
        "compile of scalar rows grows as rows to the power 1.7: 5.00 s for 400 rows"
    ]
    assert found["first_calls"] == [
        "mlp: the first call compiles in 400 ms, 4.0 times JAX's 100 ms"
    ]
    assert found["imports"] == ["import tapejit takes 200 ms, wanted 150 ms"]
    assert found["memory"] == ["mlp: peak memory 90 MiB, JAX 80 MiB"]


def test_nothing_is_behind_where_all_goals_are_met(run):
    better = copy.deepcopy(run)
    for row in [r for r in better["rows"] if r != "vector10"]:
        del better["rows"][row]
    for part in ("sums", "lengths", "first_calls", "imports", "memory"):
        del better[part]
    assert goals.behind(better) == {}
    assert "1 of 1 rows meet it" in page.text_of(better, [])
    assert "Nothing is behind" in page.text_of(better, [])


def test_a_length_that_was_not_compiled_or_failed_is_behind(run):
    points = run["lengths"]["scalar"]["tapejit"]
    points[1].pop("compile_s")
    points.append({"failed": "MemoryError"})
    assert goals.behind(run)["lengths"] == [
        "scalar rows: 400 and more were not compiled: it would take too long",
        "scalar rows: failed: MemoryError",
    ]


# the page


def test_the_page_has_every_part_and_every_number(run):
    text = page.text_of(run, ["times.png"])
    for title in ("is behind", "was measured", "of a call", "number of elements", "of the tape"):
        assert f"{title}\n" in text
    for title in ("First calls", "Imports", "Memory"):
        assert f"## {title}\n" in text
    assert "![Times" in text and "lengths.png" not in text
    assert "| gmm | 1.00 ms ±0% | 3.00 ms ±0% | 2.00 ms ±0% | - |" in text
    assert "| gmm | 3.00x | 0.67x | 2.00x | **behind JAX 1.50x** |" in text
    assert "- torch.compile: skipped: not ready after 90 s (gmm)" in text
    assert "| 40 | 400 | 10.0 ms | 10.0 ms | 10.0 ms | 5.00 s | - | - | - | - |" in text
    assert "JAX: ended after 9 s." in text
    assert "| tapejit, second process | 100 ms | 1.00 ms | 300 ms |" in text
    assert "| JAX | 50 MiB | 9 MiB | 8 MiB | 80 MiB |" in text
    assert "how jax is called" in text


def test_spread_is_half_the_distance_of_the_quartiles():
    assert page.spread(Cell("ok", "", (1.0, 2.0, 3.0, 4.0, 5.0))) == "33%"


def test_slow_calls_are_told_apart(run):
    rows = report.rows_of(run)
    slow = Cell("ok", "", (1.0, 1.0), 1, 1.0)
    rows[0].cells["jax"] = slow
    assert "- JAX: 2 samples (vector10)" in page.notes(rows, run["labels"])


def test_pictures_are_drawn_of_what_there_is(run, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import plot

    drawn = plot.draw_all(run, tmp_path)
    names = ["times.png", "scaling.png", "lengths.png", "first-calls.png", "memory.png"]
    assert drawn == names
    assert all((tmp_path / name).stat().st_size > 10_000 for name in names)
    del run["memory"]
    assert plot.draw_all(run, tmp_path / "again") == names[:-1]


# measuring


def test_a_contestant_that_is_not_ready_in_time_is_skipped(monkeypatch):
    monkeypatch.setattr(measure, "READY_SECONDS", 1)

    def build(workload, args):
        while True:
            pass

    contestant = measure.Contestant("jax", "JAX", lambda: None, lambda w, a: a, build)
    row = measure.run_row(by_name("vector10"), [contestant], repeats=1, absent={})
    assert row.cells["jax"] == Cell("skipped", "not ready after 1 s")


def test_a_call_that_takes_too_long_is_skipped(monkeypatch):
    workload = by_name("vector10")
    reference = workload.hand()(*workload.args())
    contestant = measure.Contestant(
        "jax", "JAX", lambda: None, lambda w, a: a, lambda w, a: lambda: reference
    )
    row = measure.run_row(workload, [contestant], repeats=1, absent={}, limit=0.0)
    assert row.cells["jax"].status == "skipped" and "one call takes" in row.cells["jax"].note


def test_slow_calls_are_sampled_a_few_times(monkeypatch):
    monkeypatch.setattr(measure, "SLOW_SECONDS", 1e-9)
    runners = {"slow": measure.Runner(lambda: None), "fast": measure.Runner(lambda: None)}
    runners["fast"].samples.append(0.0)  # of the fast one the first sample is below the limit
    found = measure.interleave(runners, repeats=measure.SLOW_REPEATS + 4)
    assert len(found["slow"].samples) == measure.SLOW_REPEATS
    assert len(found["fast"].samples) == measure.SLOW_REPEATS + 5


# the length of the tape


def test_the_function_of_a_length_is_that_many_statements(tmp_path):
    f = lengths.function(3, "array", tmp_path, np)
    a, b = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    total = f(a, b)
    for _ in range(3):
        a, b = b, np.tanh(a * b + 0.5)
    assert total == np.sum(a + b)
    assert lengths.text_of(7, "scalar").count("np.tanh") == 7


def test_a_wrong_value_of_a_length_is_not_timed():
    lengths.agree(np.float64(1.0), np.float64(1.0))
    with pytest.raises(ValueError, match="wrong value: it differs by"):
        lengths.agree(np.float64(1.0 + 1e-6), np.float64(1.0))


def test_stages_of_a_tape_are_timed(tmp_path):
    f = lengths.function(4, "scalar", tmp_path, np)
    found = lengths.tapejit_stages(f, (0.3, 0.7), False)
    assert found.keys() == {"rows", "record_s", "passes_s", "text_s"}
    assert found["rows"] > 30 and all(found[key] > 0.0 for key in found)
    more = lengths.tapejit_stages(lengths.function(8, "scalar", tmp_path, np), (0.3, 0.7), False)
    assert 1.5 < more["rows"] / found["rows"] < 2.5


def test_the_next_compilation_is_predicted_from_the_last_two():
    points = [{"statements": 1, "compile_s": 0.1}, {"statements": 4, "compile_s": 0.4}]
    assert lengths.predicted(points[:1]) == 0.0
    assert lengths.predicted(points) == pytest.approx(0.4 * lengths.STATEMENTS[2] / 4)
    steep = [{"statements": 1, "compile_s": 0.1}, {"statements": 4, "compile_s": 1.6}]
    assert lengths.predicted(steep) == pytest.approx(1.6 * (lengths.STATEMENTS[2] / 4) ** 2)


def test_lines_of_a_process_that_fails_or_never_ends_are_kept():
    code = "import json, sys, time; print(json.dumps({'n': 1}), flush=True); "
    ended = processes.lines(["-c", code + "sys.exit('no more')"], timeout=60)
    assert ended == [{"n": 1}, {"failed": "no more"}]
    endless = processes.lines(["-c", code + "time.sleep(60)"], timeout=3)
    assert endless == [{"n": 1}, {"failed": "ended after 3 s"}]
    assert processes.lines(["-c", code], timeout=60) == [{"n": 1}]


def test_a_curve_is_the_median_of_its_processes():
    first = [{"statements": 1, "compile_s": 3.0}, {"statements": 4, "compile_s": 9.0}]
    second = [{"statements": 1, "compile_s": 1.0}, {"statements": 4}]
    third = [{"statements": 1, "compile_s": 2.0}, {"statements": 4, "compile_s": 8.0}]
    found = processes.curve([first, second, third])
    assert found == [{"statements": 1, "compile_s": 2.0}, {"statements": 4}]
    failed = [{"statements": 1, "compile_s": 7.0}, {"failed": "ended after 60 s"}]
    assert processes.curve([first, failed]) == failed


def test_verdict_names_all_that_is_short():
    row = Row("some", "", False, cells(hand=1.0, tapejit=2.0, jax=3.0))
    assert table.verdict(row) == "behind goal: 2.00x hand, JAX only 1.50x"
