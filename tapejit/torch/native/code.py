"""The machine code of native recording: from the disk cache, or made and kept there.

It is one object file with a function for each quick function of `hot`, about 100 kB; which functions
there are and where CPython keeps things is part of its name.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ...core.config import config
from ...core.errors import CacheError
from ...runtime import cache
from ...runtime.native.image import Image
from ...runtime.native.loader import library_of, resolve
from ...runtime.native.words import TABLE, Words
from ..backward import SWEEPS
from ..codes import NUMBERS
from ..program import RECENT
from ..record import Segment, _ages, _serials
from ..tensor import Tensor
from . import layout

ATTACH = 16 * 8
_TITLE = '"""The recording of rows in machine code."""\n'

STATE = (ctypes.c_int64 * (ATTACH // 8 + 1))(*[-1] * (ATTACH // 8))
"""Pairs of a thread and its recorder, by the thread's number; then who enters more of them."""
OBJECTS: dict[str, Any] = {
    "none": None, "true": True, "false": False, "0": 0, "1": 1, "2": 2, "tensor": Tensor,
    "float": float, "int": int, "tuple": tuple, "list": list, "numbers": NUMBERS, "recent": RECENT,
    "serials": _serials, "ages": _ages, "segment": Segment, "sweeps": SWEEPS,
}  # fmt: skip


def linked(entries: dict[str, tuple[Words, int]], table: Any) -> Any:
    """Return the addresses of functions by name.

    Parameters
    ----------
    entries : dict
        Names, each with a function of words and its offset in the table.
    table : ctypes array
        Pairs of addresses: the table of a quick function, and that function.
    """
    image = _kept(entries)
    addresses = {f"tapejit_{name}": id(x) for name, x in OBJECTS.items()}
    addresses |= {"tapejit_state": ctypes.addressof(STATE), TABLE: ctypes.addressof(table)}
    addresses |= resolve(s for s in image.symbols if s not in addresses)
    return library_of(image.objects, addresses, tuple(entries))


def _kept(entries: dict[str, tuple[Words, int]]) -> Image:
    if not config.cache:
        return _made(entries)
    key = cache.key_of(_sources(), repr(layout.numbers()), repr(list(entries)))
    found = cache.kept(key)
    if isinstance(found, Image):
        return found
    made = _made(entries)
    with suppress(CacheError, OSError):
        cache.file_of(key, _TITLE)
        cache.keep(key, made.dump())
    return made


def _sources() -> str:
    here = os.path.dirname(os.path.abspath(__file__))
    found = []
    for name in sorted(os.listdir(here)):
        if name.endswith(".py"):
            with open(os.path.join(here, name), encoding="utf-8") as file:
                found.append(file.read())
    return "\n".join(found)


def _made(entries: dict[str, tuple[Words, int]]) -> Image:
    from ...runtime.native.words import object_of, translate

    symbols, data = object_of(translate((), entries))
    return Image(symbols, (), "words", (data,))


def addresses(objects: Sequence[Any]) -> list[int]:
    """Return the addresses of objects, 0 for None."""
    return [0 if x is None else id(x) for x in objects]
