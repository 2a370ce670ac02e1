"""`torch.utils.data`: data sets, orders, batches. Random orders are described by what is in them."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from transcripts import raising

Pair = namedtuple("Pair", "x y")


def pairs(torch):
    """Return three rows with a number each."""
    rows = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    return torch.utils.data.TensorDataset(rows, torch.tensor([1, 2, 3]))


def case_tensor_dataset(torch):
    """Rows of several tensors."""
    data = torch.utils.data
    yield pairs(torch)[0], pairs(torch)[:2], len(pairs(torch))
    yield raising(torch, lambda: data.TensorDataset(torch.ones(2), torch.ones(3)), "mismatch")


def case_batches(torch):
    """In order; the last one may be smaller, or left out; or no batches at all."""
    data = torch.utils.data
    for options in ({"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None},
                    {"batch_size": 2, "sampler": [2, 1]}, {}):  # fmt: skip
        loader = data.DataLoader(pairs(torch), **options)
        yield len(loader), list(loader)


def case_collated(torch):
    """Numbers, texts, arrays, dictionaries, tuples, named tuples."""
    load = torch.utils.data.DataLoader
    yield list(load([1, 2, 3], batch_size=2)), list(load([1.5, 2.5], batch_size=2))
    yield list(load([True, False], batch_size=2)), list(load(["a", "b"], batch_size=2))
    rows = [{"a": 1.0, "b": "x", "c": (1, 2)}, {"a": 2.0, "b": "y", "c": (3, 4)}]
    yield list(load(rows, batch_size=2))
    yield list(load([(np.ones(2), np.float32(1)), (np.zeros(2), np.float32(2))], batch_size=2))
    yield list(load([Pair(1, 2), Pair(3, 4)], batch_size=2))
    yield raising(torch, lambda: list(load([None])), "NoneType")
    yield raising(torch, lambda: list(load([(1,), (1, 2)], batch_size=2)), "equal size")
    unequal = [torch.ones(2), torch.ones(3)]
    yield raising(torch, lambda: list(load(unequal, batch_size=2)), "equal size")


def case_collated_with_gradient(torch):
    """Tensors that require grad are stacked on record."""
    xs = [torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    batch = torch.utils.data.default_collate(xs)
    yield batch
    (batch * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    yield [x.grad for x in xs]


def case_own_dataset(torch):
    """A data set of one's own, which computes its entries; and a function that makes the batch."""
    data = torch.utils.data

    class Squares(data.Dataset):
        def __init__(self):
            self.x = torch.arange(5.0)

        def __len__(self):
            return 5

        def __getitem__(self, k):
            return {"x": self.x[k] ** 2, "k": k}

    yield list(data.DataLoader(Squares(), batch_size=2))
    yield list(data.DataLoader(data.Subset(Squares(), [4, 0]), batch_size=2))
    loader = data.DataLoader(
        Squares(), batch_size=3, collate_fn=lambda rows: [r["k"] for r in rows]
    )
    yield list(loader)


def case_stream(torch):
    """An iterable data set."""
    data = torch.utils.data

    class Numbers(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    yield list(data.DataLoader(Numbers(), batch_size=2))
    yield list(data.DataLoader(Numbers(), batch_size=2, drop_last=True))
    yield raising(torch, lambda: data.DataLoader(Numbers(), shuffle=True), "IterableDataset")


def case_shuffled(torch):
    """Everything once; the same seed, the same order; another order the next time."""
    data = torch.utils.data
    loader = data.DataLoader(list(range(50)), batch_size=8, shuffle=True)
    orders = []
    for _ in range(2):
        torch.manual_seed(3)
        orders += [[k for batch in loader for k in batch.tolist()] for _ in range(2)]
    yield sorted(orders[0]) == list(range(50)), orders[0] == orders[2], orders[0] == orders[1]
    one, other = (torch.Generator().manual_seed(7) for _ in range(2))
    yield list(data.RandomSampler(range(9), generator=one)) == list(
        data.RandomSampler(range(9), generator=other)
    )


def case_samplers(torch):
    """How many, and which."""
    data = torch.utils.data
    yield list(data.SequentialSampler(range(3)))
    yield list(data.BatchSampler(data.SequentialSampler(range(5)), 2, False))
    yield list(data.BatchSampler(data.SequentialSampler(range(5)), 2, True))
    drawn = list(data.RandomSampler(range(3), num_samples=7))
    yield len(drawn), sorted(drawn[:3]), sorted(drawn[3:6])
    drawn = list(data.RandomSampler(range(3), replacement=True, num_samples=20))
    yield len(drawn), set(drawn) <= {0, 1, 2}
    yield sorted(data.SubsetRandomSampler([5, 6, 7])), list(data.WeightedRandomSampler([0, 1.0], 2))
    yield raising(torch, lambda: data.RandomSampler([]), "num_samples")
    yield raising(torch, lambda: data.BatchSampler(range(3), 0, False), "batch_size")


def case_parts(torch):
    """Splits, joins, one beside the other."""
    data = torch.utils.data
    parts = data.random_split(range(10), [0.35, 0.35, 0.3])
    yield [len(p) for p in parts], sorted(k for p in parts for k in p)
    yield raising(torch, lambda: data.random_split(range(3), [1, 1]), "length")
    joined = data.ConcatDataset([[1, 2], [3]]) + [4]
    yield len(joined), [joined[k] for k in (0, 1, 2, 3, -1)]
    yield raising(torch, lambda: data.ConcatDataset([]), "empty")
    yield list(data.DataLoader(data.StackDataset(a=[1, 2], b=[3.0, 4.0]), batch_size=2))


def case_options_that_exclude_each_other(torch):
    """Refused when the loader is made."""
    data = torch.utils.data
    order = data.SequentialSampler(range(3))
    batches = data.BatchSampler(order, 2, False)
    for options in ({"batch_size": 0}, {"shuffle": True, "sampler": order}, {"timeout": -1},
                    {"batch_size": None, "drop_last": True}, {"num_workers": -1},
                    {"batch_sampler": batches, "batch_size": 3}):  # fmt: skip
        yield raising(torch, lambda options=options: data.DataLoader([1, 2, 3], **options))
