"""autograd.grad: outputs and inputs, grad_outputs, unused inputs, batches of cotangents."""

from transcripts import raising


def _leaves(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    return x, w


def case_returns_a_tuple(torch):
    x, w = _leaves(torch)
    y = (x * w).sum()
    found = torch.autograd.grad(y, (x, w))
    yield type(found).__name__, found
    yield torch.autograd.grad((x * w).sum(), x)
    yield torch.autograd.grad((x * w).sum(), [w, x])


def case_does_not_touch_grad(torch):
    x, w = _leaves(torch)
    torch.autograd.grad((x * w).sum(), x)
    yield x.grad, w.grad
    (x * w).sum().backward()
    (g,) = torch.autograd.grad((x * 10).sum(), x)
    yield x.grad, g


def case_non_scalar_output(torch):
    x, w = _leaves(torch)
    yield raising(torch, lambda: torch.autograd.grad(x * w, x), "scalar")
    yield torch.autograd.grad(x * w, x, grad_outputs=torch.tensor([1.0, 10.0]))
    yield torch.autograd.grad(x * w, x, torch.ones(2))
    yield raising(torch, lambda: torch.autograd.grad(x * w, x, torch.ones(3)), "shape")


def case_several_outputs(torch):
    x, w = _leaves(torch)
    yield torch.autograd.grad([(x * w).sum(), x.sum()], [x, w])
    yield torch.autograd.grad((x * w, x), (x, w), (torch.ones(2), torch.tensor([5.0, 6.0])))
    yield torch.autograd.grad(((x * w).sum(), x * 2), x, (None, torch.ones(2)))


def case_unused_input(torch):
    x, w = _leaves(torch)
    f = torch.autograd.grad
    yield raising(torch, lambda: f(x.sum(), w), "not", "used", "allow_unused")
    yield raising(torch, lambda: f(x.sum(), (x, w)), "used", "allow_unused")
    yield f(x.sum(), (x, w), allow_unused=True)
    yield f(x.sum(), (w, x), allow_unused=True)


def case_materialize_grads(torch):
    x, w = _leaves(torch)
    f = torch.autograd.grad
    yield f(x.sum(), (x, w), materialize_grads=True)
    yield f(x.sum(), (x, w), materialize_grads=True, allow_unused=True)
    g = f(x.sum(), w, materialize_grads=True, create_graph=True)
    yield g
    yield raising(
        torch, lambda: f(x.sum(), w, allow_unused=False, materialize_grads=True), "allow_unused"
    )


def case_input_that_requires_no_grad(torch):
    x, _ = _leaves(torch)
    c = torch.ones(2)
    f = torch.autograd.grad
    yield raising(torch, lambda: f((x * c).sum(), c), "not require grad")
    yield raising(torch, lambda: f((x * c).sum(), c, allow_unused=True), "not require grad")
    yield raising(torch, lambda: f(c.sum(), x), "does not require grad")


def case_with_respect_to_an_inner_result(torch):
    x, _ = _leaves(torch)
    h = x * x
    y = (h * h).sum()
    yield torch.autograd.grad(y, h, retain_graph=True)
    yield torch.autograd.grad(y, (x, h))
    yield h.is_leaf, x.grad


def case_of_itself(torch):
    x = torch.tensor(2.0, requires_grad=True)
    yield torch.autograd.grad(x, x)
    y = x * 2
    yield torch.autograd.grad(y, y)


def case_same_input_twice(torch):
    x, w = _leaves(torch)
    yield torch.autograd.grad((x * w).sum(), (x, x))


def case_retain_graph(torch):
    x, w = _leaves(torch)
    y = (x * w).sum()
    yield torch.autograd.grad(y, x, retain_graph=True)
    yield torch.autograd.grad(y, w)
    yield raising(torch, lambda: torch.autograd.grad(y, x), "second time")


def case_frees_only_what_it_visits(torch):
    x, w = _leaves(torch)
    a = x.exp()
    b = w.exp()
    y = a.sum() + b.sum()
    yield torch.autograd.grad(y, a)
    yield torch.autograd.grad(a.sum(), x)
    yield torch.autograd.grad(y, w)
    yield raising(torch, lambda: torch.autograd.grad(y, w), "second time")


def case_create_graph(torch):
    x, w = _leaves(torch)
    y = (x**3 * w).sum()
    gx, gw = torch.autograd.grad(y, (x, w), create_graph=True)
    yield gx.requires_grad, gw.requires_grad, gx.is_leaf
    yield gx.detach(), gw.detach()
    yield torch.autograd.grad(gx.sum(), (x, w))


def case_without_create_graph_results_are_constant(torch):
    x, _ = _leaves(torch)
    (g,) = torch.autograd.grad((x**3).sum(), x)
    yield g, g.requires_grad, g.is_leaf
    yield raising(torch, lambda: torch.autograd.grad(g.sum(), x), "does not require grad")


def case_higher_derivatives(torch):
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = torch.sin(x) * torch.exp(x)
    for _ in range(5):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        yield y.detach()


def case_grad_outputs_that_require_grad(torch):
    """Forward mode by two reverse passes: the derivative of a vjp with respect to its cotangent."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    v = torch.zeros(2, requires_grad=True)
    y = x**3
    (g,) = torch.autograd.grad(y, x, v, create_graph=True)
    yield g.detach()
    yield torch.autograd.grad(g, v, torch.tensor([1.0, 10.0]))


def case_is_grads_batched(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2 + x.sum()
    (rows,) = torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True)
    yield rows, rows.shape


def case_is_grads_batched_of_two_inputs(torch):
    x, w = _leaves(torch)
    y = x * w.sum()
    yield torch.autograd.grad(y, (x, w), torch.eye(2), is_grads_batched=True)


def case_grad_of_views(torch):
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    row = x[1]
    yield torch.autograd.grad((row * row).sum(), row, retain_graph=True)
    yield torch.autograd.grad((row * row).sum(), x)


def case_newton_iteration(torch):
    x = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    for _ in range(6):
        f = x**3 - 2 * x - 5
        (g,) = torch.autograd.grad(f, x)
        with torch.no_grad():
            x -= f / g
    yield x, f.detach()


def case_hessian_vector_product(torch):
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    y = (x**2).prod() + x.sin().sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    yield torch.autograd.grad(g, x, v)
    yield torch.autograd.grad((x**2).prod(), x)


def case_inner_loop_of_meta_learning(torch):
    w = torch.tensor([0.5, -0.5], requires_grad=True)
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    y = torch.tensor([1.0, 0.0])
    fast = w
    for _ in range(3):
        loss = ((x @ fast - y) ** 2).mean()
        (g,) = torch.autograd.grad(loss, fast, create_graph=True)
        fast = fast - 0.1 * g
    outer = ((x @ fast - y) ** 2).mean()
    outer.backward()
    yield fast.detach(), outer.detach(), w.grad


def case_grad_inside_no_grad(torch):
    x, w = _leaves(torch)
    y = (x**2 * w).sum()
    with torch.no_grad():
        (g,) = torch.autograd.grad(y, x, retain_graph=True)
    yield g
    with torch.no_grad():
        (g,) = torch.autograd.grad(y, x, create_graph=True)
    yield g.requires_grad, g.detach()


def case_arguments_of_the_wrong_kind(torch):
    x, _ = _leaves(torch)
    yield raising(torch, lambda: torch.autograd.grad(2.0, x))
    yield raising(torch, lambda: torch.autograd.grad(x.sum(), 2.0))
    yield raising(torch, lambda: torch.autograd.grad(x.sum(), ()))
