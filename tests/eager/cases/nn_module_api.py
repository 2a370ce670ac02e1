"""`Module`: attributes, names, traversal, modes, casting, printing, copying."""

from __future__ import annotations

import copy

from nn_formulas import fill, gradients, leaf, wave
from transcripts import raising


def network(torch):
    """Return a module with a child, a grandchild, a buffer, and a parameter of its own."""
    nn = torch.nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2)
            self.rest = nn.Sequential(nn.Tanh(), nn.Linear(2, 1))
            self.scale = nn.Parameter(torch.ones(1))
            self.register_buffer("offset", torch.zeros(1))
            self.note = "plain attribute"

        def forward(self, x, shift=0.0):
            return self.scale * self.rest(self.first(x)) + self.offset + shift

    return fill(torch, Network())


def case_forward(torch):
    """Calling runs `forward`, with its arguments."""
    net = network(torch)
    x = leaf(torch, 2, 2)
    out = net(x)
    yield out, gradients(torch, out, [x, *net.parameters()])
    yield net(x, 2.0).detach(), net(x, shift=-1.0).detach(), net.forward(x).detach()


def case_names(torch):
    """Own parameters come before those of the children; names are joined by dots."""
    net = network(torch)
    yield [(name, tuple(p.shape)) for name, p in net.named_parameters()]
    yield [name for name, _ in net.named_parameters(prefix="net")]
    yield [name for name, _ in net.named_parameters(recurse=False)]
    yield [tuple(p.shape) for p in net.parameters()], len(list(net.parameters(recurse=False)))
    yield [(name, type(m).__name__) for name, m in net.named_modules()]
    yield [type(m).__name__ for m in net.modules()]
    yield [name for name, _ in net.named_children()], [type(m).__name__ for m in net.children()]
    yield [name for name, _ in net.named_buffers()], list(net.buffers())


