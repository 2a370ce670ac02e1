"""The programs of the tutorials about the graph, written afresh.

In order: the graph, and learning by hand and by autograd; how it works inside; working with
gradients; and what stands around them.
"""

import numpy as np
from transcripts import raising

# The graph; scalar and non-scalar backward; learning by hand and by autograd


def case_requires_grad_in_three_ways(torch):
    a = torch.ones(2, requires_grad=True)
    b = torch.ones(2)
    b.requires_grad = True
    c = torch.ones(2)
    yield c.requires_grad_() is c
    yield a, b, c
    c.requires_grad_(False)
    yield c.requires_grad
    d = a * 2
    yield d.requires_grad, d.detach().requires_grad, d.detach().is_leaf, d.detach().grad_fn


def case_grad_fn_of_a_small_graph(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.tensor(3.0, requires_grad=True)
    p = x * y
    s = p + x
    yield x.grad_fn, y.grad_fn
    yield p.grad_fn.name(), s.grad_fn.name()
    yield [n.name() for n, _ in s.grad_fn.next_functions]
    inner = s.grad_fn.next_functions[0][0]
    yield [n.name() for n, _ in inner.next_functions]
    leaf = inner.next_functions[0][0]
    yield leaf.name(), leaf.next_functions, leaf.variable is x
    yield [i for _, i in s.grad_fn.next_functions]


def case_backward_frees_the_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x**2).sum()
    y.backward()
    yield x.grad
    yield raising(torch, lambda: y.backward(), "second time", "retain_graph")
    yield x.grad


def case_backward_with_retain_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x**2).sum()
    y.backward(retain_graph=True)
    yield x.grad
    y.backward(retain_graph=True)
    yield x.grad
    y.backward()
    yield x.grad
    yield raising(torch, lambda: y.backward(), "second time")


