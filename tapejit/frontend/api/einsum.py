"""``np.einsum``: any number of operands, two at a time in the order that ``np.einsum_path`` finds.

Axes are labelled with integers. Each step multiplies two operands and sums the labels that nobody
needs any more: as one product of stacks of matrices, or as a broadcasting multiply and a sum where
no matrix is involved.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import ShapeError, UnsupportedError
from ...core.sources import where
from ...rules.linalg.matrices import diagonal
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements
from .operands import operand, reshape, summed, transposed

Labels = tuple[int, ...]


class Term(NamedTuple):
    """An operand and the label of each of its axes; no label occurs twice."""

    x: Sym
    labels: Labels


@implements(np.einsum, raw=("optimize", "dtype", "order", "casting"))
def einsum(*operands: Any, optimize: Any = False, dtype: Any = None, order: str = "K",
           casting: str = "safe") -> Sym:  # fmt: skip
    xs, inputs, output = _read(operands)
    common = np.result_type(*[x.dtype for x in xs]) if dtype is None else np.dtype(dtype)
    for x in xs:
        if not np.can_cast(x.dtype, common, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Cannot cast array data from {x.dtype!r} to {common!r} according to the rule "
                f"{casting!r} ({where()})"
            )
    xs = [x.b.cast(x, common) for x in xs]
    sizes = _sizes(xs, inputs)
    given = [_plain(x, labels, sizes) for x, labels in zip(xs, inputs)]
    terms = [_reduced(t, _needed(output, given, (t,))) for t in given]
    for pair in _path(terms, output, sizes, optimize):
        chosen = [terms[k] for k in pair]
        terms = [t for k, t in enumerate(terms) if k not in pair]
        while len(chosen) > 1:
            first, second = chosen.pop(0), chosen.pop(0)
            chosen.insert(0, _contract(first, second, _needed(output, terms + chosen)))
        terms.append(chosen[0])
    last = _reduced(terms[0], set(output))
    kept = transposed(last.x, [last.labels.index(k) for k in output if k in last.labels])
    shape = tuple(sizes[k] for k in output)
    return kept if kept.shape == shape else BY_NAME["broadcast_to"](kept, shape=shape)


# ---------------------------------------------------------------- reading the subscripts


def _read(operands: Sequence[Any]) -> tuple[list[Sym], list[Labels], Labels]:
    """Return operands, the labels of each, and those of the result; ``...`` written out.

    Letters are numbered as NumPy numbers them; the axes of ``...`` are -1, -2, .. from the right.
    """
    if isinstance(operands[0], str):
        left, arrow, right = operands[0].replace(" ", "").partition("->")
        parts = left.split(",")
        texts = [_numbers(part) for part in parts]
        xs = [operand(x) for x in operands[1:]]
        result = _numbers(right) if arrow else None
    else:
        xs = [operand(x) for x in operands[: len(operands) // 2 * 2 : 2]]
        texts = [list(t) for t in operands[1::2]]
        result = list(operands[-1]) if len(operands) % 2 else None
    if len(xs) != len(texts):
        raise ValueError(f"einsum: {len(texts)} subscripts for {len(xs)} operands ({where()})")
    wide = 0
    for x, text in zip(xs, texts):
        extra = x.ndim - sum(t is not Ellipsis for t in text)
        if extra < 0 or (extra and Ellipsis not in text) or text.count(Ellipsis) > 1:
            raise ValueError(
                f"einsum: subscripts do not fit an operand of shape {x.shape} ({where()})"
            )
        wide = max(wide, extra if Ellipsis in text else 0)
    inputs = [
        _spelled(text, x.ndim - sum(t is not Ellipsis for t in text)) for x, text in zip(xs, texts)
    ]
    flat = [k for labels in inputs for k in labels if k >= 0]
    dots = tuple(range(-wide, 0))
    if result is None:
        return xs, inputs, dots + tuple(sorted(k for k in set(flat) if flat.count(k) == 1))
    output = _spelled(result, wide)
    if len(set(output)) != len(output) or not {k for k in output if k >= 0} <= set(flat):
        raise ValueError(
            f"einsum: the output's subscripts must each occur once, and in an operand ({where()})"
        )
    if wide and Ellipsis not in result:
        raise ValueError(
            f"einsum: output has ... broadcast dimensions in the operands but no ... ({where()})"
        )
    return xs, inputs, output


def _numbers(text: str) -> list[Any]:
    found: list[Any] = []
    while text:
        if text.startswith("..."):
            found.append(Ellipsis)
            text = text[3:]
            continue
        k = string.ascii_uppercase.find(text[0])
        k = k if k >= 0 else 26 + string.ascii_lowercase.index(text[0]) if text[0].islower() else -1
        if k < 0:
            raise ValueError(f"einsum: invalid subscript {text[0]!r} ({where()})")
        found.append(k)
        text = text[1:]
    return found


def _spelled(text: Sequence[Any], extra: int) -> Labels:
    found: list[int] = []
    for t in text:
        if t is Ellipsis:
            found.extend(range(-extra, 0))
        else:
            found.append(int(t))
    return tuple(found)


def _sizes(xs: Sequence[Sym], inputs: Sequence[Labels]) -> dict[int, int]:
    """The length of each label; an axis of length 1 stretches to the others."""
    sizes: dict[int, int] = {}
    for x, labels in zip(xs, inputs):
        for k, n in zip(labels, x.shape):
            if sizes.setdefault(k, n) == 1:
                sizes[k] = n
            elif n not in (1, sizes[k]):
                shapes = " ".join(str(x.shape) for x in xs)
                raise ShapeError(
                    f"einsum: operands could not be broadcast together, shapes {shapes} ({where()})"
                )
    return sizes


# ---------------------------------------------------------------- single operands


def _plain(x: Sym, labels: Labels, sizes: dict[int, int]) -> Term:
    """Take diagonals of repeated labels and drop the axes of length 1 that stretch."""
    for k in sorted(set(labels)):
        while labels.count(k) > 1:
            first, second = [i for i, label in enumerate(labels) if label == k][:2]
            if x.shape[first] != x.shape[second]:
                raise ShapeError(
                    f"einsum: dimensions of a repeated subscript don't match "
                    f"({x.shape[first]} != {x.shape[second]}) ({where()})"
                )
            rest = [i for i in range(x.ndim) if i not in (first, second)]
            x = diagonal(transposed(x, [*rest, first, second]))
            labels = tuple(labels[i] for i in rest) + (k,)
    stretched = [n == 1 and sizes[k] != 1 for k, n in zip(labels, x.shape)]
    shape = [n for n, gone in zip(x.shape, stretched) if not gone]
    return Term(reshape(x, shape), tuple(k for k, gone in zip(labels, stretched) if not gone))


def _needed(output: Labels, terms: Sequence[Term], without: Sequence[Term] = ()) -> set[int]:
    """The labels that the result or one of `terms` still reads."""
    found = set(output)
    for t in terms:
        if not any(t is w for w in without):
            found.update(t.labels)
    return found


def _reduced(t: Term, needed: set[int]) -> Term:
    """Sum over the labels that nobody needs."""
    gone = [i for i, k in enumerate(t.labels) if k not in needed]
    return Term(summed(t.x, gone), tuple(k for k in t.labels if k in needed))


# ---------------------------------------------------------------- pairs


def _path(terms: list[Term], output: Labels, sizes: dict[int, int], optimize: Any) -> list[Any]:
    """The order of contractions: as asked for, else NumPy's greedy one."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))] if len(terms) == 2 else []
    labels = sorted({k for t in terms for k in t.labels})
    if len(labels) > len(string.ascii_letters):
        raise UnsupportedError(f"einsum: more than 52 subscripts ({where()})")
    letter = dict(zip(labels, string.ascii_letters))
    text = ",".join("".join(letter[k] for k in t.labels) for t in terms)
    text += "->" + "".join(letter[k] for k in output if k in letter)
    shapes = [tuple(sizes[k] for k in t.labels) for t in terms]
    dummies = [np.broadcast_to(np.zeros(()), shape) for shape in shapes]
    how = optimize if isinstance(optimize, (str, list, tuple)) else "greedy"
    return [tuple(p) for p in np.einsum_path(text, *dummies, optimize=how)[0][1:]]


