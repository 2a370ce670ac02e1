"""autograd.functional: jacobian, hessian, vjp, jvp, hvp, vhp of functions of one or more tensors."""

from transcripts import raising


def _x(torch):
    return torch.tensor([1.0, 2.0, 3.0])


def _f(x):
    return x**2 * x.sum()


def _scalar(x):
    return (x**3).sum() * x[0]


def case_jacobian(torch):
    yield torch.autograd.functional.jacobian(_f, _x(torch))
    yield torch.autograd.functional.jacobian(lambda x: x.exp(), _x(torch))


def case_jacobian_of_a_scalar_function(torch):
    yield torch.autograd.functional.jacobian(_scalar, _x(torch))
    yield torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor(3.0))


def case_jacobian_of_matrices(torch):
    x = torch.arange(4.0).reshape(2, 2)
    yield torch.autograd.functional.jacobian(lambda m: m @ m, x)
    yield torch.autograd.functional.jacobian(lambda m: m.sum(1), x)


def case_jacobian_of_two_inputs(torch):
    def f(x, y):
        return x * y.sum()

    found = torch.autograd.functional.jacobian(f, (_x(torch), torch.tensor([1.0, 5.0])))
    yield type(found).__name__, found


def case_jacobian_of_two_outputs(torch):
    def f(x):
        return x * 2, x.sum()

    yield torch.autograd.functional.jacobian(f, _x(torch))


def case_jacobian_of_two_inputs_and_outputs(torch):
    def f(x, y):
        return x * y, (x + y).sum()

    inputs = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    yield torch.autograd.functional.jacobian(f, inputs)


def case_jacobian_vectorize(torch):
    yield torch.autograd.functional.jacobian(_f, _x(torch), vectorize=True)
    found = torch.autograd.functional.jacobian(
        _f, _x(torch), vectorize=True, strategy="forward-mode"
    )
    yield found


def case_jacobian_create_graph(torch):
    x = _x(torch).requires_grad_()
    j = torch.autograd.functional.jacobian(_f, x, create_graph=True)
    yield j.requires_grad, j.detach()
    j.sum().backward()
    yield x.grad


def case_jacobian_results_are_constant(torch):
    x = _x(torch).requires_grad_()
    j = torch.autograd.functional.jacobian(_f, x)
    yield j, x.grad


def case_jacobian_of_an_independent_output(torch):
    def f(x, y):
        return x * 2

    inputs = (torch.ones(2), torch.ones(2))
    yield torch.autograd.functional.jacobian(f, inputs)
    call = lambda: torch.autograd.functional.jacobian(f, inputs, strict=True)
    yield raising(torch, call, "independent", "input 1")
    constant = lambda x: torch.ones(2)
    yield torch.autograd.functional.jacobian(constant, torch.ones(2))


def case_jacobian_of_what_is_no_tensor(torch):
    f = torch.autograd.functional.jacobian
    yield raising(torch, lambda: f(_f, [1.0, 2.0]), "tensor")
    yield raising(torch, lambda: f(lambda x: 3.0, _x(torch)), "tensor")


def case_jacobian_inside_no_grad(torch):
    with torch.no_grad():
        yield torch.autograd.functional.jacobian(_f, _x(torch))
        yield torch.is_grad_enabled()


def case_hessian(torch):
    yield torch.autograd.functional.hessian(_scalar, _x(torch))
    yield torch.autograd.functional.hessian(lambda x: x.sin().prod(), _x(torch).double())


def case_hessian_of_two_inputs(torch):
    def f(x, y):
        return (x**2 * y).sum()

    inputs = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    yield torch.autograd.functional.hessian(f, inputs)


def case_hessian_wants_a_scalar(torch):
    call = lambda: torch.autograd.functional.hessian(_f, _x(torch))
    yield raising(torch, call, "single element")


def case_hessian_create_graph_and_vectorize(torch):
    x = _x(torch).requires_grad_()
    h = torch.autograd.functional.hessian(_scalar, x, create_graph=True)
    yield h.requires_grad, h.detach()
    h.sum().backward()
    yield x.grad
    yield torch.autograd.functional.hessian(_scalar, _x(torch), vectorize=True)


def case_hessian_of_a_linear_function(torch):
    f = lambda x: (x * 3).sum()
    yield torch.autograd.functional.hessian(f, _x(torch))
    call = lambda: torch.autograd.functional.hessian(f, _x(torch), strict=True)
    yield raising(torch, call, "independent")


def case_hessian_of_a_matrix(torch):
    x = torch.arange(1.0, 5.0).reshape(2, 2)
    h = torch.autograd.functional.hessian(lambda m: m.pow(3).sum(), x)
    yield h.shape, h


def case_vjp(torch):
    v = torch.tensor([1.0, 0.5, 0.0])
    yield torch.autograd.functional.vjp(_f, _x(torch), v)
    yield torch.autograd.functional.vjp(_scalar, _x(torch))


