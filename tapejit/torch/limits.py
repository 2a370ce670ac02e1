"""What numbers a dtype can hold: `finfo` for floating point, `iinfo` for integers.

The numbers are NumPy's; the printed form is PyTorch's, six significant digits of each.
"""

from __future__ import annotations

import numpy as np

from .dtypes import dtype, get_default_dtype, require_dtype


def _fields(of: object, names: str) -> str:
    """Return ``name=value, ...`` with numbers to six significant digits."""
    return ", ".join(f"{name}={getattr(of, name):g}" for name in names.split())


class finfo:
    """The limits of a floating point dtype, or of the parts of a complex one.

    Parameters
    ----------
    type : dtype, optional
        The default dtype if not given.

    Attributes
    ----------
    bits : int
    eps, min, max, tiny, smallest_normal, resolution : float
        `tiny` and `smallest_normal` are the same number; `resolution` is ten to minus the number of
        decimal digits that survive a round trip.
    dtype : str

    Raises
    ------
    TypeError
        If `type` is not floating point or complex.

    Examples
    --------
    >>> from tapejit.torch.dtypes import float32
    >>> from tapejit.torch.limits import finfo
    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None) -> None:
        of = get_default_dtype() if type is None else require_dtype("finfo", "type", 1, type)
        if not (of.is_floating_point or of.is_complex):
            raise TypeError(
                f"torch.finfo() requires a floating point input type, not {of!r}. "
                "Use torch.iinfo for integers"
            )
        part = of.to_real()
        limits = np.finfo(part.numpy)
        self.bits = int(limits.bits)
        self.eps = float(limits.eps)
        self.min = float(limits.min)
        self.max = float(limits.max)
        self.smallest_normal = self.tiny = float(limits.tiny)
        self.resolution = float(f"1e-{limits.precision}")  # float32's own 1e-06 is 9.99999997e-07
        self.dtype = part.name

    def __repr__(self) -> str:
        numbers = _fields(self, "resolution min max eps smallest_normal tiny")
        return f"finfo({numbers}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(("finfo", self.dtype))


class iinfo:
    """The limits of an integer dtype.

    Parameters
    ----------
    type : dtype

    Attributes
    ----------
    bits, min, max : int
    dtype : str

    Raises
    ------
    TypeError
        If `type` is not an integer dtype; bool is not one.

    Examples
    --------
    >>> from tapejit.torch.dtypes import uint8
    >>> from tapejit.torch.limits import iinfo
    >>> iinfo(uint8)
    iinfo(min=0, max=255, dtype=uint8)
    """

    def __init__(self, type: dtype) -> None:
        of = require_dtype("iinfo", "type", 1, type)
        if of.name == "bool":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if of.is_floating_point or of.is_complex:
            raise TypeError(
                f"torch.iinfo() requires an integer input type, not {of!r}. "
                "Use torch.finfo for floating point"
            )
        limits = np.iinfo(of.numpy)
        self.bits = int(limits.bits)
        self.min = int(limits.min)
        self.max = int(limits.max)
        self.dtype = of.name

    def __repr__(self) -> str:
        return f"iinfo({_fields(self, 'min max')}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(("iinfo", self.dtype))
