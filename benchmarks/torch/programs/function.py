"""A loop through an autograd.Function of the user's: its backward is Python in both libraries."""

from __future__ import annotations

from benchmarks.torch.programs.base import Program, Torch, Training, spread


def function_loop(torch: Torch, *, size: int = 100) -> Training:
    """Fit ``(w x)**3`` with a cube whose derivative is written by hand."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * 3 * x * x

    x = torch.tensor(spread(size))
    y = (0.8 * x) ** 3
    w = torch.tensor(0.3, requires_grad=True)

    def step():
        loss = ((Cube.apply(w * x) - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w.sub_(w.grad)
        w.grad = None
        return loss

    return Training(step, (w,))


PROGRAMS = (
    Program("function", "autograd.Function with a backward", function_loop, tiny={"size": 5}),
)