def case_vjp_of_two_inputs(torch):
    def f(x, y):
        return x * y, x + y

    inputs = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    yield torch.autograd.functional.vjp(f, inputs, (torch.ones(2), torch.tensor([10.0, 20.0])))


def case_vjp_create_graph(torch):
    x = _x(torch).requires_grad_()
    y, g = torch.autograd.functional.vjp(_f, x, torch.ones(3), create_graph=True)
    yield y.requires_grad, g.requires_grad
    g.sum().backward()
    yield x.grad


def case_vjp_needs_v(torch):
    f = torch.autograd.functional.vjp
    yield raising(torch, lambda: f(_f, _x(torch)), "single element")
    yield raising(torch, lambda: f(_f, _x(torch), torch.ones(2)), "size")
    yield raising(torch, lambda: f(_f, _x(torch), (torch.ones(3), torch.ones(3))), "v")


def case_jvp(torch):
    v = torch.tensor([1.0, 0.5, 0.0])
    yield torch.autograd.functional.jvp(_f, _x(torch), v)
    yield torch.autograd.functional.jvp(lambda x: x * x, torch.tensor(3.0))


def case_jvp_of_two_inputs(torch):
    def f(x, y):
        return x * y, x.sum()

    inputs = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    yield torch.autograd.functional.jvp(f, inputs, (torch.ones(2), torch.tensor([10.0, 20.0])))


def case_jvp_create_graph_and_strict(torch):
    x = _x(torch).requires_grad_()
    y, t = torch.autograd.functional.jvp(_f, x, torch.ones(3), create_graph=True)
    yield y.requires_grad, t.requires_grad
    t.sum().backward()
    yield x.grad
    constant = lambda x: torch.ones(2)
    yield torch.autograd.functional.jvp(constant, _x(torch), torch.ones(3))
    call = lambda: torch.autograd.functional.jvp(constant, _x(torch), torch.ones(3), strict=True)
    yield raising(torch, call, "output 0", "strict")


def case_jvp_needs_v(torch):
    f = torch.autograd.functional.jvp
    yield raising(torch, lambda: f(_f, _x(torch)), "single element")
    yield raising(torch, lambda: f(_f, _x(torch), torch.ones(1, 3)), "size")


def case_hvp_and_vhp_agree(torch):
    v = torch.tensor([1.0, -1.0, 2.0])
    value, hv = torch.autograd.functional.hvp(_scalar, _x(torch), v)
    other, vh = torch.autograd.functional.vhp(_scalar, _x(torch), v)
    yield value, hv
    yield other, vh
    h = torch.autograd.functional.hessian(_scalar, _x(torch))
    yield torch.allclose(h @ v, hv), torch.allclose(v @ h, vh)


def case_hvp_of_two_inputs(torch):
    def f(x, y):
        return (x**2 * y**3).sum()

    inputs = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    v = (torch.ones(2), torch.tensor([1.0, 0.0]))
    yield torch.autograd.functional.hvp(f, inputs, v)
    yield torch.autograd.functional.vhp(f, inputs, v)


def case_hvp_create_graph(torch):
    x = _x(torch).requires_grad_()
    _, hv = torch.autograd.functional.hvp(_scalar, x, torch.ones(3), create_graph=True)
    yield hv.requires_grad
    hv.sum().backward()
    yield x.grad
    x.grad = None
    _, vh = torch.autograd.functional.vhp(_scalar, x, torch.ones(3), create_graph=True)
    vh.sum().backward()
    yield x.grad


def case_hvp_wants_a_scalar(torch):
    for name in ("hvp", "vhp"):
        f = getattr(torch.autograd.functional, name)
        yield name, raising(torch, lambda f=f: f(_f, _x(torch), torch.ones(3)), "single element")
        yield name, raising(torch, lambda f=f: f(_scalar, _x(torch)), "single element")


def case_functional_of_a_layer(torch):
    w = torch.arange(6.0).reshape(2, 3) / 10

    def layer(x):
        return torch.tanh(x @ w.t())

    x = torch.tensor([[0.1, 0.2, 0.3]])
    j = torch.autograd.functional.jacobian(layer, x)
    yield j, j.shape
    yield torch.autograd.functional.vjp(layer, x, torch.ones(1, 2))


def case_functional_leaves_inputs_alone(torch):
    x = _x(torch).requires_grad_()
    torch.autograd.functional.hessian(_scalar, x)
    torch.autograd.functional.vjp(_f, x, torch.ones(3))
    yield x, x.grad, x.is_leaf


def case_functional_runs_the_function_with_other_tensors(torch):
    x = _x(torch)
    seen = []

    def f(t):
        seen.append((t is x, t.requires_grad, t.is_leaf))
        return t * 2

    torch.autograd.functional.jacobian(f, x)
    yield seen
