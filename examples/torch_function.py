"""An operation with a derivative of its own: ``softplus`` that never overflows.

log(1 + exp(x)) overflows for large x, and so does its derivative if it is left to the chain rule.
An `autograd.Function` states both: the value as max(x, 0) + log1p(exp(-|x|)), the derivative as
sigmoid(x). `gradcheck` compares the stated derivative with differences of the values.
"""

from __future__ import annotations

import tapejit.torch as torch


class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, sharpness):
        """Return log(1 + exp(sharpness x)) / sharpness."""
        ctx.save_for_backward(x)
        ctx.sharpness = sharpness
        z = sharpness * x
        return (z.clamp(min=0) + torch.log1p(torch.exp(-z.abs()))) / sharpness

    @staticmethod
    def backward(ctx, grad_output):
        """Return one gradient for each argument of `forward`; a plain number has none."""
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(ctx.sharpness * x), None


x = torch.tensor([-2000.0, -1.0, 0.0, 1.0, 2000.0], requires_grad=True)
y = Softplus.apply(x, 2.0)
y.sum().backward()
print(y)
print("gradient", x.grad)

naive = torch.log(1 + torch.exp(2.0 * x)) / 2.0
print("and without care", naive.detach())

near = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(lambda t: Softplus.apply(t, 2.0), (near,))
assert y.grad_fn.name() == "SoftplusBackward"
assert torch.isfinite(y).all() and not torch.isfinite(naive).all()
assert torch.allclose(y[1:4], torch.nn.functional.softplus(x[1:4], beta=2.0))
assert x.grad[0] == 0 and x.grad[2] == 0.5 and x.grad[4] == 1
