"""Families of functions that few programs use are loaded when one of theirs arrives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
import numpy as np
import tapejit as tj

def rest():
    return "tapejit.frontend.api.rest" in sys.modules

def usual(x):
    return np.sum(np.exp(-x.reshape(2, 3)) @ np.ones(3)) + np.where(x > 2, x, 0.0).max()

def rare(x):
    {rare}

x = np.array([3.0, 1.0, 2.0, 4.0, 0.5, 0.25])
before = [rest()]
tj.grad(usual, compile="never")(x)
before.append(rest())
value, slope = tj.value_and_grad(rare, compile="never")(x)
print(json.dumps([before, rest(), float(rare(x)), float(value), slope.tolist()]))
"""
RARE = {
    "an array function": ("return np.median(x)", [0.0, 0.5, 0.5, 0.0, 0.0, 0.0]),
    "a function that writes": ("y = x * 1.0; np.put(y, [0], 7.0); return y.sum()", [0.0] + [1.0] * 5),
    "a ufunc of SciPy": (
        "import scipy.special; return scipy.special.xlogy(x, np.e).sum()", [1.0] * 6,
    ),
    "a method of a ufunc": ("return np.add.reduce(x)", [1.0] * 6),
    "where of one argument": ("return x[np.where(x > 1.5)].sum()", [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
    "a list": ("return np.median([x[0], x[1]])", [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", RARE)
def test_first_call(name: str, tmp_path: Path) -> None:
    rare, expected = RARE[name]
    (tmp_path / "program.py").write_text(PROGRAM.format(rare=rare))
    found = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        env={**os.environ, "TAPEJIT_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    before, _, primal, value, slope = json.loads(found.stdout)
    assert before == [False, False], "usual functions do not load the others"
    assert value == pytest.approx(primal, rel=1e-12)
    assert slope == pytest.approx(expected, rel=1e-12)
