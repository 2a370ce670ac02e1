"""Generators of random numbers as values: a token says how far a stream has been drawn.

To a tape a generator is a value that each draw takes and gives back, one draw further. Nothing else
orders draws, and nothing else has to: a loop carries the token, both sides of a branch give it back.

Invariant: drawing twice from one token gives the same sample. A stream remembers what it has given,
so a tape may be run a second time from its beginning (a capture computes as it goes, and again once
its loops are known), and a derivative may compute a forward value again, without drawing afresh.
NumPy's generator is asked once for each sample, in order: it ends where plain NumPy leaves it.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .avals import Aval
from .errors import TapejitError

GENERATOR = Aval(np.dtype(object))
"""The aval of a token."""


@functools.cache
def _bits() -> tuple[type, ...]:
    """Return NumPy's own bit generators."""
    names = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
    return tuple(getattr(np.random, name) for name in names)


class Stream:
    """One generator during one run of a tape, and what it has given.

    Attributes
    ----------
    rng : Generator or RandomState
    samples : list
        What has been drawn, in order; None for each when nothing asks again.
    begin : dict
        The state of the generator before the first draw.
    """

    __slots__ = ("begin", "keeps", "rng", "samples")

    def __init__(self, rng: Any, keeps: bool = True, marks: bool = True) -> None:
        self.rng, self.keeps = rng, keeps
        self.samples: list[Any] = []
        self.begin = state_of(rng) if marks or _made.lists else None
        for made in _made.lists:
            made.append((rng, self.begin))

    def close(self) -> None:
        """Forget what has been drawn: the call is over."""
        self.rng, self.samples, self.begin = None, [], None

    def rewind(self) -> None:
        """Put the generator back to where it was when the stream was made."""
        if self.begin is None:
            raise TapejitError("a stream that has not kept its beginning cannot go back")
        set_state(self.rng, self.begin)
        self.samples.clear()


class Token:
    """A place in a stream: the next draw is number `place`."""

    __slots__ = ("place", "stream")

    def __init__(self, stream: Stream, place: int = 0) -> None:
        self.stream, self.place = stream, place

    def draw(self, how: Callable[[Any], Any]) -> tuple[Any, Token]:
        """Return a sample and the place behind it; `how` draws it from a generator."""
        known = self.stream.samples
        if self.place == len(known):
            found = how(self.stream.rng)
            known.append(found if self.stream.keeps else None)
        elif self.place < len(known) and self.stream.keeps:
            found = known[self.place]
        else:
            raise TapejitError("a random number is asked for out of order: a defect of tapejit")
        return found, Token(self.stream, self.place + 1)


def is_generator(value: Any) -> bool:
    """Whether an object is one of NumPy's own generators, on one of NumPy's own bit generators."""
    if "numpy.random" not in sys.modules:  # naming it imports it: 9 ms
        return False
    kind = type(value)
    if kind is np.random.Generator:
        return type(value.bit_generator) in _bits()
    return kind is np.random.RandomState and type(value._bit_generator) in _bits()


def bits_of(rng: Any) -> Any:
    """Return the bit generator under a generator: the one thing that two may share."""
    return rng._bit_generator if isinstance(rng, np.random.RandomState) else rng.bit_generator


def kind_of(rng: Any) -> tuple[type, type]:
    """Return what must be the same for another generator to do: its class, and that of its bits."""
    return type(rng), type(bits_of(rng))


def state_of(rng: Any) -> Any:
    """Return where a generator stands."""
    if isinstance(rng, np.random.RandomState):
        return rng.get_state(legacy=False)
    return rng.bit_generator.state


def set_state(rng: Any, state: Any) -> None:
    """Put a generator where it stood."""
    if isinstance(rng, np.random.RandomState):
        rng.set_state(state)
    else:
        rng.bit_generator.state = state


@contextmanager
def restored(rngs: Iterable[Any]) -> Iterator[None]:
    """Put generators back afterwards to where they are now."""
    kept = [(rng, state_of(rng)) for rng in rngs]
    try:
        yield
    finally:
        for rng, state in kept:
            set_state(rng, state)


class _Made(threading.local):
    def __init__(self) -> None:
        self.lists: list[list[tuple[Any, Any]]] = []


_made = _Made()


@contextmanager
def rewinding() -> Iterator[None]:
    """Put every generator that is used meanwhile back to where it was: nothing has been drawn."""
    found: list[tuple[Any, Any]] = []
    _made.lists.append(found)
    try:
        yield
    finally:
        _made.lists.pop()
        for rng, state in reversed(found):
            set_state(rng, state)


@contextmanager
def replayed(streams: Iterable[Stream]) -> Iterator[None]:
    """Let what follows draw again what `streams` have given; afterwards all is as it is now."""
    used = [s for s in streams if s.samples]
    with restored([s.rng for s in used]):
        for s in reversed(used):
            set_state(s.rng, s.begin)
        yield
