"""The order in which entries are asked for. Draws come from the generator that `manual_seed` seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np

from ...generator import default_generator


def _stream(generator: Any) -> np.random.Generator:
    found: np.random.Generator = (default_generator if generator is None else generator).numpy
    return found


def _positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


class Sampler:
    """The base of orders: subclasses define ``__iter__``."""

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError


class SequentialSampler(Sampler):
    """From the first to the last."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """At random.

    Parameters
    ----------
    replacement : bool
        Whether an entry may come again before all have come.
    num_samples : int or None
        How many are drawn; by default as many as there are.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source, self.replacement = data_source, replacement
        self._num_samples, self.generator = num_samples, generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        _positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, stream = len(self.data_source), _stream(self.generator)
        if self.replacement:
            return iter(stream.integers(0, n, self.num_samples).tolist())
        return islice(_rounds(stream, n), self.num_samples)

    def __len__(self) -> int:
        return self.num_samples


def _rounds(stream: np.random.Generator, n: int) -> Iterator[int]:
    """Yield all numbers below n in a random order, again and again."""
    while True:
        yield from stream.permutation(n).tolist()


class SubsetRandomSampler(Sampler):
    """Given numbers, in a random order."""

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        order = _stream(self.generator).permutation(len(self.indices)).tolist()
        return (self.indices[k] for k in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Numbers drawn with given weights."""

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        _positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        share = np.array([float(w) for w in weights])
        if share.ndim != 1 or not np.isfinite(share).all() or (share < 0).any() or not share.sum():
            raise ValueError("weights must be finite, not negative, and not all zero")
        if not replacement and num_samples > np.count_nonzero(share):
            raise RuntimeError("invalid multinomial distribution (too few weights are positive)")
        self.weights, self.num_samples = share / share.sum(), num_samples
        self.replacement, self.generator = replacement, generator

    def __iter__(self) -> Iterator[int]:
        stream, n = _stream(self.generator), len(self.weights)
        drawn = stream.choice(n, self.num_samples, self.replacement, self.weights)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of numbers.

    Parameters
    ----------
    drop_last : bool
        Whether a last list that is not full is left out.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n: int = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
