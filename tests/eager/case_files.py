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
    return filled(json.loads(file.read_text(encoding="utf-8"))["cases"]) if file.exists() else {}


def _is_tensor(description: dict[str, Any]) -> bool:
    """Whether this describes a tensor: the words of a message may well be {"tensor": true}."""
    return "shape" in description and "tensor" in description


def _usual(tensor: dict[str, Any]) -> dict[str, Any]:
    """The flags of almost every tensor: those of a plain leaf, or of what a node made."""
    node = tensor.get("grad_fn")
    return {"requires_grad": node is not None, "is_leaf": node is None, "grad_fn": node}


def brief(value: Any) -> Any:
    """Answers as they are stored: a tensor whose flags are usual keeps only its node's name."""
    if isinstance(value, list):
        return [brief(v) for v in value]
    if not isinstance(value, dict):
        return value
    if _is_tensor(value) and _usual(value).items() <= value.items():
        drop = ("requires_grad", "is_leaf") + (() if value["grad_fn"] else ("grad_fn",))
        return {k: v for k, v in value.items() if k not in drop}
    return {k: brief(v) for k, v in value.items()}


def filled(value: Any) -> Any:
    """Answers as they are compared: the inverse of `brief`."""
    if isinstance(value, list):
        return [filled(v) for v in value]
    if not isinstance(value, dict):
        return value
    if _is_tensor(value):
        return _usual(value) | value
    return {k: filled(v) for k, v in value.items()}
