"""Where two transcripts differ, in words: an empty list means that they tell the same story.

Exact: kinds of values, dtypes, shapes, flags, names of nodes, integers, strings, classes of
exceptions and warnings, and the text between the numbers of a printed tensor. Numbers: within a
tolerance that goes with the dtype, NaN equal to NaN. Messages are not compared; a case names the
words that count. An exception may be of a class derived from the stored one, but its nearest
built-in class is the same, so NotImplementedError never passes for a RuntimeError.
"""

from __future__ import annotations

import builtins
import math
import re
from typing import Any

import numpy as np

# (relative, absolute). PyTorch and NumPy differ in the last bits of exp, sums and products.
TOLERANCE = {
    "float64": (1e-9, 1e-11), "float32": (1e-5, 1e-6), "float16": (2e-3, 1e-4),
    "bfloat16": (1.6e-2, 1e-3), "complex128": (1e-9, 1e-11), "complex64": (1e-5, 1e-6),
}  # fmt: skip
SLACK = [1.0]
"""By what tolerances are multiplied, for cases whose float32 sums run in another order."""
# A number that is not the tail of a name: the 0 of MulBackward0 and the 32 of float32 are text.
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf\b|nan\b)")


def _plain(stored: Any) -> Any:
    """The number that a JSON number stands for."""
    return float(stored["float"]) if isinstance(stored, dict) and "float" in stored else stored


def _tolerance_of(value: float) -> tuple[float, float]:
    """A Python float tells its precision: one that float32 can hold may have come from one."""
    with np.errstate(over="ignore"):  # the largest float64 becomes inf, which it is not
        return TOLERANCE["float32" if float(np.float32(value)) == value else "float64"]


def close(found: Any, stored: Any, tolerance: tuple[float, float]) -> bool:
    """Whether two numbers agree; integers and booleans agree when they are equal."""
    found, stored = _plain(found), _plain(stored)
    if not isinstance(found, float) or not isinstance(stored, float):
        return type(found) is type(stored) and bool(found == stored)
    if math.isnan(found) or math.isnan(stored):
        return math.isnan(found) and math.isnan(stored)
    if math.isinf(found) or math.isinf(stored):
        return found == stored
    relative, absolute = tolerance
    return abs(found - stored) <= SLACK[0] * (absolute + relative * abs(stored))


def _form(number: str) -> tuple[int, bool, bool]:
    """Digits after the point, whether there is a point, whether there is an exponent."""
    mantissa, _, exponent = number.partition("e")
    _, point, digits = mantissa.partition(".")
    return len(digits), bool(point), bool(exponent)


def same_text(found: str, stored: str) -> bool:
    """Whether two printed forms agree up to the last digit of the numbers in them.

    When a number's text differs, widths of columns may too (9.9999, 10.0000): then runs of white
    space are compared as one space each. Otherwise every character counts.
    """
    if found == stored:
        return True
    ours, theirs = NUMBER.findall(found), NUMBER.findall(stored)
    if ours == theirs or len(ours) != len(theirs):
        return False
    for one, other in zip(ours, theirs, strict=True):
        if one == other:
            continue
        if _form(one) != _form(other) or not _form(one)[1]:  # without a point: a printed integer
            return False
        mantissa, _, exponent = other.partition("e")
        last = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        if abs(float(one) - float(other)) > 1.01 * last * SLACK[0]:
            return False
    squeezed = [re.sub(r"\s+", " ", NUMBER.sub("#", text)) for text in (found, stored)]
    return re.sub(r"\[ ", "[", squeezed[0]) == re.sub(r"\[ ", "[", squeezed[1])


def _kind_of_error(names: list[str]) -> str:
    """The nearest built-in class: what an `except` clause of any program could have named."""
    return next((n for n in names if hasattr(builtins, n)), "Exception")


