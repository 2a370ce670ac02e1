"""The programs of the tutorials, written afresh: a case or more for each thing that they show.

In order: a one-layer network and Jacobian products; leaves, scalar and vector gradients, contexts
and two small fits. `seeds_graph.py` has the others.
"""

import numpy as np
from transcripts import raising

# A one-layer network, and Jacobian products


def case_creation_with_requires_grad(torch):
    x = torch.ones(5)
    w = torch.randn(5, 3, requires_grad=True)
    b = torch.randn(3, requires_grad=True)
    y = torch.zeros(3)
    yield x, y
    yield w.shape, w.dtype, w.requires_grad, w.is_leaf, w.grad
    yield b.size(), b.dtype, b.requires_grad, b.is_leaf, b.grad_fn
    z = torch.matmul(x, w) + b
    yield z.shape, z.dtype, z.requires_grad, z.is_leaf, z.grad_fn.name()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
    yield loss.shape, loss.grad_fn.name(), loss.item() > 0
    loss.backward()
    yield w.grad.shape, w.grad.dtype, b.grad.shape, b.grad.requires_grad, b.grad.grad_fn


def case_one_layer_forward(torch):
    x = torch.ones(5)
    w = torch.zeros(5, 3, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    yield x, w, b
    yield z
    yield repr(z), str(z), z.grad_fn.name(), z.requires_grad, z.is_leaf
    yield raising(torch, lambda: z.backward(), "scalar")


def _layer(torch):
    x = torch.ones(5)
    y = torch.tensor([0.0, 1.0, 0.0])
    w = torch.tensor(np.linspace(-0.5, 0.5, 15).reshape(5, 3), dtype=torch.float32)
    w.requires_grad_()
    b = torch.tensor([0.1, -0.2, 0.3], requires_grad=True)
    return x, y, w, b


def case_binary_cross_entropy_with_logits(torch):
    x, y, w, b = _layer(torch)
    z = torch.matmul(x, w) + b
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
    yield z, loss
    yield repr(loss)
    loss.backward()
    yield w.grad, b.grad
    yield x.grad, y.grad


def case_binary_cross_entropy_with_large_logits(torch):
    z = torch.tensor([-1000.0, 1000.0, 0.0, 50.0, -50.0], requires_grad=True)
    y = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
    yield loss
    loss.backward()
    yield z.grad
    each = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    yield each.detach(), each.grad_fn.name()


def case_binary_cross_entropy_shape_mismatch(torch):
    z = torch.zeros(3, requires_grad=True)
    f = torch.nn.functional.binary_cross_entropy_with_logits
    yield raising(torch, lambda: f(z, torch.zeros(4)), "size", "must be the same")


def case_one_layer_gradients_print_without_grad_fn(torch):
    x, y, w, b = _layer(torch)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
    yield w.grad, b.grad
    loss.backward()
    yield repr(w.grad), repr(b.grad)
    yield w.grad.dtype, w.grad.shape, w.grad.is_leaf, w.grad.grad_fn


def case_sgd_step_changes_parameters_in_place(torch):
    x, y, w, b = _layer(torch)
    optimizer = torch.optim.SGD((w, b), lr=0.5)
    same = w
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y)
    loss.backward()
    before = w.detach().clone()
    yield optimizer.step()
    yield w, b
    yield w is same, w.is_leaf, w.requires_grad, w.grad_fn
    yield torch.allclose(w.detach(), before - 0.5 * w.grad)
    optimizer.zero_grad()
    yield w.grad, b.grad
    yield w.is_leaf, w.requires_grad


def case_sgd_training_loop(torch):
    x, y, w, b = _layer(torch)
    optimizer = torch.optim.SGD((w, b), lr=1.0)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        z = torch.matmul(x, w) + b
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    yield losses
    yield w.detach(), b.detach()


def case_sgd_zero_grad_set_to_none(torch):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    yield w.grad
    optimizer.zero_grad(set_to_none=False)
    yield w.grad
    (w * w).sum().backward()
    optimizer.zero_grad(set_to_none=True)
    yield w.grad


def case_sgd_skips_parameters_without_grad(torch):
    w = torch.ones(2, requires_grad=True)
    u = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w, u], lr=0.1)
    (w * 3).sum().backward()
    optimizer.step()
    yield w, u, u.grad


