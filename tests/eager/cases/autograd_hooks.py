"""Hooks, retain_grad, and the rules of the .grad attribute."""

from transcripts import raising


def _leaf(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True)


def case_hook_on_a_leaf_sees_the_gradient(torch):
    x = _leaf(torch)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 3).sum().backward()
    yield seen, x.grad


def case_hook_replaces_the_gradient(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: g * 10)
    (x * 3).sum().backward()
    yield x.grad
    (x * 3).sum().backward()
    yield x.grad


def case_hook_on_an_inner_result(torch):
    x = _leaf(torch)
    h = x * 2
    seen = []

    def watch(g):
        seen.append(g.tolist())
        return g + 1

    h.register_hook(watch)
    (h * h).sum().backward()
    yield seen, x.grad


def case_hooks_run_in_order(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 100)
    x.sum().backward()
    yield x.grad


def case_hook_is_removed(torch):
    x = _leaf(torch)
    handle = x.register_hook(lambda g: g * 2)
    other = x.register_hook(lambda g: g + 1)
    x.sum().backward()
    yield x.grad
    handle.remove()
    handle.remove()
    x.grad = None
    x.sum().backward()
    yield x.grad
    other.remove()
    x.grad = None
    x.sum().backward()
    yield x.grad


def case_hook_sees_the_whole_gradient_once(torch):
    x = _leaf(torch)
    h = x * 1
    seen = []
    h.register_hook(lambda g: seen.append(g.tolist()))
    (h.sum() + (h * h).sum() + h[0]).backward()
    yield seen


def case_hooks_and_autograd_grad(torch):
    x = _leaf(torch)
    seen = []
    x.register_hook(lambda g: seen.append(1) or g * 2)
    yield torch.autograd.grad((x * 3).sum(), x)
    yield seen, x.grad


def case_hook_on_a_tensor_without_grad(torch):
    c = torch.ones(2)
    yield raising(torch, lambda: c.register_hook(lambda g: g), "require", "grad")


def case_hook_that_fails(torch):
    x = _leaf(torch)

    def fail(g):
        raise ValueError("inside the hook")

    x.register_hook(fail)
    yield raising(torch, lambda: x.sum().backward(), "inside the hook")
    yield x.grad


def case_hook_result_must_be_a_tensor(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: 3.0)
    yield raising(torch, lambda: x.sum().backward(), "hook", "float")


def case_hook_result_must_have_the_shape(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: torch.ones(3))
    yield raising(torch, lambda: x.sum().backward(), "size")


def case_hook_in_a_graph_of_gradients(torch):
    x = torch.tensor(2.0, requires_grad=True)
    x.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(x**2, x, create_graph=True)
    yield g.detach(), g.requires_grad
    yield torch.autograd.grad(g, x)


def case_hook_on_retained_grad(torch):
    x = _leaf(torch)
    h = x * 2
    h.register_hook(lambda g: g * 5)
    h.retain_grad()
    (h * 3).sum().backward()
    yield h.grad, x.grad
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    (y * 3).sum().backward()
    yield y.grad


def case_hook_registered_by_decorator(torch):
    x = _leaf(torch)
    seen = []

    @x.register_hook
    def watch(g):
        seen.append(g.shape)

    x.sum().backward()
    yield seen, type(watch).__name__


def case_hook_runs_without_grad_mode(torch):
    x = _leaf(torch)
    seen = []
    x.register_hook(lambda g: seen.append(torch.is_grad_enabled()))
    x.exp().sum().backward(retain_graph=True)
    x.exp().sum().backward(create_graph=True)
    yield seen


def case_gradient_clipping_by_hook(torch):
    x = torch.tensor([1.0, 100.0], requires_grad=True)
    x.register_hook(lambda g: g.clamp(-1, 1))
    (x * x).sum().backward()
    yield x.grad


def case_gradient_reversal_by_hook(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    v = torch.tensor([3.0, 4.0], requires_grad=True)
    h = w * 2
    h.register_hook(lambda g: -g)
    (h * v).sum().backward()
    yield w.grad, v.grad


def case_post_accumulate_grad_hook(torch):
    x = _leaf(torch)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    yield seen
    handle.remove()
    (x * 3).sum().backward()
    yield len(seen), x.grad


def case_post_accumulate_grad_hook_may_step(torch):
    """The optimiser in the backward: update the leaf and drop its gradient."""
    x = _leaf(torch)

    def step(p):
        with torch.no_grad():
            p -= 0.1 * p.grad
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        (x * x).sum().backward()
        yield x, x.grad


def case_post_accumulate_grad_hook_on_a_non_leaf(torch):
    x = _leaf(torch)
    y = x * 2
    yield raising(torch, lambda: y.register_post_accumulate_grad_hook(lambda p: None), "leaf")
    c = torch.ones(2)
    yield raising(torch, lambda: c.register_post_accumulate_grad_hook(lambda p: None), "require")


def case_post_accumulate_grad_hook_and_autograd_grad(torch):
    x = _leaf(torch)
    seen = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(1))
    yield torch.autograd.grad((x * 2).sum(), x), seen


def case_retain_grad(torch):
    x = _leaf(torch)
    y = x * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    yield y.grad, x.grad
    z.backward()
    yield y.grad, x.grad


def case_retain_grad_on_a_leaf_does_nothing(torch):
    x = _leaf(torch)
    yield x.retain_grad(), x.retains_grad
    x.sum().backward()
    yield x.grad


def case_retain_grad_without_requires_grad(torch):
    yield raising(torch, lambda: torch.ones(2).retain_grad(), "requires_grad")


def case_retain_grad_then_in_place(torch):
    x = _leaf(torch)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    yield y.grad, x.grad


def case_grad_of_a_non_leaf(torch):
    x = _leaf(torch)
    y = x * 2
    yield y.grad
    y.sum().backward()
    yield y.grad
    y2 = x * 2
    y2.retain_grad()
    yield y2.grad
    yield torch.ones(2).grad, (torch.ones(2) * 2).grad


def case_grad_is_assignable(torch):
    x = _leaf(torch)
    x.grad = torch.tensor([5.0, 6.0])
    yield x.grad
    (x * 1).sum().backward()
    yield x.grad
    x.grad = None
    yield x.grad
    del x.grad
    yield x.grad


def case_grad_assigned_is_the_same_tensor(torch):
    x = _leaf(torch)
    g = torch.zeros(2)
    x.grad = g
    x.sum().backward()
    yield x.grad is g, g


def case_grad_of_the_wrong_shape(torch):
    x = _leaf(torch)

    def assign(g):
        x.grad = g

    yield raising(torch, lambda: assign(torch.ones(3)), "size", "[3]", "[2]")
    yield raising(torch, lambda: assign(torch.ones(2, 1)), "size")
    yield raising(torch, lambda: assign(torch.ones(2, dtype=torch.float64)), "dtype")
    yield raising(torch, lambda: assign([1.0, 2.0]), "Tensor")
    yield raising(torch, lambda: assign(x), "own grad")
    yield x.grad


def case_grad_of_a_constant_is_assignable(torch):
    c = torch.ones(2)
    c.grad = torch.full((2,), 3.0)
    yield c, c.grad


def case_grad_zero_in_place(torch):
    x = _leaf(torch)
    x.sum().backward()
    g = x.grad
    yield x.grad.zero_(), g is x.grad, g._version
    x.grad.fill_(4.0)
    yield g


def case_grad_of_data_is_separate(torch):
    x = _leaf(torch)
    x.sum().backward()
    yield x.data.grad, x.detach().grad, x.clone().detach().grad
    x.grad.data.zero_()
    yield x.grad


def case_zero_grad_by_hand(torch):
    parameters = [torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)]
    (parameters[0].sum() * parameters[1]).sum().backward()
    yield [p.grad for p in parameters]
    for p in parameters:
        p.grad.detach_()
        p.grad.zero_()
    yield [p.grad for p in parameters]


def case_clip_grad_norm(torch):
    a = torch.tensor([3.0, 4.0], requires_grad=True)
    b = torch.tensor([12.0], requires_grad=True)
    ((a * a).sum() / 2 + (b * b).sum() / 2).backward()
    yield torch.nn.utils.clip_grad_norm_([a, b], 1.0)
    yield a.grad, b.grad
    yield torch.nn.utils.clip_grad_value_([a, b], 0.2)
    yield a.grad, b.grad


def case_saved_tensors_hooks(torch):
    seen = []

    def pack(t):
        seen.append("pack")
        return t

    def unpack(t):
        seen.append("unpack")
        return t

    x = _leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = (x * x).sum()
    y.backward()
    yield seen, x.grad
