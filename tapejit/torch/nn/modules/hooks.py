"""Calling a module, and the hooks around its call and around its reverse pass.

Hooks on the reverse pass stand at two identity nodes of the graph: one that all inputs pass
through together, where the module's gradient ends, and one for the outputs, where it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...hooks import RemovableHandle
from ...record import LOCAL
from ...tensor import Tensor
from .state import State


@dataclass(frozen=True)
class Hook:
    """A hook on the forward call and how it is called."""

    fn: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False


class Called(State):
    """A module that is called, with hooks."""

    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._hooks:
            return self.forward(*args, **kwargs)
        return _call(self, args, kwargs)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before `forward`; what it returns replaces the inputs.

        Parameters
        ----------
        prepend : bool
            Whether it comes before the hooks there are.
        with_kwargs : bool
            Whether it is ``hook(module, args, kwargs)`` and returns a pair.
        """
        return self._hook("forward_pre", Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after `forward`; what it returns is the output.

        Parameters
        ----------
        prepend : bool
            Whether it comes before the hooks there are.
        with_kwargs : bool
            Whether it is ``hook(module, args, kwargs, output)``.
        always_call : bool
            Whether it is called, with None, when `forward` raises.
        """
        return self._hook("forward", Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's reverse pass."""
        return self._hook("backward_pre", hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known."""
        return self._hook("backward", hook, prepend)


def _call(module: Any, args: Any, kwargs: Any) -> Any:
    called: set[int] = set()
    try:
        return _call_hooked(module, args, kwargs, called)
    except Exception:
        for key, hook in list(module._hooks.get("forward", {}).items()):
            if hook.always and key not in called:
                hook.fn(*(module, args, kwargs, None) if hook.with_kwargs else (module, args, None))
        raise


def _call_hooked(module: Any, args: Any, kwargs: Any, called: set[int]) -> Any:
    for hook in module._hooks_of("forward_pre"):
        if hook.with_kwargs:
            made = hook.fn(module, args, kwargs)
            if made is not None:
                if not (isinstance(made, tuple) and len(made) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {made}."
                    )
                args, kwargs = made
        else:
            made = hook.fn(module, args)
            if made is not None:
                args = made if isinstance(made, tuple) else (made,)
    ends = None
    if module._hooks.get("backward") or module._hooks.get("backward_pre"):
        ends = _Ends(module)
        args = ends.inputs(args)
    out = module.forward(*args, **kwargs)
    for key, hook in list(module._hooks.get("forward", {}).items()):
        called.add(key)
        made = hook.fn(*(module, args, kwargs, out) if hook.with_kwargs else (module, args, out))
        if made is not None:
            out = made
    return out if ends is None else ends.outputs(out)


class _Ends:
    """The two identity nodes of one call, and the gradients that have come to them."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] | None = None
        self.several = False
        self.joined = False

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the inputs behind a node that tells their gradients to the hooks."""
        if not LOCAL.rec.grad or not any(_wants(a) for a in args):
            return args
        self.joined = True
        return _through(args, self._at_inputs)

    def outputs(self, out: Any) -> Any:
        """Return the outputs behind a node that notes their gradients."""
        several = isinstance(out, tuple | list)
        parts = tuple(out) if several else (out,)
        if not LOCAL.rec.grad or not any(_wants(a) for a in parts):
            return out
        made = _through(parts, self._at_outputs)
        if not several:
            return made[0]
        return type(out)(*made) if hasattr(out, "_fields") else type(out)(made)

    def _at_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.module._hooks_of("backward_pre"):
            made = hook(self.module, grads)
            if made is not None:
                grads = _same_number(made, grads, "grad_output")
        self.grad_output = grads
        if not self.joined:
            # No input has a gradient: the module's part of the reverse pass ends here.
            for hook in self.module._hooks_of("backward"):
                if hook(self.module, (None,), grads) is not None:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
        return grads

    def _at_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.module._hooks_of("backward"):
            made = hook(self.module, grads, self.grad_output)
            if made is not None:
                grads = _same_number(made, grads, "grad_input")
        return grads


def _wants(value: Any) -> bool:
    return isinstance(value, Tensor) and bool(value.requires_grad)


def _same_number(made: Any, grads: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    made = tuple(made) if isinstance(made, tuple) else (made,)
    if len(made) != len(grads):
        raise RuntimeError(
            f"Backward hook returned an invalid number of {what}, got {len(made)}, but expected "
            f"{len(grads)}"
        )
    found: tuple[Any, ...] = made
    return found


def _through(values: tuple[Any, ...], tell: Callable[..., Any]) -> tuple[Any, ...]:
    """Pass tensors together through one identity node; `tell` sees and may change the gradients."""
    places = [k for k, v in enumerate(values) if isinstance(v, Tensor)]
    made = _hook_function().apply(tell, *[values[k] for k in places])
    found = list(values)
    for k, v in zip(places, made if isinstance(made, tuple) else (made,)):
        found[k] = v
    return tuple(found)


def _hook_function() -> Any:
    """Return the identity whose gradients hooks see."""
    if not _made:
        from ...autograd.function import Function

        class BackwardHookFunction(Function):
            """The identity of several tensors."""

            @staticmethod
            def forward(ctx: Any, tell: Any, *tensors: Any) -> Any:
                ctx.tell = tell
                ctx.set_materialize_grads(False)
                ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
                return tensors

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                return (None, *ctx.tell(grads))

        _made.append(BackwardHookFunction)
    return _made[0]


_made: list[Any] = []
