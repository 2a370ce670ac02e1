"""autograd.Function: operations whose forward and backward are the user's Python.

``forward`` runs without a graph; its rows are recorded like any others. A row then joins its results
to the inputs that require gradients, and the backward walk calls ``backward`` there.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..backward import FREED
from ..codes import GRAD, LEAF, PLAIN, Op, three
from ..record import LOCAL, Recorder
from ..spec import spec_of
from ..surface import put
from ..tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def _pass(*xs: Any, inputs: int, name: str) -> Any:
    return tuple(xs[inputs:])


_function = Op("function", _pass, lambda params, args: params["name"], saves=(), special="function")


class FunctionCtx:
    """What ``forward`` keeps for ``backward``.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        For each argument, whether its gradient is wanted.
    saved_tensors : tuple of Tensor
        What `save_for_backward` was given.
    """

    def __init__(self, function: type[Function], needs: tuple[bool, ...]) -> None:
        self._function = function
        self.needs_input_grad = needs
        self._saved: list[tuple[Tensor | None, int, Any]] = []
        self._free = False
        self._nondiff: tuple[Tensor, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._materialize = True
        self._outputs: list[Any] = []
        self._positions: list[int] = []
        self._n_args = 0
        self._inputs: dict[int, Any] = {}

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``backward``; what is written to afterwards is noticed."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument 0 is of type "
                    f"{type(t).__name__}"
                )
        self._to_save = tensors

    _to_save: tuple[Any, ...] = ()

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``jvp``; they serve ``backward`` as well."""

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say that results have no gradient."""
        self._nondiff = args

    def mark_dirty(self, *args: Tensor) -> None:
        """Say that arguments are written to in place."""
        self._dirty = args

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether missing gradients reach ``backward`` as zeros (the default) or as None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        if self._free:
            raise RuntimeError(FREED)
        found = []
        for t, version, name in self._saved:
            if t is not None and t._version_of() != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: [{t._spec}] saved by {name} is at version "
                    f"{t._version_of()}; expected version {version} instead."
                )
            found.append(t)
        return tuple(found)

    saved_variables = saved_tensors

    def run_backward(self, given: Sequence[Tensor | None], retain: bool) -> list[Any]:
        """Return the gradients of the tensor arguments."""
        return run_backward(self, given, retain)

    def _called(self) -> str:
        """Return the name of the node."""
        return self._function._node or f"{self._function.__name__}Backward"

    def _finish(self) -> None:
        self._saved = [
            (t, 0 if t is None else t._version_of(), self._called()) for t in self._to_save
        ]
        self._to_save = ()


class Function:
    """An operation with a gradient of your own.

    Define static methods ``forward(ctx, *args)`` and ``backward(ctx, *grads)``, or ``forward(*args)``
    with ``setup_context(ctx, inputs, output)``, and call ``apply``.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> y = Square.apply(x)
    >>> y.backward()
    >>> y, x.grad
    (tensor(9., grad_fn=<SquareBackward>), tensor(6.))
    """

    generate_vmap_rule = False
    _node = ""

    def __init__(self) -> None:
        """Warn that there is nothing to make: the methods are static."""
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, "
            "so you should invoke them on the class itself: call its `apply`.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse the form of PyTorch before 0.4."""
        raise RuntimeError(
            f"Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method: call "
            f"{type(self).__name__}.apply(...)."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the results."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep what ``backward`` needs, when ``forward`` takes no context."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradient of each argument of ``forward``, None where there is none."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation on arguments, tensors and others."""
        rec = LOCAL.rec
        tensors = [a for a in args if isinstance(a, Tensor)]
        needs = tuple(isinstance(a, Tensor) and a._kind_now() != PLAIN for a in args)
        ctx = FunctionCtx(cls, needs)
        split = cls.setup_context is not Function.setup_context
        before, rec.grad = rec.grad, False
        try:
            if split:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args, **kwargs)
        finally:
            rec.grad = before
        ctx._n_args = len(args)
        ctx._inputs = {k: a._spec for k, a in enumerate(args) if isinstance(a, Tensor)}
        ctx._positions = [k for k, a in enumerate(args) if isinstance(a, Tensor)]
        if not (any(needs) and rec.grad):
            ctx._finish()
            return out
        return _joined(ctx, tensors, out)

    vjp = backward


