"""Find the cases and their stored answers: one JSON file for each module of cases."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ANSWERS = HERE / "answers"


def modules() -> list[str]:
    """Return the names of the case modules, in order."""
    return sorted(p.stem for p in (HERE / "cases").glob("*.py"))


def cases_of(module: str) -> dict[str, Any]:
    """Return the cases of a module, by name, in the order of the file."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    found = vars(importlib.import_module(f"cases.{module}"))
    cases = {name: f for name, f in found.items() if name.startswith("case_")}
    plain = [name for name, f in cases.items() if not inspect.isgeneratorfunction(f)]
    if plain:
        raise TypeError(f"cases.{module}: {plain} yield nothing")
    return cases


def answers_of(module: str) -> dict[str, Any]:
    """Return the stored transcripts of a module's cases, by name."""
    file = ANSWERS / f"{module}.json"
    return json.loads(file.read_text(encoding="utf-8"))["cases"] if file.exists() else {}
