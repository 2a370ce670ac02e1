"""The torch benchmarks: the programs are PyTorch's, wrong ones are not timed, growth is noticed.

PyTorch is not needed: its answers at tiny sizes are stored, `benchmarks.torch.answers` writes them,
and tapejit plays both parts in the tests of the run.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tapejit.torch
from benchmarks import environment, trees
from benchmarks.measure import Cell
from benchmarks.torch import compare, libraries, memory, probe, recording, tables
from benchmarks.torch.compare import Row
from benchmarks.torch.programs import PROGRAMS, by_name, select
from benchmarks.torch.programs.base import Program, Training, spread
from tapejit.core.config import config

ANSWERS = json.loads(Path(__file__).with_name("torch_answers.json").read_text())["programs"]
LATER = {"mlp": "optim", "lstm-cell": "optim", "adam": "optim", "adam-step": "optim"}


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch):
    monkeypatch.setattr(config, "compile", "never")


def needed(program):
    """Skip a program that needs a part of the front end that this checkout lacks."""
    part = LATER.get(program.name)
    if part is not None and not hasattr(tapejit.torch, part):
        pytest.skip(f"there is no tapejit.torch.{part}")


# the programs


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_a_program_computes_what_pytorch_computes(program):
    needed(program)
    stored = ANSWERS[program.name]
    want = {
        "loss": np.array(stored["loss"]),
        "parameters": [np.array(p) for p in stored["parameters"]],
    }
    training = program.build(tapejit.torch, **program.tiny)
    got = compare.first_steps(training, len(stored["loss"]))
    assert trees.disagreement(got, want, rtol=2e-5) is None


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_a_program_learns(program):
    """By PyTorch's answers: otherwise equal numbers would show nothing."""
    stored = ANSWERS[program.name]
    first, last = stored["loss"][0], stored["loss"][-1]
    assert np.isfinite(last) and last < first - 1e-4 * abs(first)


def test_starting_values_fill_their_range_and_do_not_repeat():
    values = spread(40, 50, scale=2.0, phase=0.3)
    assert values.shape == (40, 50) and values.dtype == np.float32
    assert len(np.unique(values)) > 1990
    counts, _ = np.histogram(values, bins=8, range=(-2.0, 2.0))
    assert counts.min() > 200 and counts.max() < 300
    flat = values.ravel() / np.std(values)
    for lag in (1, 2, 50):
        assert abs(np.mean(flat[lag:] * flat[:-lag])) < 0.08
    assert not np.array_equal(values, spread(40, 50, scale=2.0, phase=0.4))


def test_programs_are_chosen_by_part_of_their_name():
    assert [p.name for p in select(["lstm"])] == ["lstm", "lstm-cell"]
    assert select([]) == list(PROGRAMS) and select(["nothing"]) == []


# the run


def halving(start=1.0, factor=0.5, fail_at=None):
    """A program of no library: its loss halves. `torch` is a dict that may change a factor."""

    def build(torch):
        state = {"loss": start, "made": 0}

        def step():
            state["made"] += 1
            if state["made"] == torch.get("fail_at"):
                raise ValueError("no more\nat all")
            state["loss"] = 1.0 + (state["loss"] - 1.0) * torch.get("factor", factor)
            return _Number(state["loss"])

        return Training(step, (_Number(2.0),))

    return Program("halving", "", build, goal=1.5, checked=4)


class _Number:
    def __init__(self, value):
        self.value = value

    def detach(self):
        return self

    def tolist(self):
        return self.value


class _Module(dict):
    def stats(self):
        self["calls"] = self.get("calls", 0) + 7
        return {"kernel_calls": self["calls"], "interpreted": 0}


def run(mine, theirs=None, start=3.0):
    modules = {"tapejit": _Module(mine), "torch": theirs or {}}
    return compare.run_row(halving(start), modules, repeats=2)


def test_equal_programs_are_timed():
    row = run({})
    assert {key: cell.status for key, cell in row.cells.items()} == {"tapejit": "ok", "torch": "ok"}
    assert all(len(cell.samples) == 2 for cell in row.cells.values())
    assert row.ratio == row.cells["torch"].median / row.cells["tapejit"].median
    assert row.kernel_calls == 7 / (2 * row.cells["tapejit"].inner)


def test_a_program_that_computes_something_else_is_not_timed():
    row = run({"factor": 0.501})
    assert row.cells["tapejit"].status == "WRONG" and "loss" in row.cells["tapejit"].note
    assert row.ratio is None and tables.verdict(row) == "behind: WRONG"
    assert row.cells["torch"].status == "ok"


@pytest.mark.parametrize("at", [2, 6])
def test_a_program_that_raises_is_shown(at):
    row = run({"fail_at": at})
    assert row.cells["tapejit"].note == "ValueError: no more"
    assert "halving: tapejit failed: ValueError" in tables.format_rows([row]).replace(
        "everywhere", "halving"
    )


def test_without_pytorch_the_row_says_that_nothing_was_checked():
    absent = {"torch": Cell("absent", "No module named 'torch'")}
    row = compare.run_row(halving(3.0), {"tapejit": _Module()}, repeats=2, absent=absent)
    assert row.cells["tapejit"].status == "ok" and not row.checked
    text = tables.format_rows([row])
    assert "not checked" in text and "PyTorch absent: No module named 'torch'" in text