def _joined(ctx: FunctionCtx, tensors: list[Tensor], out: Any) -> Any:
    """Return the results of a function with a node that leads to its inputs."""
    rec = LOCAL.rec
    single = isinstance(out, Tensor)
    outs = [out] if single or not isinstance(out, tuple | list) else list(out)
    results = [o for o in outs if isinstance(o, Tensor)]
    if not results:
        raise TypeError(
            f"{ctx._function.__name__}.forward: expected to get tensors, got {type(out).__name__}"
        )
    name = ctx._called()
    specs = tuple(_dense(o) for o in results)
    key = (name, len(tensors), tuple(t._spec for t in tensors), tuple(o._spec for o in results))
    first = _function.memo.get(key)
    if first is None:
        first = _function.memo[key] = three(
            _function,
            {"inputs": len(tensors), "name": name},
            (*(t._spec for t in tensors), *(o._spec for o in results)),
            specs,
        )
    slots = [rec.admit(t) for t in (*tensors, *results)]
    at = len(rec.owners)
    rec.code += (first + GRAD, *slots)
    rec.owners += [None] * len(results)
    rec.special[~at] = ctx  # hooks on the results stand at the results' own slots
    each = iter(specs)
    ctx._outputs = [next(each) if isinstance(o, Tensor) else None for o in outs]
    made: dict[int, Tensor] = {}
    dirty: dict[int, Tensor] = {}
    for k, o in enumerate(results):
        plain = any(o is n for n in ctx._nondiff) or not o._spec.floating
        if any(o is d for d in ctx._dirty):
            if o._kind == LEAF and not plain:
                raise RuntimeError(
                    "a leaf Variable that requires grad is being used in an in-place operation."
                )
            dirty[k] = made[k] = o
            continue
        if plain:
            made[k] = o
            continue
        y = Tensor(rec.serial, at + k, specs[k], GRAD)
        rec.owners[at + k] = y
        made[k] = y
    _write_back(rec, dirty, at, specs)
    replaced = {id(o): made[k] for k, o in enumerate(results)}
    ctx._to_save = tuple(
        replaced.get(id(t), t) if not any(t is x for x in tensors) else t for t in ctx._to_save
    )
    ctx._finish()
    if rec.eager:
        rec.flush()
    if single:
        return made[0]
    found = [replaced[id(o)] if isinstance(o, Tensor) else o for o in outs]
    return type(out)(found) if isinstance(out, list) else tuple(found)


def _write_back(rec: Recorder, dirty: dict[int, Tensor], at: int, specs: Sequence[Any]) -> None:
    """Make results the values of the tensors written to; each write may run the trace."""
    if len(dirty) == 1:
        ((k, o),) = dirty.items()
        o._set_slot(rec, at + k, GRAD)
        return
    held = {}
    for k in dirty:
        held[k] = rec.owners[at + k] = Tensor(rec.serial, at + k, specs[k], GRAD)
    for k, o in dirty.items():
        put(o, held[k])


def _dense(t: Tensor) -> Any:
    spec = t._spec
    return spec if spec.strides is None else spec_of(spec.np, tuple(spec.shape))


def run_backward(ctx: FunctionCtx, given: Sequence[Tensor | None], retain: bool) -> list[Any]:
    """Call the user's ``backward``; return the gradients of the tensor arguments."""
    from . import _zeros_of

    found_cts = iter(given)
    cts: list[Any] = []
    for spec in ctx._outputs:
        g = None if spec is None else next(found_cts)
        missing = g is None and spec is not None and ctx._materialize
        cts.append(_zeros_of(spec) if missing else g)
    function = ctx._function
    rule = function.backward if function.backward is not Function.backward else function.vjp
    found = rule(ctx, *cts)
    found = tuple(found) if isinstance(found, tuple | list) else (found,)
    if len(found) < ctx._n_args or any(g is not None for g in found[ctx._n_args :]):
        raise RuntimeError(
            f"function {ctx._called()} returned an incorrect number of gradients (expected "
            f"{ctx._n_args}, got {len(found)})"
        )
    if not retain:
        ctx._free = True
    grads: list[Tensor | None] = []
    for k in ctx._positions:
        g = found[k]
        if g is not None and not isinstance(g, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
        if g is None or not ctx.needs_input_grad[k]:
            grads.append(None)
        else:
            grads.append(_fitted(ctx, g, k))
    return grads


def _fitted(ctx: FunctionCtx, g: Tensor, k: int) -> Tensor:
    """Return a gradient in the shape and dtype of its argument."""
    spec = ctx._inputs[k]
    if tuple(g._spec.shape) != tuple(spec.shape):
        shape, wanted = tuple(g._spec.shape), tuple(spec.shape)
        lead = len(shape) - len(wanted)
        fits = lead >= 0 and all(m in (n, 1) for n, m in zip(shape[lead:], wanted))
        if not fits:
            raise RuntimeError(
                f"Function {ctx._called()} returned an invalid gradient at index {k} - got "
                f"{list(shape)} but expected shape compatible with {list(wanted)}"
            )
        axes = [*range(lead), *(lead + j for j, m in enumerate(wanted) if m != shape[lead + j])]
        g = g.sum(axes, keepdim=True).reshape(wanted)
    return g if g._spec.np == spec.np else g.to(spec.dtype)


def once_differentiable(fn: F) -> F:
    """Mark a ``backward`` whose result has no gradient of its own: using one raises."""

    @functools.wraps(fn)
    def once(ctx: Any, *grads: Any) -> Any:
        rec = LOCAL.rec
        before, rec.grad = rec.grad, False
        try:
            found = fn(ctx, *grads)
        finally:
            rec.grad = before
        if not rec.grad or not any(isinstance(g, Tensor) and g._kind_now() for g in grads):
            return found
        return _refusing(found)

    return once  # type: ignore[return-value]


def _refusing(found: Any) -> Any:
    """Return gradients with a node that raises when a gradient reaches it."""
    many = found if isinstance(found, tuple) else (found,)
    out = tuple(Error.apply(g.requires_grad_()) if isinstance(g, Tensor) else g for g in many)
    return out if isinstance(found, tuple) else out[0]


class Error(Function):
    """The gradient of what has no gradient."""

    _node = "torch::autograd::Error"

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
