"""The base of optimisers: groups of parameters, their states, saving, hooks, printing.

A group is a dictionary: the parameters under "params", and the numbers of the method; what a group
does not say comes from the defaults. State is kept by parameter and fills at the first step.
"""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..autograd.grad_mode import enable_grad
from ..hooks import RemovableHandle
from ..ops.viewing import type_name
from ..record import LOCAL
from ..tensor import Tensor

Closure = Callable[[], Any]


class _Required:
    """Stands for a default that every group must give itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `step` that calls the hooks around it."""

    @functools.wraps(step)
    def with_hooks(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._step_before.values()):
            given = hook(self, args, kwargs)
            if given is None:
                continue
            if not (isinstance(given, tuple) and len(given) == 2):
                raise RuntimeError(
                    f"{step!r} must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{given}."
                )
            args, kwargs = given
        made = step(self, *args, **kwargs)
        self._opt_called = True
        for hook in list(self._step_after.values()):
            hook(self, args, kwargs)
        return made

    with_hooks.__dict__["hooked"] = True
    return with_hooks


class Optimizer:
    """The base of all optimisers.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with numbers of their own.
    defaults : dict
        What groups do not say.

    Attributes
    ----------
    param_groups : list of dict
    state : dict
        What the method remembers, by parameter.
    defaults : dict

    Raises
    ------
    TypeError
        If `params` is a tensor, or holds something else.
    ValueError
        If there are no parameters, one is no leaf, or one is in two groups.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0., 0.], requires_grad=True)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("step")
        if own is not None and not hasattr(own, "hooked"):
            cls.step = _hooked(own)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._prepare()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type_name(params._spec)}"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group) if isinstance(group, dict) else group)

    def _prepare(self) -> None:
        self._step_before: dict[int, Callable[..., Any]] = {}
        self._step_after: dict[int, Callable[..., Any]] = {}
        self._saved_hooks: dict[str, dict[int, Callable[..., Any]]] = {
            "save_before": {}, "save_after": {}, "load_before": {}, "load_after": {}
        }  # fmt: skip
        self._opt_called = False

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_step_before" not in self.__dict__:
            self._prepare()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    # ------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, as for layers that are unfrozen later."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, Tensor):
            given = [given]
        elif isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params, names = _named(list(given))
        param_group["params"] = params
        if names is not None:
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {_kind(p)}"
                )
            if not self.defaults.get("differentiable") and not (
                p.is_leaf or (p._more is not None and p._more.retains)
            ):
                raise ValueError("can't optimize a non-leaf Tensor")
        for key, value in self.defaults.items():
            if value is required and key not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {key}"
                )
            param_group.setdefault(key, value)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                UserWarning,
                stacklevel=3,
            )
        known = set(chain.from_iterable(g["params"] for g in self.param_groups))
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Whether ``grad`` becomes None; otherwise it is filled with zeros, in place.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                    continue
                g = p._grad
                if g is not None:
                    if g.grad_fn is not None:
                        g.detach_()
                    else:
                        g.requires_grad_(False)
                    g.zero_()

    def step(self, closure: Closure | None = None) -> Any:
        """Change the parameters by their gradients; methods say how."""
        raise NotImplementedError

    # ------------------------------------------------------------ hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return RemovableHandle(self._step_before, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle(self._step_after, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer)`` before the state is saved."""
        return RemovableHandle(self._saved_hooks["save_before"], hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after the state is saved."""
        return RemovableHandle(self._saved_hooks["save_after"], hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before a state is restored."""
        return RemovableHandle(self._saved_hooks["load_before"], hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer)`` after a state is restored."""
        return RemovableHandle(self._saved_hooks["load_after"], hook)

    # ------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """Return states and groups, parameters by number."""
        for hook in self._saved_hooks["save_before"].values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        made: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._saved_hooks["save_after"].values():
            found = hook(self, made)
            made = made if found is None else found
        return made

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over states and groups that `state_dict` gave; tensors are copied.

        Raises
        ------
        ValueError
            If groups differ in number or in how many parameters they have.
        """
        state_dict = dict(state_dict)
        for hook in self._saved_hooks["load_before"].values():
            found = hook(self, state_dict)
            state_dict = state_dict if found is None else found
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        by_number = dict(
            zip(
                chain.from_iterable(g["params"] for g in saved),
                chain.from_iterable(g["params"] for g in groups),
            )
        )
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = by_number.get(key)
            state[key if p is None else p] = value if p is None else _fitting(p, value)
        for group, new in zip(groups, saved):
            new["params"] = group["params"]
            if "param_names" in group and "param_names" not in new:
                new["param_names"] = group["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._saved_hooks["load_after"].values():
            hook(self)


def _named(params: list[Any]) -> tuple[list[Any], list[str] | None]:
    """Return parameters, and their names where they came as pairs."""
    pairs = [isinstance(p, tuple) for p in params]
    if not any(pairs):
        return params, None
    if not all(pairs):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    return [p for _, p in params], [name for name, _ in params]


def _kind(value: object) -> str:
    return type(value).__name__


def _fitting(p: Tensor, value: Any, key: str | None = None) -> Any:
    """Return a saved state copied; numbers per entry take the dtype of their parameter."""
    if isinstance(value, Tensor):
        with_dtype = p._spec.floating and key != "step"
        made = value.detach().clone()
        return made.to(p._spec.dtype) if with_dtype else made
    if isinstance(value, dict):
        return {k: _fitting(p, v, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fitting(p, v) for v in value)  # type: ignore[call-arg]
    return value


def closed(closure: Closure | None) -> Any:
    """Return what the closure computes, with gradients on; None without one."""
    if closure is None:
        return None
    with enable_grad():
        return closure()


def with_gradients(group: dict[str, Any]) -> list[Tensor]:
    """Return the parameters of a group that have a gradient."""
    return [p for p in group["params"] if p._grad is not None]


class no_recording:
    """While a step runs, nothing that it records carries a gradient."""

    __slots__ = ("before",)

    def __enter__(self) -> None:
        rec = LOCAL.rec
        self.before, rec.grad = rec.grad, False

    def __exit__(self, *error: Any) -> None:
        LOCAL.rec.grad = self.before