def _contract(a: Term, b: Term, needed: set[int]) -> Term:
    """Multiply two operands and sum over the labels that nobody else needs."""
    a = _reduced(a, needed | set(b.labels))
    b = _reduced(b, needed | set(a.labels))
    shared = [k for k in a.labels if k in b.labels]
    batch = [k for k in shared if k in needed]
    inner = [k for k in shared if k not in needed]
    rows = [k for k in a.labels if k not in b.labels]
    cols = [k for k in b.labels if k not in a.labels]
    size = {**dict(zip(b.labels, b.x.shape)), **dict(zip(a.labels, a.x.shape))}
    x = transposed(a.x, [a.labels.index(k) for k in batch + rows + inner])
    if not inner or not (rows or cols):
        y = transposed(b.x, [b.labels.index(k) for k in batch + cols + inner])
        lead = [size[k] for k in batch]
        x = reshape(x, lead + [size[k] for k in rows] + [1] * len(cols) + [size[k] for k in inner])
        y = reshape(y, lead + [1] * len(rows) + [size[k] for k in cols] + [size[k] for k in inner])
        z = x * y
        z = summed(z, range(z.ndim - len(inner), z.ndim))
        return Term(z, tuple(batch + rows + cols))
    y = transposed(b.x, [b.labels.index(k) for k in batch + inner + cols])
    lead = [size[k] for k in batch]
    m, k, n = (prod(size[i] for i in part) for part in (rows, inner, cols))
    z = BY_NAME["matmul"](reshape(x, (*lead, m, k)), reshape(y, (*lead, k, n)))
    shape = lead + [size[i] for i in rows] + [size[i] for i in cols]
    return Term(reshape(z, shape), tuple(batch + rows + cols))
