"""torch.func: functional transformations of functions of tensors, nested to any depth.

Each call gives the function names of its own for the inputs, so an inner transformation sees an
outer one's values and keeps the graph to them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from ..core.pytree import flatten, unflatten
from .autograd import grad as _grad
from .autograd.functional import jvp as _jvp
from .autograd.grad_mode import enable_grad
from .backward import prepared
from .codes import LEAF
from .record import LOCAL
from .surface import FUNCTIONS
from .tensor import Tensor

Fn = Callable[..., Any]


def _renamed(x: Tensor, level: int) -> Tensor:
    """Return a tensor under a name of the transformation's own."""
    if x.requires_grad:
        return x.view_as(x)  # type: ignore[no-any-return]
    made: Tensor = x.detach().requires_grad_()
    made.__dict__["_level"] = level
    return made


def _named(tree: Any, level: int) -> tuple[Any, list[Tensor]]:
    """Return a structure with its floating tensors under new names, and those."""
    leaves, shape = flatten(tree)
    made: list[Any] = []
    fresh: list[Tensor] = []
    for x in leaves:
        if isinstance(x, Tensor) and x._spec.floating:
            x = _renamed(x, level)
            fresh.append(x)
        made.append(x)
    return unflatten(shape, made), fresh


def _outer(trees: Any) -> bool:
    """Whether somebody differentiates through the arguments."""
    return any(isinstance(x, Tensor) and x.requires_grad for x in flatten(trees)[0])


_levels = count(1)
"""Transformations in the order of their calls: those inside one have higher numbers."""


def _closed_over(outs: Sequence[Any], level: int) -> bool:
    """Whether the graph behind results ends at leaves from outside a transformation.

    The gradient of ``x * w`` by x is w: where w requires a gradient, or is a name that an outer
    transformation has given, the result keeps the graph to it.
    """
    for y in outs:
        if not isinstance(y, Tensor) or not y.requires_grad:
            continue
        if y._kind_now() == LEAF:
            leaves = [y]
        else:
            rec = LOCAL.rec
            cone, _ = prepared(rec, y)
            leaves = [rec.leaves[s] for s in cone.leaves]
        if any(leaf.__dict__.get("_level", 0) < level for leaf in leaves):
            return True
    return False


def _released(tree: Any, keep: bool) -> Any:
    if keep:
        return tree
    leaves, shape = flatten(tree)
    return unflatten(shape, [x.detach() if isinstance(x, Tensor) else x for x in leaves])


