"""The programs of the tutorials, written afresh: a case or more for each thing that they show.

In order: a one-layer network and Jacobian products; leaves, scalar and vector gradients, contexts
and two small fits; the graph and learning by hand; how it works inside; working with gradients.
"""

import numpy as np
from transcripts import raising

# A one-layer network, and Jacobian products


def case_creation_with_requires_grad(torch):
    x = torch.ones(5)
    w = torch.randn(5, 3, requires_grad=True)
    b = torch.randn(3, requires_grad=True)
    y = torch.zeros(3)
    yield x, y
    yield w.shape, w.dtype, w.requires_grad, w.is_leaf, w.grad
    yield b.size(), b.dtype, b.requires_grad, b.is_leaf, b.grad_fn
    z = torch.matmul(x, w) + b
    yield z.shape, z.dtype, z.requires_grad, z.is_leaf, z.grad_fn.name()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
    yield loss.shape, loss.grad_fn.name(), loss.item() > 0
    loss.backward()
    yield w.grad.shape, w.grad.dtype, b.grad.shape, b.grad.requires_grad, b.grad.grad_fn


def case_one_layer_forward(torch):
    x = torch.ones(5)
    w = torch.zeros(5, 3, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    yield x, w, b
    yield z
    yield repr(z), str(z), z.grad_fn.name(), z.requires_grad, z.is_leaf
    yield raising(torch, lambda: z.backward(), "scalar")


def _layer(torch):
    x = torch.ones(5)
    y = torch.tensor([0.0, 1.0, 0.0])
    w = torch.tensor(np.linspace(-0.5, 0.5, 15).reshape(5, 3), dtype=torch.float32)
    w.requires_grad_()
    b = torch.tensor([0.1, -0.2, 0.3], requires_grad=True)
    return x, y, w, b


def case_binary_cross_entropy_with_logits(torch):
    x, y, w, b = _layer(torch)
    z = torch.matmul(x, w) + b
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
    yield z, loss
    yield repr(loss)
    loss.backward()
    yield w.grad, b.grad
    yield x.grad, y.grad


def case_binary_cross_entropy_with_large_logits(torch):
    z = torch.tensor([-1000.0, 1000.0, 0.0, 50.0, -50.0], requires_grad=True)
    y = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
    yield loss
    loss.backward()
    yield z.grad
    each = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    yield each.detach(), each.grad_fn.name()


def case_binary_cross_entropy_shape_mismatch(torch):
    z = torch.zeros(3, requires_grad=True)
    f = torch.nn.functional.binary_cross_entropy_with_logits
    yield raising(torch, lambda: f(z, torch.zeros(4)), "size", "must be the same")


def case_one_layer_gradients_print_without_grad_fn(torch):
    x, y, w, b = _layer(torch)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
    yield w.grad, b.grad
    loss.backward()
    yield repr(w.grad), repr(b.grad)
    yield w.grad.dtype, w.grad.shape, w.grad.is_leaf, w.grad.grad_fn


def case_sgd_step_changes_parameters_in_place(torch):
    x, y, w, b = _layer(torch)
    optimizer = torch.optim.SGD((w, b), lr=0.5)
    same = w
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
    loss.backward()
    before = w.detach().clone()
    yield optimizer.step()
    yield w, b
    yield w is same, w.is_leaf, w.requires_grad, w.grad_fn
    yield torch.allclose(w.detach(), before - 0.5 * w.grad)
    optimizer.zero_grad()
    yield w.grad, b.grad
    yield w.is_leaf, w.requires_grad


def case_sgd_training_loop(torch):
    x, y, w, b = _layer(torch)
    optimizer = torch.optim.SGD((w, b), lr=1.0)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        z = torch.matmul(x, w) + b
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    yield losses
    yield w.detach(), b.detach()


def case_sgd_zero_grad_set_to_none(torch):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    yield w.grad
    optimizer.zero_grad(set_to_none=False)
    yield w.grad
    (w * w).sum().backward()
    optimizer.zero_grad(set_to_none=True)
    yield w.grad


def case_sgd_skips_parameters_without_grad(torch):
    w = torch.ones(2, requires_grad=True)
    u = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w, u], lr=0.1)
    (w * 3).sum().backward()
    optimizer.step()
    yield w, u, u.grad