def same_error(found: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether whoever catches the stored exception catches the found one, by the same name."""
    if found.get("raises") is None or stored["raises"] is None:
        return found.get("raises", "") == stored["raises"]
    ours = [found["raises"], *found["bases"]]
    theirs = [stored["raises"], *stored["bases"]]
    names = [name.lstrip("_") for name in ours]
    return _kind_of_error(ours) == _kind_of_error(theirs) and theirs[0].lstrip("_") in names


def _errors(found: dict[str, Any], stored: dict[str, Any], where: str) -> list[str]:
    """Two exceptions: kind, the words that a case asked for, and the warnings before them."""
    if not same_error(found, stored):
        return [f"{where}: {_raised(found)}, expected {_raised(stored)}"]
    lines: list[str] = []
    said = found.get("words", {})
    missing = [word for word in stored.get("words", {}) if not said.get(word)]
    if missing and stored["raises"] is not None:
        lines.append(f"{where}: the message lacks {missing}: {found['message']!r}")
    ours, theirs = (_categories(step).get("warns", []) for step in (found, stored))
    if ours != theirs:
        lines.append(f"{where}.warns: {ours}, expected {theirs}")
    return lines


def _numbers(found: Any, stored: Any, tolerance: tuple[float, float], where: str) -> list[str]:
    if isinstance(stored, list) and isinstance(found, list):
        if len(found) != len(stored):
            return [f"{where}: {len(found)} entries, expected {len(stored)}"]
        pairs = enumerate(zip(found, stored, strict=True))
        return [d for i, (f, s) in pairs for d in _numbers(f, s, tolerance, f"{where}[{i}]")]
    if close(found, stored, tolerance):
        return []
    return [f"{where}: {_plain(found)!r}, expected {_plain(stored)!r}"]


def _fields(found: dict[str, Any], stored: dict[str, Any], where: str) -> list[str]:
    """Two descriptions with the same keys, each field in its own way."""
    lines: list[str] = []
    dtype = stored.get("tensor") or stored.get("array") or stored.get("scalar") or "float64"
    tolerance = TOLERANCE.get(str(dtype).removeprefix("torch."), (0.0, 0.0))
    for key, wanted in stored.items():
        got, at = found[key], f"{where}.{key}"
        if key in ("values", "complex", "float"):
            if "values" in stored and got != wanted and found.get("shape") != stored.get("shape"):
                continue  # the shapes say it
            lines += _numbers(got, wanted, tolerance, at)
        elif key == "repr":
            if not same_text(got, wanted):
                lines.append(f"{at}:\n  found    {got}\n  expected {wanted}")
        elif key == "dict" and [k for k, _ in got] == [k for k, _ in wanted]:
            for (name, one), (_, other) in zip(got, wanted, strict=True):
                lines += differences(one, other, f"{where}[{name!r}]")
        elif key in ("tuple", "list", "dict", "yields"):
            lines += differences(got, wanted, at)
        elif got != wanted:
            lines.append(f"{at}: {got!r}, expected {wanted!r}")
    return lines


def differences(found: Any, stored: Any, where: str = "value") -> list[str]:
    """Each difference between two descriptions, as a line that says where and what."""
    if isinstance(stored, list):
        if not isinstance(found, list) or len(found) != len(stored):
            return [f"{where}: {_short(found)}, expected {_short(stored)}"]
        pairs = enumerate(zip(found, stored, strict=True))
        return [d for i, (f, s) in pairs for d in differences(f, s, f"{where}[{i}]")]
    if isinstance(stored, dict):
        if isinstance(found, dict) and "raises" in stored and "raises" in found:
            return _errors(found, stored, where)
        found = _categories(found)
        stored = _categories(stored)
        if not isinstance(found, dict) or found.keys() != stored.keys():
            return [f"{where}: {_short(found)}, expected {_short(stored)}"]
        return _fields(found, stored, where)
    if isinstance(stored, str) and isinstance(found, str):
        fits = same_text(found, stored)
    elif isinstance(stored, float):
        fits = close(found, stored, _tolerance_of(stored))
    else:
        fits = type(found) is type(stored) and found == stored
    return [] if fits else [f"{where}: {_short(found)}, expected {_short(stored)}"]


def _categories(step: Any) -> Any:
    """A step with its warnings reduced to their categories."""
    if not isinstance(step, dict) or "warns" not in step:
        return step
    return step | {"warns": [w.partition(":")[0] for w in step["warns"]]}


def _raised(step: dict[str, Any]) -> str:
    return f"raised {step['raises']}: {step['message']}" if step["raises"] else "nothing raised"


def _short(value: Any) -> str:
    if isinstance(value, dict) and "raises" in value:
        return _raised(value)
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."


def transcript_differences(found: list[Any], stored: list[Any]) -> list[str]:
    """Compare step by step, and say which steps are missing or too many."""
    lines: list[str] = []
    for i, (one, other) in enumerate(zip(found, stored, strict=False)):
        lines += differences(one, other, f"step {i}")
    for i in range(len(stored), len(found)):
        lines.append(f"step {i}: {_short(found[i])}, expected the end")
    for i in range(len(found), len(stored)):
        lines.append(f"step {i}: the end, expected {_short(stored[i])}")
    return lines


def same(found: list[Any], stored: list[Any]) -> bool:
    """Whether two transcripts tell the same story."""
    return not transcript_differences(found, stored)
