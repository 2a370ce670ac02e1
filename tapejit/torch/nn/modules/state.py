"""The state of a module: an ordered dictionary of tensors by dotted names, and the way back.

The tensors of a state share memory with the parameters; loading copies values into the parameters,
which stay the same objects, so that an optimiser made before goes on with them.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ...autograd.grad_mode import no_grad
from ...hooks import RemovableHandle
from ...tensor import Tensor
from ..parameter import Parameter
from .traversal import Traversal

EXTRA = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: the names that were missing and those not expected."""

    __slots__ = ()

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class State(Traversal):
    """A tree of modules that can be saved and restored."""

    _hooks: dict[str, OrderedDict[int, Any]]
    _version = 1

    # ------------------------------------------------------------ saving

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Return the parameters and persistent buffers by name.

        Parameters
        ----------
        destination : dict or None
            Where they are entered.
        prefix : str
            What all names begin with.
        keep_vars : bool
            Whether the parameters themselves are returned, and not detached tensors that share
            their memory.
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = getattr(destination, "_metadata", None)
        local = {"version": self._version}
        if metadata is not None:
            metadata[prefix[:-1]] = local
        for hook in self._hooks_of("state_pre"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._hooks_of("state_post"):
            hook(self, destination, prefix, local)
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, value in self._own_state().items():
            if value is not None:
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Any]:
        lasting = {k: b for k, b in self._buffers.items() if k not in self._transient}
        return {**self._parameters, **lasting}

    def get_extra_state(self) -> Any:
        """Return what else belongs to the state; modules that have such define this."""
        raise RuntimeError("Module.get_extra_state was called, but this module does not define it")

    def set_extra_state(self, state: Any) -> None:
        """Restore what `get_extra_state` returned; modules that have such define this."""
        raise RuntimeError(
            "Extra state is in the state_dict, but this module does not define set_extra_state"
        )

    # ------------------------------------------------------------ loading

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the values of a state into the parameters and buffers.

        Parameters
        ----------
        strict : bool
            Whether the names must be the same.
        assign : bool
            Whether the tensors of the state are put in the place of the module's.

        Returns
        -------
        named tuple of ``missing_keys`` and ``unexpected_keys``

        Raises
        ------
        RuntimeError
            If shapes differ or, with `strict`, names do; all of them are told.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None) or {}
        state = OrderedDict(state_dict)
        keys = _IncompatibleKeys([], [])
        errors: list[str] = []
        _load(self, state, "", metadata, strict, keys, errors, assign)
        if strict:
            told = [("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)]
            lists = [
                f"{what} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in names) + ". "
                for what, names in told
                if names
            ]
            errors = lists + errors
        if errors:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(errors)
            )
        return keys

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own tensors; subclasses may translate older states here first."""
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = {k: v for k, v in self._own_state().items() if v is not None}
        for name, mine in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            problem = self._load_one(name, key, mine, state_dict[key], assign)
            if problem is not None:
                error_msgs.append(problem)
        extra = type(self).set_extra_state is not State.set_extra_state
        if extra and prefix + EXTRA in state_dict:
            self.set_extra_state(state_dict[prefix + EXTRA])
        elif extra:
            missing_keys.append(prefix + EXTRA)
        for key in state_dict:
            if not key.startswith(prefix):
                continue
            name, dot, _ = key[len(prefix) :].partition(".")
            known = name in self._modules if dot else name in own or (name == EXTRA and extra)
            if not known:
                unexpected_keys.append(key)

    def _load_one(self, name: str, key: str, mine: Tensor, value: Any, assign: bool) -> str | None:
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(value)}"
            )
        if mine.ndim == 0 and value.ndim == 1 and value.shape[0] == 1:
            value = value[0]  # type: ignore[index]
        if tuple(value.shape) != tuple(mine.shape):
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {mine.shape}."
            )
        with no_grad():
            if not assign:
                mine.copy_(value)
            elif isinstance(mine, Parameter):
                flag: Any = mine
                fresh = value if isinstance(value, Parameter) else Parameter(value, False)
                setattr(self, name, fresh.requires_grad_(flag.requires_grad))
            else:
                setattr(self, name, value)
        return None

    # ------------------------------------------------------------ hooks

    def _hooks_of(self, kind: str) -> list[Any]:
        table = self._hooks.get(kind)
        return list(table.values()) if table else []

    def _hook(self, kind: str, hook: Any, prepend: bool = False) -> RemovableHandle:
        table = self._hooks.setdefault(kind, OrderedDict())
        handle = RemovableHandle(table, hook)
        if prepend:
            table.move_to_end(handle.id, last=False)
        return handle

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the state is taken."""
        return self._hook("state_pre", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` with the state, to change it."""
        return self._hook("state_post", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook with the state that is about to be loaded, which it may change.

        It is called as ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)``.
        """
        return self._hook("load_pre", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; the lists may be changed."""
        return self._hook("load_post", hook)


def _load(
    module: Any,
    state: Any,
    prefix: str,
    metadata: Any,
    strict: bool,
    keys: _IncompatibleKeys,
    errors: list[str],
    assign: bool,
) -> None:
    local = dict(metadata.get(prefix[:-1], {}))
    if assign:
        local["assign_to_params_buffers"] = True
    more = (local, strict, keys.missing_keys, keys.unexpected_keys, errors)
    for hook in module._hooks_of("load_pre"):
        hook(module, state, prefix, *more)
    module._load_from_state_dict(state, prefix, *more)
    for name, child in module._modules.items():
        if child is not None:
            # What belongs to other children is theirs to tell.
            below = f"{prefix}{name}."
            own = OrderedDict((k, v) for k, v in state.items() if k.startswith(below))
            _load(child, own, below, metadata, strict, keys, errors, assign)
    for hook in module._hooks_of("load_post"):
        if hook(module, keys) is not None:
            raise RuntimeError("Hooks after load_state_dict change the lists of keys in place")
