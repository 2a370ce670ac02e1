"""Every optimiser with its options, step by step on one problem: one table, two dtypes.

Four steps tell momentum from its absence, bias correction from none, and a wrong order of weight
decay and scaling from the right one.
"""

from __future__ import annotations

from optim_problems import fit, walk

ROWS = [
    ("sgd", "SGD", {"lr": 0.05}),
    ("sgd_default", "SGD", {}),
    ("sgd_momentum", "SGD", {"lr": 0.02, "momentum": 0.9}),
    ("sgd_dampening", "SGD", {"lr": 0.02, "momentum": 0.8, "dampening": 0.4}),
    ("sgd_nesterov", "SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("sgd_decay", "SGD", {"lr": 0.05, "weight_decay": 0.3}),
    ("sgd_maximize", "SGD", {"lr": 0.01, "maximize": True}),
    ("sgd_maximize_decay", "SGD", {"lr": 0.01, "maximize": True, "weight_decay": 0.2}),
    ("sgd_everything", "SGD",
     {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True}),
    ("sgd_zero", "SGD", {"lr": 0.0}),
    ("adam", "Adam", {"lr": 0.1}),
    ("adam_default", "Adam", {}),
    ("adam_betas", "Adam", {"lr": 0.1, "betas": (0.5, 0.7)}),
    ("adam_eps", "Adam", {"lr": 0.1, "eps": 0.5}),
    ("adam_decay", "Adam", {"lr": 0.1, "weight_decay": 0.3}),
    ("adam_amsgrad", "Adam", {"lr": 0.3, "betas": (0.5, 0.3), "amsgrad": True}),
    ("adam_maximize", "Adam", {"lr": 0.1, "maximize": True}),
    ("adam_everything", "Adam",
     {"lr": 0.2, "betas": (0.8, 0.6), "weight_decay": 0.1, "amsgrad": True, "maximize": True}),
    ("adamw", "AdamW", {"lr": 0.1}),
    ("adamw_default", "AdamW", {}),
    ("adamw_decay", "AdamW", {"lr": 0.1, "weight_decay": 0.5}),
    ("adamw_no_decay", "AdamW", {"lr": 0.1, "weight_decay": 0.0}),
    ("adamw_amsgrad", "AdamW", {"lr": 0.3, "betas": (0.5, 0.3), "amsgrad": True}),
    ("adamw_maximize", "AdamW", {"lr": 0.1, "maximize": True}),
    ("nadam", "NAdam", {"lr": 0.1}),
    ("nadam_decay", "NAdam", {"lr": 0.1, "weight_decay": 0.3, "momentum_decay": 0.01}),
    ("radam", "RAdam", {"lr": 0.1, "betas": (0.9, 0.6)}),
    ("adamax", "Adamax", {"lr": 0.1}),
    ("rmsprop", "RMSprop", {"lr": 0.05}),
    ("rmsprop_default", "RMSprop", {}),
    ("rmsprop_alpha", "RMSprop", {"lr": 0.05, "alpha": 0.6, "eps": 0.1}),
    ("rmsprop_momentum", "RMSprop", {"lr": 0.05, "momentum": 0.7}),
    ("rmsprop_centered", "RMSprop", {"lr": 0.05, "centered": True}),
    ("rmsprop_centered_momentum", "RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.7}),
    ("rmsprop_decay", "RMSprop", {"lr": 0.05, "weight_decay": 0.3}),
    ("rmsprop_maximize", "RMSprop", {"lr": 0.02, "maximize": True}),
    ("adagrad", "Adagrad", {"lr": 0.3}),
    ("adagrad_default", "Adagrad", {}),
    ("adagrad_lr_decay", "Adagrad", {"lr": 0.3, "lr_decay": 0.2}),
    ("adagrad_start", "Adagrad", {"lr": 0.3, "initial_accumulator_value": 2.0, "eps": 0.1}),
    ("adagrad_decay", "Adagrad", {"lr": 0.3, "weight_decay": 0.3}),
    ("adagrad_maximize", "Adagrad", {"lr": 0.3, "maximize": True}),
    ("adadelta", "Adadelta", {}),
    ("adadelta_options", "Adadelta", {"lr": 0.5, "rho": 0.6, "eps": 0.01, "weight_decay": 0.1}),
    ("asgd", "ASGD", {"lr": 0.05}),
    ("rprop", "Rprop", {"lr": 0.05}),
]  # fmt: skip


def made(method: str, options: dict, dtype: str):
    """Return the case of a row."""

    def case(torch):
        parameters, loss = fit(torch, getattr(torch, dtype))
        optimizer = getattr(torch.optim, method)(parameters, **options)
        yield from walk(optimizer, parameters, loss)
        yield all(p.is_leaf and p.requires_grad and p.grad is not None for p in parameters)

    return case


for _name, _method, _options in ROWS:
    for _dtype in ("float32", "float64"):
        _case = made(_method, _options, _dtype)
        _key = _case.__name__ = _case.__qualname__ = f"case_{_name}_{_dtype}"
        _case.__module__ = __name__
        _case.__doc__ = f"{_method} with {_options} at {_dtype}."
        assert _key not in globals()
        globals()[_key] = _case


def case_many_steps_of_adam(torch):
    """Fifty steps: the corrections of the first steps have faded."""
    parameters, loss = fit(torch, torch.float64)
    optimizer = torch.optim.Adam(parameters, lr=0.05, weight_decay=0.01)
    last = list(walk(optimizer, parameters, loss, 50))
    yield last[9], last[-1]


def case_many_steps_of_sgd(torch):
    """A hundred steps with momentum come to rest at the least-squares solution."""
    parameters, loss = fit(torch, torch.float64)
    optimizer = torch.optim.SGD(parameters, lr=0.03, momentum=0.8)
    last = list(walk(optimizer, parameters, loss, 100))
    yield last[9], last[-1]


def case_converged_fit(torch):
    """With ten times as many, the gradient vanishes: the line is found to 1e-6."""
    parameters, loss = fit(torch, torch.float64)
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.8)
    value = list(walk(optimizer, parameters, loss, 1000))[-1][0].item()
    yield round(value, 6), [[round(e, 6) for e in p.tolist()] for p in parameters]
    yield max(p.grad.abs().max().item() for p in parameters) < 1e-5


def case_gradient_of_zero(torch):
    """A zero gradient: the adaptive methods divide by eps, not by zero."""
    for method in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"):
        p = torch.tensor([1.0, -2.0], requires_grad=True)
        optimizer = getattr(torch.optim, method)([p], lr=0.1)
        (p * torch.tensor([0.0, 1.0])).sum().backward()
        optimizer.step()
        yield method, p


def case_parameter_without_gradient(torch):
    """A parameter whose grad is None stays, weight decay and momentum or not."""
    for method in ("SGD", "Adam", "RMSprop", "Adagrad"):
        p, q = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        optimizer = getattr(torch.optim, method)([p, q], lr=0.1, weight_decay=0.5)
        p.sum().backward()
        optimizer.step()
        yield method, p, q, q.grad, len(optimizer.state_dict()["state"])


def case_zeroed_gradient_still_moves(torch):
    """With momentum a gradient of zero moves the parameter on, None does not."""
    for none in (True, False):
        p = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.1, momentum=0.9)
        (p * 2).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=none)
        optimizer.step()
        yield none, p, p.grad


def case_step_keeps_the_gradient(torch):
    """`step` changes neither the gradient nor, with weight decay, what is stored in it."""
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1, weight_decay=0.5, momentum=0.9)
    (p**2).sum().backward()
    optimizer.step()
    yield p.grad, p
    optimizer.step()
    yield p.grad, p


def case_step_is_in_place(torch):
    """The parameter stays the same object, and its memory the same memory."""
    p = torch.ones(2, requires_grad=True)
    memory = p.detach()
    optimizer = torch.optim.SGD([p], lr=0.5)
    p.sum().backward()
    version = p._version
    optimizer.step()
    yield memory, p, p._version > version, optimizer.param_groups[0]["params"][0] is p


def case_step_spoils_an_old_graph_raises(torch):
    """Backward through a graph that saved the parameter, after the parameter has moved."""
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = (p**3).sum()
    loss.backward(retain_graph=True)
    torch.optim.SGD([p], lr=0.1).step()
    yield p
    loss.backward()
