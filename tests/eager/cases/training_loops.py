"""Training programs as people write them; every number that they would print."""

import math


def _data(torch, *shape, phase=0.0, dtype=None):
    n = 1
    for k in shape:
        n *= k
    values = [math.sin(1.7 * k + phase) for k in range(1, n + 1)]
    return torch.tensor(values, dtype=dtype or torch.float64).reshape(shape)


def _set(torch, model):
    """Give a model's parameters fixed numbers."""
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(_data(torch, *p.shape, phase=0.3 * k, dtype=p.dtype) * 0.5)
    return model


def case_two_optimisers_against_each_other(torch):
    nn = torch.nn
    g = _set(torch, nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))).double()
    d = _set(torch, nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))).double()
    opt_g = torch.optim.Adam(g.parameters(), lr=0.02, betas=(0.5, 0.9))
    opt_d = torch.optim.Adam(d.parameters(), lr=0.03, betas=(0.5, 0.9))
    bce = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(4, 1).double(), torch.zeros(4, 1).double()
    for step in range(6):
        real, noise = _data(torch, 4, 2, phase=step), _data(torch, 4, 3, phase=10.0 + step)
        opt_d.zero_grad()
        fake = g(noise)
        loss_real, loss_fake = bce(d(real), ones), bce(d(fake.detach()), zeros)
        loss_d = loss_real + loss_fake
        yield loss_real.item(), loss_fake.item()
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_g = bce(d(fake), ones)
        yield loss_g.item(), d(fake).mean().item()
        loss_g.backward()
        opt_g.step()
    yield [p.sum() for p in (*g.parameters(), *d.parameters())]


def case_micro_batches_with_a_clip(torch):
    nn = torch.nn
    model = _set(torch, nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))).double()
    opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    sched = torch.optim.lr_scheduler.StepLR(opt, 2, gamma=0.5)
    x, y = _data(torch, 24, 3), _data(torch, 24, 1, phase=1.0)
    total = 0.0
    for epoch in range(4):
        opt.zero_grad()
        for k in range(0, 24, 7):
            loss = nn.functional.mse_loss(model(x[k : k + 7]), y[k : k + 7]) / 4
            total += loss.item()
            loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.05)
        opt.step()
        sched.step()
        yield total, norm, sched.get_last_lr(), epoch
    yield list(model.parameters())


def case_moving_average_of_weights(torch):
    import copy

    nn = torch.nn
    model = _set(torch, nn.Linear(3, 2)).double()
    slow = copy.deepcopy(model)
    for p in slow.parameters():
        p.requires_grad_(False)
    opt = torch.optim.AdamW(model.parameters(), lr=0.05)
    x, y = _data(torch, 5, 3), torch.tensor([0, 1, 1, 0, 1])
    for _ in range(5):
        loss = nn.functional.cross_entropy(model(x), y)
        opt.zero_grad(set_to_none=False)
        loss.backward()
        opt.step()
        with torch.no_grad():
            for s, p in zip(slow.parameters(), model.parameters()):
                s.mul_(0.9).add_(p, alpha=0.1)
            yield loss.item(), nn.functional.cross_entropy(slow(x), y).item()
    yield list(slow.parameters()), slow.weight.grad, slow.state_dict()


def case_early_stopping(torch):
    nn = torch.nn
    model = _set(torch, nn.Linear(2, 1)).double()
    opt = torch.optim.RMSprop(model.parameters(), lr=0.3)
    x, y = _data(torch, 8, 2), _data(torch, 8, 1, phase=2.0)
    best, patience, kept = float("inf"), 0, None
    epochs = 0
    for _ in range(30):
        epochs += 1
        model.train()
        loss = (model(x[:5]) - y[:5]).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        model.eval()
        with torch.no_grad():
            valid = (model(x[5:]) - y[5:]).abs().mean()
        if valid < best - 1e-4:
            best, patience = valid.item(), 0
            kept = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            patience += 1
            if patience >= 3:
                break
    yield epochs, best, patience
    model.load_state_dict(kept)
    yield list(model.parameters()), float(loss)


def case_teacher_forcing_with_random_lengths(torch):
    nn = torch.nn
    cell, out = nn.GRUCell(3, 4).double(), nn.Linear(4, 3).double()
    _set(torch, cell), _set(torch, out)
    opt = torch.optim.Adam([*cell.parameters(), *out.parameters()], lr=0.05)
    for step, n in enumerate([3, 7, 2, 5, 3, 9]):
        target = _data(torch, n, 2, 3, phase=step)
        h, inp, loss = torch.zeros(2, 4).double(), torch.zeros(2, 3).double(), 0
        for t in range(n):
            h = cell(inp, h)
            guess = out(h)
            loss = loss + nn.functional.smooth_l1_loss(guess, target[t])
            inp = target[t] if (step + t) % 3 else guess.detach()
        loss = loss / n
        yield loss.item()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(cell.parameters(), 0.05)
        opt.step()
    yield [p.sum() for p in cell.parameters()], out.weight.grad


