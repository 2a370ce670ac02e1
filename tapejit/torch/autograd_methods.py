"""What autograd gives a tensor: flags, gradients, nodes, hooks, detached names of the same memory."""

from __future__ import annotations

import warnings
from typing import Any

from .backward import backward as sweep
from .backward import run_swept
from .codes import GRAD, INFERENCE, LEAF, PLAIN, op
from .hooks import RemovableHandle
from .hot import table
from .ops.record_view import view_code, view_of
from .record import LOCAL, STEPS
from .surface import public
from .tensor import More, Tensor, hushed_base

NOT_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you "
    "access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead."
)


@op("detach", view=True, differentiable=False)
def _detach(x: Any) -> Any:
    return x[...] if getattr(x, "ndim", 0) else x


def detach(self: Tensor) -> Tensor:
    """Return a leaf that shares memory with this tensor and needs no gradient."""
    first = _DETACHED.get(self._spec)
    if first is None:
        first = _DETACHED[self._spec] = view_code(_detach, self)
    return view_of(self, first)


_DETACHED: dict[Any, int] = table()


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor off from its graph."""
    more = self._more
    if more is not None and more.base is not None and not more.detached:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
            "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of "
            "DDP buckets, and hence detach_() cannot be called on these gradients."
        )
    if self._kind & 3 == PLAIN:
        return self
    value = self._value() if self._array is None else self._array
    self._array, self._serial, self._graph, self._kind = value, 0, None, PLAIN
    return self


def _get_data(self: Tensor) -> Tensor:
    """The memory without its graph: a detached view whose writes the version counter does not show.

    Setting it gives the tensor the values, shape and dtype of another one.
    """
    made = detach(self)
    assert made._more is not None
    made._more.silent = True
    return made


def _set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    more = value._more
    if (
        more is not None
        and more.base is not None
        and more.root is self
        and (value._spec.shape == self._spec.shape)
    ):
        return  # x.data += 1 has already written through
    replace_value(self, value)


def replace_value(self: Tensor, value: Tensor) -> None:
    """Give a tensor the memory of another one, whatever it was before."""
    import numpy as np

    from .spec import spec_of

    array = np.array(value._value())
    spec = spec_of(value._spec.np, tuple(value._spec.shape))
    if self._kind and not spec.floating:
        raise RuntimeError("data set to a tensor that requires gradients must be floating point")
    rec = LOCAL.rec
    if self._more is not None:
        rec.flush()
        _leave_memory(self, self._more)
    elif self._serial == rec.serial:
        rec.flush()
    self._spec, self._serial = spec, 0
    self._array = array if array.ndim else array[()]


def _leave_memory(self: Tensor, more: More) -> None:
    """Part a tensor from its memory: from the tensor it is a view of, and from its own views.

    A tensor that nobody can name takes its place between them. What belongs to the tensor, its
    hooks, stays with it.
    """
    old = Tensor(0, 0, self._spec, self._kind)
    old._array, old._ver, old._hidden, old._more = self._array, self._ver, self._hidden, more
    mine = More()
    mine.hooks, mine.after, mine.retains = more.hooks, more.after, more.retains
    more.hooks, more.after, more.retains = None, None, False
    self._more = mine if mine.hooks or mine.after or mine.retains else None
    if more.base is not None:
        self._ver, self._hidden = self._version_of(), 0
        theirs = more.base._more
        assert theirs is not None
        theirs.views = [ref for ref in theirs.views if ref() is not self]
        theirs.adopt(old)
    else:
        self._ver, self._hidden = self._ver - self._hidden, 0
    todo = [(old, view) for ref in more.views if (view := ref()) is not None]
    while todo:
        base, view = todo.pop()
        its = view._more
        assert its is not None
        if its.base is self:
            its.base = base
        if its.root is self:
            its.root = old
        todo += [(view, below) for ref in its.views if (below := ref()) is not None]


def _get_requires_grad(self: Tensor) -> bool:
    """Whether gradients flow to this tensor; may be set on leaves of a floating dtype.

    Raises
    ------
    RuntimeError
        When set on a result, or to True on a dtype that is not floating.
    """
    if self._kind_now() != PLAIN:
        return True
    more = self._more
    if more is None or not more.hushed:
        return False
    base = hushed_base(self)
    return base is not None and base._kind_now() != PLAIN


def _set_requires_grad(self: Tensor, value: bool) -> None:
    if self._kind_now() == GRAD:
        raise RuntimeError(
            "you can only change requires_grad flags of leaf variables."
            + ("" if value else _SUBGRAPH)
        )
    requires_grad_(self, value)


_SUBGRAPH = (
    " If you want to use a computed variable in a subgraph that doesn't require differentiation use "
    "var_no_grad = var.detach()."
)


@public(function=False)
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Say whether a leaf collects gradients.

    Raises
    ------
    RuntimeError
        For integer tensors, and for switching a result off.
    """
    kind = self._kind_now()
    if kind == GRAD:
        if not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables." + _SUBGRAPH
            )
        return self
    if requires_grad and not self._spec.floating:
        raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
    if self._kind & INFERENCE and requires_grad and not LOCAL.rec.inference:
        raise RuntimeError(
            "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
        )
    wanted = LEAF if requires_grad else PLAIN
    if wanted != kind:
        self._value()
        self._serial = 0  # rows recorded so far read it as it was; it is admitted again
        self._kind = wanted | (self._kind & ~3)
        if self._more is not None:
            for ref in self._more.views:
                view = ref()
                if view is not None:
                    view._more.seen = -1  # type: ignore[union-attr]
    return self


