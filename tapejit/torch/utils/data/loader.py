"""`DataLoader`: batches of a data set, in this process.

What happens while a batch is put together has a trace of its own: the rows before it are run first,
and rows that the data set records (``x[k]``, a transformation) are run before the batch is handed
out. The steps between two batches are then the same rows every time, whatever the batches hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...codes import PLAIN
from ...record import LOCAL
from .collate import _tensor, default_collate
from .dataset import IterableDataset, Subset, TensorDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Batches of a data set.

    Parameters
    ----------
    dataset : Dataset
        Anything with a length and entries by number; or an `IterableDataset`.
    batch_size : int or None
        How many entries a batch has; None: entries one by one.
    shuffle : bool or None
        Whether the order is random, drawn from the generator that `manual_seed` seeds.
    sampler, batch_sampler : iterable or None
        The order, or the lists of numbers, where they are given.
    num_workers : int
        Only 0: batches are put together in this process.
    collate_fn : callable or None
        What makes a batch of a list of entries; by default `default_collate`.
    drop_last : bool
        Whether a last batch that is not full is left out.
    generator : Generator or None
        What random orders are drawn from.
    pin_memory, timeout, worker_init_fn, multiprocessing_context, prefetch_factor, \
persistent_workers, pin_memory_device, in_order
        Taken for PyTorch's sake; they concern other devices and processes.

    Raises
    ------
    ValueError
        For options that exclude each other.
    NotImplementedError
        For `num_workers` above 0.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> for batch in torch.utils.data.DataLoader([1, 2, 3], batch_size=2):
    ...     print(batch)
    tensor([1, 2])
    tensor([3])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0 to disable "
                "multiprocessing."
            )
        if num_workers > 0:
            raise NotImplementedError(
                "DataLoader: num_workers must be 0; batches are put together in this process"
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing. Let "
                "num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if persistent_workers:
            raise ValueError("persistent_workers option needs num_workers > 0")
        streamed = isinstance(dataset, IterableDataset)
        if streamed and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified shuffle, sampler and "
                "batch_sampler options"
            )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None and not streamed and batch_sampler is None:
            if shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(() if streamed else sampler, batch_size, drop_last)
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers
        self.pin_memory_device, self.in_order = pin_memory_device, in_order
        self._batched = batch_sampler is not None
        self._usual = collate_fn is None
        if collate_fn is None:
            collate_fn = default_collate if self._batched else _single
        self.collate_fn = collate_fn

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            return self._streamed()
        order = self.batch_sampler if self._batched else self.sampler
        return (self._fetched(at) for at in order)

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self._batched else self.sampler)

    def _fetched(self, at: Any) -> Any:
        if self._batched and self._usual:
            made = _gathered(self.dataset, at)
            if made is not None:
                return made
        rec = LOCAL.rec
        rec.flush()
        if self._batched:
            several = getattr(self.dataset, "__getitems__", None)
            entries = several(at) if callable(several) else [self.dataset[k] for k in at]
        else:
            entries = self.dataset[at]
        made = self.collate_fn(entries)
        del entries  # what nobody holds is not computed
        rec.flush()
        return made

    def _streamed(self) -> Iterator[Any]:
        entries = iter(self.dataset)
        if self.batch_size is None:
            for entry in entries:
                yield self.collate_fn(entry)
            return
        part: list[Any] = []
        for entry in entries:
            part.append(entry)
            if len(part) == self.batch_size:
                yield self.collate_fn(part)
                part = []
        if part and not self.drop_last:
            yield self.collate_fn(part)


def _gathered(dataset: Any, at: Any) -> list[Any] | None:
    """Return a batch of tensors side by side, rows taken at once; None for other data sets."""
    while type(dataset) is Subset:
        at, dataset = [dataset.indices[k] for k in at], dataset.dataset
    if type(dataset) is not TensorDataset or not at:
        return None
    if any(t._kind_now() != PLAIN for t in dataset.tensors):
        return None
    n = len(dataset)
    if not all(-n <= k < n for k in at):
        return None  # the entries say what is wrong
    return [_tensor(t._value()[at]) for t in dataset.tensors]


def _single(entry: Any) -> Any:
    """Return an entry with numbers and arrays as tensors, as PyTorch does without batches."""
    import numpy as np

    if isinstance(entry, np.ndarray):
        return _tensor(np.array(entry))
    if isinstance(entry, tuple) and hasattr(entry, "_fields"):
        return type(entry)(*(_single(x) for x in entry))
    if isinstance(entry, tuple | list):
        return [_single(x) for x in entry]
    if isinstance(entry, dict):
        return {k: _single(x) for k, x in entry.items()}
    return entry