def case_grad_zero_in_place(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    kept = w.grad
    yield kept
    result = w.grad.zero_()
    yield result, result is w.grad, kept is w.grad
    (w * 5).sum().backward()
    yield w.grad, kept


def case_jacobian_products_accumulate(torch):
    inp = torch.eye(4, 5, requires_grad=True)
    out = (inp + 1).pow(2).t()
    yield inp
    yield out
    out.backward(torch.ones_like(out), retain_graph=True)
    yield "First call", inp.grad
    out.backward(torch.ones_like(out), retain_graph=True)
    yield "Second call", inp.grad
    yield inp.grad.zero_()
    out.backward(torch.ones_like(out), retain_graph=True)
    yield "Call after zeroing gradients", inp.grad


def case_printed_gradients_in_format(torch):
    inp = torch.eye(2, 3, requires_grad=True)
    out = (inp + 1).pow(2).t()
    out.backward(torch.ones_like(out))
    yield f"First call\n{inp.grad}"
    yield f"{out}"
    yield f"{out.sum().item():.3f} {out.sum():.2f}"


# Leaves, scalar and vector gradients, contexts, two small fits


def case_is_leaf_and_requires_grad_through_operations(torch):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    c = torch.tensor([1.0, 1.0])
    y = x + 2
    z = c * 3
    yield x.is_leaf, y.is_leaf, c.is_leaf, z.is_leaf
    yield x.requires_grad, y.requires_grad, c.requires_grad, z.requires_grad
    yield (y * z).requires_grad, (y * z).is_leaf, x.detach().is_leaf


def case_gradient_of_scalar(torch):
    x = torch.tensor(3.0, requires_grad=True)
    y = x**2
    yield y
    y.backward()
    yield x.grad
    yield x.grad.item(), x


def case_gradient_of_mean(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**2).mean()
    y.backward()
    yield y, x.grad
    yield x.grad.sum()


def case_gradient_of_sum(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**2).sum()
    y.backward()
    yield y, x.grad


def case_gradients_of_several_inputs(torch):
    x = torch.tensor(3.0, requires_grad=True)
    w = torch.tensor(4.0, requires_grad=True)
    y = x**2 + 7 * w
    y.backward()
    yield y, x.grad, w.grad


def case_only_floating_tensors_require_grad(torch):
    yield raising(torch, lambda: torch.tensor([1, 2, 3], requires_grad=True), "floating point")
    yield raising(torch, lambda: torch.tensor([1]).requires_grad_(), "floating point")
    yield raising(torch, lambda: torch.tensor([True], requires_grad=True), "floating point")
    yield raising(torch, lambda: torch.zeros(2, dtype=torch.int64, requires_grad=True), "floating")
    yield torch.tensor([1.0], dtype=torch.float64, requires_grad=True)


def case_no_grad_as_context(torch):
    x = torch.tensor(2.0, requires_grad=True)
    with torch.no_grad():
        y = x * 2
        yield y, y.requires_grad, torch.is_grad_enabled()
    z = x * 2
    yield z, torch.is_grad_enabled()


def case_no_grad_as_decorator(torch):
    @torch.no_grad()
    def twice(t):
        """Twice t."""
        return t * 2

    x = torch.tensor(2.0, requires_grad=True)
    yield twice(x), twice.__name__, twice.__doc__
    yield torch.is_grad_enabled()


def case_enable_grad_inside_no_grad(torch):
    x = torch.tensor(2.0, requires_grad=True)
    with torch.no_grad():
        a = x * 2
        with torch.enable_grad():
            b = x * 3
        c = x * 4
    yield a, b, c
    b.backward()
    yield x.grad


def case_set_grad_enabled_by_flag(torch):
    x = torch.tensor(1.0, requires_grad=True)
    for is_train in (False, True):
        with torch.set_grad_enabled(is_train):
            y = x * 2
        yield is_train, y.requires_grad
    torch.set_grad_enabled(False)
    yield (x * 2).requires_grad
    torch.set_grad_enabled(True)
    yield (x * 2).requires_grad


def case_accumulation_over_repeated_backward(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        y = (x**2).sum()
        y.backward()
        yield x.grad
    x.grad.zero_()
    (x**2).sum().backward()
    yield x.grad


def case_clearing_the_gradient_when_there_is_one(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        if x.grad is not None:
            x.grad.zero_()
        (x**2).sum().backward()
        yield x.grad


def case_minimise_x_squared(torch):
    x = torch.tensor(3.0, requires_grad=True)
    path = []
    for _ in range(50):
        y = x**2
        y.backward()
        with torch.no_grad():
            x -= 0.1 * x.grad
            x.grad.zero_()
        path.append((x.item(), (x.item()) ** 2))
    yield path[:3], path[-1]
    yield f"{x.item():.2e}", x.is_leaf, x.requires_grad
    yield len(path), [p[0] for p in path[::10]]


def case_line_fit(torch):
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    y = 2 * x + 1
    a = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    losses = []
    for epoch in range(1000):
        loss = ((a * x + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            a -= 0.05 * a.grad
            b -= 0.05 * b.grad
            a.grad.zero_()
            b.grad.zero_()
        if epoch in (0, 1, 2, 10):
            losses.append(loss.item())
    yield losses
    yield f"{a.item():.3f}", f"{b.item():.3f}"
    yield a.is_leaf, b.requires_grad


def case_in_place_on_leaf_outside_no_grad(torch):
    x = torch.tensor(1.0, requires_grad=True)

    def subtract():
        nonlocal x
        x -= 0.1

    yield raising(torch, subtract, "leaf", "in-place")
    yield raising(torch, lambda: x.add_(1), "leaf", "in-place")
    yield raising(torch, lambda: x.zero_(), "leaf", "in-place")
    yield x


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
