"""autograd.Function: what ctx offers, several outputs, double backward, the node's name."""

import numpy as np


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


def case_name_and_flags(torch):
    x = _leaf(torch)
    y = _square(torch).apply(x)
    yield y, y.grad_fn.name(), type(y.grad_fn).__name__, y.is_leaf
    yield [n.name() for n, _ in y.grad_fn.next_functions]
    y.sum().backward()
    yield x.grad


def case_no_graph_for_constants(torch):
    Square = _square(torch)
    yield Square.apply(torch.ones(2))
    with torch.no_grad():
        yield Square.apply(_leaf(torch))


def case_in_the_middle_of_a_graph(torch):
    x = _leaf(torch)
    y = (_square(torch).apply(x * 3) + 1).log().sum()
    y.backward()
    yield y, x.grad


def case_forward_runs_without_grad_mode(torch):
    seen = []

    class Watch(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            seen.append((torch.is_grad_enabled(), x.requires_grad, y.requires_grad))
            return y

        @staticmethod
        def backward(ctx, g):
            seen.append((torch.is_grad_enabled(), g.requires_grad))
            return g * 2

    x = _leaf(torch)
    y = Watch.apply(x)
    yield seen, y.requires_grad
    y.sum().backward(retain_graph=True)
    torch.autograd.grad(y.sum(), x, create_graph=True)
    yield seen


def case_several_inputs(torch):
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g * b, g * a

    a = _leaf(torch)
    b = torch.tensor([5.0, 7.0], requires_grad=True)
    Product.apply(a, b).sum().backward()
    yield a.grad, b.grad
    c = torch.tensor([3.0, 4.0])
    a.grad = None
    y = Product.apply(a, c)
    yield [n and n.name() for n, _ in y.grad_fn.next_functions]
    y.sum().backward()
    yield a.grad, c.grad


def case_needs_input_grad(torch):
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, k):
            ctx.save_for_backward(a, b)
            return a * b * k

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return g * b if ctx.needs_input_grad[0] else None, g * a, None

    a = _leaf(torch)
    Product.apply(a, torch.ones(2), 2).sum().backward()
    yield seen, a.grad
    b = torch.ones(2, requires_grad=True)
    Product.apply(torch.ones(2), b, 3).sum().backward()
    yield seen, b.grad


def case_non_tensor_arguments(torch):
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor, name, flag=True):
            ctx.factor, ctx.name = factor, name
            return x * factor

        @staticmethod
        def backward(ctx, g):
            yielded.append((ctx.name, ctx.factor))
            return g * ctx.factor, None, None, None

    yielded = []
    x = _leaf(torch)
    Scale.apply(x, 3.0, "by three", False).sum().backward()
    yield x.grad, yielded


def case_several_outputs(torch):
    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2, x * x

        @staticmethod
        def backward(ctx, g, h):
            (x,) = ctx.saved_tensors
            return 2 * g + 2 * x * h

    x = _leaf(torch)
    a, b = Both.apply(x)
    yield a, b, a.grad_fn is b.grad_fn, a.output_nr, b.output_nr
    (a.sum() + (b * 3).sum()).backward()
    yield x.grad
    yield type(Both.apply(x)).__name__


def case_unused_output_has_a_gradient_of_zeros(torch):
    seen = []

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            seen.append((g, h))
            return 2 * g + 3 * h

    x = _leaf(torch)
    a, _ = Both.apply(x)
    a.sum().backward()
    yield x.grad, [g.tolist() for g in seen[0]]


def case_set_materialize_grads_off(torch):
    seen = []

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            seen.append((g is None, h is None))
            return None if g is None else 2 * g

    x = _leaf(torch)
    a, _ = Both.apply(x)
    a.sum().backward()
    yield x.grad, seen


def case_saved_outputs(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    x = _leaf(torch)
    y = Exp.apply(x)
    y.sum().backward()
    yield y, x.grad
    (g,) = torch.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    yield torch.autograd.grad(g.sum(), x)


def case_attributes_of_ctx(torch):
    class Power(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.n = n
            ctx.note = {"n": n}
            ctx.save_for_backward(x)
            return x**n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), None

    x = _leaf(torch)
    y = Power.apply(x, 3)
    yield y.grad_fn.n, y.grad_fn.note
    y.sum().backward()
    yield x.grad
    yield hasattr(y.grad_fn, "other")


def case_mark_non_differentiable(torch):
    class SortWithIndex(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, index = x.sort()
            ctx.mark_non_differentiable(index)
            ctx.save_for_backward(index)
            return values, index

        @staticmethod
        def backward(ctx, g, nothing):
            (index,) = ctx.saved_tensors
            out = torch.zeros_like(g)
            out[index] = g
            return out

    x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, index = SortWithIndex.apply(x)
    yield values, index
    (values * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    yield x.grad


def case_mark_non_differentiable_of_a_float(torch):
    class Parts(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            a, b = x * 2, x * 3
            ctx.mark_non_differentiable(b)
            return a, b

        @staticmethod
        def backward(ctx, g, h):
            return 2 * g

    x = _leaf(torch)
    a, b = Parts.apply(x)
    yield a, b
    (a * b).sum().backward()
    yield x.grad


def case_double_backward(torch):
    x = _leaf(torch)
    Square = _square(torch)
    y = Square.apply(Square.apply(x))
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    yield g.detach()
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    yield h.detach()
    yield torch.autograd.grad(h.sum(), x)


def case_setup_context(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x**n

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, n = inputs
            ctx.save_for_backward(x)
            ctx.n = n
            seen.append((type(inputs).__name__, output.tolist()))

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), None

    seen = []
    x = _leaf(torch)
    y = Square.apply(x, 4)
    y.sum().backward()
    yield y, x.grad, seen


def case_straight_through(torch):
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.tensor([0.4, 1.7], requires_grad=True)
    (Round.apply(x) * torch.tensor([2.0, 3.0])).sum().backward()
    yield x.grad


def case_numpy_inside(torch):
    class Sinc(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(np.sin(x.detach().numpy()))

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * torch.from_numpy(np.cos(x.detach().numpy()))

    x = _leaf(torch)
    y = Sinc.apply(x)
    y.sum().backward()
    yield y, x.grad


def case_calling_backward_inside_backward(torch):
    class Inner(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                z = x.detach().requires_grad_()
                (slope,) = torch.autograd.grad((z**3).sum(), z)
            return g * slope

    x = _leaf(torch)
    Inner.apply(x).sum().backward()
    yield x.grad


def case_gradient_checkpoint_by_hand(torch):
    class Checkpoint(torch.autograd.Function):
        @staticmethod
        def forward(ctx, f, x):
            ctx.f = f
            ctx.save_for_backward(x)
            return f(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            again = x.detach().requires_grad_()
            with torch.enable_grad():
                y = ctx.f(again)
            y.backward(g)
            return None, again.grad

    x = _leaf(torch)
    y = Checkpoint.apply(lambda t: t.sin().exp(), x)
    y.sum().backward()
    yield y, x.grad


def case_two_classes_of_one_name(torch):
    x = _leaf(torch)
    a, b = _square(torch), _square(torch)
    y = a.apply(x) + b.apply(x)
    yield [n.name() for n, _ in y.grad_fn.next_functions]
    y.sum().backward()
    yield x.grad
