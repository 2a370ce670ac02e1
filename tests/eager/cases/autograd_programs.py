"""Longer programs in which laziness could show: loops that change, values kept, errors between."""

import numpy as np


def _data(n, dtype=np.float32):
    return np.linspace(-1, 1, n, dtype=dtype).reshape(n, 1)


def case_steady_loop_observed_now_and_then(torch):
    x = torch.from_numpy(_data(8))
    y = 3 * x**2 + 1
    w = torch.full((1, 1), 0.5, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for i in range(30):
        loss = (((x**2).mm(w) + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            b -= 0.1 * b.grad
            w.grad.zero_()
            b.grad.zero_()
        if i % 10 == 9:
            yield loss, w, b


def case_changed_batch_size(torch):
    w = torch.tensor([[0.5], [-0.5]], requires_grad=True)
    for n in (4, 4, 3, 4, 1, 3):
        x = torch.arange(2.0 * n).reshape(n, 2)
        w.grad = None
        (x @ w).pow(2).mean().backward()
        yield n, w.grad


def case_another_branch_in_one_step(torch):
    w = torch.tensor([1.0, -1.0], requires_grad=True)
    for i in range(6):
        h = w * 2
        loss = (h.exp() if i == 3 else h.sin()).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    yield w, loss


def case_exception_in_the_middle_of_a_step(torch):
    w = torch.tensor([1.0, -1.0], requires_grad=True)
    skipped = 0
    for i in range(6):
        try:
            h = (w * 2).tanh()
            if i == 2:
                raise FloatingPointError
            if i == 4:
                h = h @ torch.ones(3)
            loss = h.sum()
            loss.backward()
        except (FloatingPointError, RuntimeError):
            skipped += 1
            continue
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
    yield w, skipped


def case_tensors_kept_across_steps(torch):
    w = torch.tensor(2.0, requires_grad=True)
    kept = []
    for i in range(4):
        y = w * w * i
        kept.append(y)
        with torch.no_grad():
            w += 1
    yield [k.detach() for k in kept]
    z = torch.tensor(2.0, requires_grad=True)
    history = []
    for i in range(4):
        history.append((z * i).exp())
    torch.stack(history).sum().backward()
    yield z.grad


def case_values_read_after_the_leaf_changed(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    y = w * 10
    s = w.sum()
    view = w.detach()
    copy = w.detach().clone()
    with torch.no_grad():
        w.add_(100)
    yield y, s, view, copy, w


def case_running_average(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    average = torch.zeros(2)
    for _ in range(5):
        (w**2).sum().backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
            average.mul_(0.9).add_(w, alpha=0.1)
    yield average, w


def case_momentum_by_hand(torch):
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    v = torch.zeros(2)
    for _ in range(10):
        loss = (w**4 - w**2).sum()
        (g,) = torch.autograd.grad(loss, w)
        v = 0.9 * v + g
        with torch.no_grad():
            w -= 0.01 * v
    yield w, v, loss


def case_adam_by_hand(torch):
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    m, v = torch.zeros(2), torch.zeros(2)
    for t in range(1, 11):
        w.grad = None
        ((w - 3) ** 2).sum().backward()
        with torch.no_grad():
            m.mul_(0.9).add_(w.grad, alpha=0.1)
            v.mul_(0.999).addcmul_(w.grad, w.grad, value=0.001)
            w.addcdiv_(m / (1 - 0.9**t), (v / (1 - 0.999**t)).sqrt().add_(1e-8), value=-0.1)
    yield w, m, v


def case_recurrent_cell(torch):
    w = torch.tensor([[0.5, -0.3], [0.2, 0.1]], requires_grad=True)
    u = torch.tensor([[1.0, 0.5]], requires_grad=True)
    h = torch.zeros(1, 2)
    states = []
    for t in range(6):
        h = torch.tanh(h @ w + (t - 2.5) * u)
        states.append(h)
    loss = torch.cat(states).pow(2).sum()
    loss.backward()
    yield loss, w.grad, u.grad


def case_truncated_backpropagation(torch):
    w = torch.tensor(0.9, requires_grad=True)
    h = torch.tensor(1.0)
    for t in range(6):
        h = torch.sin(h * w) + 0.5
        if t % 2 == 1:
            h.backward()
            h = h.detach()
            yield h, w.grad


def case_two_layers_by_hand(torch):
    x = torch.from_numpy(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32))
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    w1 = torch.tensor([[1.0, -1.0, 0.5], [1.0, -0.5, -1.0]], requires_grad=True)
    b1 = torch.zeros(3, requires_grad=True)
    w2 = torch.tensor([[1.0], [-1.0], [0.5]], requires_grad=True)
    for _ in range(20):
        loss = (torch.sigmoid(torch.relu(x @ w1 + b1) @ w2) - y).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w1, b1, w2):
                p -= 0.5 * p.grad
                p.grad = None
    yield loss, w1, b1, w2


def case_dead_temporaries_do_no_harm(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        _unused = (w - 1).log() / 0
        _other = w @ w
        y = (w * 2).sum()
    y.backward()
    yield w.grad


def case_printing_inside_a_loop(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for i in range(3):
        y = w * (i + 1)
        text = f"step {i}: {y} {w.grad}"
        y.sum().backward()
        yield text


def case_stop_when_small(torch):
    x = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)
    steps = 0
    while True:
        loss = (x - 1).pow(2).sum()
        if loss < 1e-6:
            break
        (g,) = torch.autograd.grad(loss, x)
        with torch.no_grad():
            x -= 0.25 * g
        steps += 1
    yield steps, x, loss


def case_accumulate_over_micro_batches(torch):
    w = torch.tensor([1.0, -1.0], requires_grad=True)
    data = torch.arange(12.0).reshape(6, 2) / 10
    for part in data.split(2):
        ((part @ w).pow(2).mean() / 3).backward()
    yield w.grad
    (g,) = torch.autograd.grad((data @ w).pow(2).mean(), w)
    yield torch.allclose(g, w.grad)


def case_several_losses_one_trunk(torch):
    w = torch.tensor([0.5, 1.5], requires_grad=True)
    a = torch.tensor(2.0, requires_grad=True)
    b = torch.tensor(-1.0, requires_grad=True)
    trunk = w.sin()
    first, second = (trunk * a).sum(), (trunk * b).pow(2).sum()
    first.backward(retain_graph=True)
    yield w.grad, a.grad, b.grad
    second.backward()
    yield w.grad, a.grad, b.grad


def case_parameters_frozen_half_way(torch):
    w = torch.tensor(1.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    for i in range(6):
        if i == 3:
            w.requires_grad_(False)
        w.grad = b.grad = None
        loss = (w * 2 + b - 5) ** 2
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                if p.grad is not None:
                    p -= 0.05 * p.grad
        yield w, b


def case_gradient_descent_on_the_input(torch):
    w = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    x = torch.zeros(2, requires_grad=True)
    target = torch.tensor([1.0, 2.0])
    for _ in range(40):
        loss = (w @ x - target).pow(2).sum()
        (g,) = torch.autograd.grad(loss, x)
        x = (x - 0.05 * g).detach().requires_grad_()
    yield x, loss


def case_swapped_names(torch):
    a = torch.tensor(1.0, requires_grad=True)
    b = torch.tensor(2.0, requires_grad=True)
    for _ in range(3):
        c = a * b + a
        c.backward()
        a, b = b, a
    yield a, b, a.grad, b.grad


def case_fibonacci_by_tensors(torch):
    a, b = torch.tensor(0), torch.tensor(1)
    for _ in range(20):
        a, b = b, a + b
    yield a, b
