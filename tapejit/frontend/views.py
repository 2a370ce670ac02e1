"""Modules of the user as a captured function sees them: what is read from them is noted."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from .paths import entry_of

if TYPE_CHECKING:
    from .rebind import Surroundings


class ModuleView(ModuleType):
    """A module as a captured function sees it: what is read from it is noted and replaced."""

    def __init__(self, around: Surroundings, module: ModuleType) -> None:
        super().__init__(module.__name__)
        for name in ("__doc__", "__package__", "__loader__", "__spec__"):
            self.__dict__.pop(name, None)
        self.__dict__.update(_around=around, _module=module)

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        around, module = fields["_around"], fields["_module"]
        found = getattr(module, name)
        if name.startswith("__"):
            return found
        made = around.value(entry_of(module, name, f"{module.__name__}.{name}"), found)
        fields[name] = made
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        around, module = self.__dict__["_around"], self.__dict__["_module"]
        setattr(module, name, around.clones.original(value))
        self.__dict__[name] = value
        around.changed.append(f"{module.__name__}.{name}")