def case_tied_weights(torch):
    nn = torch.nn

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(6, 4)
            self.mix = nn.Linear(4, 4)
            self.head = nn.Linear(4, 6, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(torch.tanh(self.mix(self.embed(ids).mean(1))))

    model = _set(torch, Tied()).double()
    model.head.weight = model.embed.weight
    yield [name for name, _ in model.named_parameters()], sorted(model.state_dict())
    opt = torch.optim.Adagrad(model.parameters(), lr=0.1)
    ids, y = torch.tensor([[0, 1, 1], [2, 5, 3]]), torch.tensor([4, 0])
    for _ in range(4):
        logits = model(ids)
        hits = (logits.argmax(-1) == y).float().mean().item()
        loss = nn.functional.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield hits, loss.item(), model.embed.weight.grad.norm()
    yield model.head.weight is model.embed.weight, model.head.weight


def case_freezing_between_epochs(torch):
    nn = torch.nn
    model = _set(torch, nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))).double()
    opt = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
    x, y = _data(torch, 6, 3), _data(torch, 6, 2, phase=0.5)
    for epoch in range(6):
        for p in model[0].parameters():
            p.requires_grad_(epoch % 3 != 1)
        for _ in range(2):
            loss = (model(x) - y).square().mean()
            value = loss.item()
            opt.zero_grad()
            loss.backward()
            opt.step()
        yield value, [p.grad is None for p in model.parameters()], model[0].weight.sum()
    yield list(model.parameters())


def case_function_in_a_module(torch):
    class Clip(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, low, high):
            ctx.save_for_backward(x)
            ctx.bounds = (low, high)
            return x.clamp(low, high)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            low, high = ctx.bounds
            inside = (x >= low) & (x <= high)
            return grad * (inside.to(grad.dtype) + 0.1 * (~inside).to(grad.dtype)), None, None

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            self.count += 1
            return self.b(Clip.apply(self.a(x), -0.3, 0.4))

    net = _set(torch, Net()).double()
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = _data(torch, 5, 2), _data(torch, 5, 1, phase=3.0)
    for _ in range(4):
        loss = torch.nn.functional.l1_loss(net(x), y)
        yield loss.item()
        opt.zero_grad()
        loss.backward()
        opt.step()
    yield net.count, list(net.parameters()), net.a.weight.grad


def case_search_for_a_rate(torch):
    nn = torch.nn
    model = _set(torch, nn.Linear(3, 1)).double()
    start = {k: v.clone() for k, v in model.state_dict().items()}
    opt = torch.optim.SGD(model.parameters(), lr=1e-3)
    x, y = _data(torch, 10, 3), _data(torch, 10, 1, phase=4.0)
    smooth, best = 0.0, float("inf")
    for k in range(25):
        for group in opt.param_groups:
            group["lr"] = 1e-3 * 2.0**k
        loss = nn.functional.mse_loss(model(x), y)
        smooth = 0.7 * smooth + 0.3 * loss.item()
        corrected = smooth / (1 - 0.7 ** (k + 1))
        if corrected > 4 * best or not math.isfinite(corrected):
            break
        best = min(best, corrected)
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield corrected
    yield k, opt.param_groups[0]["lr"]
    model.load_state_dict(start)
    yield model.weight


def case_mixed_precision_of_parts(torch):
    nn = torch.nn
    body, head = nn.Linear(3, 4), nn.Linear(4, 2).double()
    _set(torch, body), _set(torch, head)
    opt = torch.optim.Adam([{"params": body.parameters()}, {"params": head.parameters(), "lr": 0.1}], lr=0.01)  # fmt: skip
    x, y = _data(torch, 6, 3, dtype=torch.float32), _data(torch, 6, 2)
    scale = torch.tensor(1.5, requires_grad=True)
    for _ in range(3):
        hidden = torch.relu(body(x) * scale)
        loss = ((head(hidden.double()) - y) ** 2).mean() + 0.01 * hidden.abs().sum()
        opt.zero_grad()
        scale.grad = None
        print_me = loss.detach()
        loss.backward()
        opt.step()
        with torch.no_grad():
            scale -= 0.1 * scale.grad
        yield round(print_me.item(), 6), loss.dtype, hidden.dtype, round(scale.item(), 5)
        yield [p.grad.dtype for p in (*body.parameters(), *head.parameters())]
    yield body.weight, head.weight.float()


def case_loss_kept_over_epochs(torch):
    w = _data(torch, 3).requires_grad_()
    history, running = [], None
    for k in range(5):
        loss = ((w * (k + 1)).sin() + w.square() * 0.1).sum()
        history.append(loss)
        running = loss.detach() if running is None else 0.9 * running + 0.1 * loss.detach()
        if k % 2:
            print_me = f"{loss:.4f} {running.item():.4f}"
            yield print_me
            (history[-1] + history[-2]).backward()
            with torch.no_grad():
                w.sub_(w.grad, alpha=0.05)
                w.grad.zero_()
    yield w, w.grad, [h.item() for h in history]


def case_alternating_losses_of_one_forward_pass(torch):
    nn = torch.nn
    trunk = _set(torch, nn.Linear(2, 3)).double()
    a, b = _set(torch, nn.Linear(3, 1)).double(), _set(torch, nn.Linear(3, 1)).double()
    opt = torch.optim.SGD([*trunk.parameters(), *a.parameters(), *b.parameters()], lr=0.05)
    x = _data(torch, 4, 2)
    for k in range(6):
        h = torch.tanh(trunk(x))
        first, second = a(h).square().mean(), (b(h) - 1).abs().mean()
        yield first.item(), second.item()
        opt.zero_grad()
        first.backward(retain_graph=True)
        if k % 2:
            yield trunk.weight.grad.clone()
        second.backward()
        opt.step()
        yield trunk.weight.grad, b.bias.grad
