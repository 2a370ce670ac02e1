"""Programs as data: what a generator yielded, in a form that two libraries can be compared by.

A case is a generator function of the module it is to use, `def case_name(torch): ... yield value`.
`transcript` runs it and describes every yielded value at once (a later in-place update must not
reach back), the warnings raised on the way to it, and the exception that ended it, if one did.
A description is JSON, and the same code describes PyTorch and tapejit, so a difference between two
transcripts is a difference between the libraries. `transcript_differences.py` compares them.

Only public names are used here, so describing a tensor asks of a library nothing that a program
could not ask.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

Case = Callable[[Any], Generator[Any, None, None]]
WARNING_LETTERS = 60  # of a warning's message, enough to see which one it was


@dataclass(frozen=True)
class Raised:
    """An exception that a case expected, and which of the words it had to name occurred."""

    error: BaseException | None
    words: dict[str, bool]


def raising(torch: Any, call: Callable[[], Any], *words: str) -> Raised:
    """Call something that must raise; say what it raised and which words its message has.

    The words (compared without case) are what any clear message for this error must contain: the
    recorder refuses a word that PyTorch's own message lacks. Returning None instead of raising is
    a description as well, and a different one.
    """
    try:
        call()
    except Exception as error:
        message = str(error).lower()
        return Raised(error, {word: word.lower() in message for word in words})
    return Raised(None, dict.fromkeys(words, False))


def _number(value: float) -> Any:
    """A float as JSON: itself when finite (JSON has no inf and NaN), else its name."""
    return value if math.isfinite(value) else {"float": repr(value)}


def _numbers(values: Any) -> Any:
    """Nested lists of numbers as JSON; a complex number is [real, imaginary]."""
    if isinstance(values, list):
        return [_numbers(v) for v in values]
    if isinstance(values, complex):
        return [_number(values.real), _number(values.imag)]
    return _number(values) if isinstance(values, float) else values


def describe_error(error: BaseException | None) -> dict[str, Any]:
    """An exception as its class, the classes it inherits from up to Exception, and its message."""
    if error is None:
        return {"raises": None}
    names = [c.__name__ for c in type(error).__mro__]
    stop = names.index("Exception") if "Exception" in names else len(names)
    return {"raises": names[0], "bases": names[1:stop], "message": str(error)}


def _tensor(value: Any) -> dict[str, Any]:
    """Flags before values: reading values must not be able to change what the flags say."""
    node = value.grad_fn
    found = {
        "tensor": str(value.dtype),
        "shape": list(value.shape),
        "requires_grad": value.requires_grad,
        "is_leaf": value.is_leaf,
        "grad_fn": None if node is None else node.name(),
    }
    found["repr"] = repr(value)
    found["values"] = _numbers(value.detach().tolist())
    return found


def describe(value: Any, torch: Any) -> Any:
    """A yielded value as JSON.

    Raises
    ------
    TypeError
        For a kind of value that has no description: a case may not yield what nobody compares.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, Raised):
        return describe_error(value.error) | {"words": value.words}
    if isinstance(value, np.ndarray):
        shown = {"array": str(value.dtype), "shape": list(value.shape)}
        return shown | {"values": _numbers(value.tolist())}
    if isinstance(value, np.generic):
        return {"scalar": str(value.dtype), "values": _numbers(value.item())}
    if isinstance(value, torch.Size):
        return {"size": repr(value)}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, complex):
        return {"complex": _numbers(value)}
    if isinstance(value, torch.dtype | torch.device):
        return {"object": repr(value)}
    if isinstance(value, tuple | list):
        kind = "list" if isinstance(value, list) else "tuple"
        shown = {kind: [describe(v, torch) for v in value]}
        if type(value) not in (tuple, list):  # a named result, as of max(dim=...)
            shown["fields"] = list(getattr(type(value), "__match_args__", ()))
        return shown
    if isinstance(value, dict):
        return {"dict": [[describe(k, torch), describe(v, torch)] for k, v in value.items()]}
    raise TypeError(f"a case yielded a {type(value).__name__}, which has no description")


def _ordinary(torch: Any) -> None:
    """Put back what a case may have left changed, and start the random stream afresh.

    A switch that a library lacks cannot have been left changed.
    """
    for name, arguments, keywords in (
        ("manual_seed", (0,), {}),
        ("set_grad_enabled", (True,), {}),
        ("autograd.set_detect_anomaly", (False,), {}),
        ("set_default_dtype", (torch.float32,), {}),
        ("set_printoptions", (), {"profile": "default"}),
    ):
        switch = torch
        for part in name.split("."):
            switch = getattr(switch, part, None)
        if switch is not None:
            switch(*arguments, **keywords)


def _warned(caught: list[warnings.WarningMessage]) -> list[str]:
    """Each different warning once, in order: how often one repeats is not compared.

    NumPy's complaints about an `__array__` or `__array_wrap__` without its newer arguments are
    about how a library is written, not about the program: they are left out.
    """
    found = [f"{w.category.__name__}: {str(w.message)[:WARNING_LETTERS]}" for w in caught]
    return [w for w in dict.fromkeys(found) if not w.startswith("DeprecationWarning: __array")]


def transcript(case: Case, torch: Any) -> list[dict[str, Any]]:
    """Run a case to its end, or to its exception, and describe every step of it."""
    steps: list[dict[str, Any]] = []
    _ordinary(torch)
    program = case(torch)
    try:
        while True:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                step = _step(program, torch)
            if warned := _warned(caught):
                step["warns"] = warned
            if step:
                steps.append(step)
            if "yields" not in step:
                return steps
    finally:
        program.close()
        _ordinary(torch)


def _step(program: Generator[Any, None, None], torch: Any) -> dict[str, Any]:
    """Run to the next yield; a value that cannot be described is the test's failure, not a step."""
    try:
        value = next(program)
    except StopIteration:
        return {}
    except Exception as error:
        return describe_error(error)
    return {"yields": describe(value, torch)}