def _get_grad(self: Tensor) -> Tensor | None:
    """The gradient that backward passes have collected, or None.

    It is kept for leaves, and for results after `retain_grad`; reading it of other results warns.
    """
    found = self._grad
    if found is None and self._kind == GRAD:
        more = self._more
        if more is None or not more.retains:
            warnings.warn(NOT_LEAF_GRAD, UserWarning, stacklevel=2)
    return found


def _set_grad(self: Tensor, value: Tensor | None) -> None:
    if value is None:
        self._grad = None
        return
    if not isinstance(value, Tensor):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")  # fmt: skip
    if value is self:
        raise RuntimeError("can't assign Variable as its own grad")
    if tuple(value._spec.shape) != tuple(self._spec.shape):
        raise RuntimeError(
            f"assigned grad has data of a different size: got {list(value._spec.shape)}, expected "
            f"{list(self._spec.shape)}"
        )
    if value._spec.np != self._spec.np:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{value._spec.dtype}' to a tensor with "
            f"dtype '{self._spec.dtype}'. The gradient must match the tensor's dtype (the tensor's "
            "grad_dtype)."
        )
    self._grad = value


def _del_grad(self: Tensor) -> None:
    self._grad = None


def _get_grad_fn(self: Tensor) -> Any:
    """The node of the graph whose result this tensor is; None for leaves.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> y = 2 * torch.ones(1, requires_grad=True)
    >>> y.grad_fn.name(), y.grad_fn.next_functions[0][0].name()
    ('MulBackward0', 'torch::autograd::AccumulateGrad')
    """
    if self._kind_now() != GRAD:
        return None
    from .graph import node_of

    return node_of(self)[0]


def _get_output_nr(self: Tensor) -> int:
    """Return which result of its node this tensor is."""
    if self._kind_now() != GRAD:
        return 0
    from .graph import node_of

    return node_of(self)[1]


@public(function=False)
def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this result in ``.grad``."""
    kind = self._kind_now()
    if kind == PLAIN:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if kind == LEAF:
        return
    more = _more(self)
    more.retains = True
    _note(self)


def _more(self: Tensor) -> More:
    if self._more is None:
        self._more = More()
    return self._more


def _note(self: Tensor) -> None:
    """Let backward passes know that this tensor's gradient is asked for."""
    rec = LOCAL.rec
    if self._serial == rec.serial:
        rec.special[self._slot] = self
    if self._graph is not None:
        segment, slot = self._graph
        segment.special[slot] = self
        for again, origin in rec.nodes.items():  # it has been recorded again
            if origin == self._graph:
                rec.special[again] = self
    for slot in [s for s, t, _ in rec.sources if t is self] + [
        s for s, t in rec.copies if t is self
    ]:
        rec.special[slot] = self


@public(function=False)
def register_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """Call ``hook(grad)`` when this tensor's gradient is known; what it returns replaces it."""
    if self._kind_now() == PLAIN:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    more = _more(self)
    if more.hooks is None:
        more.hooks = {}
    handle = RemovableHandle(more.hooks, hook)
    _note(self)
    return handle


@public(function=False)
def register_post_accumulate_grad_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """Call ``hook(tensor)`` after a gradient has been added to this leaf's ``.grad``."""
    kind = self._kind_now()
    if kind == PLAIN:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if kind == GRAD:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    more = _more(self)
    if more.after is None:
        more.after = {}
    return RemovableHandle(more.after, hook)


@public(function=False)
def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Compute the gradients of this tensor with respect to the leaves and add them to ``.grad``.

    Parameters
    ----------
    gradient : Tensor or None
        The cotangent, of this tensor's shape; may be left out for a scalar.
    retain_graph : bool or None
        Whether the graph may be used again; by default as `create_graph`.
    create_graph : bool
        Whether the gradients have a graph of their own, for second derivatives.
    inputs : Tensor or sequence of Tensor
        Accumulate into these only.
    """
    if (
        self._kind == GRAD
        and not (create_graph or gradient is not None or inputs is not None)
        and self._spec.numel == 1
        and self._spec.np.kind == "f"
    ):
        if not retain_graph and STEPS["swept"](self):
            run_swept(LOCAL.rec)
        else:
            sweep([self], [None], bool(retain_graph), False, None)
        return
    from .autograd import backward as run

    run(self, gradient, retain_graph, create_graph, inputs=inputs)


def _get_retains_grad(self: Tensor) -> bool:
    """Whether `retain_grad` has been called on this result."""
    return self._more is not None and self._more.retains


def is_inference(self: Tensor) -> bool:
    """Return whether the tensor was made in inference mode."""
    return bool(self._kind & INFERENCE)


def _is_view(self: Tensor) -> bool:
    return self._more is not None and self._more.base is not None


def _get_base(self: Tensor) -> Tensor | None:
    more = self._more
    if more is None or more.base is None or more.detached:
        return None
    root: Tensor = more.root
    return root


for _name, _value in {
    "detach": detach,
    "detach_": detach_,
    "data": property(_get_data, _set_data),
    "requires_grad": property(_get_requires_grad, _set_requires_grad),
    "grad": property(_get_grad, _set_grad, _del_grad),
    "grad_fn": property(_get_grad_fn),
    "retains_grad": property(_get_retains_grad),
    "_is_view": _is_view,
    "_base": property(_get_base),
    "is_inference": is_inference,
    "output_nr": property(_get_output_nr),
}.items():
    setattr(Tensor, _name, _value)
