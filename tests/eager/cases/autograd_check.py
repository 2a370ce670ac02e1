"""gradcheck, gradgradcheck, and detect_anomaly: what finds a wrong or undefined gradient."""

from transcripts import raising


def _x(torch):
    return torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64, requires_grad=True)


def _wrong(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x

    return Wrong


def _right_once(torch):
    """The first derivative is right, the second is not: the slope is saved as a constant."""

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.slope = 2 * x.detach()
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.slope

    return Once


def case_gradcheck_of_what_is_right(torch):
    yield torch.autograd.gradcheck(lambda x: x.sin() * x, (_x(torch),))
    yield torch.autograd.gradcheck(torch.exp, _x(torch))
    w = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    yield torch.autograd.gradcheck(torch.matmul, (_x(torch), w))
    yield torch.autograd.gradcheck(lambda x: (x * 2, x.prod()), (_x(torch),), eps=1e-6, atol=1e-4)


def case_gradcheck_of_what_is_wrong(torch):
    f = _wrong(torch).apply
    call = lambda: torch.autograd.gradcheck(f, (_x(torch),))
    yield raising(torch, call, "Jacobian mismatch", "numerical", "analytical")
    yield torch.autograd.gradcheck(f, (_x(torch),), raise_exception=False)
    yield torch.autograd.gradcheck(f, (_x(torch),), atol=100.0)


def case_gradcheck_with_a_constant(torch):
    c = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    yield torch.autograd.gradcheck(lambda x, c, k: x * c * k, (_x(torch), c, 2.0))


def case_gradcheck_needs_an_input_that_requires_grad(torch):
    c = torch.ones(3, dtype=torch.float64)
    yield raising(torch, lambda: torch.autograd.gradcheck(torch.exp, (c,)), "require")


def case_gradcheck_of_single_precision_warns(torch):
    x = torch.tensor([0.5], requires_grad=True)
    f = lambda x: x * 2
    yield torch.autograd.gradcheck(f, (x,), atol=1e-1, raise_exception=False)


def case_gradcheck_of_a_step(torch):
    x = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    f = lambda x: torch.where(x > 1.0, x * 3, x * 2)
    yield torch.autograd.gradcheck(f, (x,), raise_exception=False)


def case_gradgradcheck_of_what_is_right(torch):
    yield torch.autograd.gradgradcheck(lambda x: x**3 * x.sum(), (_x(torch),))
    yield torch.autograd.gradgradcheck(torch.sigmoid, (_x(torch),))


def case_gradgradcheck_of_what_is_wrong(torch):
    f = _right_once(torch).apply
    yield torch.autograd.gradcheck(f, (_x(torch),))
    call = lambda: torch.autograd.gradgradcheck(f, (_x(torch),))
    yield raising(torch, call, "mismatch")
    yield torch.autograd.gradgradcheck(f, (_x(torch),), raise_exception=False)


def case_gradcheck_of_a_function_object(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    yield torch.autograd.gradcheck(Cube.apply, (_x(torch),))
    yield torch.autograd.gradgradcheck(Cube.apply, (_x(torch),))


def case_anomaly_is_found(torch):
    x = torch.tensor([-1.0, 4.0], requires_grad=True)
    with torch.autograd.detect_anomaly():
        y = x.sqrt().sum()
        yield raising(torch, lambda: y.backward(), "SqrtBackward0", "nan values")


def case_anomaly_of_zero_over_zero(torch):
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    with torch.autograd.detect_anomaly(check_nan=True):
        y = (x / x).sum()
        yield raising(torch, lambda: y.backward(), "DivBackward0", "nan values")


def case_anomaly_of_a_function(torch):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    x = torch.ones(2, requires_grad=True)
    with torch.autograd.detect_anomaly():
        y = Bad.apply(x).sum()
        yield raising(torch, lambda: y.backward(), "BadBackward", "nan values")


def case_anomaly_lets_good_gradients_pass(torch):
    x = torch.tensor([1.0, 4.0], requires_grad=True)
    with torch.autograd.detect_anomaly():
        x.sqrt().sum().backward()
    yield x.grad
    yield torch.is_anomaly_enabled()


def case_anomaly_infinite_is_not_nan(torch):
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with torch.autograd.detect_anomaly():
        x.sqrt().sum().backward()
    yield x.grad


def case_anomaly_off_gives_nan(torch):
    x = torch.tensor([-1.0, 4.0], requires_grad=True)
    x.sqrt().sum().backward()
    yield x.grad
    with torch.autograd.detect_anomaly(check_nan=False):
        y = x.sqrt().sum()
        y.backward()
    yield x.grad


def case_set_detect_anomaly(torch):
    x = torch.tensor([-1.0], requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        yield torch.is_anomaly_enabled()
        y = x.log().sqrt().sum()
        yield raising(torch, lambda: y.backward(), "nan values")
    yield torch.is_anomaly_enabled()
    torch.autograd.set_detect_anomaly(True)
    yield torch.is_anomaly_enabled()
    torch.autograd.set_detect_anomaly(False)
    yield torch.is_anomaly_enabled()
