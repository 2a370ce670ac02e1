"""No stage reads a symbolic size behind Python's back: a decision on it would not be noted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sized_programs import SIZED

HERE = Path(__file__).parent
ROUNDS = 3


@pytest.mark.parametrize("k", range(ROUNDS))
def test_sizes_do_not_escape(k: int) -> None:
    names = sorted(SIZED)[k::ROUNDS]
    made = subprocess.run(
        [sys.executable, str(HERE / "size_audit.py"), *names],
        capture_output=True, text=True, cwd=HERE, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    found = json.loads(made.stdout.splitlines()[-1])
    assert found["escapes"] == []
    assert found["predicted"] >= 1
    assert not any("MISPREDICTED" in why for why in found["reasons"])
