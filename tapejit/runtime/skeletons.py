"""Texts of kernels that differ in numbers only: one text whose sizes are values given at run time.

A kernel's text is taken apart into literals and what stands between them, its *skeleton*. Two texts
of one skeleton are two instances of the same program. The positions in which their literals differ
fall into *classes*: those with the same literal in each of the texts. In the *general* text a class
is a local variable, read at the beginning from an array `dims`; all other literals stay.

Invariant: the general text with the values of a text that it `matches` says what that text says,
literal by literal. Nothing is predicted: each shape's own text is always there to be compared with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.patterns import pattern
from ..core.records import record

_COMMENT = pattern(r" *#[^\n]*")
_BLANK = pattern(r"\n(?: *\n)+(?= )")
_NUMBER = pattern(
    r"(?<![\w.])(?<!\.shape\[)(?<!\*\* )(?<!\*\* \(-)"  # an axis is static, and so is an exponent
    r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w.])"
)
_BODY = pattern(r"^(?:@part\n)?def ", re.MULTILINE)
_DEF = pattern(r"(def (?:(?:part|shared|stretch|chunk)\d+|kernel)\()([^)]*)(\):\n)")
_CALL = pattern(r"\b((?:part|shared|stretch)\d+\()(?=\))|\b((?:part|shared|stretch)\d+\()")
_CHUNK = pattern(r"(def chunk\d+\(k|parallel\.run\(chunk\d+, \w+)(?=[,)])")
_NAMES = r"\b(?:dims|sizes|reals|size\d+|real\d+)\b"
_OURS = pattern(_NAMES)
_UNKNOWN = pattern(_NAMES + r"|[\"']")
_PLACE = ("memory.allocate(", "ws, ")
_LARGEST = 2**63 - 1


@record(frozen=True)
class Apart:
    """A text taken apart.

    Attributes
    ----------
    pieces : tuple of str
        What stands before, between and behind the literals, without comments.
    literals : tuple of str
        The literals in the bodies of functions, as they are written.
    """

    pieces: tuple[str, ...]
    literals: tuple[str, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """The literals that are sizes or places of memory in the workspace.

        Where first fit puts an array is no simple function of the sizes: each is a value of its own.
        """
        return tuple(k for k, piece in enumerate(self.pieces[:-1]) if piece.endswith(_PLACE))

    @property
    def skeleton(self) -> str:
        """What texts of one skeleton share: the pieces, and which literals are integers."""
        return "\0".join(self.pieces) + "\0" + "".join("ir"[_is_real(x)] for x in self.literals)


def apart(source: str) -> Apart | None:
    """Take the text of a kernel apart; None when it says what this module does not know."""
    head, quotes, text = source.partition('"""\n')
    text = _BLANK.sub("\n", _COMMENT.sub("", text))
    first = _BODY.search(text)
    if not quotes or first is None or _UNKNOWN.search(text, first.start()):
        return None
    pieces: list[str] = []
    literals: list[str] = []
    begin = 0
    for found in _NUMBER.finditer(text, first.start()):
        literal = found.group()
        if not _is_real(literal) and int(literal) > _LARGEST:
            continue
        pieces.append(text[begin : found.start()])
        literals.append(literal)
        begin = found.end()
    pieces.append(text[begin:])
    pieces[0] = head + quotes + pieces[0]
    return Apart(tuple(pieces), tuple(literals))


def _is_real(literal: str) -> bool:
    return not literal.isdigit()


@record(frozen=True)
class Classes:
    """Which literals of a skeleton are values, and which of them are the same value.

    Attributes
    ----------
    of : tuple of int
        The class of each literal; -1 for one that stays.
    first : tuple of int
        A literal of each class.
    kept : tuple of (int, str)
        The literals that stay.
    """

    of: tuple[int, ...]
    first: tuple[int, ...]
    kept: tuple[tuple[int, str], ...]

    def matches(self, literals: Sequence[str]) -> bool:
        """Whether the general text with some values is the text of these literals."""
        return all(literals[k] == text for k, text in self.kept) and all(
            c < 0 or literals[k] == literals[self.first[c]] for k, c in enumerate(self.of)
        )

    def numbers(self, literals: Sequence[str]) -> list[Any]:
        """Return the number of each class in a text."""
        found = [literals[k] for k in self.first]
        return [float(text) if _is_real(text) else int(text) for text in found]


def as_values(numbers: Sequence[Any]) -> Any:
    """Return what `dims` holds: integers, and the bits of floats."""
    made = np.zeros(len(numbers), np.int64)
    reals = made.view(np.float64)
    for c, x in enumerate(numbers):
        (reals if isinstance(x, float) else made)[c] = x
    return made


def classes(witnesses: Sequence[Sequence[str]], places: Iterable[int] = ()) -> Classes:
    """Return the classes of texts of one skeleton that have been seen, given as their literals.

    Parameters
    ----------
    places : iterable of int
        Literals that are each a class of its own, whether they have differed or not.
    """
    alone = set(places)
    numbers: dict[tuple[str, ...] | int, int] = {}
    of: list[int] = []
    first: list[int] = []
    kept: list[tuple[int, str]] = []
    for k, seen in enumerate(zip(*witnesses, strict=True)):
        if k not in alone and all(text == seen[0] for text in seen):
            of.append(-1)
            kept.append((k, seen[0]))
            continue
        c = numbers.setdefault(k if k in alone else seen, len(numbers))
        if c == len(first):
            first.append(k)
        of.append(c)
    return Classes(tuple(of), tuple(first), tuple(kept))


def general_text(text: Apart, found: Classes) -> str:
    """Return the text in which literals of a class are a variable read from `dims`."""
    kinds = ["real" if _is_real(text.literals[k]) else "size" for k in found.first]
    names = [f"{kind}{c}" for c, kind in enumerate(kinds)]
    words = [literal if c < 0 else names[c] for literal, c in zip(text.literals, found.of)]
    whole = "".join(x for pair in zip(text.pieces, [*words, ""]) for x in pair)
    whole = _CALL.sub(lambda m: f"{m[1]}sizes" if m[1] else f"{m[2]}sizes, ", whole)
    whole = _CHUNK.sub(r"\1, sizes", whole)
    starts = [m.start() for m in _DEF.finditer(whole)]
    made = [whole[: starts[0]]]
    for begin, end in zip(starts, [*starts[1:], len(whole)]):
        made.append(_with_values(whole[begin:end]))
    return "".join(made)


def _with_values(function: str) -> str:
    """Return a function that takes the values it uses: the kernel an array, a part a pointer."""
    used = {int(w[4:]): w[:4] for w in _OURS.findall(function) if w[4:].isdigit()}
    kernel = function.startswith("def kernel(")
    lines = ["sizes = memory.flat(dims)"] if kernel else []
    if "real" in used.values():
        lines.append("reals = memory.carve_f64(sizes, 0)")
    lines += [f"{kind}{c} = {kind}s[{c}]" for c, kind in sorted(used.items())]
    head = "".join(f"    {line}\n" for line in lines)

    def opened(found: re.Match[str]) -> str:
        start, params, end = found.groups()
        return start + ("dims, " * kernel + params).rstrip(", ") + end + head

    return _DEF.sub(opened, function, count=1)
