"""Random streams: `Generator`, and the one that functions draw from when none is given.

The stream is NumPy's PCG64, not PyTorch's Mersenne twister: a seed makes runs repeat, but does not
give PyTorch's numbers.
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np


class Generator:
    """A stream of random numbers.

    Parameters
    ----------
    device : str
        Only "cpu".

    Attributes
    ----------
    numpy : numpy.random.Generator
        The stream itself.

    Examples
    --------
    >>> from tapejit.torch.generator import Generator
    >>> g = Generator().manual_seed(3)
    >>> g.initial_seed()
    3
    """

    numpy: np.random.Generator

    def __init__(self, device: Any = "cpu") -> None:
        from .sizes import device as Device

        self.device = Device(device)
        self.manual_seed(67280421310721)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream afresh from a seed, which may be negative; return the generator."""
        at = int(seed)
        if not -(2**63) <= at < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = at % 2**64
        self.numpy = np.random.Generator(np.random.PCG64(self._seed))
        return self

    def seed(self) -> int:
        """Start the stream from a seed of the operating system's; return it."""
        self.manual_seed(secrets.randbits(63))
        return self._seed

    def initial_seed(self) -> int:
        """Return the seed that the stream started from."""
        return self._seed


default_generator = Generator()
default_generator.seed()
"""What `manual_seed` seeds and what functions draw from unless told otherwise."""