def case_backward_with_create_graph(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    y.backward(create_graph=True)
    yield x.grad
    yield x.grad.requires_grad, x.grad.is_leaf
    g = x.grad
    x.grad = None
    g.backward()
    yield x.grad


def case_grad_of_a_non_leaf_warns(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.sum().backward()
    yield x.grad
    yield y.grad


def case_backward_from_a_non_scalar(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * x
    yield raising(torch, lambda: y.backward(), "scalar")
    y.backward(torch.tensor([1.0, 0.1, 0.01]))
    yield x.grad


def case_gradient_of_another_shape(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * x
    yield raising(torch, lambda: y.backward(torch.ones(2)), "shape")
    yield raising(torch, lambda: y.backward(torch.ones(1, 3)), "shape")
    y.backward(torch.ones(3))
    yield x.grad


def case_jacobian_by_rows(torch):
    x = torch.tensor([[2.0, 3.0]], requires_grad=True)
    jacobian = torch.zeros(2, 2)
    y = torch.zeros(1, 2)
    y[0, 0] = x[0, 0] ** 2 + 3 * x[0, 1]
    y[0, 1] = x[0, 1] ** 2 + 2 * x[0, 0]
    yield y
    y.backward(torch.tensor([[1.0, 0.0]]), retain_graph=True)
    jacobian[0] = x.grad
    x.grad = torch.zeros_like(x.grad)
    y.backward(torch.tensor([[0.0, 1.0]]))
    jacobian[1] = x.grad
    yield jacobian
    yield x.grad


def case_jacobian_with_ones(torch):
    x = torch.tensor([[2.0, 3.0]], requires_grad=True)
    y = torch.zeros(1, 2)
    y[0, 0] = x[0, 0] ** 2 + 3 * x[0, 1]
    y[0, 1] = x[0, 1] ** 2 + 2 * x[0, 0]
    y.backward(torch.ones_like(y))
    yield x.grad
    yield y.grad_fn.name(), y.requires_grad, y.is_leaf


def case_fit_by_hand_in_numpy(torch):
    x = np.linspace(-1, 1, 100).reshape(100, 1).astype(np.float32)
    y = 3 * x**2 + 2
    w, b = np.float32(0.5), np.float32(0.1)
    for _ in range(800):
        error = x**2 * w + b - y
        w -= 0.001 * (error * x**2).sum()
        b -= 0.001 * error.sum()
    ours = torch.unsqueeze(torch.linspace(-1, 1, 100), dim=1)
    yield torch.allclose(torch.from_numpy(x), ours, atol=1e-6), ours.shape
    yield abs(float(w) - 3) < 0.05, abs(float(b) - 2) < 0.05


def case_fit_by_tensors(torch):
    x = torch.unsqueeze(torch.linspace(-1, 1, 100), dim=1)
    y = 3 * x.pow(2) + 2
    w = torch.full((1, 1), 0.5, requires_grad=True)
    b = torch.full((1, 1), 0.1, requires_grad=True)
    losses = []
    for i in range(800):
        prediction = x.pow(2).mm(w) + b
        loss = (0.5 * (prediction - y) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.001 * w.grad
            b -= 0.001 * b.grad
            w.grad.zero_()
            b.grad.zero_()
        if i < 3:
            losses.append(loss.item())
    yield losses
    yield prediction.grad_fn.name(), prediction.shape
    yield w, b


def case_numpy_of_data_and_of_detached(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    yield x.data.numpy(), y.detach().numpy(), x.detach().numpy()
    yield raising(torch, lambda: y.numpy(), "detach()")
    yield raising(torch, lambda: x.numpy(), "detach()")
    x.data.numpy()[0] = 7
    yield x
    y.detach().numpy()[1] = -1
    yield y


# How it works inside


def case_variable_is_the_old_name(torch):
    Variable = torch.autograd.Variable
    t = torch.tensor([1.0, 2.0])
    x = Variable(t, requires_grad=True)
    c = Variable(t)
    yield x, c, isinstance(x, torch.Tensor), isinstance(t, Variable)
    y = (x * x + c).sum()
    yield y, y.data, y.grad_fn.name(), x.grad_fn, x.grad
    y.backward()
    yield x.grad, x.grad.data, c.grad
    t[0] = 10
    yield x, c


def case_data_grad_and_grad_fn(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    yield x.data, x.grad, x.grad_fn
    yield y.data, y.grad_fn.name()
    y.sum().backward()
    yield x.grad.data


def case_function_with_forward_and_backward(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = Cube.apply(x)
    yield y, y.grad_fn.name()
    yield repr(y)
    y.sum().backward()
    yield x.grad


def case_function_with_a_constant(torch):
    class MulConstant(torch.autograd.Function):
        @staticmethod
        def forward(ctx, tensor, constant):
            ctx.constant = constant
            return tensor * constant

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.constant, None

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = MulConstant.apply(x, 5.5)
    yield y
    y.backward(torch.ones(2))
    yield x.grad


def case_function_linear(torch):
    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, bias=None):
            ctx.save_for_backward(x, weight, bias)
            out = x.mm(weight.t())
            return out if bias is None else out + bias.unsqueeze(0).expand_as(out)

        @staticmethod
        def backward(ctx, g):
            x, weight, bias = ctx.saved_tensors
            gx = gw = gb = None
            if ctx.needs_input_grad[0]:
                gx = g.mm(weight)
            if ctx.needs_input_grad[1]:
                gw = g.t().mm(x)
            if bias is not None and ctx.needs_input_grad[2]:
                gb = g.sum(0)
            return gx, gw, gb

    x = torch.arange(6.0).reshape(2, 3)
    w = torch.ones(4, 3, requires_grad=True)
    b = torch.zeros(4, requires_grad=True)
    y = Linear.apply(x, w, b)
    yield y
    (y**2).sum().backward()
    yield x.grad, w.grad, b.grad


def case_chain_of_weights(torch):
    a = torch.tensor(2.0, requires_grad=True)
    w1, w2, w3, w4 = (torch.tensor(v, requires_grad=True) for v in (0.5, -1.0, 3.0, 4.0))
    b = w1 * a
    c = w2 * a
    d = w3 * b + w4 * c
    L = 10 - d
    yield b, c, d, L
    yield L.grad_fn.name()
    L.backward()
    yield a.grad, w1.grad, w2.grad, w3.grad, w4.grad


def case_graph_changes_from_call_to_call(torch):
    w = torch.tensor(2.0, requires_grad=True)

    def f(x):
        y = x * w
        while y.item() < 100:
            y = y * w
        return y

    for start in (1.0, 30.0, 60.0, 1.0):
        w.grad = None
        y = f(torch.tensor(start))
        y.backward()
        yield y, w.grad


def case_graph_with_a_branch(torch):
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    for sign in (1, -1, 1):
        y = (x * sign).sum()
        loss = y * y if y > 0 else -y
        x.grad = None
        loss.backward()
        yield loss, x.grad


def case_retain_grad_of_inner_results(torch):
    a = torch.tensor(2.0, requires_grad=True)
    b = a * 3
    c = b * b
    b.retain_grad()
    c.retain_grad()
    c.backward()
    yield a.grad, b.grad, c.grad
    yield a.retains_grad, b.retains_grad, c.retains_grad


def case_frozen_parameters(torch):
    w1 = torch.ones(2, 2, requires_grad=True)
    w2 = torch.ones(2, 2, requires_grad=True)
    w1.requires_grad = False
    x = torch.ones(1, 2)
    h = x.mm(w1)
    y = h.mm(w2)
    yield h.requires_grad, y.requires_grad
    y.sum().backward()
    yield w1.grad, w2.grad


def case_contagion(torch):
    x = torch.ones(2)
    y = torch.ones(2)
    z = torch.ones(2, requires_grad=True)
    a = x + y
    b = a + z
    yield a.requires_grad, b.requires_grad
    yield a, b


def case_frozen_layers_of_a_model(torch):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(0.5)
    for p in model[0].parameters():
        p.requires_grad = False
    y = model(torch.ones(4, 2))
    yield y
    y.mean().backward()
    yield [(p.requires_grad, p.grad) for p in model.parameters()]


def case_inference_without_a_graph(torch):
    w = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        y = (w * 2).exp().sum()
    yield y
    yield raising(torch, lambda: y.backward(), "does not require grad")


# Working with gradients


def case_ones_nine_by_five(torch):
    x = torch.ones(9, 5, requires_grad=True)
    y = x + 2
    z = 3 * y * y
    out = z.mean()
    yield y
    yield z
    yield out
    out.backward(retain_graph=True)
    yield x.grad
    z.backward(torch.ones(9, 5))
    yield x.grad


def case_names_of_the_nodes(torch):
    x = torch.ones(9, 5, requires_grad=True)
    y = x + 2
    z = 3 * y * y
    out = z.mean()
    yield y.grad_fn.name(), z.grad_fn.name(), out.grad_fn.name()
    yield [[n and n.name() for n, _ in t.grad_fn.next_functions] for t in (y, z, out)]


# Around them


def case_autograd_grad(torch):
    x = torch.tensor(3.0, requires_grad=True)
    w = torch.tensor(1.0, requires_grad=True)
    y = x**3
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    yield first, second, x.grad
    yield raising(torch, lambda: torch.autograd.grad(x * 2, w), "not", "used")
    yield torch.autograd.grad(x * 2, w, allow_unused=True)


def case_version_check(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y.add_(1)
    yield raising(torch, lambda: y.sum().backward(), "modified by an inplace operation")


def case_hook_doubles_the_gradient(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    handle = x.register_hook(lambda g: g * 2)
    (x * 3).sum().backward()
    yield x.grad
    handle.remove()
    (x * 3).sum().backward()
    yield x.grad


def case_manual_seed_makes_runs_repeat(torch):
    torch.manual_seed(7)
    a = torch.randn(4)
    b = torch.rand(2, 3)
    torch.manual_seed(7)
    yield torch.equal(a, torch.randn(4)), torch.equal(b, torch.rand(2, 3))
    yield torch.equal(a, torch.randn(4)), a.shape, b.dtype


def case_tests_of_a_tutorial(torch):
    """What a test file around such code asserts with `pytest.raises`."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    yield raising(torch, lambda: torch.tensor([1, 2], requires_grad=True), "floating point")
    yield raising(torch, lambda: (x * 2).backward(), "scalar")
    yield raising(torch, lambda: x.numpy(), "detach")
    yield raising(torch, lambda: x.add_(1), "leaf")
    yield raising(torch, lambda: torch.ones(2).sum().backward(), "does not require grad")
    yield raising(torch, lambda: torch.ones(2) + torch.ones(3), "size", "2", "3")
    yield raising(torch, lambda: torch.ones(2, 3).mm(torch.ones(2, 3)), "shapes", "2x3")
    yield raising(torch, lambda: torch.ones(2, 3) @ torch.ones(4), "size")
