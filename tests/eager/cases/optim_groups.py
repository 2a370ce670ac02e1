"""Parameter groups, state that is saved and restored, `zero_grad`, errors, printed forms."""

from __future__ import annotations

import copy

from nn_formulas import fill, leaf, wave
from optim_problems import fit, hyper, walk
from transcripts import raising

METHODS = {"SGD": {"lr": 0.07, "momentum": 0.9}, "Adam": {"lr": 0.07}, "AdamW": {"lr": 0.07},
           "RMSprop": {"lr": 0.07}, "Adagrad": {"lr": 0.07}}  # fmt: skip


def case_groups(torch):
    """Each group has its own numbers; what it does not say comes from the call."""
    parameters, loss = fit(torch)
    w, b = parameters
    optimizer = torch.optim.SGD([{"params": [w]}, {"params": [b], "lr": 0.5}], lr=0.01)
    yield [hyper(g) for g in optimizer.param_groups]
    yield [len(g["params"]) for g in optimizer.param_groups]
    yield from walk(optimizer, parameters, loss, 2)


def case_groups_of_adam(torch):
    """Different weight decay and betas."""
    parameters, loss = fit(torch)
    w, b = parameters
    groups = [{"params": [w], "weight_decay": 0.5}, {"params": b, "betas": (0.5, 0.5)}]
    optimizer = torch.optim.Adam(groups, lr=0.1)
    yield [hyper(g) for g in optimizer.param_groups]
    yield from walk(optimizer, parameters, loss, 3)


def case_add_param_group(torch):
    """A group added between steps starts with a state of its own."""
    parameters, loss = fit(torch)
    optimizer = torch.optim.Adam(parameters[:1], lr=0.1)
    yield from walk(optimizer, parameters, loss, 2)
    optimizer.add_param_group({"params": parameters[1], "lr": 0.3})
    yield len(optimizer.param_groups), hyper(optimizer.param_groups[1])
    yield from walk(optimizer, parameters, loss, 2)


def case_learning_rate_set_by_hand(torch):
    """Writing into `param_groups` takes effect at the next step."""
    parameters, loss = fit(torch)
    optimizer = torch.optim.SGD(parameters, lr=0.01)
    yield from walk(optimizer, parameters, loss, 1)
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    yield from walk(optimizer, parameters, loss, 1)


def case_defaults(torch):
    """The numbers that each method starts from."""
    p = leaf(torch, 2)
    for method in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "LBFGS"):
        optimizer = getattr(torch.optim, method)([p])
        yield method, hyper(optimizer.defaults)


def case_printed(torch):
    """One block for each group, the numbers in alphabetical order."""
    p, q = leaf(torch, 2), leaf(torch, 3)
    yield repr(torch.optim.SGD([p], lr=0.1))
    yield repr(torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1, momentum=0.9))
    yield repr(torch.optim.Adam([p], lr=0.001))


def case_parameters_given_in_many_ways(torch):
    """A list, a generator, a module's iterator, named parameters, a bare list of tensors."""
    net = torch.nn.Linear(2, 1)
    yield len(torch.optim.SGD(net.parameters(), lr=0.1).param_groups[0]["params"])
    yield len(torch.optim.SGD((p for p in net.parameters()), lr=0.1).param_groups[0]["params"])
    yield len(torch.optim.SGD((net.weight, net.bias), lr=0.1).param_groups[0]["params"])
    named = torch.optim.SGD(net.named_parameters(), lr=0.1)
    yield named.param_groups[0]["param_names"]


def case_zero_grad(torch):
    """None by default; zeros in the same tensor on request."""
    p, q = leaf(torch, 2), leaf(torch, 2)
    optimizer = torch.optim.SGD([p, q], lr=0.1)
    (p * 3).sum().backward()
    kept = p.grad
    optimizer.zero_grad(set_to_none=False)
    yield p.grad, kept, p.grad is kept, q.grad
    (p * 3).sum().backward()
    yield p.grad
    optimizer.zero_grad()
    yield p.grad, kept
    optimizer.zero_grad()
    yield p.grad


def case_zero_grad_of_a_gradient_with_graph(torch):
    """Zeros are detached from the graph that a gradient carried."""
    p = leaf(torch, 2)
    (p**3).sum().backward(create_graph=True)
    yield p.grad.requires_grad
    torch.optim.SGD([p], lr=0.1).zero_grad(set_to_none=False)
    yield p.grad, p.grad.requires_grad


def case_accumulated_gradients(torch):
    """Two half batches and one step are one whole batch."""
    for halves in (True, False):
        w = leaf(torch, 2)
        x = wave(torch, 4, 2, phase=1.0)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for part in (x[:2], x[2:]) if halves else (x,):
            ((part @ w) ** 2).sum().backward()
        optimizer.step()
        yield w


