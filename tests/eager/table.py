"""Cases by the row: one line says an operation, its forms and its inputs, and becomes a program.

A row is an expression in named tensors. Its case evaluates the expression, yields the value (so
its dtype, shape, flags, node name and printed form are compared), then the gradient of every
floating input for a fixed cotangent that is the same in no two places, then, where the operation
is smooth, the gradient of that gradient for another. Inputs are formulas, never random numbers,
and an input of a differentiated row stays away from kinks: what happens *at* a kink is a
convention, and has cases of its own (ops_kinks.py).

``op("mul", "x, y", "fmio", ...)`` writes one row per form:

- ``f``: ``torch.mul(x, y)``, at float32 and float64, with all gradients;
- ``m``: ``x.mul(y)``, value only;
- ``i``: ``x.clone().mul_(y)``, value and first gradients;
- ``o``: ``torch.mul(x, y, out=...)`` without gradients, and that the result *is* ``out``.

The invariant: a case takes the module ``torch`` as its argument and touches nothing else, so that
the program that is recorded under PyTorch is the program that is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Case = Callable[[Any], Iterator[Any]]

GOLDEN = 0.6180339887498949
COMPLEX = {"float32": "complex64", "float64": "complex128"}


@dataclass(frozen=True)
class Data:
    """Numbers for one input; ``kind`` is float, complex, or the name of a dtype that stays."""

    shape: tuple[int, ...]
    flat: tuple[Any, ...]
    kind: str = "float"

    @property
    def floating(self) -> bool:
        return self.kind in ("float", "complex")

    def tensor(self, torch: Any, precision: str, grad: bool) -> Any:
        """The input as a fresh leaf of the given precision."""
        name = {"float": precision, "complex": COMPLEX[precision]}.get(self.kind, self.kind)
        dtype = getattr(torch, name)
        wanted = grad and self.floating
        if 0 in self.shape:  # nested lists cannot say (2, 0, 3)
            return torch.zeros(self.shape, dtype=dtype, requires_grad=wanted)
        values = nested(list(self.flat), self.shape)
        return torch.tensor(values, dtype=dtype, requires_grad=wanted)


def nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    """The flat list of numbers as nested lists of this shape."""
    if not shape:
        return flat[0]
    step = math.prod(shape[1:])
    return [nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def span(low: float, high: float, *shape: int) -> Data:
    """Numbers spread over [low, high] without repetition: a golden-ratio sequence."""
    fractions = [((k + 1) * GOLDEN) % 1.0 for k in range(math.prod(shape))]
    return Data(shape, tuple(round(low + (high - low) * f, 3) for f in fractions))


def spread(low: float, high: float, *shape: int) -> Data:
    """Like span, in another order: for the second input of an operation."""
    fractions = [(0.25 + (k + 1) * math.sqrt(2)) % 1.0 for k in range(math.prod(shape))]
    return Data(shape, tuple(round(low + (high - low) * f, 3) for f in fractions))


def full(shape: tuple[int, ...], *values: float, kind: str = "float") -> Data:
    """These very numbers in this shape."""
    assert len(values) == math.prod(shape), (shape, values)
    return Data(shape, values, kind)


def lit(*values: Any, kind: str = "float") -> Data:
    """A vector of these very numbers."""
    return Data((len(values),), values, kind)


def ints(low: int, high: int, *shape: int, kind: str = "int64") -> Data:
    """Whole numbers in [low, high), spread over all of them."""
    fractions = [((k + 1) * GOLDEN) % 1.0 for k in range(math.prod(shape))]
    return Data(shape, tuple(low + int((high - low) * f) for f in fractions), kind)


def bools(*shape: int) -> Data:
    """True and False in no simple order."""
    return Data(shape, tuple((k * k + k // 3) % 3 != 1 for k in range(math.prod(shape))), "bool")


def waves(*shape: int, phase: float = 0.0) -> Data:
    """Complex numbers of sizes and angles that differ."""
    numbers = [
        complex(
            round((0.6 + 0.3 * k % 1.1) * math.cos(phase + 1 + 2 * k), 3),
            round((0.6 + 0.3 * k % 1.1) * math.sin(phase + 1 + 2 * k), 3),
        )
        for k in range(math.prod(shape))
    ]
    return Data(shape, tuple(numbers), "complex")


def cotangent(torch: Any, like: Any, phase: float) -> Any:
    """cos(phase), cos(phase + 1), ... in the shape and dtype of a result."""
    shape = tuple(like.shape)
    flat: list[Any] = [round(math.cos(phase + k), 3) for k in range(math.prod(shape))]
    if like.dtype.is_complex:
        flat = [complex(c, round(math.sin(phase + 2 * k), 3)) for k, c in enumerate(flat)]
    return torch.tensor(flat, dtype=like.dtype).reshape(shape)


def tensors(torch: Any, value: Any) -> list[Any]:
    """The tensors of a result that depend on an input that requires grad."""
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    return [p for p in parts if isinstance(p, torch.Tensor) and p.requires_grad]


def copies(found: Any) -> list[Any]:
    """Gradients as tensors with memory: PyTorch's of a constant has none, and no tolist()."""
    return [None if g is None else g.clone() for g in found]


def gradients(torch: Any, results: list[Any], inputs: list[Any], second: bool) -> Iterator[Any]:
    """Gradients of the results for fixed cotangents; then those of the gradients, if asked."""
    first = [cotangent(torch, r, 0.5 + i) for i, r in enumerate(results)]
    yield copies(torch.autograd.grad(results, inputs, first, retain_graph=True, allow_unused=True))
    if not second:
        return
    again = torch.autograd.grad(results, inputs, first, create_graph=True, allow_unused=True)
    # Whether a constant gradient requires grad is bookkeeping; that its derivative is zero is not.
    live = [g for g in again if g is not None and g.requires_grad]
    if live:
        deeper = [cotangent(torch, g, 0.2 + i) for i, g in enumerate(live)]
        live = torch.autograd.grad(live, inputs, deeper, allow_unused=True)
    found = live or [None for _ in inputs]
    yield copies([torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs)])


def expression(
    text: str,
    inputs: dict[str, Data],
    *,
    grad: bool = True,
    first: bool = True,
    second: bool = False,
    precisions: tuple[str, ...] = ("float32",),
) -> Case:
    """The case of one expression in these inputs: its value, first gradients, second ones."""
    function = eval(f"lambda {', '.join(['torch', 'dtype', *inputs])}: {text}")

    def case(torch: Any) -> Iterator[Any]:
        for precision in precisions:
            dtype = getattr(torch, precision)
            values = [d.tensor(torch, precision, grad) for d in inputs.values()]
            value = function(torch, dtype, *values)
            yield value
            results = tensors(torch, value)
            leaves = [v for v in values if v.requires_grad]
            if first and results and leaves:
                yield from gradients(torch, results, leaves, second)

    case.__doc__ = text
    return case


def op(
    name: str,
    args: str = "x",
    forms: str = "fm",
    *,
    smooth: bool = True,
    grad: bool = True,
    tag: str = "",
    inplace: str | None = None,
    **inputs: Data,
) -> dict[str, Case]:
    """Rows of one operation, ``torch.<name>(<args>)``, one for each letter of forms.

    Parameters
    ----------
    name : str
        The function's name under torch, dotted for a submodule.
    args : str
        The arguments, the first of them the input itself.
    forms : str
        Letters of: f function, m method, i in-place method, o ``out=``.
    smooth : bool
        Whether the gradient of the gradient is taken too.
    grad : bool
        Whether the inputs require grad: not so for what PyTorch has no derivative of.
    tag : str
        What tells this row from others of the same operation.
    """
    first, _, rest = args.partition(",")
    rest = rest.strip()
    stem = "_".join(part for part in (name.replace(".", "_"), tag) if part)
    both = ("float32", "float64")
    rows: dict[str, Case] = {}
    if "f" in forms:
        text = f"torch.{name}({args})"
        rows[stem] = expression(text, inputs, grad=grad, second=smooth, precisions=both)
    if "m" in forms:
        text = f"{first}.{name}({rest})"
        rows[f"{stem}_method"] = expression(text, inputs, grad=grad, first=False)
    if "i" in forms:
        text = f"{first}.clone().{inplace or name + '_'}({rest})"
        rows[f"{stem}_inplace"] = expression(text, inputs, grad=grad)
    if "o" in forms:
        kinds = [d.kind for d in inputs.values()]
        kind = next((k for k in ("complex", "float") if k in kinds), kinds[0])
        dtype = {"float": "dtype", "complex": "torch.complex64"}.get(kind, f"torch.{kind}")
        text = f"[(o := torch.empty(0, dtype={dtype})), torch.{name}({args}, out=o) is o]"
        rows[f"{stem}_out"] = expression(text, inputs, grad=False)
    return rows


def expr(
    name: str, text: str, *, smooth: bool = False, grad: bool = True, **inputs: Data
) -> dict[str, Case]:
    """A row that is written out: any expression in its inputs, at float32."""
    return {name: expression(text, inputs, grad=grad, second=smooth)}


def split(texts: tuple[str, ...]) -> list[str]:
    """The expressions of a row: text between semicolons."""
    return [part.strip() for text in texts for part in text.split(";")]


def exprs(name: str, *texts: str, grad: bool = True, **inputs: Data) -> dict[str, Case]:
    """Several expressions in the same inputs, ``"x + 1; x - 1"``, as one case."""
    parts = [(text, expression(text, inputs, grad=grad)) for text in split(texts)]

    def case(torch: Any) -> Iterator[Any]:
        for text, part in parts:
            yield text
            yield from part(torch)

    return {name: case}


def fails(name: str, *texts: str, **inputs: Data) -> dict[str, Case]:
    """Expressions that must raise: the nearest builtin class of the error, each on its own.

    A class of one's own is welcome below the builtin one, as linalg.LinAlgError is a RuntimeError.
    """
    parts = [(text, expression(text, inputs)) for text in split(texts)]

    def case(torch: Any) -> Iterator[Any]:
        for text, part in parts:
            try:
                found = list(part(torch))
            except Exception as error:
                classes = type(error).__mro__
                yield text, next(c.__name__ for c in classes if c.__module__ == "builtins")
            else:
                yield text, "no error", found

    case.must_fail = True  # type: ignore[attr-defined]
    return {f"{name}_raises": case}


def cases(*rows: dict[str, Case]) -> dict[str, Case]:
    """All rows under their full names, ready for ``globals().update``; no name twice."""
    named: dict[str, Case] = {}
    for row in rows:
        for name, case in row.items():
            assert f"case_{name}" not in named, f"two rows are called {name}"
            case.__name__ = f"case_{name}"
            named[case.__name__] = case
    return named
