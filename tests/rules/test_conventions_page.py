"""The examples of the page on gradient conventions run."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples() -> None:
    page = Path(__file__).parents[2] / "docs" / "gradient-conventions.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 10 and not failed