def test_tapejit_on_both_sides_agrees_and_runs_once_a_step():
    torch = tapejit.torch
    program = by_name("line-fit")
    row = compare.run_row(program, {"tapejit": torch, "torch": torch}, repeats=2)
    assert [cell.status for cell in row.cells.values()] == ["ok", "ok"]
    assert row.kernel_calls == 0 and row.interpreted > 0
    assert "interpreted" in tables.format_rows([row])


def test_the_command_writes_what_it_found(monkeypatch, capsys, tmp_path):
    from benchmarks.torch import __main__ as command

    monkeypatch.setattr(environment, "fix_threads", lambda threads: None)
    out = tmp_path / "found" / "times.json"
    chosen = ["--only", "line", "--library", "tapejit", "--repeats", "2", "--compile", "never"]
    assert command.main([*chosen, "--json", str(out)]) == 0
    written = json.loads(out.read_text())
    assert list(written["rows"]) == ["line-fit"] and "recording" not in written
    assert written["rows"]["line-fit"]["cells"]["tapejit"]["status"] == "ok"
    assert "not checked" in capsys.readouterr().out
    assert command.main(["--only", "nothing"]) == 2


def test_a_missing_pytorch_is_absent_and_no_error(monkeypatch, capsys):
    from benchmarks.torch import __main__ as command

    def missing():
        raise ImportError("No module named 'torch'")

    monkeypatch.setattr(environment, "fix_threads", lambda threads: None)
    lacking = (libraries.TAPEJIT, libraries.Library("torch", "PyTorch", missing))
    monkeypatch.setattr(libraries, "LIBRARIES", lacking)
    assert command.main(["--only", "line", "--repeats", "2", "--compile", "never"]) == 0
    assert "PyTorch absent: No module named 'torch'" in capsys.readouterr().out


# recording


@pytest.mark.parametrize("chain", recording.CHAINS, ids=lambda c: c.name)
def test_a_chain_records_its_rows_and_computes_nothing(chain):
    torch = tapejit.torch
    torch.zeros(1).tolist()
    run_chain = chain.build(torch)
    before = torch.stats()
    kept = run_chain(recording.ROWS)
    after = torch.stats()
    assert after["pending"] >= before["pending"] + recording.ROWS
    assert after["interpreted"] == before["interpreted"]
    assert kept is not None


def test_recording_is_measured_and_failures_are_shown():
    found = recording.seconds_per_row(recording.CHAINS[0], tapejit.torch, rows=5, repeats=2)
    assert found["row_s"] > 0
    broken = recording.seconds_per_row(recording.CHAINS[0], SimpleNamespace(), repeats=1)
    assert broken["failed"].startswith("AttributeError")
    text = tables.format_recording({"z * y": {"tapejit": {"row_s": 2e-6}, "torch": broken}})
    assert "behind goal" in text and "z * y: PyTorch failed: AttributeError" in text


# the verdicts


@pytest.mark.parametrize(
    ("mine", "theirs", "goal", "wanted"),
    [
        (1.0, 8.0, 8.0, "goal met"),
        (1.0, 7.9, 8.0, "behind goal"),
        (2.0, 1.0, 8.0, "behind goal"),
        (1.0, 1.1, None, "ahead"),
        (1.1, 1.0, None, "behind PyTorch"),
    ],
)
def test_verdict(mine, theirs, goal, wanted):
    cells = {
        key: Cell("ok", "", (time,) * 3) for key, time in {"tapejit": mine, "torch": theirs}.items()
    }
    row = Row(Program("some", "", lambda torch: None, goal=goal), cells)
    assert tables.verdict(row) == wanted
    assert tables.format_rows([row]).endswith(wanted)


# memory


def record(**changes):
    flat = {"objects": [900, 905, 900], "blocks": [5000, 5100, 4990], "resident_mib": [70.0] * 3}
    return {"at": [10, 20, 30], "peak_rise_mib": 0.5} | flat | changes


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "flat"),
        ({"objects": [900, 1000, 1101]}, "grows: objects +201"),
        ({"blocks": [5000, 5000, 6000]}, "grows: blocks +1000"),
        ({"resident_mib": [70.0, 72.0, 75.0]}, "grows: resident_mib +5"),
    ],
)
def test_growth_is_noticed(changes, wanted):
    assert memory.verdict(record(**changes)) == wanted
    text = memory.format_memory({("line-fit", "tapejit"): record(**changes)})
    assert text.endswith(wanted) and "10 to 30" in text


def test_a_loop_that_failed_is_shown():
    text = memory.format_memory({("line-fit", "torch"): {"failed": "no such thing"}})
    assert text.endswith("failed: no such thing")


def test_a_loop_that_keeps_its_losses_grows(monkeypatch):
    """The probe sees one object kept in each step, and none in a loop that keeps nothing."""
    kept = []

    def build(keeps):
        def step():
            if keeps:
                kept.append([0])

        return lambda torch: Training(step, ())

    monkeypatch.setattr(libraries, "by_key", lambda key: SimpleNamespace(load=lambda: None))
    for keeps in (True, False):
        program = Program("kept", "", build(keeps))
        monkeypatch.setattr("benchmarks.torch.programs.by_name", {"kept": program}.get)
        found = probe.memory("tapejit", "kept", 3000)
        assert found["at"][0] >= 1500 and found["at"][-1] == 3000
        assert len(found["at"]) == len(found["objects"]) == probe.LOOKS + 1
        assert ("objects" in memory.verdict(found)) == keeps
