"""backward: its arguments, accumulation, freed and retained graphs, graphs of gradients."""

from transcripts import raising


def _leaf(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


def case_scalar_needs_no_gradient(torch):
    x = _leaf(torch)
    y = (x * x).sum()
    yield y.backward()
    yield x.grad
    x.grad = None
    ((x * x).sum().reshape(1)).backward()
    yield x.grad
    (x * x).sum().reshape(1, 1).backward()
    yield x.grad


def case_scalar_with_a_gradient(torch):
    x = _leaf(torch)
    (x * x).sum().backward(torch.tensor(0.5))
    yield x.grad
    x.grad = None
    (x * x).sum().backward(gradient=torch.tensor(2.0))
    yield x.grad


def case_non_scalar_with_a_gradient(torch):
    x = _leaf(torch)
    (x * x).backward(torch.tensor([1.0, 0.0, 10.0]))
    yield x.grad


def case_non_scalar_without_a_gradient(torch):
    x = _leaf(torch)
    yield raising(torch, lambda: (x * x).backward(), "scalar")
    yield raising(torch, lambda: x.backward(), "scalar")
    yield x.grad


def case_gradient_of_wrong_shape(torch):
    x = _leaf(torch)
    y = x * x
    yield raising(torch, lambda: y.backward(torch.ones(2)), "shape")
    yield raising(torch, lambda: y.backward(torch.tensor(1.0)), "shape")
    yield raising(torch, lambda: y.sum().backward(torch.ones(1)), "shape")


def case_gradient_of_wrong_kind(torch):
    x = _leaf(torch)
    y = x * x
    yield raising(torch, lambda: y.backward([1.0, 1.0, 1.0]), "Tensor")
    yield raising(torch, lambda: y.backward(1.0))


def case_gradient_of_another_dtype(torch):
    x = _leaf(torch)
    (x * x).backward(torch.ones(3, dtype=torch.float64))
    yield x.grad
    yield raising(torch, lambda: (x * x).backward(torch.ones(3, dtype=torch.int64)))
    yield x.grad


def case_gradient_may_require_grad(torch):
    x = _leaf(torch)
    v = torch.ones(3, requires_grad=True)
    (x * x).backward(v)
    yield x.grad, v.grad


def case_backward_of_a_leaf(torch):
    x = torch.tensor(3.0, requires_grad=True)
    x.backward()
    yield x.grad
    x.backward()
    yield x.grad


def case_backward_without_a_graph(torch):
    c = torch.tensor(3.0)
    yield raising(torch, lambda: c.backward(), "does not require grad")
    yield raising(torch, lambda: (c * 2).backward(), "does not require grad")
    yield raising(torch, lambda: torch.tensor(3).backward(), "does not require grad")
    x = _leaf(torch)
    yield raising(torch, lambda: x.detach().sum().backward(), "does not require grad")


def case_accumulation(torch):
    x = _leaf(torch)
    for k in (1.0, 10.0, 100.0):
        (x * k).sum().backward()
        yield x.grad


def case_accumulation_keeps_the_tensor(torch):
    x = _leaf(torch)
    (x * 2).sum().backward()
    g = x.grad
    (x * 3).sum().backward()
    yield x.grad is g, g
    x.grad = None
    (x * 4).sum().backward()
    yield x.grad is g, g, x.grad


def case_accumulation_within_one_graph(torch):
    x = _leaf(torch)
    y = x * 2
    z = y.sum() + (y * y).sum() + x[0]
    z.backward()
    yield x.grad


def case_two_graphs_share_a_leaf(torch):
    x = _leaf(torch)
    a = (x * x).sum()
    b = (x * 5).sum()
    a.backward()
    yield x.grad
    b.backward()
    yield x.grad
    yield raising(torch, lambda: a.backward(), "second time")


def case_two_graphs_share_a_middle(torch):
    x = _leaf(torch)
    h = x.exp()
    a = h.sum()
    b = (h * h).sum()
    a.backward()
    yield x.grad
    yield raising(torch, lambda: b.backward(), "second time")
    yield x.grad


def case_two_graphs_share_a_retained_middle(torch):
    x = _leaf(torch)
    h = x * x
    a = h.sum()
    b = (h * 3).sum()
    a.backward(retain_graph=True)
    b.backward()
    yield x.grad


def case_freed_graph_says_so(torch):
    x = _leaf(torch)
    y = (x.exp() * 2).sum()
    y.backward()
    yield raising(torch, lambda: y.backward(), "second time", "retain_graph=True")
    yield raising(torch, lambda: y.backward(retain_graph=True), "second time")


def _second_times(torch, kinds):
    """Whether each kind of result can go backward twice: it can when its graph saved nothing."""
    found = {}
    for name, make in kinds.items():
        y = make(_leaf(torch)).sum()
        y.backward()
        found[name] = raising(torch, lambda y=y: y.backward())
    return found


def case_linear_operations_save_nothing(torch):
    yield _second_times(
        torch,
        {
            "x + 1": lambda x: x + 1,
            "x + x": lambda x: x + x,
            "x - 1": lambda x: x - 1,
            "2 - x": lambda x: 2 - x,
            "-x": lambda x: -x,
            "sum": lambda x: x.sum(),
            "sum(0)": lambda x: x.sum(0),
            "mean": lambda x: x.mean(),
            "cumsum": lambda x: x.cumsum(0),
            "double": lambda x: x.double(),
            "clone": lambda x: x.clone(),
            "floor": lambda x: x.floor(),
        },
    )


def case_shape_operations_save_nothing(torch):
    yield _second_times(
        torch,
        {
            "x[0]": lambda x: x[0],
            "x[1:]": lambda x: x[1:],
            "view": lambda x: x.view(3, 1),
            "reshape": lambda x: x.reshape(1, 3),
            "unsqueeze": lambda x: x.unsqueeze(0),
            "squeeze": lambda x: x.squeeze(),
            "t": lambda x: x.view(3, 1).t(),
            "permute": lambda x: x.view(3, 1).permute(1, 0),
            "expand": lambda x: x.expand(2, 3),
            "stack": lambda x: torch.stack([x, x]),
            "cat": lambda x: torch.cat([x, x]),
            "split": lambda x: x.split(1)[0],
            "flip": lambda x: x.flip(0),
            "repeat": lambda x: x.repeat(2),
            "roll": lambda x: x.roll(1),
            "diag": lambda x: torch.diag(x),
        },
    )


def case_scaling_by_a_number_saves_it(torch):
    yield _second_times(
        torch,
        {
            "x * 2": lambda x: x * 2,
            "x / 2": lambda x: x / 2,
            "2 / x": lambda x: 2 / x,
            "x ** 1": lambda x: x**1,
            "x ** 2": lambda x: x**2,
            "add alpha": lambda x: torch.add(x, x, alpha=3),
            "x * ones": lambda x: x * torch.ones(3),
            "x / ones": lambda x: x / torch.ones(3),
            "lerp": lambda x: torch.lerp(x, x, 0.5),
        },
    )


def case_selection_by_data_saves_the_choice(torch):
    mask = torch.tensor([True, False, False])
    yield _second_times(
        torch,
        {
            "list": lambda x: x[[0, 1]],
            "mask": lambda x: x[mask],
            "max": lambda x: x.max(),
            "amax": lambda x: x.amax(),
            "where": lambda x: torch.where(mask, x, x),
            "masked_fill": lambda x: x.masked_fill(mask, 0.0),
            "gather": lambda x: x.gather(0, torch.tensor([0])),
            "sort": lambda x: x.sort().values,
        },
    )


def case_non_linear_operations_save_something(torch):
    w = torch.ones(3, requires_grad=True)
    yield _second_times(
        torch,
        {
            "product": lambda x: x * w,
            "quotient": lambda x: w / x,
            "dot": lambda x: x @ w,
            "exp": lambda x: x.exp(),
            "log": lambda x: x.log(),
            "sqrt": lambda x: x.sqrt(),
            "sin": lambda x: x.sin(),
            "tanh": lambda x: x.tanh(),
            "sigmoid": lambda x: x.sigmoid(),
            "relu": lambda x: x.relu(),
            "abs": lambda x: x.abs(),
            "clamp": lambda x: x.clamp(0, 2),
            "prod": lambda x: x.prod(),
            "norm": lambda x: x.norm(),
            "var": lambda x: x.var(),
            "softmax": lambda x: x.softmax(0),
            "logsumexp": lambda x: x.logsumexp(0),
        },
    )


def case_product_with_a_constant(torch):
    """`x * c` saves the constant for x's gradient, so it too is freed."""
    x = _leaf(torch)
    c = torch.tensor([1.0, 2.0, 3.0])
    y = (x * c).sum()
    y.backward()
    yield raising(torch, lambda: y.backward(), "second time")
    z = x / c
    z.sum().backward()
    yield raising(torch, lambda: z.sum().backward(), "second time")
    yield x.grad


def case_retain_graph_may_be_repeated(torch):
    x = _leaf(torch)
    y = x.exp().sum()
    for _ in range(3):
        y.backward(retain_graph=True)
        yield x.grad
    y.backward(retain_graph=False)
    yield raising(torch, lambda: y.backward(), "second time")


def case_retain_graph_none_means_create_graph(torch):
    x = _leaf(torch)
    y = (x**3).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (again,) = torch.autograd.grad(y, x)
    yield g.detach(), again
    yield raising(torch, lambda: torch.autograd.grad(y, x), "second time")


def case_partial_graph_freed(torch):
    x = _leaf(torch)
    a = x.exp()
    b = a.sum()
    c = a * 2
    b.backward()
    yield c.detach()
    yield raising(torch, lambda: c.sum().backward(), "second time")
    d = x.exp().sum()
    d.backward()
    yield x.grad


def case_double_backward_by_grad_attribute(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**4
    y.backward(create_graph=True)
    first = x.grad.clone()
    yield first
    (second,) = torch.autograd.grad(first, x, create_graph=True)
    yield second
    (third,) = torch.autograd.grad(second, x, create_graph=True)
    yield third
    (fourth,) = torch.autograd.grad(third, x)
    yield fourth


def case_create_graph_accumulates_out_of_place(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x**2).sum().backward()
    g = x.grad
    (x**3).sum().backward(create_graph=True)
    yield x.grad.detach(), g, x.grad is g
    yield x.grad.requires_grad, g.requires_grad


def case_gradient_penalty(torch):
    w = torch.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    out = torch.tanh(x @ w).sum()
    (g,) = torch.autograd.grad(out, x, create_graph=True)
    penalty = (g.norm() - 1) ** 2
    yield penalty.detach()
    (out + penalty).backward()
    yield w.grad, x.grad


def case_hessian_by_rows(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x[0] * x[1] * x[2] + x.exp()[0]
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    rows = [torch.autograd.grad(g[i], x, retain_graph=True)[0] for i in range(3)]
    yield g.detach(), torch.stack(rows)


def case_second_derivatives_of_pointwise(torch):
    for name in (
        "sin",
        "exp",
        "log",
        "sqrt",
        "tanh",
        "sigmoid",
        "square",
        "reciprocal",
        "cos",
        "erf",
    ):
        x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
        y = getattr(torch, name)(x)
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
        (t,) = torch.autograd.grad(h.sum(), x)
        yield name, g.detach(), h.detach(), t


def case_second_derivative_of_linear_is_not_connected(torch):
    x = torch.tensor(2.0, requires_grad=True)
    (g,) = torch.autograd.grad(x * 3, x, create_graph=True)
    yield g
    yield g.requires_grad
    yield raising(torch, lambda: torch.autograd.grad(g, x), "does not require grad")


def case_mixed_second_derivative(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.tensor(3.0, requires_grad=True)
    z = x**2 * y**3
    gx, gy = torch.autograd.grad(z, (x, y), create_graph=True)
    yield torch.autograd.grad(gx, (x, y), retain_graph=True)
    yield torch.autograd.grad(gy, (x, y))


def case_backward_with_inputs(torch):
    x = _leaf(torch)
    w = torch.ones(3, requires_grad=True)
    y = (x * w).sum()
    y.backward(inputs=[x], retain_graph=True)
    yield x.grad, w.grad
    y.backward(inputs=w)
    yield x.grad, w.grad


def case_backward_with_a_non_leaf_input(torch):
    x = _leaf(torch)
    h = x * 2
    y = (h * h).sum()
    y.backward(inputs=[h])
    yield x.grad
    yield h.grad


def case_backward_with_empty_inputs(torch):
    x = _leaf(torch)
    yield raising(torch, lambda: x.sum().backward(inputs=[]), "inputs", "empty")


def case_backward_with_unused_input(torch):
    x = _leaf(torch)
    w = torch.ones(3, requires_grad=True)
    x.sum().backward(inputs=[x, w])
    yield x.grad, w.grad


def case_autograd_backward_function(torch):
    x = _leaf(torch)
    y = x * 2
    z = (x * x).sum()
    torch.autograd.backward([y, z], [torch.ones(3), None])
    yield x.grad
    torch.autograd.backward((x * 5).sum())
    yield x.grad
    torch.autograd.backward(x * x, grad_tensors=torch.ones(3))
    yield x.grad


def case_autograd_backward_lengths(torch):
    x = _leaf(torch)
    y = x * 2
    f = torch.autograd.backward
    yield raising(torch, lambda: f([y, y], [torch.ones(3)]), "2", "1")
    yield raising(torch, lambda: f([y]), "scalar")


def case_backward_of_several_outputs_at_once(torch):
    x = _leaf(torch)
    h = x.exp()
    torch.autograd.backward([h.sum(), (h * 2).sum()])
    yield x.grad


def case_backward_inside_no_grad(torch):
    x = _leaf(torch)
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    yield x.grad


def case_gradient_does_not_require_grad(torch):
    x = _leaf(torch)
    (x * x).sum().backward()
    yield x.grad.requires_grad, x.grad.is_leaf, x.grad.grad_fn, x.grad.grad
    yield x.grad * 2


def case_gradient_of_broadcast(torch):
    a = torch.ones(3, 1, requires_grad=True)
    b = torch.ones(1, 2, requires_grad=True)
    s = torch.tensor(2.0, requires_grad=True)
    (a * b * s + b).sum().backward()
    yield a.grad, b.grad, s.grad


def case_gradient_with_mixed_dtypes(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    d = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    y = x * d
    yield y.dtype
    y.sum().backward()
    yield x.grad, d.grad
    i = torch.tensor([1, 2])
    x.grad = None
    (x * i).sum().backward()
    yield x.grad


def case_gradient_of_unused_leaf(torch):
    x = _leaf(torch)
    w = torch.ones(3, requires_grad=True)
    x.sum().backward()
    yield w.grad
    (x.sum() + 0 * w.sum()).backward()
    yield w.grad


def case_exception_in_the_middle_leaves_no_trace(torch):
    x = _leaf(torch)
    for _ in range(2):
        try:
            y = x * 2
            y = y + torch.ones(4)
        except RuntimeError:
            y = x * 3
        y.sum().backward()
    yield x.grad


def case_long_chain(torch):
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(2000):
        y = y * 1.0001 + 1e-5
    y.backward()
    yield y.detach(), x.grad


def case_wide_sum(torch):
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    total = sum((x * k).sum() for k in range(100))
    total.backward()
    yield total.detach(), x.grad


def case_backward_positional_arguments(torch):
    x = _leaf(torch)
    y = (x * x).sum()
    y.backward(None, True)
    y.backward(torch.tensor(1.0), True, False)
    yield x.grad
    y.backward(None, None, False)
    yield x.grad
    yield raising(torch, lambda: y.backward(), "second time")


def case_backward_changes_nothing_else(torch):
    x = _leaf(torch)
    h = x * x
    y = h.sum()
    y.backward()
    yield x, h, y
    yield x._version, h._version