def case_grad_zero_in_place(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    kept = w.grad
    yield kept
    result = w.grad.zero_()
    yield result, result is w.grad, kept is w.grad
    (w * 5).sum().backward()
    yield w.grad, kept


def case_jacobian_products_accumulate(torch):
    inp = torch.eye(4, 5, requires_grad=True)
    out = (inp + 1).pow(2).t()
    yield inp
    yield out
    out.backward(torch.ones_like(out), retain_graph=True)
    yield "First call", inp.grad
    out.backward(torch.ones_like(out), retain_graph=True)
    yield "Second call", inp.grad
    yield inp.grad.zero_()
    out.backward(torch.ones_like(out), retain_graph=True)
    yield "Call after zeroing gradients", inp.grad


def case_printed_gradients_in_format(torch):
    inp = torch.eye(2, 3, requires_grad=True)
    out = (inp + 1).pow(2).t()
    out.backward(torch.ones_like(out))
    yield f"First call\n{inp.grad}"
    yield f"{out}"
    yield f"{out.sum().item():.3f} {out.sum():.2f}"


# Leaves, scalar and vector gradients, contexts, two small fits


def case_is_leaf_and_requires_grad_through_operations(torch):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    c = torch.tensor([1.0, 1.0])
    y = x + 2
    z = c * 3
    yield x.is_leaf, y.is_leaf, c.is_leaf, z.is_leaf
    yield x.requires_grad, y.requires_grad, c.requires_grad, z.requires_grad
    yield (y * z).requires_grad, (y * z).is_leaf, x.detach().is_leaf


def case_gradient_of_scalar(torch):
    x = torch.tensor(3.0, requires_grad=True)
    y = x**2
    yield y
    y.backward()
    yield x.grad
    yield x.grad.item(), x


def case_gradient_of_mean(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**2).mean()
    y.backward()
    yield y, x.grad
    yield x.grad.sum()


def case_gradient_of_sum(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**2).sum()
    y.backward()
    yield y, x.grad


def case_gradients_of_several_inputs(torch):
    x = torch.tensor(3.0, requires_grad=True)
    w = torch.tensor(4.0, requires_grad=True)
    y = x**2 + 7 * w
    y.backward()
    yield y, x.grad, w.grad


def case_only_floating_tensors_require_grad(torch):
    yield raising(torch, lambda: torch.tensor([1, 2, 3], requires_grad=True), "floating point")
    yield raising(torch, lambda: torch.tensor([1]).requires_grad_(), "floating point")
    yield raising(torch, lambda: torch.tensor([True], requires_grad=True), "floating point")
    yield raising(torch, lambda: torch.zeros(2, dtype=torch.int64, requires_grad=True), "floating")
    yield torch.tensor([1.0], dtype=torch.float64, requires_grad=True)


def case_no_grad_as_context(torch):
    x = torch.tensor(2.0, requires_grad=True)
    with torch.no_grad():
        y = x * 2
        yield y, y.requires_grad, torch.is_grad_enabled()
    z = x * 2
    yield z, torch.is_grad_enabled()


def case_no_grad_as_decorator(torch):
    @torch.no_grad()
    def twice(t):
        """Twice t."""
        return t * 2

    x = torch.tensor(2.0, requires_grad=True)
    yield twice(x), twice.__name__, twice.__doc__
    yield torch.is_grad_enabled()


def case_enable_grad_inside_no_grad(torch):
    x = torch.tensor(2.0, requires_grad=True)
    with torch.no_grad():
        a = x * 2
        with torch.enable_grad():
            b = x * 3
        c = x * 4
    yield a, b, c
    b.backward()
    yield x.grad


def case_set_grad_enabled_by_flag(torch):
    x = torch.tensor(1.0, requires_grad=True)
    for is_train in (False, True):
        with torch.set_grad_enabled(is_train):
            y = x * 2
        yield is_train, y.requires_grad
    torch.set_grad_enabled(False)
    yield (x * 2).requires_grad
    torch.set_grad_enabled(True)
    yield (x * 2).requires_grad


def case_accumulation_over_repeated_backward(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        y = (x**2).sum()
        y.backward()
        yield x.grad
    x.grad.zero_()
    (x**2).sum().backward()
    yield x.grad


def case_clearing_the_gradient_when_there_is_one(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        if x.grad is not None:
            x.grad.zero_()
        (x**2).sum().backward()
        yield x.grad


def case_minimise_x_squared(torch):
    x = torch.tensor(3.0, requires_grad=True)
    path = []
    for _ in range(50):
        y = x**2
        y.backward()
        with torch.no_grad():
            x -= 0.1 * x.grad
            x.grad.zero_()
        path.append((x.item(), (x.item()) ** 2))
    yield path[:3], path[-1]
    yield f"{x.item():.2e}", x.is_leaf, x.requires_grad
    yield len(path), [p[0] for p in path[::10]]


def case_line_fit(torch):
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    y = 2 * x + 1
    a = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    losses = []
    for epoch in range(1000):
        loss = ((a * x + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            a -= 0.05 * a.grad
            b -= 0.05 * b.grad
            a.grad.zero_()
            b.grad.zero_()
        if epoch in (0, 1, 2, 10):
            losses.append(loss.item())
    yield losses
    yield f"{a.item():.3f}", f"{b.item():.3f}"
    yield a.is_leaf, b.requires_grad


def case_in_place_on_leaf_outside_no_grad(torch):
    x = torch.tensor(1.0, requires_grad=True)

    def subtract():
        nonlocal x
        x -= 0.1

    yield raising(torch, subtract, "leaf", "in-place")
    yield raising(torch, lambda: x.add_(1), "leaf", "in-place")
    yield raising(torch, lambda: x.zero_(), "leaf", "in-place")
    yield x
