"""The functions that modules call: the namespaces themselves, looked into at every call.

Modules are imported while ``tapejit.torch`` is still being put together, so names are taken from
the namespace when they are needed and never imported from it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

torch: Any = import_module("tapejit.torch")


class _Late:
    """A module that is imported when first looked into."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


F: Any = _Late("tapejit.torch.nn.functional")


def typename(value: Any) -> str:
    """Return what messages call the type of a value: ``int``, ``torch.FloatTensor``, ..."""
    if isinstance(value, torch.Tensor):
        kind = _TYPES.get(value._spec.np.name)
        if type(value) is torch.Tensor and kind is not None:
            return f"torch.{kind}Tensor"
    cls = type(value)
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__.replace('tapejit.torch', 'torch')}.{cls.__qualname__}"


_TYPES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long", "int32": "Int",
    "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip
