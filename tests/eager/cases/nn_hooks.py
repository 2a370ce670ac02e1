"""Hooks of modules: before and after forward, on the gradient, on the state."""

from __future__ import annotations

from nn_formulas import fill, leaf, wave
from transcripts import raising


def case_forward_hook(torch):
    """Called with the module, its inputs and its output, after the call."""
    layer = fill(torch, torch.nn.Linear(2, 2))
    seen = []
    handle = layer.register_forward_hook(lambda m, args, out: seen.append((m is layer, args, out)))
    out = layer(wave(torch, 1, 2))
    yield len(seen), seen[0][0], seen[0][1], seen[0][2] is out, out
    handle.remove()
    layer(wave(torch, 1, 2))
    yield len(seen)


def case_forward_hook_replaces(torch):
    """What it returns, unless None, is the output; hooks run in order."""
    layer = torch.nn.Identity()
    layer.register_forward_hook(lambda m, args, out: out * 2)
    layer.register_forward_hook(lambda m, args, out: out + 1)
    layer.register_forward_hook(lambda m, args, out: None)
    x = leaf(torch, 2)
    out = layer(x)
    yield out
    out.sum().backward()
    yield x.grad


def case_forward_pre_hook(torch):
    """Called before; a returned value, wrapped if single, becomes the input."""
    layer = fill(torch, torch.nn.Linear(2, 1))
    first = layer.register_forward_pre_hook(lambda m, args: (args[0] * 10,))
    yield layer(wave(torch, 1, 2))
    first.remove()
    layer.register_forward_pre_hook(lambda m, args: args[0] - 1)
    yield layer(wave(torch, 1, 2))


def case_hooks_with_keywords(torch):
    """`with_kwargs=True` hands over the keyword arguments too."""

    class Shift(torch.nn.Module):
        def forward(self, x, by=0.0):
            return x + by

    module = Shift()
    seen = []
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"by": kwargs["by"] * 2}), with_kwargs=True
    )
    module.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    yield module(torch.zeros(2), by=1.5), seen


def case_order_of_hooks(torch):
    """`prepend=True` puts a hook first; forward itself passes hooks by."""
    layer = torch.nn.Identity()
    seen = []
    layer.register_forward_hook(lambda *_: seen.append("second"))
    layer.register_forward_hook(lambda *_: seen.append("first"), prepend=True)
    layer.register_forward_pre_hook(lambda *_: seen.append("before"))
    layer(torch.ones(1))
    yield seen
    layer.forward(torch.ones(1))
    yield seen


def case_full_backward_hook(torch):
    """Gradients of inputs and outputs of a module; what it returns goes on."""
    layer = fill(torch, torch.nn.Linear(2, 2))
    seen = []

    def keep(module, grad_input, grad_output):
        seen.append((grad_input, grad_output))

    layer.register_full_backward_hook(keep)
    x = leaf(torch, 1, 2)
    (layer(x) * torch.tensor([[1.0, 3.0]])).sum().backward()
    yield seen, x.grad

    halved = fill(torch, torch.nn.Linear(2, 2))
    halved.register_full_backward_hook(lambda m, gi, go: (gi[0] / 2,))
    x = leaf(torch, 1, 2)
    halved(x).sum().backward()
    yield x.grad, halved.weight.grad


def case_full_backward_pre_hook(torch):
    """Called with the gradient of the output, before the module's own reverse pass."""
    layer = fill(torch, torch.nn.Linear(2, 1))
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    x = leaf(torch, 1, 2)
    layer(x).sum().backward()
    yield x.grad, layer.weight.grad


def case_hooks_on_parameters(torch):
    """A tensor hook on a parameter changes its gradient only."""
    layer = fill(torch, torch.nn.Linear(2, 1))
    layer.weight.register_hook(lambda g: g * 0)
    x = leaf(torch, 1, 2)
    layer(x).sum().backward()
    yield layer.weight.grad, layer.bias.grad, x.grad


def case_collecting_activations(torch):
    """The usual way to look inside: a hook on each child."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    kept = {}
    for name, child in net.named_children():
        child.register_forward_hook(lambda m, a, out, name=name: kept.update({name: out.detach()}))
    net(wave(torch, 2, 2))
    yield kept


def case_state_dict_hook(torch):
    """Changes what is saved, or what is about to be loaded."""
    layer = fill(torch, torch.nn.Linear(2, 1))

    def rename(module, state, prefix, *rest):
        state[prefix + "weight"] = state.pop(prefix + "old")

    layer.register_load_state_dict_pre_hook(rename)
    layer.load_state_dict({"old": torch.ones(1, 2), "bias": torch.zeros(1)})
    yield layer.weight
    seen = []
    layer.register_load_state_dict_post_hook(lambda m, keys: seen.append(keys.missing_keys))
    layer.load_state_dict({"old": torch.zeros(1, 2)}, strict=False)
    yield seen, layer.weight


def case_error_in_a_hook(torch):
    """It reaches the caller; the module works again afterwards."""
    layer = torch.nn.Identity()

    def fail(module, args, out):
        raise KeyError("from the hook")

    handle = layer.register_forward_hook(fail)
    yield raising(torch, lambda: layer(torch.ones(1)), "from the hook")
    handle.remove()
    yield layer(torch.ones(1))
