"""An image: the object files of a kernel and its wrapper, in the form that lies on disk.

The bytes begin with a hash of the rest, so an image that is cut off or altered is told apart from
a whole one before any of it is run.
"""

from __future__ import annotations

import hashlib
import json
from itertools import accumulate, pairwise

from ...core.records import record

_FORMAT = 2


@record(frozen=True)
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
    objects : tuple of bytes
        Object files: of both, or of each.
    """

    symbols: tuple[str, ...]
    scalars: tuple[str, ...]
    note: str
    objects: tuple[bytes, ...]

    def dump(self) -> bytes:
        """Return the bytes to keep."""
        lengths = [len(o) for o in self.objects]
        fields = [_FORMAT, self.symbols, self.scalars, self.note, lengths]
        head = json.dumps(fields).encode()
        rest = b"".join([head, b"\n", *self.objects])
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
    symbols, scalars, note, lengths = fields
    ends = list(accumulate(lengths, initial=0))
    objects = tuple(code[a:b] for a, b in pairwise(ends))
    return Image(tuple(symbols), tuple(scalars), note, objects)
