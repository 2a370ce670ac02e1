"""An image: a kernel's object file and its wrapper's, in the form that lies on disk.

The bytes begin with a hash of the rest, so an image that is cut off or altered is told apart from
a whole one before any of it is run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

_FORMAT = 1


@dataclass(frozen=True)
class Image:
    """Machine code of one kernel.

    Attributes
    ----------
    symbols : tuple of str
        Names that the code takes from outside.
    scalars : tuple of str
        The kinds of NumPy scalars that the wrapper tells apart, such as ``f8``.
    note : str
        What the compiler says of how it was made.
    wrapper, kernel : bytes
        Two object files.
    """

    symbols: tuple[str, ...]
    scalars: tuple[str, ...]
    note: str
    wrapper: bytes
    kernel: bytes

    def dump(self) -> bytes:
        """Return the bytes to keep."""
        fields = [_FORMAT, self.symbols, self.scalars, self.note, len(self.wrapper)]
        head = json.dumps(fields).encode()
        rest = head + b"\n" + self.wrapper + self.kernel
        return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def parse(data: bytes) -> Image | None:
    """Return the image that was dumped, or None when it is damaged."""
    digest, _, rest = data.partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        return None
    head, _, code = rest.partition(b"\n")
    version, *fields = json.loads(head)
    if version != _FORMAT:
        return None
    symbols, scalars, note, cut = fields
    return Image(tuple(symbols), tuple(scalars), note, code[:cut], code[cut:])
