"""`torch.save` and `torch.load`: what comes back."""

from __future__ import annotations

import io
import pickle

from nn_formulas import fill, leaf, wave
from transcripts import raising


def again(torch, value, **options):
    """Return a value after a trip through a file."""
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, **options)


def case_values(torch):
    """Tensors, numbers, texts, containers."""
    yield again(torch, {"a": torch.ones(2), "b": [torch.tensor(1.0), 3, "x", None, (1, 2)]})
    yield again(torch, leaf(torch, 2)), again(torch, torch.nn.Parameter(torch.ones(2)))
    yield again(torch, torch.float64), again(torch, torch.Size([2, 3]))
    yield again(torch, leaf(torch, 2) * 2)
    yield again(torch, wave(torch, 2, 3).t()), again(torch, torch.tensor([True, False]))


def case_state(torch):
    """A network and its optimiser."""
    nn = torch.nn
    net = fill(torch, nn.Linear(2, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(wave(torch, 3, 2)).sum().backward()
    optimizer.step()
    saved = again(torch, {"net": net.state_dict(), "optimizer": optimizer.state_dict()})
    other = nn.Linear(2, 1)
    yield repr(other.load_state_dict(saved["net"])), other.state_dict()
    yield type(saved["net"]).__name__, saved["optimizer"]


def case_whole_modules(torch):
    """Only of files that are trusted; pickling does the same."""
    net = fill(torch, torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())).eval()
    error = raising(torch, lambda: again(torch, net), "weights_only")
    yield error
    other = again(torch, net, weights_only=False)
    yield repr(other), other.training, other.state_dict(), other[0].weight.is_leaf
    other = pickle.loads(pickle.dumps(net))
    yield repr(other), other(wave(torch, 1, 2)), type(other[0].weight).__name__


def case_not_allowed(torch):
    """Functions are not read."""
    yield raising(torch, lambda: again(torch, print), "weights_only")
    yield raising(torch, lambda: torch.load(io.BytesIO(b"")))
    yield raising(torch, lambda: torch.load("/no/such/file"), "/no/such/file")
