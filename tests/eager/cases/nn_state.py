"""`state_dict` and `load_state_dict`: what is saved, what is restored, what is refused."""

from __future__ import annotations

import copy
import pickle

from nn_formulas import fill, leaf, wave
from transcripts import raising


def two_layers(torch):
    """Return a small network with parameters from a formula."""
    nn = torch.nn
    return fill(torch, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))


def case_saved(torch):
    """Names and tensors in order; the tensors share memory and carry no gradient."""
    net = two_layers(torch)
    saved = net.state_dict()
    yield saved, type(saved).__name__, [v.requires_grad for v in saved.values()]
    with torch.no_grad():
        net[0].weight.fill_(9.0)
    yield saved["0.weight"], type(saved["0.weight"]).__name__
    yield (
        list(net.state_dict(prefix="net.")),
        net.state_dict(keep_vars=True)["1.bias"] is net[1].bias,
    )


def case_restored(torch):
    """Values are copied into the same parameters."""
    net, other = (
        two_layers(torch),
        torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)),
    )
    weight = other[0].weight
    answer = other.load_state_dict(net.state_dict())
    yield repr(answer), answer.missing_keys, answer.unexpected_keys
    yield other.state_dict(), other[0].weight is weight, weight.requires_grad
    with torch.no_grad():
        net[0].weight.zero_()
    yield other[0].weight


def case_restored_to_another_dtype(torch):
    """The values are cast to the dtype of the parameter."""
    net, other = two_layers(torch).double(), two_layers(torch)
    other.load_state_dict(net.state_dict())
    yield [p.dtype for p in other.parameters()]


def case_restored_buffers(torch):
    """Running statistics travel with the parameters."""
    nn = torch.nn
    net, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    net(wave(torch, 4, 2))
    other.load_state_dict(net.state_dict())
    yield other.running_mean, other.running_var, other.num_batches_tracked


def case_strict(torch):
    """Missing and unexpected names and wrong shapes are all told in one error."""
    net = two_layers(torch)
    good = net.state_dict()
    missing = {k: v for k, v in good.items() if k != "1.bias"}
    yield raising(torch, lambda: net.load_state_dict(missing), "missing key", "1.bias")
    extra = {**good, "2.weight": torch.ones(1)}
    yield raising(torch, lambda: net.load_state_dict(extra), "unexpected key", "2.weight")
    shape = {**good, "0.weight": torch.ones(3, 2)}
    yield raising(torch, lambda: net.load_state_dict(shape), "size mismatch", "0.weight")
    both = {**missing, "x": torch.ones(1)}
    yield raising(torch, lambda: net.load_state_dict(both), "missing key", "unexpected key", "x")
    yield raising(torch, lambda: net.load_state_dict([1, 2]), "list")
    yield raising(torch, lambda: net.load_state_dict({**good, "0.weight": 3}), "0.weight")


def case_not_strict(torch):
    """`strict=False` returns the names; a wrong shape is still an error."""
    net = two_layers(torch)
    answer = net.load_state_dict({"0.bias": torch.zeros(2), "other": torch.ones(1)}, strict=False)
    yield answer.missing_keys, answer.unexpected_keys, net[0].bias
    wrong = {"0.bias": torch.zeros(3)}
    yield raising(torch, lambda: net.load_state_dict(wrong, strict=False), "size mismatch")


def case_load_is_seen_by_the_optimizer(torch):
    """Parameters stay the same objects, so an optimiser made before goes on."""
    net = two_layers(torch)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    net.load_state_dict({k: torch.zeros_like(v) for k, v in net.state_dict().items()})
    net(wave(torch, 2, 2)).sum().backward()
    optimizer.step()
    yield net.state_dict()


def case_snapshot(torch):
    """A deep copy of the state does not move when training goes on."""
    net = two_layers(torch)
    kept = copy.deepcopy(net.state_dict())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    net(wave(torch, 2, 2)).sum().backward()
    optimizer.step()
    yield kept, net.state_dict()
    net.load_state_dict(kept)
    yield net.state_dict()


def case_moving_average(torch):
    """An average of the parameters, kept by hand."""
    net = two_layers(torch)
    average = copy.deepcopy(net)
    for p in average.parameters():
        p.requires_grad_(False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (net(wave(torch, 3, 2)) ** 2).sum().backward()
        optimizer.step()
        with torch.no_grad():
            for kept, p in zip(average.parameters(), net.parameters(), strict=True):
                kept.mul_(0.9).add_(p, alpha=0.1)
    yield average.state_dict()


def case_extra_state(torch):
    """`get_extra_state` and `set_extra_state` save what is not a tensor."""
    nn = torch.nn

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    one, other = Counting(), Counting()
    one.count = 5
    other.load_state_dict(one.state_dict())
    yield list(one.state_dict()), other.count


def case_training_resumed(torch):
    """Network and optimiser restored: the next steps are those without the break."""
    results = []
    for broken in (False, True):
        net = two_layers(torch)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        for step in range(4):
            if broken and step == 2:
                states = copy.deepcopy([net.state_dict(), optimizer.state_dict()])
                net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
                optimizer = torch.optim.Adam(net.parameters(), lr=0.5)
                net.load_state_dict(states[0])
                optimizer.load_state_dict(states[1])
            optimizer.zero_grad()
            (net(wave(torch, 3, 2)) ** 2).mean().backward()
            optimizer.step()
        results.append([p.detach().clone() for p in net.parameters()])
    yield results[0], all(map(torch.allclose, *results))


def case_loading_needs_no_grad(torch):
    """Loading is allowed although the parameters are leaves that require grad."""
    layer = torch.nn.Linear(2, 1)
    layer.load_state_dict({"weight": leaf(torch, 1, 2), "bias": torch.zeros(1)})
    yield layer.weight, layer.weight.is_leaf


def case_pickled(torch):
    """A module and its state survive pickling, with values and flags."""
    net = two_layers(torch)
    net[1].bias.requires_grad_(False)
    net.eval()
    again = pickle.loads(pickle.dumps(net))
    yield again.state_dict(), [p.requires_grad for p in again.parameters()], again.training
    yield repr(again), type(again[0].weight).__name__, again[0].weight.is_leaf
    yield again(wave(torch, 2, 2)), pickle.loads(pickle.dumps(net.state_dict()))
