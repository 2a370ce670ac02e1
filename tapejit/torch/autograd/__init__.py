"""Automatic differentiation of recorded tensors: backward passes, gradients, functions, modes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from .. import backward as _sweep
from ..codes import PLAIN
from ..record import LOCAL
from ..tensor import Tensor
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of tensors to ``.grad`` of the leaves behind them.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
    grad_tensors : Tensor or sequence of Tensor or None
        The cotangents; None for scalars.
    retain_graph : bool or None
        Whether the graph may be used again; by default as `create_graph`.
    create_graph : bool
        Whether the gradients have a graph of their own.
    inputs : Tensor or sequence of Tensor
        Accumulate into these only.

    Raises
    ------
    RuntimeError
        For a tensor without a graph, a non-scalar without cotangent, a cotangent of another shape,
        a freed graph, and a saved value that has been written to.
    """
    if grad_variables is not None:
        grad_tensors = grad_variables if grad_tensors is None else grad_tensors
    roots = _tensors(tensors)
    chosen = None if inputs is None else _tensors(inputs)
    if chosen is not None and not chosen:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    seeds = _seeds(roots, _tensors(grad_tensors, len(roots)))
    retain = create_graph if retain_graph is None else retain_graph
    _need_graph(roots)
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this. If you have to use this "
            "function, make sure to reset the .grad fields of your parameters to None after use to "
            "break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=3,
        )
    if chosen is not None:
        for t in chosen:
            if t._kind_now() == PLAIN:
                raise RuntimeError("One of the differentiated Tensors does not require grad")
    _sweep.backward(roots, seeds, bool(retain), create_graph, chosen)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` with respect to `inputs`, touching no ``.grad``.

    Parameters
    ----------
    allow_unused : bool or None
        Whether an input that the outputs do not depend on gives None rather than an error.
    is_grads_batched : bool
        Whether the first axis of each cotangent counts cotangents.
    materialize_grads : bool
        Whether unused inputs give zeros.
    """
    roots, wanted = _tensors(outputs), _tensors(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    unused = materialize_grads if allow_unused is None else allow_unused
    retain = bool(create_graph if retain_graph is None else retain_graph)
    given = _tensors(grad_outputs, len(roots))
    if is_grads_batched:
        return _batched(roots, wanted, given, retain, create_graph, unused, materialize_grads)
    seeds = _seeds(roots, given)
    _need_graph(roots)
    for t in wanted:
        if t._kind_now() == PLAIN:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    from ..engine import gradients

    found = gradients(LOCAL.rec, roots, seeds, wanted, retain, create_graph)
    out = []
    for t, g in zip(wanted, found):
        if g is None:
            if not unused:
                raise RuntimeError(
                    "One of the differentiated Tensors appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
            g = _zeros(t) if materialize_grads else None
            if g is not None and create_graph:
                g.requires_grad_()
        out.append(g)
    return tuple(out)


def _batched(
    roots: list[Tensor],
    wanted: list[Tensor],
    given: list[Tensor | None],
    retain: bool,
    create: bool,
    unused: bool,
    materialize: bool,
) -> tuple[Any, ...]:
    """Return gradients for each cotangent of a batch, stacked."""
    from ..surface import FUNCTIONS

    n = next(g._spec.shape[0] for g in given if g is not None)
    rows = []
    for k in range(n):
        each = [None if g is None else g[k] for g in given]  # type: ignore[index]
        last = k == n - 1
        rows.append(
            grad(roots, wanted, each, retain or not last, create, True, unused, False, materialize)
        )
    stack = FUNCTIONS["stack"]
    return tuple(None if g[0] is None else stack(list(g)) for g in zip(*rows))


def _tensors(given: Any, n: int = 0) -> list[Any]:
    if given is None:
        return [None] * n
    if isinstance(given, Tensor):
        return [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    found = list(given)
    for t in found:
        if t is not None and not isinstance(t, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(t).__name__}")
    if n and len(found) != n:
        raise RuntimeError(f"got {n} tensors and {len(found)} gradients")
    return found


def _seeds(roots: Sequence[Tensor], given: Sequence[Any]) -> list[Tensor | None]:
    """Check the cotangents of roots."""
    seeds: list[Tensor | None] = []
    for root, seed in zip(roots, given):
        if seed is None:
            if root._kind_now() != PLAIN and root._spec.numel != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if root._kind != PLAIN and root._spec.np.kind == "c":
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    f"{root._spec.dtype}"
                )
            seeds.append(None)
            continue
        if not isinstance(seed, Tensor):
            raise TypeError(
                f"gradients can be either Tensors or None, but got {type(seed).__name__}"
            )
        if tuple(seed._spec.shape) != tuple(root._spec.shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{len(seeds)}] has a shape of {seed._spec.shape} "
                f"and output[{len(seeds)}] has a shape of {root._spec.shape}."
            )
        if seed._spec.np.kind == "c" and root._spec.np.kind != "c":
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same "
                "dtype."
            )
        seeds.append(seed)
    return seeds


def _need_graph(roots: Sequence[Tensor]) -> None:
    for k, root in enumerate(roots):
        if root._kind_now() == PLAIN:
            raise RuntimeError(
                f"element {k} of tensors does not require grad and does not have a grad_fn"
            )


def _zeros(t: Tensor) -> Tensor:
    return _zeros_of(t._spec)


def _zeros_of(spec: Any) -> Tensor:
    import numpy as np

    from ..spec import spec_of
    from ..tensor import leaf_of

    value = np.zeros(tuple(spec.shape), spec.np)
    return leaf_of(value if value.ndim else value[()], spec_of(spec.np, tuple(spec.shape)))


# These stand on `grad`.
from . import functional, graph  # noqa: E402
from .gradcheck import GradcheckError, gradcheck, gradgradcheck  # noqa: E402
