"""Walking a tree of modules: names joined by dots, every object told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ...tensor import Tensor
from ..parameter import Parameter
from .registry import Registry

Self = TypeVar("Self", bound="Traversal")


class Traversal(Registry):
    """A registry whose children are registries."""

    def children(self) -> Iterator[Any]:
        """Iterate over the children, each once."""
        return (child for _, child in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """Iterate over the names of children and the children, each child once."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def modules(self) -> Iterator[Any]:
        """Iterate over this module and everything below it, each once."""
        return (m for _, m in self.named_modules())

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Iterate over this module and everything below it, with their names.

        Parameters
        ----------
        memo : set of Module
            Modules that are left out; those that are told are added.
        prefix : str
            This module's own name.
        remove_duplicate : bool
            Whether a module that is reached in two ways is told once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, _joined(prefix, name), remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters, this module's own before those of its children."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over the parameters and their names."""
        return self._members("_parameters", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over the buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the buffers and their names."""
        return self._members("_buffers", prefix, recurse, remove_duplicate)

    def _members(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else iter([(prefix, self)])
        )
        for path, owner in owners:
            for name, member in owner.__dict__[table].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield _joined(path, name), member

    # ------------------------------------------------------------ by name

    def get_submodule(self, target: str) -> Any:
        """Return the module of a dotted name.

        Raises
        ------
        AttributeError
            If a name on the way is missing, or is no module.
        """
        at: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(at, name):
                raise AttributeError(f"{type(at).__name__} has no attribute `{name}`")
            at = getattr(at, name)
            if not isinstance(at, Registry):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return at

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of a dotted name."""
        found = self._get(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer of a dotted name."""
        path, _, name = target.rpartition(".")
        found = self._get(target)
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        buffer: Tensor = found
        return buffer

    def _get(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{type(owner).__name__} has no attribute `{name}`")
        return getattr(owner, name)

    def apply(self: Self, fn: Callable[[Any], Any]) -> Self:
        """Call a function with every module, children first, this one last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