def grad(func: Fn, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Fn:
    """Return a function that computes the gradient of `func`, which returns one element.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(0.5))
    tensor(-0.4794)
    """
    with_value = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = with_value(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Fn, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Fn:
    """Return a function that computes ``(gradient, value)`` of `func`."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(func)
    @enable_grad()
    def both(*args: Any, **kwargs: Any) -> Any:
        keep, level = _outer((args, kwargs)), next(_levels)
        chosen, fresh = _named(tuple(args[n] for n in numbers), level)
        given = list(args)
        for n, x in zip(numbers, chosen):
            given[n] = x
        out = func(*given, **kwargs)
        if has_aux:
            if not (isinstance(out, tuple) and len(out) == 2):
                raise RuntimeError(
                    "grad_and_value(f)(*args): output of function f should be a tuple: (output, "
                    "aux) if has_aux is True"
                )
            out, aux = out
        if not isinstance(out, Tensor):
            raise RuntimeError(
                f"Expected f(*args) to return a tensor, got {type(out).__name__} instead."
            )
        if out._spec.ndim:
            raise RuntimeError(
                f"grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got "
                f"tensor with {out._spec.ndim} dims. Maybe you wanted to use the vjp or jacrev "
                "APIs instead?"
            )
        keep = keep or _closed_over([out], level)
        flat = iter(_gradients([out], fresh, None, keep))
        found = tuple(_like(x, flat) for x in chosen)
        result = _released(found[0] if isinstance(argnums, int) else found, keep)
        value = _released(out, keep)
        return (result, (value, _released(aux, keep))) if has_aux else (result, value)

    return both


def _like(tree: Any, flat: Any) -> Any:
    leaves, shape = flatten(tree)
    return unflatten(
        shape,
        [next(flat) if isinstance(x, Tensor) and x._spec.floating else None for x in leaves],
    )


def _gradients(
    outs: Sequence[Tensor], ins: Sequence[Tensor], seeds: Any, create: bool
) -> list[Tensor]:
    live = [k for k, y in enumerate(outs) if y.requires_grad]
    if not live or not ins:
        return [FUNCTIONS["zeros_like"](x) for x in ins]
    found = _grad(
        [outs[k] for k in live],
        list(ins),
        None if seeds is None else [seeds[k] for k in live],
        retain_graph=True,
        create_graph=create,
        allow_unused=True,
        materialize_grads=True,
    )
    return list(found)


def vjp(func: Fn, *primals: Any, has_aux: bool = False) -> Any:
    """Return ``(func(*primals), pullback)``; with `has_aux` also what else `func` returned."""
    keep, level = _outer(primals), next(_levels)
    with enable_grad():
        named, fresh = _named(primals, level)
        out = func(*named)
    aux = None
    if has_aux:
        out, aux = out
    outs, shape = flatten(out)
    keep = keep or _closed_over(outs, level)

    def pullback(*cotangents: Any) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        seeds = flatten(given)[0]
        if len(seeds) != len(outs):
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function: {len(outs)} tensors, got {len(seeds)}"
            )
        create = keep or _outer(seeds)
        with enable_grad():
            flat = iter(_gradients(outs, fresh, seeds, create))
        return _released(tuple(_like(p, flat) for p in named), create)

    value = _released(unflatten(shape, outs), keep)
    return (value, pullback, aux) if has_aux else (value, pullback)


def jvp(
    func: Fn, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False
) -> Any:
    """Return ``(func(*primals), J tangents)``."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to be tuples.")
    kept: list[Any] = []
    keep = _outer((primals, tangents))
    for x in (*primals, *tangents):
        if not isinstance(x, Tensor):
            raise RuntimeError(
                "jvp(f, primals, tangents): Expected primals and tangents to only contain Tensors, "
                f"got {type(x).__name__}"
            )
    level = next(_levels)
    xs = tuple(_renamed(x, level) for x in primals)

    def plain(*given: Any) -> Any:
        nonlocal keep
        out = func(*given)
        if has_aux:
            out, aux = out
            kept.append(aux)
        keep = keep or _closed_over(flatten(out)[0], level)
        return out

    out, tangent = _released(_jvp(plain, xs, tangents, create_graph=True), keep)
    return (out, tangent, _released(kept[0], keep)) if has_aux else (out, tangent)


def jacrev(func: Fn, argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False) -> Fn:
    """Return a function that computes the Jacobian of `func`, row by row."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        keep, level = _outer((args, kwargs)), next(_levels)
        with enable_grad():
            chosen, _ = _named(tuple(args[n] for n in numbers), level)
            given = list(args)
            for n, x in zip(numbers, chosen):
                given[n] = x
            out = func(*given, **kwargs)
            aux = None
            if has_aux:
                out, aux = out
            outs, shape = flatten(out)
            keep = keep or _closed_over(outs, level)
            made = []
            for y in outs:
                flat = y.reshape(-1)
                rows = [_gradients([flat[k]], list(chosen), None, keep) for k in range(y.numel())]
                each = tuple(
                    FUNCTIONS["stack"]([r[n] for r in rows]).reshape((*y.shape, *x.shape))
                    for n, x in enumerate(chosen)
                )
                made.append(each[0] if isinstance(argnums, int) else each)
        result = _released(unflatten(shape, made), keep)
        return (result, aux) if has_aux else result

    return jacobian


def jacfwd(
    func: Fn,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Fn:
    """Return a function that computes the Jacobian of `func`, column by column."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        kept: list[Any] = []

        def by(m: int) -> Any:
            x = args[m]

            def alone(z: Any) -> Any:
                out = func(*args[:m], z, *args[m + 1 :])
                if has_aux:
                    out, aux = out
                    kept.append(aux)
                return out

            columns = []
            for k in range(x.numel()):
                unit = FUNCTIONS["zeros"](x.numel(), dtype=x.dtype)
                unit[k] = 1
                columns.append(jvp(alone, (x,), (unit.reshape(x.shape),))[1])
            return flatten(columns[0])[1], [
                FUNCTIONS["stack"](list(c), -1).reshape((*c[0].shape, *x.shape))
                for c in zip(*(flatten(column)[0] for column in columns))
            ]

        shapes, found = zip(*(by(m) for m in numbers))
        each = list(zip(*found))  # for each output, by each argument
        result = unflatten(shapes[0], [e[0] for e in each] if isinstance(argnums, int) else each)
        return (result, kept[0]) if has_aux else result

    return jacobian


def hessian(func: Fn, argnums: int = 0) -> Fn:
    """Return a function that computes the Hessian of `func`."""
    return jacfwd(jacrev(func, argnums), argnums)


def vmap(
    func: Fn,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Fn:
    """Return `func` mapped over an axis of its arguments.

    The slices are recorded one after the other; the trace fuses them.
    """

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        dims = in_dims if isinstance(in_dims, tuple | list) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(
                f"vmap({func.__name__}, in_dims={in_dims}, ...)(<inputs>): in_dims is not "
                f"compatible with the structure of inputs: got {len(args)} inputs"
            )
        sizes = {
            x.shape[d]
            for arg, d in zip(args, dims)
            if d is not None
            for x in flatten(arg)[0]
            if isinstance(x, Tensor)
        }
        if not sizes:
            raise ValueError(f"vmap({func.__name__}): got no mapped tensor among the inputs")
        if len(sizes) > 1:
            raise ValueError(
                f"vmap: Expected all tensors to have the same size in the mapped dimension, got "
                f"sizes {sorted(sizes)} for the mapped dimension"
            )
        (n,) = sizes
        results = []
        for k in range(n):
            given = [arg if d is None else _slice(arg, d, k) for arg, d in zip(args, dims)]
            results.append(func(*given, **kwargs))
        shape = flatten(results[0])[1]
        columns = list(zip(*[flatten(r)[0] for r in results]))
        outs = out_dims if isinstance(out_dims, tuple | list) else (out_dims,) * len(columns)
        stack = FUNCTIONS["stack"]
        return unflatten(
            shape, [c[0] if d is None else stack(list(c), d) for c, d in zip(columns, outs)]
        )

    return mapped


def _slice(arg: Any, d: int, k: int) -> Any:
    leaves, shape = flatten(arg)
    return unflatten(shape, [x.select(d, k) if isinstance(x, Tensor) else x for x in leaves])


def functional_call(
    module: Any, parameters_and_buffers: Any, args: Any = (), kwargs: Any = None
) -> Any:
    """Call a module with other tensors in place of its parameters and buffers."""
    given = args if isinstance(args, tuple) else (args,)
    found = parameters_and_buffers
    if isinstance(found, tuple | list):
        found = {k: v for part in found for k, v in part.items()}
    kept: list[tuple[Any, dict[str, Any], str, Any]] = []
    try:
        for name, value in found.items():
            *path, last = name.split(".")
            owner = module.get_submodule(".".join(path))
            table = owner._parameters if last in owner._parameters else owner._buffers
            if last not in table:
                raise AttributeError(f"{type(owner).__name__} has no parameter or buffer {last!r}")
            kept.append((owner, table, last, table[last]))
            table[last] = value
        return module(*given, **(kwargs or {}))
    finally:
        for _, table, last, value in reversed(kept):
            table[last] = value
