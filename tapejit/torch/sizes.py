"""How a tensor lies and where: `Size`, `device`, layouts and memory formats.

None of them holds data. There is one place, the memory of this process: every `device` is a cpu,
and another one is refused when it is named, not when it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import index as as_index
from typing import Any, ClassVar, NoReturn, Self, SupportsIndex


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of ints that stays one under slicing, ``+`` and ``*``.

    Raises
    ------
    TypeError
        If an item is not an integer.

    Examples
    --------
    >>> from tapejit.torch.sizes import Size
    >>> Size([2, 3]), Size([2, 3])[1:] + (4,), Size([2, 3]).numel()
    (torch.Size([2, 3]), torch.Size([3, 4]), 6)
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SupportsIndex] = (), /) -> Self:
        return super().__new__(cls, [_dimension(i, size) for i, size in enumerate(sizes)])

    def numel(self) -> int:
        """Return the number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, key: Any) -> Any:
        picked = super().__getitem__(key)
        return tuple.__new__(Size, picked) if isinstance(key, slice) else picked

    def __add__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to torch.Size"
            )
        return Size(tuple(self) + other)

    def __radd__(self, other: Any) -> Size:
        return Size(other + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Size:
        return tuple.__new__(Size, tuple(self) * times)

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[type[Size], tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)


def _dimension(position: int, size: SupportsIndex) -> int:
    try:
        return as_index(size)
    except TypeError:
        raise TypeError(
            f"torch.Size() takes an iterable of 'int' (item {position} is '{type(size).__name__}')"
        ) from None


class device:
    """Where a tensor is: always a cpu.

    Parameters
    ----------
    type : str or device
        ``"cpu"``, or ``"cpu:0"`` with its index.
    index : int, optional
        Only a label: all indices are the same memory, though they compare as different, as in
        PyTorch.

    Raises
    ------
    RuntimeError
        If another device is named, or the string cannot be read.
    TypeError
        If an argument is of another type.

    Examples
    --------
    >>> from tapejit.torch.sizes import device
    >>> device("cpu"), device("cpu:0"), device("cpu") == device("cpu:0")
    (device(type='cpu'), device(type='cpu', index=0), False)
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __new__(cls, type: str | device, index: int | None = None) -> device:
        if isinstance(type, device):
            if index is not None:
                raise TypeError("device() takes no index beside a torch.device")
            return type
        if isinstance(type, int):
            raise RuntimeError(f"{_ONLY_CPU}: there is no accelerator with the index {type}")
        if not isinstance(type, str):
            raise TypeError(f"device() takes a str or a torch.device, not {_class(type)}")
        made = object.__new__(cls)
        object.__setattr__(made, "type", "cpu")
        object.__setattr__(made, "index", _read_index(type, index))
        return made

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"attribute '{name}' of 'torch.device' objects is not writable")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        return (
            "device(type='cpu')"
            if self.index is None
            else f"device(type='cpu', index={self.index})"
        )

    def __str__(self) -> str:
        return "cpu" if self.index is None else f"cpu:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.index == other.index

    def __hash__(self) -> int:
        return hash(("cpu", self.index))

    def __reduce__(self) -> tuple[Any, tuple[str, int | None]]:
        return device, ("cpu", self.index)

    def __enter__(self) -> device:
        return self

    def __exit__(self, *error: object) -> None:
        return None


_ONLY_CPU = "tapejit has only the cpu device"


def _class(of: object) -> str:
    return of.__class__.__name__


def _read_index(text: str, index: int | None) -> int | None:
    """Return the index in ``cpu`` or ``cpu:3``, or the one given beside it."""
    name, colon, digits = text.partition(":")
    if not text:
        raise RuntimeError("Device string must not be empty")
    if name != "cpu":
        raise RuntimeError(f"{_ONLY_CPU}, not {text!r}")
    # One spelling for each index: no sign, no blank, no leading zero.
    if colon and not (digits.isascii() and digits.isdigit() and str(int(digits)) == digits):
        raise RuntimeError(f"Invalid device string: {text!r}")
    if index is None:
        return int(digits) if colon else None
    if colon:
        raise RuntimeError(
            f"type (string) must not include an index because index was passed explicitly: {text}"
        )
    if not isinstance(index, int) or isinstance(index, bool):
        raise TypeError(f"device(): argument 'index' (position 2) must be int, not {_class(index)}")
    if index < 0:
        raise RuntimeError("Device index must not be negative")
    return index


class _Constant:
    """A value that only has a name, one object for each, also after copying and pickling."""

    __slots__ = ("name",)

    all: ClassVar[dict[str, _Constant]] = {}

    name: str

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    @classmethod
    def _make(cls, name: str) -> Self:
        made = object.__new__(cls)
        made.name = name
        _Constant.all[name] = made
        return made

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _constant, (self.name,)


def _constant(name: str) -> _Constant:
    return _Constant.all[name]


class layout(_Constant):
    """How elements are stored; only `strided`, a grid of steps through one block of memory."""

    __slots__ = ()


class memory_format(_Constant):
    """In which order a new tensor's dimensions are stored."""

    __slots__ = ()


strided = layout._make("strided")
contiguous_format = memory_format._make("contiguous_format")
preserve_format = memory_format._make("preserve_format")
channels_last = memory_format._make("channels_last")
channels_last_3d = memory_format._make("channels_last_3d")