def case_state_dict(torch):
    """Groups by numbers of parameters, and each parameter's state."""
    for method, options in METHODS.items():
        parameters, loss = fit(torch)
        optimizer = getattr(torch.optim, method)(parameters, **options)
        yield method, optimizer.state_dict()["state"]
        list(walk(optimizer, parameters, loss, 2))
        saved = optimizer.state_dict()
        yield saved["state"]
        yield [g["params"] for g in saved["param_groups"]], hyper(saved["param_groups"][0])


def case_state_restored(torch):
    """A second optimiser with the saved state goes on as the first would have."""
    for method, options in METHODS.items():
        parameters, loss = fit(torch)
        optimizer = getattr(torch.optim, method)(parameters, **options)
        list(walk(optimizer, parameters, loss, 2))
        other = getattr(torch.optim, method)(parameters, lr=77.0)
        other.load_state_dict(optimizer.state_dict())
        yield method, hyper(other.param_groups[0])
        yield from walk(other, parameters, loss, 2)


def case_state_by_parameter(torch):
    """`state` is keyed by the parameter itself and fills at the first step."""
    parameters, loss = fit(torch)
    optimizer = torch.optim.Adam(parameters, lr=0.1)
    yield len(optimizer.state)
    list(walk(optimizer, parameters, loss, 1))
    state = optimizer.state[parameters[0]]
    yield sorted(state), state["step"], state["exp_avg"], state["exp_avg_sq"]
    sgd = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    list(walk(sgd, parameters, loss, 1))
    yield sgd.state[parameters[1]]["momentum_buffer"]


def case_state_is_a_copy(torch):
    """Changing a loaded dictionary afterwards changes nothing."""
    parameters, loss = fit(torch)
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    list(walk(optimizer, parameters, loss, 1))
    saved = optimizer.state_dict()
    other = torch.optim.SGD(parameters, lr=0.5)
    other.load_state_dict(saved)
    saved["param_groups"][0]["lr"] = 99.0
    yield other.param_groups[0]["lr"], optimizer.param_groups[0]["lr"]


def case_wrong_state(torch):
    """Groups that do not match."""
    p, q = leaf(torch, 2), leaf(torch, 2)
    one = torch.optim.SGD([p], lr=0.1)
    two = torch.optim.SGD([{"params": [p]}, {"params": [q]}], lr=0.1)
    both = torch.optim.SGD([p, q], lr=0.1)
    yield raising(torch, lambda: one.load_state_dict(two.state_dict()), "parameter groups")
    yield raising(torch, lambda: one.load_state_dict(both.state_dict()), "size")


def case_wrong_parameters(torch):
    """Nothing to optimise, non-leaves, tensors instead of lists, duplicates."""
    SGD = torch.optim.SGD
    p = leaf(torch, 2)
    yield raising(torch, lambda: SGD([], lr=0.1), "empty parameter list")
    yield raising(torch, lambda: SGD(p, lr=0.1), "iterable")
    yield raising(torch, lambda: SGD([p * 2], lr=0.1), "leaf")
    yield raising(torch, lambda: SGD([1.0], lr=0.1), "Tensor")
    yield raising(torch, lambda: SGD([{"params": [p]}, {"params": [p]}], lr=0.1), "more than one")
    yield raising(torch, lambda: SGD([{"lr": 0.1}], lr=0.1), "params")
    optimizer = SGD([p], lr=0.1)
    yield raising(torch, lambda: optimizer.add_param_group({"params": [p]}), "more than one")
    yield raising(torch, lambda: optimizer.add_param_group([leaf(torch, 1)]), "dict")
    yield raising(torch, lambda: optimizer.add_param_group({"params": {leaf(torch, 1)}}), "set")


def case_duplicate_parameters_warn(torch):
    """The same parameter twice in one group is a warning."""
    p = leaf(torch, 2)
    optimizer = torch.optim.SGD([p, p], lr=0.1)
    yield len(optimizer.param_groups[0]["params"])


