"""autograd.functional: products with Jacobians and Hessians of functions of tensors.

Each is made of backward passes with graphs of their own; forward products use the reverse of the
reverse: u -> J^T u is linear, and the gradient of v . (J^T u) with respect to u is J v.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from ..surface import FUNCTIONS
from ..tensor import Tensor
from . import grad
from .grad_mode import enable_grad

Fn = Callable[..., Any]


def _tuple(given: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    single = not isinstance(given, tuple)
    found = (given,) if single else given
    for k, t in enumerate(found):
        if not isinstance(t, Tensor):
            at = f"the value at index {k} of " if not single else ""
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but "
                f"{at}the given {what} has type {type(t)}."
            )
    return not single, found


def _inputs(inputs: tuple[Tensor, ...], create: bool) -> tuple[Tensor, ...]:
    """Return inputs under names of their own, tied to the caller's graph only when asked."""
    if create:
        return tuple(
            t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs
        )
    return tuple(t.detach().requires_grad_() for t in inputs)


def _call(fn: Fn, inputs: tuple[Tensor, ...], name: str) -> tuple[bool, tuple[Tensor, ...]]:
    return _tuple(fn(*inputs), "outputs of the user-provided function", name)


def _done(found: Any, was_tuple: bool, create: bool) -> Any:
    flat = tuple(found)
    if not create:
        flat = tuple(t.detach() for t in flat)
    return flat if was_tuple else flat[0]


def _grad(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    seeds: tuple[Any, ...] | None,
    create: bool,
    strict: bool = False,
) -> tuple[Tensor, ...]:
    """Return gradients, zeros for inputs that do not matter."""
    live = [k for k, o in enumerate(outputs) if o.requires_grad]
    if strict and len(live) < len(outputs):
        k = next(k for k in range(len(outputs)) if k not in live)
        raise RuntimeError(f"Output {k} of the user-provided function does not require gradients: it is independent of the inputs. The outputs must be computed in a differentiable manner from the input when running in strict mode.")  # fmt: skip
    if not live:
        found: Any = (None,) * len(inputs)
    else:
        found = grad(
            [outputs[k] for k in live],
            inputs,
            None if seeds is None else [seeds[k] for k in live],
            retain_graph=True,
            create_graph=create,
            allow_unused=True,
        )
    made = []
    for k, (x, g) in enumerate(zip(inputs, found)):
        if g is None:
            if strict:
                raise RuntimeError(
                    f"The output of the user-provided function is independent of input {k}. This "
                    "is not allowed in strict mode."
                )
            g = FUNCTIONS["zeros_like"](x)
        made.append(g)
    return tuple(made)


def _vector(v: Any, like: tuple[Tensor, ...], what: str, name: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) > 1 or like[0]._spec.numel != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {what} to the user-provided function "
                f"{'is a single Tensor with a single element' if what == 'input' else 'contains a single element'}."
            )
        return tuple(FUNCTIONS["ones_like"](t) for t in like)
    _, vs = _tuple(v, "v", name)
    if len(vs) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}."
        )
    for k, (t, x) in enumerate(zip(vs, like)):
        if tuple(t._spec.shape) != tuple(x._spec.shape):
            at = f"Entry {k} in v" if len(like) > 1 else "v"
            raise RuntimeError(
                f"{at} has invalid size: should be {x._spec.shape} but got {t._spec.shape}."
            )
    return vs


