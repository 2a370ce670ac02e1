"""Lines of the user's program in functions so long that their table of lines is kept as lists."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

import tapejit as tj
from tapejit.core import sources


@pytest.fixture
def long(tmp_path):
    """Statements on every second line, some on two, recorded with the lines they stand on."""
    body = "".join(
        f"    x = x + {k}.5\n\n" if k % 3 else f"    x = (np.sin(x)\n        * {k}.0)\n"
        for k in range(400)
    )
    path = tmp_path / "long_function.py"
    path.write_text(f"def f(x):\n{body}    return np.sum(x)\n")
    names = {"np": np}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names["f"]


def lines(tape) -> list[int]:
    return [int(n) for n in re.findall(r"long_function\.py:(\d+)", str(tape))]


def test_rows_of_a_long_function_name_the_lines_that_python_names(long, monkeypatch):
    x = np.ones(3)
    assert len(long.__code__.co_linetable) > sources.LONG
    found = lines(tj.jit(long).tape(x))
    assert sources._line_tables
    monkeypatch.setattr(sources, "LONG", sys.maxsize)
    assert found == lines(tj.jit(long).tape(x))
    assert len(set(found)) > 400


def test_tables_of_many_functions_are_not_kept_for_ever():
    for k in range(40):
        names = {"np": np}
        body = "    x = x + 1.0\n" * 300
        exec(compile(f"def f(x):\n{body}    return np.sum(x)\n", f"many{k}.py", "exec"), names)
        tj.grad(names["f"], compile="never")(np.ones(2))
    assert len(sources._line_tables) <= 16
