"""Generated source is what it was: a change of codegen shows here, as a diff.

When the change is meant, run ``python -m tests.golden`` and read the diff before committing it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.golden.__main__ import CASES, FOLDER, difference, file_of, generated  # noqa: E402


@pytest.mark.parametrize("name", CASES)
def test_source_is_the_golden_one(name: str) -> None:
    found = difference(name)
    assert not found, f"to accept it: python -m tests.golden\n{found}"


@pytest.mark.parametrize("name", CASES)
def test_source_names_no_place_of_this_machine(name: str) -> None:
    text = generated(name)
    compile(text, name, "exec")
    for word in (str(ROOT), str(Path.home()), " at 0x", "golden_functions"):
        assert word not in text


def test_source_does_not_depend_on_the_process() -> None:
    """Another hash seed, other functions captured before: the same text."""
    code = (
        "import numpy as np, tapejit as tj, sys\n"
        "for n in (3, 5):\n"
        "    tj.hessian(lambda x: np.sum(np.tanh(x) ** 3)).source(np.ones(n))\n"
        "sys.argv = ['golden', '--check']\n"
        "from tests.golden.__main__ import main\n"
        "sys.exit(main(True))\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_change_is_shown_as_a_diff(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapejit.codegen import nests

    monkeypatch.setattr(nests, "BLOCK", 1024)
    found = difference("long_reductions")
    assert "-    for b0 in range(0, 6000, 2048):" in found
    assert "+    for b0 in range(0, 6000, 1024):" in found


def test_no_golden_file_is_left_over() -> None:
    assert {f.name for f in FOLDER.glob("*.py.txt")} == {file_of(n).name for n in CASES}


@pytest.mark.parametrize("name", CASES)
def test_the_functions_run(name: str) -> None:
    """The golden source is that of a function which means something: its results are finite."""
    transformed, args = CASES[name]
    leaves = [transformed(*args)]
    while leaves:
        x = leaves.pop()
        if isinstance(x, (tuple, dict)):
            leaves += x.values() if isinstance(x, dict) else x
        else:
            assert np.all(np.isfinite(x))