def case_printed(torch):
    """The class, then each child on its line; parameters and buffers do not show."""
    nn = torch.nn
    yield repr(network(torch))

    class Empty(nn.Module):
        pass

    class Described(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ReLU()

        def extra_repr(self):
            return "width=3, depth=2"

    class Line(nn.Module):
        def extra_repr(self):
            return "degree=1"

    yield repr(Empty()), repr(Described()), repr(Line())
    yield repr(nn.Sequential(Described(), Line(), Empty()))


def case_parameter(torch):
    """A leaf that requires grad, whatever it is made of; `Parameter containing:` when printed."""
    nn = torch.nn
    p = nn.Parameter(wave(torch, 2, 2))
    yield p, isinstance(p, torch.Tensor), isinstance(p, nn.Parameter), p.is_leaf
    yield repr(p), repr(nn.Parameter(torch.tensor(1.0)))
    yield type(p + 1).__name__, type(p.data).__name__, type(p.detach()).__name__
    q = nn.Parameter(wave(torch, 2), requires_grad=False)
    yield repr(q), q.requires_grad
    yield nn.Parameter(leaf(torch, 2) * 2).is_leaf
    yield raising(torch, lambda: nn.Parameter(torch.tensor([1, 2])), "floating")
    whole = nn.Parameter(torch.tensor([1, 2]), requires_grad=False)
    yield whole.dtype, repr(whole)


def case_parameter_shares_its_data(torch):
    """A parameter is made around the tensor's memory."""
    x = torch.zeros(2)
    p = torch.nn.Parameter(x)
    x[0] = 5.0
    yield p
    with torch.no_grad():
        p.mul_(2)
    yield x


def case_attributes(torch):
    """Setting an attribute registers it; deleting takes it out; names stay by kind."""
    nn = torch.nn
    net = nn.Module()
    net.w = nn.Parameter(wave(torch, 2))
    net.layer = nn.Linear(1, 1)
    net.number = 3
    net.register_parameter("v", None)
    yield [n for n, _ in net.named_parameters()], net.number, net.v
    net.v = nn.Parameter(wave(torch, 1))
    net.layer = None
    yield [n for n, _ in net.named_parameters()], net.layer
    del net.w
    yield [n for n, _ in net.named_parameters()], hasattr(net, "w")
    yield raising(torch, lambda: net.missing, "missing")
    yield raising(torch, lambda: setattr(net, "v", wave(torch, 2)), "v")
    yield net.v.shape


def case_assigning_wrong_kinds(torch):
    """A place registered for a parameter, a module or a buffer takes only that or None."""
    nn = torch.nn
    net = nn.Linear(2, 1)
    yield raising(torch, lambda: setattr(net, "weight", torch.ones(1, 2)), "weight", "Parameter")
    net.bias = None
    yield net(torch.ones(1, 2)).shape, list(net.state_dict())
    outer = nn.Module()
    outer.child = nn.ReLU()
    yield raising(torch, lambda: setattr(outer, "child", 3), "child")
    outer.register_buffer("b", torch.ones(1))
    yield raising(torch, lambda: setattr(outer, "b", "text"), "b")
    outer.b = torch.zeros(2)
    yield list(outer.buffers())


def case_before_super_init(torch):
    """Parameters and modules may not be assigned before `super().__init__()`."""
    nn = torch.nn

    class Early(nn.Module):
        def __init__(self, value):
            self.value = value
            super().__init__()

    yield raising(torch, lambda: Early(nn.Linear(1, 1)), "__init__")
    yield raising(torch, lambda: Early(nn.Parameter(torch.ones(1))), "__init__")
    yield raising(torch, lambda: torch.nn.Module()(torch.ones(1)), "forward")


def case_registration_errors(torch):
    """Names with dots, empty names, names that are taken, values of the wrong kind."""
    nn = torch.nn
    net = nn.Linear(1, 1)
    p = nn.Parameter(torch.ones(1))
    yield raising(torch, lambda: net.register_parameter("a.b", p), ".")
    yield raising(torch, lambda: net.register_parameter("", p), "empty")
    yield raising(torch, lambda: net.register_parameter("forward", p), "forward")
    yield raising(torch, lambda: net.register_parameter("v", torch.ones(1)))
    yield raising(torch, lambda: net.register_parameter("v", p * 2))
    yield raising(torch, lambda: net.register_buffer("weight", torch.ones(1)), "weight")
    yield raising(torch, lambda: net.register_buffer("a", 3), "int")
    yield raising(torch, lambda: net.add_module("a.b", nn.ReLU()), ".")
    yield raising(torch, lambda: net.add_module("a", 3), "int")
    yield raising(torch, lambda: net.register_module("weight", nn.ReLU()), "weight")


def case_buffers(torch):
    """Buffers are state without gradient; those that are not persistent are not saved."""
    net = torch.nn.Module()
    net.register_buffer("mean", torch.zeros(2))
    net.register_buffer("scratch", torch.ones(1), persistent=False)
    net.register_buffer("later", None)
    yield list(net.state_dict()), [n for n, _ in net.named_buffers()], list(net.parameters())
    yield net.mean.requires_grad, net.later
    net.mean += 1
    yield net.state_dict(), net.double().mean.dtype


def case_shared_parameters(torch):
    """A parameter reached in two ways is listed once; the state holds both names."""
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    yield [n for n, _ in net.named_parameters()], list(net.state_dict())
    yield [n for n, _ in net.named_parameters(remove_duplicate=False)]
    fill(torch, net)
    net(wave(torch, 1, 2)).sum().backward()
    yield net[0].weight.grad, net[1].weight.grad is net[0].weight.grad
    shared = nn.ReLU()
    yield [n for n, _ in nn.Sequential(shared, shared).named_modules()]


def case_lookup(torch):
    """By dotted names."""
    net = network(torch)
    yield repr(net.get_submodule("rest.1")), net.get_parameter("rest.1.bias").shape
    yield net.get_buffer("offset"), net.get_submodule("") is net
    yield raising(torch, lambda: net.get_submodule("rest.7"), "7")
    yield raising(torch, lambda: net.get_parameter("first.none"), "none")


def case_modes(torch):
    """`train` and `eval` reach all children and return the module."""
    net = network(torch)
    yield net.training, net.eval() is net, [m.training for m in net.modules()]
    yield net.train() is net, [m.training for m in net.modules()]
    net.rest.train(False)
    yield [m.training for m in net.modules()]
    yield raising(torch, lambda: net.train("yes"))


def case_zero_grad(torch):
    """None by default, zeros on request."""
    net = network(torch)
    net(wave(torch, 1, 2)).sum().backward()
    yield all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    yield [p.grad for p in net.parameters()]
    net.zero_grad()
    yield [p.grad for p in net.parameters()]


def case_frozen(torch):
    """`requires_grad_(False)` on a part: it gets no gradient, what comes before still does."""
    net = network(torch)
    yield net.rest.requires_grad_(False) is net.rest
    yield [p.requires_grad for p in net.parameters()]
    net(wave(torch, 2, 2)).sum().backward()
    yield [(n, p.grad) for n, p in net.named_parameters()]
    net.requires_grad_()
    yield all(p.requires_grad for p in net.parameters())


def case_frozen_first_layers(torch):
    """Only the last layer learns."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))
    for p in net[0].parameters():
        p.requires_grad = False
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    net(wave(torch, 3, 2)).sum().backward()
    optimizer.step()
    yield len(learning), [p.grad for p in net.parameters()], list(net.parameters())


def case_apply(torch):
    """Children first, then the module itself."""
    net = network(torch)
    seen = []
    yield net.apply(lambda m: seen.append(type(m).__name__)) is net, seen

    def constant(module):
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.constant_(module.weight, 0.5)
            module.bias.data.fill_(0.25)

    net.apply(constant)
    yield list(net.parameters())


def case_casting(torch):
    """`double`, `float`, `half`, `to`: floating parameters and buffers, in place."""
    net = torch.nn.BatchNorm1d(2)
    weight = net.weight
    yield net.double() is net, net.weight is weight
    yield {name: value.dtype for name, value in net.state_dict().items()}
    net.float()
    yield net.weight.dtype, net.running_mean.dtype
    net.to(torch.float64)
    yield net.weight.dtype, net.num_batches_tracked.dtype
    net.to("cpu")
    net.to(device="cpu", dtype=torch.float32)
    yield net.weight.dtype, net.weight.is_leaf, net.weight.requires_grad
    yield net.cpu() is net, net.weight.device.type
    yield raising(torch, lambda: net.to(torch.int64), "floating")


def case_casting_keeps_the_gradient(torch):
    """The gradient is cast with its parameter."""
    net = fill(torch, torch.nn.Linear(2, 1))
    net(wave(torch, 1, 2)).sum().backward()
    net.double()
    yield net.weight.grad, net.weight
    yield net(wave(torch, 1, 2, dtype=torch.float64))


def case_copied(torch):
    """A deep copy is independent, with the same values and flags."""
    net = network(torch)
    net.eval()
    net.scale.requires_grad_(False)
    other = copy.deepcopy(net)
    with torch.no_grad():
        net.first.weight.zero_()
    yield other.first.weight, other.scale.requires_grad, other.training
    yield repr(other) == repr(net), type(other).__name__, type(other.scale).__name__
    x = wave(torch, 1, 2)
    yield other(x), net(x)


def case_add_module(torch):
    """By `add_module`, `register_module` and `setattr`: the same."""
    nn = torch.nn
    net = nn.Module()
    net.add_module("one", nn.ReLU())
    net.register_module("two", nn.Tanh())
    net.three = nn.Sigmoid()
    net.add_module("four", None)
    yield repr(net), [n for n, _ in net.named_children()]
    del net.two
    yield repr(net)


def case_counting_parameters(torch):
    """The sum that everybody writes."""
    net = network(torch)
    yield sum(p.numel() for p in net.parameters() if p.requires_grad)
    yield isinstance(net, torch.nn.Module), callable(net), "first" in dir(net)


def case_no_grad_inference(torch):
    """Without a graph."""
    net = network(torch).eval()
    with torch.no_grad():
        out = net(wave(torch, 2, 2))
    yield out
    with torch.inference_mode():
        yield net(wave(torch, 2, 2)).requires_grad
