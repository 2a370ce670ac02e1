"""Containers: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections import OrderedDict

from nn_formulas import fill, gradients, leaf, wave
from transcripts import raising


def names(module):
    """Return the names of a module's parameters."""
    return [name for name, _ in module.named_parameters()]


def case_sequential(torch):
    """Children are numbered; the output of one is the input of the next."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)))
    x = leaf(torch, 2, 2)
    out = net(x)
    yield out, gradients(torch, out, [x, *net.parameters()])
    yield names(net), len(net), repr(net)
    yield repr(net[1]), repr(net[-1]), repr(net[:2]), net[0] is next(iter(net))


def case_sequential_of_names(torch):
    """An ordered dictionary names the children, and they become attributes."""
    nn = torch.nn
    layers = {"first": nn.Linear(2, 2), "act": nn.ReLU(), "last": nn.Linear(2, 1, bias=False)}
    net = nn.Sequential(OrderedDict(layers))
    yield names(net), repr(net), net.first is layers["first"], net[2] is layers["last"]
    yield list(net.state_dict())


def case_sequential_changed(torch):
    """Appending, inserting, extending, replacing, deleting, joining."""
    nn = torch.nn
    net = nn.Sequential(nn.Tanh())
    yield net.append(nn.ReLU()) is net
    net.insert(0, nn.Linear(1, 1))
    net.extend([nn.Sigmoid(), nn.Identity()])
    yield repr(net)
    net[1] = nn.GELU()
    del net[2]
    yield repr(net), len(net)
    yield repr(net + nn.Sequential(nn.Softplus()))
    popped = net.pop(0)
    yield repr(popped), repr(net)


def case_sequential_empty(torch):
    """No layers: the identity."""
    net = torch.nn.Sequential()
    x = wave(torch, 2)
    yield net(x) is x, repr(net), len(net), list(net.parameters())


def case_sequential_errors(torch):
    """Things that are not modules, places that do not exist."""
    nn = torch.nn
    net = nn.Sequential(nn.Tanh())
    yield raising(torch, lambda: nn.Sequential(3), "int")
    yield raising(torch, lambda: net[1], "1")
    yield raising(torch, lambda: net.append("x"), "str")
    yield raising(torch, lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 1))(wave(torch, 1, 2)))


def case_nested_repr(torch):
    """Each level is indented by two spaces; one-line modules stay on their line."""
    nn = torch.nn
    net = nn.Sequential(
        nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU())),
        nn.ModuleList([nn.Linear(3, 3) for _ in range(2)]),
        nn.ModuleDict({"a": nn.Tanh(), "b": nn.Linear(1, 1, bias=False)}),
    )
    yield repr(net), str(net)


def case_repeated_layers_repr(torch):
    """A `ModuleList` prints runs of equal modules once, with a count; `Sequential` does not."""
    nn = torch.nn
    yield repr(nn.ModuleList([nn.Linear(2, 2) for _ in range(3)]))
    yield repr(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)]))
    yield repr(nn.Sequential(nn.ReLU(), nn.ReLU()))


def case_module_list(torch):
    """A list whose entries are children: their parameters are found."""
    nn = torch.nn
    layers = fill(torch, nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]))
    yield names(layers), len(layers), layers[0] in layers, repr(layers[-1])
    x = wave(torch, 1, 2)
    for layer in layers:
        x = torch.tanh(layer(x))
    yield x
    layers.append(nn.Linear(2, 1))
    layers.insert(0, nn.ReLU())
    layers.extend([nn.Tanh()])
    yield names(layers), repr(layers[1:3]), len(layers)
    del layers[0]
    layers[0] = nn.Sigmoid()
    yield repr(layers)
    layers += [nn.Identity()]
    yield len(layers), repr(nn.ModuleList())


def case_module_list_is_not_called(torch):
    """A list has no forward."""
    nn = torch.nn
    yield raising(torch, lambda: nn.ModuleList([nn.ReLU()])(wave(torch, 1)))
    yield raising(torch, lambda: nn.ModuleList([nn.ReLU(), 2]), "int")
    yield raising(torch, lambda: nn.ModuleList([nn.ReLU()])[3], "3")


def case_plain_list_hides_its_modules(torch):
    """A Python list of modules is not seen."""
    nn = torch.nn

    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]
            self.seen = nn.ModuleList(self.layers)

    net = Hidden()
    yield names(net)
    del net.seen
    yield names(net), repr(net)


def case_module_dict(torch):
    """A dictionary whose values are children, in the order of insertion."""
    nn = torch.nn
    table = nn.ModuleDict({"relu": nn.ReLU(), "line": nn.Linear(2, 2)})
    yield list(table), list(table.keys()), len(table), "line" in table, "x" in table
    yield names(table), repr(table), repr(table["relu"])
    table["extra"] = nn.Linear(1, 1)
    table.update({"relu": nn.Tanh()})
    yield repr(table)
    popped = table.pop("line")
    yield repr(popped), [name for name, _ in table.items()], [repr(m) for m in table.values()]
    del table["extra"]
    table.clear()
    yield len(table), repr(table)
    yield raising(torch, lambda: table["none"], "none")
    yield raising(torch, lambda: nn.ModuleDict({"a": 1}), "int")
    yield repr(nn.ModuleDict([["one", nn.ReLU()], ["two", nn.Tanh()]]))


def case_parameter_list(torch):
    """Tensors in a list become parameters."""
    nn = torch.nn
    several = nn.ParameterList([nn.Parameter(wave(torch, 2)), wave(torch, 3)])
    yield names(several), len(several), several[0], several[1].requires_grad
    several.append(wave(torch, 1))
    several[0] = nn.Parameter(torch.zeros(2))
    yield list(several), isinstance(several[2], nn.Parameter)
    yield repr(several)
    sum((p * (i + 1)).sum() for i, p in enumerate(several)).backward()
    yield [p.grad for p in several]
    several.extend([wave(torch, 2)])
    yield list(several.state_dict()), len(several[1:3])


def case_parameter_dict(torch):
    """Tensors by name."""
    nn = torch.nn
    table = nn.ParameterDict({"w": nn.Parameter(wave(torch, 2)), "b": nn.Parameter(wave(torch, 1))})
    yield list(table.keys()), names(table), table["w"], "b" in table, len(table)
    (table["w"].sum() * table["b"]).sum().backward()
    yield table["w"].grad, table["b"].grad
    table["c"] = nn.Parameter(wave(torch, 2, 2))
    yield repr(table), list(table.state_dict())
    del table["w"]
    yield list(table), table.pop("b").shape


def case_parameters_in_containers_train(torch):
    """One step of SGD moves what the containers hold."""
    nn = torch.nn

    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.shares = nn.ParameterList([nn.Parameter(torch.tensor(0.5)) for _ in range(2)])
            self.parts = nn.ModuleDict({"up": nn.Linear(2, 1), "down": nn.Linear(2, 1)})

        def forward(self, x):
            parts = zip(self.shares, self.parts.values(), strict=True)
            return sum(share * part(x) for share, part in parts)

    net = fill(torch, Mixture())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    out = net(wave(torch, 3, 2))
    (out**2).sum().backward()
    optimizer.step()
    yield out
    for name, p in net.named_parameters():
        yield name, p.detach()
