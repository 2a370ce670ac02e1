"""The dtypes of a tensor: one object each, known by identity.

A `dtype` wraps the NumPy dtype of the memory that holds a tensor and says what PyTorch's object of
the same name says. There is one object per dtype in a process, also after copying and pickling, so
``is`` compares them and a dictionary keyed on them never looks at a name.

Names that Python has already taken carry an underscore here (`bool_`, `int_`, `float_`).
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

import numpy as np


class dtype:
    """The type of a tensor's elements, such as ``torch.float32``; made once, never by a user.

    Attributes
    ----------
    numpy : numpy.dtype
        The NumPy dtype of the memory.
    is_floating_point, is_complex, is_signed : bool
        What kind of number it is; a complex dtype is not a floating point one.
    itemsize : int
        Bytes per element.

    Examples
    --------
    >>> from tapejit.torch.dtypes import float32, int64
    >>> float32, float32.itemsize, int64.is_floating_point
    (torch.float32, 4, False)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    all: ClassVar[dict[str, dtype]] = {}

    name: str
    numpy: np.dtype[Any]
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    itemsize: int

    def __new__(cls, *args: object, **kwargs: object) -> dtype:
        raise TypeError("cannot create 'torch.dtype' instances")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        if name in self.__slots__:
            raise AttributeError(f"attribute '{name}' of 'torch.dtype' objects is not writable")
        raise AttributeError(f"'torch.dtype' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _named, (self.name,)

    def to_complex(self) -> dtype:
        """Return the complex dtype whose parts are of this dtype; RuntimeError if there is none."""
        if self.is_complex:
            return self
        if self not in _COMPLEX_OF:
            raise RuntimeError(f"there is no complex dtype with parts of {self!r}")
        return _COMPLEX_OF[self]

    def to_real(self) -> dtype:
        """Return the dtype of the real part."""
        return _REAL_OF.get(self, self)


def _make(name: str) -> dtype:
    """Make the one dtype object of this name."""
    made: dtype = object.__new__(dtype)
    of = np.dtype(name)
    said = {
        "name": name,
        "numpy": of,
        "is_floating_point": of.kind == "f",
        "is_complex": of.kind == "c",
        "is_signed": of.kind in "ifc",
        "itemsize": of.itemsize,
    }
    for key, value in said.items():
        object.__setattr__(made, key, value)
    dtype.all[name] = made
    return made


def _named(name: str) -> dtype:
    """Return the dtype of this name: how copies and pickles find their way back to it."""
    return dtype.all[name]


bool_ = _make("bool")
uint8 = _make("uint8")
int8 = _make("int8")
int16 = short = _make("int16")
int32 = int_ = _make("int32")
int64 = long = _make("int64")
uint16 = _make("uint16")
uint32 = _make("uint32")
uint64 = _make("uint64")
float16 = half = _make("float16")
float32 = float_ = _make("float32")
float64 = double = _make("float64")
complex64 = cfloat = _make("complex64")
complex128 = cdouble = _make("complex128")

_COMPLEX_OF = {float32: complex64, float64: complex128}  # NumPy has no complex32, so half has none
_REAL_OF = {of: part for part, of in _COMPLEX_OF.items()}
_OF_NUMPY = {of.numpy: of for of in dtype.all.values()}


def from_numpy_dtype(of: np.dtype[Any]) -> dtype:
    """Return the dtype of tensors that share memory with arrays of a NumPy dtype.

    Raises
    ------
    ValueError
        If the bytes are in the other order.
    TypeError
        If no tensor holds such elements: strings, dates, objects, long doubles.

    Examples
    --------
    >>> import numpy as np
    >>> from tapejit.torch.dtypes import from_numpy_dtype
    >>> from_numpy_dtype(np.dtype("f8"))
    torch.float64
    """
    found = _OF_NUMPY.get(of)
    if found is not None:
        return found
    if of.newbyteorder("=") in _OF_NUMPY:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. "
            "Conversion between byte orders is currently not supported."
        )
    names = ", ".join(name for name in dtype.all if name != "bool")
    raise TypeError(
        f"can't convert np.ndarray of type {of.type.__module__}.{of.type.__name__}. "
        f"The only supported types are: {names}, and bool."
    )


_default = float32


def get_default_dtype() -> dtype:
    """Return the dtype of tensors made from Python floats; float32 at first."""
    return _default


def set_default_dtype(d: dtype, /) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises
    ------
    TypeError
        If `d` is not a floating point dtype.
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type"
        )
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default = d


def require_dtype(function: str, argument: str, position: int, given: object) -> dtype:
    """Return an argument that must be a dtype; TypeError, in PyTorch's words, if it is not."""
    if not isinstance(given, dtype):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be torch.dtype, "
            f"not {type(given).__name__}"
        )
    return given