@enable_grad()
def vjp(
    func: Fn, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return ``(outputs, v^T J)`` of a function at `inputs`.

    Parameters
    ----------
    func : callable
        Takes the inputs as arguments; returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
    v : Tensor or tuple of Tensor or None
        The cotangent, like the outputs; None for one element.
    """
    many, xs = _tuple(inputs, "inputs", "vjp")
    xs = _inputs(xs, create_graph)
    out_many, ys = _call(func, xs, "vjp")
    vs = _vector(v, ys, "output", "vjp")
    found = _grad(ys, xs, vs, create_graph, strict)
    return _done(ys, out_many, create_graph), _done(found, many, create_graph)


@enable_grad()
def jvp(
    func: Fn, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return ``(outputs, J v)`` of a function at `inputs`, with `v` like the inputs."""
    _, xs = _tuple(inputs, "inputs", "jvp")
    xs = _inputs(xs, create_graph)
    vs = _vector(v, xs, "input", "jvp")
    out_many, ys = _call(func, xs, "jvp")
    us = tuple(FUNCTIONS["zeros_like"](y).requires_grad_() for y in ys)
    for u in us:
        u.__dict__["_level"] = inf  # no leaf that anybody else differentiates by: see `func`
    back = _grad(ys, xs, us, True, strict)
    found = _grad(back, us, vs, create_graph)
    return _done(ys, out_many, create_graph), _done(found, out_many, create_graph)


@enable_grad()
def jacobian(
    func: Fn,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian, shaped like the output followed by the input.

    With tuples, ``jacobian[i][j]`` is that of output i with respect to input j.
    """
    many, xs = _tuple(inputs, "inputs", "jacobian")
    xs = _inputs(xs, create_graph)
    out_many, ys = _call(func, xs, "jacobian")
    result = []
    for y in ys:
        rows: list[tuple[Tensor, ...]] = []
        flat = y.reshape(-1)
        for k in range(y._spec.numel):
            rows.append(_grad((flat[k],), xs, None, create_graph, strict))
        each = []
        for n, x in enumerate(xs):
            shape = (*y._spec.shape, *x._spec.shape)
            if rows:
                made = FUNCTIONS["stack"]([r[n] for r in rows]).reshape(shape)
            else:
                made = FUNCTIONS["zeros"](shape)
            each.append(made)
        result.append(_done(each, many, create_graph))
    return tuple(result) if out_many else result[0]


def _scalar(func: Fn, name: str) -> Fn:
    def checked(*xs: Any) -> Any:
        out = func(*xs)
        if not isinstance(out, Tensor):
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if out._spec.numel != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single "
                "element"
            )
        return out.reshape(()) if out._spec.ndim else out

    return checked


@enable_grad()
def hessian(
    func: Fn,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of a function with one element as its result.

    With tuples, ``hessian[i][j]`` holds the second derivatives by inputs i and j.
    """
    many, xs = _tuple(inputs, "inputs", "hessian")
    scalar = _scalar(func, "hessian")

    def gradient(*given: Tensor) -> Any:
        found = _grad((scalar(*given),), given, None, True, strict)
        return found

    made = jacobian(gradient, xs, create_graph, strict)
    return made if many else made[0][0]


@enable_grad()
def hvp(
    func: Fn, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return ``(output, H v)`` of a function with one element as its result."""
    many, xs = _tuple(inputs, "inputs", "hvp")
    xs = _inputs(xs, create_graph)
    vs = _vector(v, xs, "input", "hvp")
    y = _scalar(func, "hvp")(*xs)
    first = _grad((y,), xs, None, True, strict)
    us = tuple(FUNCTIONS["zeros_like"](x).requires_grad_() for x in xs)
    back = _grad(first, xs, us, True)
    found = _grad(back, us, vs, create_graph)
    return _done((y,), False, create_graph), _done(found, many, create_graph)


@enable_grad()
def vhp(
    func: Fn, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return ``(output, v^T H)`` of a function with one element as its result."""
    many, xs = _tuple(inputs, "inputs", "vhp")
    xs = _inputs(xs, create_graph)
    vs = _vector(v, xs, "input", "vhp")
    y = _scalar(func, "vhp")(*xs)
    first = _grad((y,), xs, None, True, strict)
    found = _grad(first, xs, vs, create_graph)
    return _done((y,), False, create_graph), _done(found, many, create_graph)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
