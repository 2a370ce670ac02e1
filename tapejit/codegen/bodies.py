"""What all rows with bodies share: what a body calls its inputs, and assignments side by side."""

from __future__ import annotations

from collections.abc import Callable

from ..passes.views import strides_of
from .text import SUFFIX
from .values import Values

WriteSteps = Callable[[Values], list[str]]


def given(values: Values, a: int, name: str, lines: list[str]) -> str:
    """Return what a body calls operand `a`; where that is no plain name, bind `name` in `lines`.

    Numbers are bound once in front of a loop, so that its rounds do not load them again.
    """
    if not values.tape.value(a).shape:
        text = values.constant(a)
        if text is not None:
            return text
        lines.append(f"{name} = {values.number(a)}")
        return name
    x = values.strided(a)
    pointer = values.pointer(x.root)
    if not x.offset:
        return pointer
    lines.append(f"{name} = memory.shift({pointer}, {x.offset})")
    return name


def together(pairs: list[tuple[str, str]], prefix: str) -> list[str]:
    """Assign all pairs (name, new value) as if at once; a pair ``x = x`` is left out.

    >>> together([("a", "b"), ("b", "a"), ("c", "v1")], "f_")
    ['f_w0 = b', 'f_w1 = a', 'a = f_w0', 'b = f_w1', 'c = v1']
    """
    pairs = [(name, value) for name, value in pairs if name != value]
    names = {name for name, _ in pairs}
    saved = {v: f"{prefix}w{k}" for k, v in enumerate(v for _, v in pairs if v in names)}
    lines = [f"{name} = {value}" for value, name in saved.items()]
    return lines + [f"{name} = {saved.get(value, value)}" for name, value in pairs]


def acts(line: str) -> bool:
    """Whether a line is more than a comment."""
    return not line.lstrip().startswith("#")


def copied(source: str, target: str, size: int) -> list[str]:
    """Copy an array that lies in one run of memory."""
    return [f"for i in range({size}):", f"    {target}[i] = {source}[i]"] if size else []


def element_store(pointer: str, at: str, text: str, dtype: str) -> str:
    """Store a number into an array; truth values are bytes there."""
    return f"{pointer}[{at}] = " + (f"np.uint8({text})" if dtype == "bool" else text)


def initial(values: Values, out: int, a: int) -> list[str]:
    """Copy an initial value to where the result lives, unless it is there."""
    from .steps import copy_into

    if values.base.get(out) == a:
        return []
    return copy_into(values, (values.pointer(out), 0, strides_of(values.tape.value(out).shape)), a)


def suffix_of(values: Values, i: int) -> str:
    """Return the suffix that names the type of an array's elements in kernels."""
    return SUFFIX[values.tape.value(i).dtype.name]
