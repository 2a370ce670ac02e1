"""The command `tapejit`: what it prints, what it refuses and how it leaves."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tapejit.__main__ import main
from tapejit.core.config import config

MODULE = """
import numpy as np
import tapejit as tj

A = np.arange(6.0).reshape(2, 3)

def loss(x, s=1.0):
    return np.sum(np.tanh(A @ x) ** 2) * s

loss.example_args = (np.ones(3), 2.0)

def made_late(x):
    return np.sum(x ** 3)

made_late.example_args = lambda: (np.ones(2),)

def plain(x):
    return np.sum(x)

def broken(x):
    raise RuntimeError("no such thing")

gradient = tj.grad(loss)
number = 3
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "userfile.py").write_text(MODULE)
    (tmp_path / "failing.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "cache_dir", str(tmp_path / "cache"))
    yield tmp_path
    for name in ("userfile", "failing"):
        sys.modules.pop(name, None)


def called(capsys, *argv):
    status = main(list(argv))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_show_prints_the_tape_with_short_file_names(place, capsys):
    status, out, err = called(capsys, "show", "userfile:loss")
    assert (status, err) == (0, "")
    assert out.startswith("tape(%0: f64[3], %1: ~f64[]")
    assert "; userfile.py:8\n" in out and str(place) not in out


def test_show_prints_all_three_in_order(place, capsys):
    status, out, _ = called(capsys, "show", "userfile.py:loss", "--explain", "--source", "--tape")
    assert status == 0
    assert out.index("tape(%0") < out.index("def kernel(") < out.index("\nsignature\n")


def test_show_takes_arguments_and_transformations(place, capsys):
    status, out, _ = called(
        capsys, "show", "userfile:plain", "--args", "A[0]", "--transform", "grad", "--explain"
    )
    assert status == 0 and out.startswith("grad(plain)\n")


def test_show_of_a_transformed_function_finds_its_example(place, capsys):
    status, out, _ = called(capsys, "show", "userfile:gradient", "--explain")
    assert status == 0 and out.startswith("grad(loss)\n")


def test_show_calls_example_args(place, capsys):
    status, out, _ = called(capsys, "show", "userfile:made_late")
    assert status == 0 and "f64[2]" in out


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["nope:f"], 2, "there is no module nope"),
        (["nope.py:f"], 2, "there is no file nope.py"),
        (["userfile"], 2, "'userfile' does not name a function: write module:function"),
        (["userfile:nope"], 2, "userfile has no nope; it has broken, gradient, loss"),
        (["userfile:number"], 2, "userfile:number is of type int, not a function"),
        (["userfile:plain"], 2, "no arguments: give --args"),
        (["userfile:plain", "--args", "np.on(3)"], 2, "AttributeError: module 'numpy' has no"),
        (["userfile:plain", "--args", "3 +"], 2, "SyntaxError"),
        (["userfile:gradient", "--transform", "grad"], 2, "is transformed already"),
        (["failing:f"], 1, "importing failing failed: ZeroDivisionError: division by zero"),
        (["failing.py:f"], 1, "running failing.py failed: ZeroDivisionError"),
        (["userfile:broken", "--args", "1.0"], 1, "RuntimeError: no such thing"),
        (["userfile:plain", "--args", "3"], 1, "DtypeError: argument 0 of plain is 3"),
    ],
)
def test_show_says_what_is_wrong_in_one_line(place, capsys, argv, status, message):
    found, out, err = called(capsys, "show", *argv)
    assert found == status
    assert out == ""
    assert err.startswith("tapejit show: ") and message in err
    assert err.count("\n") == 1 and "Traceback" not in err


def test_an_error_in_the_function_names_its_line(place, capsys):
    _, _, err = called(capsys, "show", "userfile:broken", "--args", "1.0")
    assert "userfile.py:21 in broken)" in err


def test_an_error_about_the_call_names_the_command_line(place, capsys):
    _, _, err = called(capsys, "show", "userfile:plain", "--args", "3")
    assert "(<command line>:1 in <module>)" in err


def test_cache_lists_and_clears(place, capsys):
    import tapejit as tj

    tj.grad(lambda x: np.sum(np.cosh(x) * 1.25)).compile(np.ones(3))
    status, out, _ = called(capsys, "cache", "list")
    assert status == 0 and "grad(<lambda>)" not in out.splitlines()[-1]
    assert "grad(test_cache_lists_and_clears.<loc..." in out
    assert out.splitlines()[-1].startswith("1 kernel, ")
    assert called(capsys, "cache", "dir")[1].strip() == os.path.join(config.cache_dir, "kernels")
    assert called(capsys, "cache", "clear")[1].startswith("removed 1 kernel, ")
    assert called(capsys, "cache", "list")[1].startswith("0 kernels, 0 B in ")
    assert called(capsys, "cache", "clear")[1] == "removed 0 kernels, 0 B\n"


def test_info_names_versions_cache_and_settings(place, capsys):
    status, out, _ = called(capsys, "info")
    assert status == 0
    for word in ("versions", "numpy", np.__version__, "BLAS of SciPy", "compile", config.cache_dir):
        assert word in out
    assert all(len(line) <= 80 or config.cache_dir in line for line in out.splitlines())


def test_version_and_help(capsys):
    import tapejit

    assert called(capsys, "--version")[1].strip() == tapejit.__version__
    status, out, _ = called(capsys)
    assert status == 2 and "demo" in out and "show" in out


def test_unknown_commands_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["frobnicate"])
    assert stop.value.code == 2
    assert "invalid choice: 'frobnicate'" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error(place):
    command = f"{sys.executable} -m tapejit show userfile:loss --tape --source --explain | head -1"
    env = {**os.environ, "PYTHONPATH": package_root()}
    run = subprocess.run(command, shell=True, capture_output=True, text=True, env=env)
    assert run.stderr == "" and run.stdout.startswith("tape(")


def package_root():
    import tapejit

    return os.path.dirname(os.path.dirname(os.path.abspath(tapejit.__file__)))
