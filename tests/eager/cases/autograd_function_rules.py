"""autograd.Function: what forward and backward may return, what may be saved, what is refused."""

from transcripts import raising


def _leaf(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True)


def _square(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    return Square


def case_surplus_trailing_none(torch):
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2, None, None

    x = _leaf(torch)
    Scale.apply(x).sum().backward()
    yield x.grad


def case_wrong_number_of_gradients(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return g

    class Surplus(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return g, g

    x = _leaf(torch)
    y = Wrong.apply(x, x * 1)
    words = ("WrongBackward", "expected 2", "got 1")
    yield raising(torch, lambda: y.sum().backward(), *words)
    z = Surplus.apply(x)
    yield raising(torch, lambda: z.sum().backward(), "SurplusBackward", "expected 1", "got 2")


def case_gradient_of_the_wrong_shape(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return torch.ones(3)

    x = _leaf(torch)
    y = Wrong.apply(x)
    yield raising(torch, lambda: y.sum().backward(), "WrongBackward", "invalid gradient", "shape")


def case_gradient_that_is_expanded_is_summed(torch):
    class Wide(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * torch.ones(3, 2)

        @staticmethod
        def backward(ctx, g):
            return g

    x = _leaf(torch)
    Wide.apply(x).sum().backward()
    yield x.grad


def case_gradient_that_is_no_tensor(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return 3.0

    x = _leaf(torch)
    y = Wrong.apply(x)
    yield raising(torch, lambda: y.sum().backward(), "float")


def case_none_gradient(torch):
    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return None

    x = _leaf(torch)
    Cut.apply(x).sum().backward()
    yield x.grad
    (Cut.apply(x).sum() + (x * 2).sum()).backward()
    yield x.grad
    yield torch.autograd.grad(Cut.apply(x).sum(), x, allow_unused=True)


def case_saved_tensors_are_freed(torch):
    x = _leaf(torch)
    y = _square(torch).apply(x).sum()
    y.backward()
    yield raising(torch, lambda: y.backward(), "second time")
    z = _square(torch).apply(x)
    z.sum().backward(retain_graph=True)
    z.sum().backward()
    yield x.grad
    yield raising(torch, lambda: z.grad_fn.saved_tensors, "freed")


def case_saved_tensors_are_version_checked(torch):
    x = _leaf(torch)
    h = x * 1
    y = _square(torch).apply(h)
    h.add_(1)
    yield raising(torch, lambda: y.sum().backward(), "modified by an inplace operation")


def case_saved_tensors_keep_their_identity(torch):
    seen = []

    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, c):
            ctx.save_for_backward(x, None, c)
            return x * c

        @staticmethod
        def backward(ctx, g):
            x, nothing, c = ctx.saved_tensors
            seen.append((x is leaf, nothing, c is constant, x.requires_grad))
            return g * c, None

    leaf, constant = _leaf(torch), torch.ones(2)
    Keep.apply(leaf, constant).sum().backward()
    yield seen, leaf.grad


def case_save_for_backward_wants_tensors(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3.0)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    x = _leaf(torch)
    yield raising(torch, lambda: Wrong.apply(x), "save_for_backward", "float")


def case_mark_dirty(torch):
    class AddOne(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = _leaf(torch)
    h = x * 2
    y = AddOne.apply(h)
    yield y is h, y, h._version
    y.sum().backward()
    yield x.grad
    yield raising(torch, lambda: AddOne.apply(x), "leaf", "in-place")


def case_returning_the_input(torch):
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = _leaf(torch)
    y = Same.apply(x)
    yield y is x, y
    y.sum().backward()
    yield x.grad


def case_returning_a_view_of_the_input(torch):
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return -g

    x = _leaf(torch)
    y = Same.apply(x * 1)
    yield y
    y.sum().backward()
    yield x.grad


def case_once_differentiable(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = _leaf(torch)
    Square.apply(x).sum().backward()
    yield x.grad
    (g,) = torch.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    yield g.detach(), g.requires_grad
    yield raising(torch, lambda: g.sum().backward(), "does not require grad")
    v = torch.ones(2, requires_grad=True)
    (g,) = torch.autograd.grad(Square.apply(x), x, v, create_graph=True)
    yield g.detach(), g.requires_grad, g.grad_fn.name()
    yield raising(torch, lambda: g.sum().backward(), "once_differentiable")


def case_double_backward_needs_saved_inputs(torch):
    """What hides in a plain attribute is a constant for the second derivative."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.slope = 3 * x**2
            return x**3

        @staticmethod
        def backward(ctx, g):
            return g * ctx.slope

    x = _leaf(torch)
    v = torch.ones(2, requires_grad=True)
    (g,) = torch.autograd.grad(Cube.apply(x), x, v, create_graph=True)
    yield g.detach()
    yield torch.autograd.grad(g.sum(), (x, v), allow_unused=True)


def case_forward_that_is_missing(torch):
    class Nothing(torch.autograd.Function):
        pass

    class NoBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    x = _leaf(torch)
    yield raising(torch, lambda: Nothing.apply(x), "forward")
    y = NoBackward.apply(x)
    yield y
    yield raising(torch, lambda: y.sum().backward(), "backward")


def case_function_is_not_called_as_an_object(torch):
    Square = _square(torch)
    yield raising(torch, lambda: Square()(_leaf(torch)), "static forward")


def case_exception_in_forward_and_backward(torch):
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, early):
            if early:
                raise KeyError("forward")
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ZeroDivisionError("backward")

    x = _leaf(torch)
    yield raising(torch, lambda: Fails.apply(x, True), "forward")
    y = Fails.apply(x, False)
    yield raising(torch, lambda: y.sum().backward(), "backward")
    yield x.grad


def case_output_that_is_no_tensor(torch):
    class Mixed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 5, "text", None

        @staticmethod
        def backward(ctx, g, *others):
            seen.append(others)
            return g * 2

    seen = []
    x = _leaf(torch)
    y = Mixed.apply(x)
    yield y
    y[0].sum().backward()
    yield x.grad, seen


def case_tensors_inside_lists_are_not_tracked(torch):
    class Total(torch.autograd.Function):
        @staticmethod
        def forward(ctx, items, k):
            return items[0] * k

        @staticmethod
        def backward(ctx, g):
            return None, g.sum()

    x = _leaf(torch)
    k = torch.tensor(2.0, requires_grad=True)
    y = Total.apply([x], k)
    y.sum().backward()
    yield y, x.grad, k.grad


def case_wrong_dtype_of_gradient(torch):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g.double() * 3

    x = _leaf(torch)
    Double.apply(x).sum().backward()
    yield x.grad
