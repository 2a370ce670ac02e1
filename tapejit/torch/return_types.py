"""The named results of functions that return several tensors: ``values``, ``indices`` and the like.

They are tuples, printed one field a line.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _made(name: str, fields: str) -> Any:
    base = namedtuple(name, fields)  # type: ignore[misc]

    def __repr__(self: Any) -> str:
        shown = ",\n".join(f"{f}={v!r}" for f, v in zip(self._fields, self))
        return f"torch.return_types.{name}(\n{shown})"

    space = {"__slots__": (), "__repr__": __repr__, "__module__": __name__}
    return type(name, (base,), space)


_PAIRS = "max min median nanmedian mode sort topk kthvalue cummax cummin".split()
for _name in _PAIRS:
    globals()[_name] = _made(_name, "values indices")
aminmax = _made("aminmax", "min max")
histogram = _made("histogram", "hist bin_edges")


def of(name: str) -> Any:
    """Return the named result of a function."""
    return globals()[name]
