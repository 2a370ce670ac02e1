"""Inputs made by formulas, and the questions that every function of `nn` is asked.

A stored answer is only worth something if its inputs are the same wherever it is computed, so no
input is random: entry ``i`` is ``sin(1.3 i + phase)`` scaled, shifted and rounded to three
decimals in Python, before any tensor exists. The entries are distinct, of both signs and never
exactly at a kink. A cotangent is ``cos(i)`` plus a half: a gradient that forgets which output it
belongs to, or that sums where it should weigh, shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Torch = Any
Tensor = Any
Spec = Callable[[Torch, Any], Tensor]
Case = Callable[[Torch], Iterator[Any]]


def nested(entries: list[float], shape: Sequence[int]) -> Any:
    """Return the entries as nested lists: a tensor made of them is a view of nothing."""
    if not shape:
        return entries[0]
    step = math.prod(shape[1:])
    return [nested(entries[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def wave(
    torch: Torch,
    *shape: int,
    dtype: Any = None,
    phase: float = 0.4,
    scale: float = 1.0,
    shift: float = 0.0,
) -> Tensor:
    """Return a tensor of the given shape with distinct entries of both signs."""
    entries = [round(shift + scale * math.sin(1.3 * i + phase), 3) for i in range(math.prod(shape))]
    return torch.tensor(nested(entries, shape), dtype=dtype or torch.float32)


def leaf(torch: Torch, *shape: int, **options: Any) -> Tensor:
    """Return `wave` as a leaf that requires grad."""
    return wave(torch, *shape, **options).requires_grad_()


def weights(torch: Torch, like: Tensor) -> Tensor:
    """Return the cotangent that is used for `like`."""
    entries = [round(0.5 + math.cos(i), 3) for i in range(like.numel())]
    return torch.tensor(entries, dtype=like.dtype).reshape(like.shape)


def fill(torch: Torch, module: Any, scale: float = 0.7) -> Any:
    """Set every parameter of a module from a formula of its own; return the module."""
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(
                wave(
                    torch,
                    *parameter.shape,
                    dtype=parameter.dtype,
                    phase=0.3 + 0.9 * number,
                    scale=scale,
                )
            )
    return module


def floating(values: Iterable[Any]) -> list[Tensor]:
    """Return the floating tensors among `values`."""
    return [v for v in values if hasattr(v, "is_floating_point") and v.is_floating_point()]


def differentiable(values: Any) -> list[Tensor]:
    """Return the tensors with a graph among an output or several."""
    several = values if isinstance(values, tuple | list) else [values]
    return [v for v in floating(several) if v.requires_grad]


def gradients(torch: Torch, out: Any, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the gradients of an output, or several, for fixed cotangents."""
    outs = differentiable(out)
    return torch.autograd.grad(outs, inputs, [weights(torch, o) for o in outs], allow_unused=True)


def second_gradients(torch: Torch, out: Any, inputs: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield the gradients of the weighted sum of the gradients.

    Whether a gradient that does not depend on the inputs carries a graph is an accident of how
    the reverse rule is written, so a missing graph counts as zero; and so does PyTorch's tensor
    of zeros without memory, which the addition turns into an ordinary one.
    """
    outs = differentiable(out)
    firsts = torch.autograd.grad(
        outs, inputs, [weights(torch, o) for o in outs], create_graph=True, allow_unused=True
    )
    sums = [(g * weights(torch, g)).sum() for g in firsts if g is not None and g.requires_grad]
    if not sums:
        for x in inputs:
            yield torch.zeros_like(x)
        return
    seconds = torch.autograd.grad(sum(sums[1:], sums[0]), inputs, allow_unused=True)
    for x, g in zip(inputs, seconds, strict=True):
        yield torch.zeros_like(x) if g is None else g.detach() + torch.zeros_like(x)


def real(*shape: int, phase: float = 0.4, scale: float = 2.0, shift: float = 0.1) -> Spec:
    """Entries on both sides of zero; requires grad."""

    def build(torch: Torch, dtype: Any) -> Tensor:
        return leaf(torch, *shape, dtype=dtype, phase=phase, scale=scale, shift=shift)

    return build


def positive(*shape: int, phase: float = 0.4) -> Spec:
    """Entries between 0.3 and 1.9; requires grad."""
    return real(*shape, phase=phase, scale=0.8, shift=1.1)


def unit(*shape: int, phase: float = 0.4) -> Spec:
    """Entries between 0.1 and 0.9, as probabilities; requires grad."""
    return real(*shape, phase=phase, scale=0.4, shift=0.5)


def constant(spec: Spec) -> Spec:
    """The same entries without a gradient."""
    return lambda torch, dtype: spec(torch, dtype).detach()


def whole(entries: Any) -> Spec:
    """These integers (class numbers, row numbers)."""
    return lambda torch, dtype: torch.tensor(entries)


def asked(expression: str, inputs: Mapping[str, Spec], dtype: str, twice: bool) -> Case:
    """Return the case that asks for value, gradients and, if `twice`, second-order gradients."""
    code = compile(expression, "<row>", "eval")

    def case(torch: Torch) -> Iterator[Any]:
        given = {name: spec(torch, getattr(torch, dtype)) for name, spec in inputs.items()}
        wanted = [x for x in floating(given.values()) if x.requires_grad]
        names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, **given}
        out = eval(code, names)
        yield out
        if differentiable(out):
            yield gradients(torch, out, wanted)
            if twice:
                yield list(second_gradients(torch, eval(code, names), wanted))

    return case


def cases_of(
    rows: Iterable[tuple[str, str, Mapping[str, Spec]]],
    module: str,
    once: Iterable[str] = (),
) -> dict[str, Case]:
    """Make the cases of a table, two per row; a name may stand in it only once.

    Second-order gradients are asked for in float64, except of the rows named by `once`.
    """
    made: dict[str, Case] = {}
    for name, expression, inputs in rows:
        for dtype in ("float32", "float64"):
            case = asked(expression, inputs, dtype, dtype == "float64" and name not in once)
            key = f"case_{name}_{dtype}"
            assert key not in made, key
            case.__name__ = case.__qualname__ = key
            case.__module__ = module
            case.__doc__ = f"``{expression}`` at {dtype}."
            made[key] = case
    return made
