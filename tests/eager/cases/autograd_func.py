"""torch.func: grad, grad_and_value, vjp, jvp, vmap, jacrev, jacfwd, hessian of pure functions."""

from transcripts import raising


def _x(torch):
    return torch.tensor([1.0, 2.0, 3.0])


def _loss(x):
    return (x**2 * x.sum()).sum()


def case_grad(torch):
    g = torch.func.grad(_loss)(_x(torch))
    yield g
    yield torch.func.grad(torch.sin)(torch.tensor(0.5))


def case_grad_of_grad(torch):
    x = torch.tensor(0.5, dtype=torch.float64)
    f = torch.sin
    for _ in range(4):
        f = torch.func.grad(f)
        yield f(x)


def case_grad_argnums(torch):
    f = lambda x, y: (x * y**2).sum()
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    yield torch.func.grad(f, argnums=1)(x, y)
    yield torch.func.grad(f, argnums=(0, 1))(x, y)
    yield torch.func.grad(f, argnums=-1)(x, y)


def case_grad_has_aux(torch):
    f = lambda x: ((x**2).sum(), x * 10)
    yield torch.func.grad(f, has_aux=True)(_x(torch))
    yield torch.func.grad_and_value(f, has_aux=True)(_x(torch))


def case_grad_and_value(torch):
    yield torch.func.grad_and_value(_loss)(_x(torch))


def case_grad_wants_a_scalar(torch):
    yield raising(torch, lambda: torch.func.grad(lambda x: x * 2)(_x(torch)), "scalar")
    yield raising(torch, lambda: torch.func.grad(lambda x: 3.0)(_x(torch)), "Tensor")


def case_grad_of_a_dictionary(torch):
    def loss(parameters, x):
        return ((x @ parameters["w"] + parameters["b"]) ** 2).sum()

    parameters = {"w": torch.tensor([1.0, -1.0]), "b": torch.tensor(0.5)}
    yield torch.func.grad(loss)(parameters, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))


def case_grad_leaves_grad_alone(torch):
    x = _x(torch).requires_grad_()
    g = torch.func.grad(_loss)(x)
    yield g.requires_grad, x.grad, g.detach()


def case_grad_inside_no_grad(torch):
    with torch.no_grad():
        yield torch.func.grad(_loss)(_x(torch))


def case_vjp(torch):
    y, pull = torch.func.vjp(lambda x: x**2, _x(torch))
    yield y
    yield pull(torch.tensor([1.0, 10.0, 100.0]))
    yield pull(torch.ones(3))


def case_vjp_of_two_inputs(torch):
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    out, pull = torch.func.vjp(lambda x, y: (x * y, x.sum()), x, y)
    yield out
    yield pull((torch.ones(2), torch.tensor(10.0)))


def case_jvp(torch):
    x, v = _x(torch), torch.tensor([1.0, 0.0, -1.0])
    yield torch.func.jvp(lambda x: x**3, (x,), (v,))
    yield torch.func.jvp(lambda x, y: x * y, (x, x + 1), (v, torch.ones(3)))


def case_jacrev_and_jacfwd(torch):
    f = lambda x: x.exp() * x.sum()
    yield torch.func.jacrev(f)(_x(torch))
    yield torch.func.jacfwd(f)(_x(torch))


def case_jacrev_argnums(torch):
    f = lambda a, b: a.outer(b)
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])
    yield torch.func.jacrev(f, argnums=1)(a, b)
    yield torch.func.jacfwd(f, argnums=(0, 1))(a, b)


def case_hessian(torch):
    yield torch.func.hessian(_loss)(_x(torch))
    yield torch.func.jacfwd(torch.func.grad(_loss))(_x(torch))


def case_vmap(torch):
    x = torch.arange(6.0).reshape(2, 3)
    yield torch.func.vmap(lambda r: r * 2 + 1)(x)
    yield torch.func.vmap(torch.sum)(x)
    yield torch.vmap(lambda r: r.sin().sum())(x)


def case_vmap_axes(torch):
    x = torch.arange(6.0).reshape(2, 3)
    v = torch.tensor([1.0, 2.0])
    yield torch.func.vmap(torch.dot, in_dims=(1, None))(x, v)
    yield torch.func.vmap(lambda r: r * 2, in_dims=1, out_dims=1)(x)
    yield torch.func.vmap(lambda r: r * 2, in_dims=1)(x)


def case_vmap_of_two_arguments(torch):
    x = torch.arange(6.0).reshape(2, 3)
    yield torch.func.vmap(torch.dot)(x, x + 1)
    yield torch.func.vmap(lambda a, b: (a + b, a.sum()))(x, x)


def case_vmap_sizes_must_agree(torch):
    f = torch.func.vmap(torch.add)
    yield raising(torch, lambda: f(torch.ones(2, 3), torch.ones(3, 3)), "2", "3")


def case_per_sample_gradients(torch):
    w = torch.tensor([1.0, -1.0])
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = torch.tensor([0.0, 1.0, 2.0])
    loss = lambda w, x, y: (x @ w - y) ** 2
    yield torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(w, x, y)


def case_func_of_what_requires_grad(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    g = torch.func.grad(lambda x: (x * w).pow(2).sum())(torch.tensor([3.0, 4.0]))
    yield g.requires_grad, g.detach()
    g.sum().backward()
    yield w.grad


def case_newton_step_by_func(torch):
    f = lambda x: ((x - 1) ** 2).sum() + (x[0] * x[1]) ** 2
    x = torch.tensor([2.0, 0.5], dtype=torch.float64)
    for _ in range(5):
        x = x - torch.linalg.solve(torch.func.hessian(f)(x), torch.func.grad(f)(x))
    yield x, torch.func.grad(f)(x).abs().max() < 1e-6
