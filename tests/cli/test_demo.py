"""`tapejit demo`: the digits are learnt, the report and the picture are made."""

import sys

import numpy as np
import pytest

from tapejit.__main__ import main
from tapejit.cli import demo, digits
from tapejit.core.config import config


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "cache_dir", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "ROUNDS", 5)
    return tmp_path


def test_the_digits_are_all_there():
    data = digits.load(0)
    assert data.train_x.shape == (1437, 64) and data.test_x.shape == (360, 64)
    counts = np.bincount(np.concatenate([data.train_y, data.test_y]))
    assert list(counts) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.train_x.min() == 0.0 and data.train_x.max() == 1.0


def test_other_seeds_hold_out_other_digits():
    assert not np.array_equal(digits.load(0).test_x, digits.load(1).test_x)
    assert np.array_equal(digits.load(1).test_x, digits.load(1).test_x)


def test_the_demo_learns_and_reports(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo", "--steps", "1500", "--show-tape", "--show-source"]) == 0
    out = capsys.readouterr().out
    accuracy = float(out.split("Held-out accuracy ")[1].split("%")[0])
    assert accuracy >= 95.0
    for part in ("interpreted tape  ", "compiled  ", "pays for itself  ", "tape(%0", "def kernel("):
        assert part in out
    assert "matplotlib is missing. pip install matplotlib" in out
    report = out[: out.index("The tape of a step")]
    assert max(map(len, report.splitlines())) <= 80
    assert list(place.glob("*.png")) == []


def test_the_picture(place, capsys):
    pytest.importorskip("matplotlib")
    assert main(["demo", "--steps", "60", "--plot", "curve.png"]) == 0
    assert (place / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "Loss curve: curve.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--steps", "0"], "--steps must be 1 or more, not 0"),
        (["--seed", "-1"], "--seed must be 0 or more, not -1"),
        (["--plot", "nowhere/x.png"], "there is no directory"),
    ],
)
def test_bad_options(capsys, argv, message):
    assert main(["demo", *argv]) == 2
    assert message in capsys.readouterr().err


def test_a_picture_of_an_unknown_kind(capsys):
    pytest.importorskip("matplotlib")
    assert main(["demo", "--steps", "2", "--plot", "x.nonsense"]) == 2
    assert "--plot x.nonsense" in capsys.readouterr().err
