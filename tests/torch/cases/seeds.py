"""The programs of the tutorials, written afresh: one case or more for each thing that they show."""

from transcripts import raising

# One-layer network, and Jacobian products


def case_one_layer_forward(torch):
    x = torch.ones(5)
    w = torch.zeros(5, 3, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    yield x, w, b
    yield z
    yield repr(z), z.grad_fn.name(), z.requires_grad, z.is_leaf
    yield raising(torch, lambda: z.backward(), "scalar")
