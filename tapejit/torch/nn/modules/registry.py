"""Attributes of modules: parameters, buffers and children are kept in tables of their own.

A name is in one table at most, and not in the instance's dictionary while it is in one. Where a
name stands for a parameter, a buffer or a child, only such a value or None can be assigned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...tensor import Tensor
from ..parameter import Buffer, Parameter
from .late import typename


class Registry:
    """What holds parameters, buffers and children under names."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _transient: set[str]

    def __init__(self) -> None:
        fixed = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
        self.__dict__.update(fixed, _transient=set())

    # ------------------------------------------------------------ tables

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Enter a parameter, or None for a name that may have one later.

        Raises
        ------
        TypeError
            If it is neither a parameter nor None.
        KeyError
            If the name is empty, has a dot, or is taken.
        ValueError
            If it is the result of an operation on record.
        """
        table = self._table("_parameters", "parameters")
        self._check_name("parameter", name, table)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. A parameter is a leaf: to "
                "express it as a function of another tensor, compute the value in forward()."
            )
        table[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Enter a tensor that is state without being a parameter.

        Parameters
        ----------
        persistent : bool
            Whether it is part of `state_dict`.
        """
        table = self._table("_buffers", "buffer")
        self._check_name("buffer", name, table)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        table[name] = tensor
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name: str, module: Any) -> None:
        """Enter a child, or None."""
        if module is not None and not isinstance(module, Registry):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        table = self._table("_modules", "module")
        self._check_name("module", name, table)
        table[name] = module

    def register_module(self, name: str, module: Any) -> None:
        """Enter a child; the same as `add_module`."""
        self.add_module(name, module)

    def _table(self, table: str, what: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self.__dict__.get(table)
        if found is None:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        return found

    def _check_name(self, what: str, name: Any, table: Iterable[str]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name not in table and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def _forget(self, name: str, *, but: str) -> None:
        """Take a name out of every place but one."""
        for place in ("_parameters", "_buffers", "_modules"):
            if place != but:
                self.__dict__.get(place, {}).pop(name, None)
        self.__dict__.pop(name, None)
        if but != "_buffers" and "_transient" in self.__dict__:
            self._transient.discard(name)

    # ------------------------------------------------------------ attributes

    def __getattr__(self, name: str) -> Any:
        # Asked only for names that are not in the instance's dictionary.
        own = self.__dict__
        for place in ("_parameters", "_buffers", "_modules"):
            table = own.get(place)
            if table is not None and name in table:
                return table[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._table("_parameters", "parameters")
            self._forget(name, but="_parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            own["_parameters"][name] = None
        elif isinstance(value, Registry):
            self._table("_modules", "module")
            self._forget(name, but="_modules")
            own["_modules"][name] = value
        elif name in own.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            own["_modules"][name] = None
        elif isinstance(value, Buffer):
            self._table("_buffers", "buffer")
            self._forget(name, but="_buffers")
            self.register_buffer(name, value, value.__dict__["persistent"])
        elif name in own.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.Tensor, torch.nn.Buffer or None expected)"
                )
            own["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for place in ("_parameters", "_buffers", "_modules"):
            table = self.__dict__.get(place, {})
            if name in table:
                del table[name]
                self._transient.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        own = self.__dict__
        tables = [own.get(p, {}) for p in ("_parameters", "_buffers", "_modules")]
        names = {*dir(type(self)), *own, *(n for t in tables for n in t)}
        return sorted(n for n in names if not n[:1].isdigit())