def case_wrong_numbers(torch):
    """Numbers out of range are named."""
    o = torch.optim
    p = leaf(torch, 2)
    yield raising(torch, lambda: o.SGD([p], lr=-0.1), "learning rate", "-0.1")
    yield raising(torch, lambda: o.SGD([p], lr=0.1, momentum=-1.0), "momentum", "-1.0")
    yield raising(torch, lambda: o.SGD([p], lr=0.1, weight_decay=-1.0), "weight_decay", "-1.0")
    yield raising(torch, lambda: o.SGD([p], lr=0.1, nesterov=True), "Nesterov", "momentum")
    yield raising(torch, lambda: o.SGD([p], 0.1, 0.9, 0.5, nesterov=True), "dampening")
    yield raising(torch, lambda: o.Adam([p], lr=-1.0), "learning rate", "-1.0")
    yield raising(torch, lambda: o.Adam([p], betas=(1.0, 0.9)), "beta", "1.0")
    yield raising(torch, lambda: o.Adam([p], betas=(0.9, -0.1)), "beta", "-0.1")
    yield raising(torch, lambda: o.Adam([p], eps=-1.0), "eps", "-1.0")
    yield raising(torch, lambda: o.AdamW([p], weight_decay=-2.0), "weight_decay", "-2.0")
    yield raising(torch, lambda: o.RMSprop([p], alpha=-1.0), "alpha", "-1.0")
    yield raising(torch, lambda: o.RMSprop([p], momentum=-1.0), "momentum", "-1.0")
    yield raising(torch, lambda: o.Adagrad([p], lr_decay=-1.0), "lr_decay", "-1.0")
    yield raising(torch, lambda: o.Adadelta([p], rho=1.5), "rho", "1.5")
    yield raising(torch, lambda: o.SGD([p], learning_rate=0.1), "learning_rate")


def case_parameters_that_need_no_gradient(torch):
    """They may be given; they stay."""
    p, q = leaf(torch, 2), wave(torch, 2, phase=1.0)
    optimizer = torch.optim.SGD([p, q], lr=0.1)
    (p * q).sum().backward()
    optimizer.step()
    yield p, q, q.grad


def case_step_hooks(torch):
    """Called before and after a step; `remove` takes them away."""
    p = leaf(torch, 2)
    optimizer = torch.optim.SGD([p], lr=0.1)
    seen = []
    before = optimizer.register_step_pre_hook(lambda opt, args, kwargs: seen.append("before"))
    optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append("after"))
    p.sum().backward()
    optimizer.step()
    before.remove()
    optimizer.step()
    yield seen, p


def case_two_optimisers(torch):
    """Two methods on two halves of the parameters."""
    parameters, loss = fit(torch)
    one = torch.optim.SGD(parameters[:1], lr=0.02)
    two = torch.optim.Adam(parameters[1:], lr=0.1)
    for _ in range(3):
        one.zero_grad()
        two.zero_grad()
        loss().backward()
        one.step()
        two.step()
        yield parameters


def case_gradient_set_by_hand(torch):
    """An optimiser asks only for `.grad`."""
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    p.grad = torch.tensor([2.0, -4.0])
    torch.optim.SGD([p], lr=0.1).step()
    yield p


def case_base_class(torch):
    """An optimiser of one's own: `Optimizer` with a `step`."""

    class Signs(torch.optim.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["count"] = state.get("count", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    parameters, loss = fit(torch)
    optimizer = Signs(parameters)
    yield from walk(optimizer, parameters, loss, 3)
    yield optimizer.state[parameters[0]]["count"], isinstance(optimizer, torch.optim.Optimizer)
    yield repr(optimizer)


def case_copied(torch):
    """A deep copy of network and optimiser together goes its own way."""
    net = fill(torch, torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = wave(torch, 3, 2)

    def train(network, method):
        method.zero_grad()
        (network(x) ** 2).sum().backward()
        method.step()

    train(net, optimizer)
    other, method = copy.deepcopy((net, optimizer))
    yield method.param_groups[0]["params"][0] is other.weight
    train(other, method)
    yield net.weight, other.weight, optimizer.state_dict()["state"], method.state_dict()["state"]


def case_parameters_of_several_kinds(torch):
    """Different shapes, dtypes and layouts, one without dimensions, one transposed."""
    for method, options in METHODS.items():
        ps = [
            torch.tensor(0.5, requires_grad=True),
            leaf(torch, 2, dtype=torch.float64),
            wave(torch, 2, 3).t().requires_grad_(),
        ]
        optimizer = getattr(torch.optim, method)(ps, **options)
        for _ in range(2):
            optimizer.zero_grad()
            sum((p.double() ** 2 * (i + 0.7)).sum() for i, p in enumerate(ps)).backward()
            optimizer.step()
        yield method, ps, [p.grad.dtype for p in ps]


def case_expanded_gradient(torch):
    """The gradient of a sum is one number seen many times; a step and a zeroing still work."""
    p = leaf(torch, 2, 2)
    optimizer = torch.optim.SGD([p], lr=0.1, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=False)
        p.sum().backward()
        optimizer.step()
    yield p, p.grad, optimizer.state[p]["momentum_buffer"]


def case_learning_rate_zero_after_some_steps(torch):
    """With a rate of zero the state moves on and the parameters stay."""
    parameters, loss = fit(torch)
    optimizer = torch.optim.Adam(parameters, lr=0.1)
    yield from walk(optimizer, parameters, loss, 1)
    optimizer.param_groups[0]["lr"] = 0.0
    yield from walk(optimizer, parameters, loss, 1)
    yield optimizer.state[parameters[0]]["step"], optimizer.state[parameters[0]]["exp_avg"]
