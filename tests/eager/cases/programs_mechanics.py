"""Programs that reach into training itself: optimisers, hooks, averages, samples of gradients."""

import copy
import math
from itertools import pairwise


def _data(torch, *shape, phase=0.0, dtype=None):
    n = math.prod(shape)
    values = [math.sin(1.7 * k + phase) for k in range(1, n + 1)]
    return torch.tensor(values, dtype=dtype or torch.float64).reshape(shape)


def _set(torch, model, scale=0.5):
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(_data(torch, *p.shape, phase=0.3 * k, dtype=p.dtype) * scale)
    return model


def _mlp(torch, *sizes, last=None):
    layers = []
    for n, m in pairwise(sizes):
        layers += [torch.nn.Linear(n, m), torch.nn.Tanh()]
    return _set(torch, torch.nn.Sequential(*layers[:-1], *([last] if last else []))).double()


def case_an_optimiser_of_their_own(torch):
    class Lion(torch.optim.Optimizer):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
            if lr <= 0.0:
                raise ValueError(f"Invalid learning rate: {lr}")
            super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

        @torch.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    p.data.mul_(1 - group["lr"] * group["weight_decay"])
                    g, state = p.grad, self.state[p]
                    if len(state) == 0:
                        state["exp_avg"] = torch.zeros_like(p)
                    m, (b1, b2) = state["exp_avg"], group["betas"]
                    update = m.clone().mul_(b1).add(g, alpha=1 - b1).sign_()
                    p.add_(update, alpha=-group["lr"])
                    m.mul_(b2).add_(g, alpha=1 - b2)
            return loss

    model = _mlp(torch, 3, 4, 1)
    opt = Lion(model.parameters(), lr=0.03, weight_decay=0.1)
    plan = torch.optim.lr_scheduler.LambdaLR(opt, lambda k: 0.9**k)
    x, y = _data(torch, 6, 3), _data(torch, 6, 1, phase=1.0)
    for _ in range(4):

        def closure():
            opt.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            return loss

        yield opt.step(closure).item(), plan.get_last_lr()
        plan.step()
    yield opt.state_dict()["state"][0]["exp_avg"], opt.state_dict()["param_groups"][0]["lr"]
    yield list(model.parameters()), "Lion" in repr(opt)


def case_sharpness_aware_steps(torch):
    model = _mlp(torch, 2, 5, 2)
    base = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, y = _data(torch, 7, 2), torch.tensor([0, 1, 1, 0, 1, 0, 0])
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    for _ in range(4):
        loss = loss_of(model(x), y)
        loss.backward()
        with torch.no_grad():
            norm = torch.norm(torch.stack([p.grad.norm(p=2) for p in model.parameters()]), p=2)
            old = {}
            for p in model.parameters():
                old[p] = p.data.clone()
                p.add_(p.grad * (0.05 / (norm + 1e-12)))
        base.zero_grad()
        loss_of(model(x), y).backward()
        for p in model.parameters():
            p.data = old[p]
        base.step()
        base.zero_grad()
        yield loss.item(), norm.item()
    yield list(model.parameters())


def case_average_of_weights(torch):
    model = _mlp(torch, 3, 4, 2)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    ema = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    opt = torch.optim.Adam(model.parameters(), lr=0.05)
    plan = torch.optim.swa_utils.SWALR(opt, swa_lr=0.02, anneal_epochs=2)
    x, y = _data(torch, 5, 3), _data(torch, 5, 2, phase=1.0)
    for k in range(5):
        loss = torch.nn.functional.huber_loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        ema.update_parameters(model)
        if k >= 2:
            averaged.update_parameters(model)
            plan.step()
        yield loss.item(), opt.param_groups[0]["lr"], int(averaged.n_averaged)
    with torch.no_grad():
        yield averaged(x), ema(x), averaged.module[0].weight
    yield list(averaged.state_dict())


def case_averages_with_buffers(torch):
    utils = torch.optim.swa_utils
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    _set(torch, net).double()
    with_buffers = utils.AveragedModel(net, use_buffers=True)
    others = [
        utils.AveragedModel(net, avg_fn=lambda a, p, n: torch.maximum(a, p)),
        utils.AveragedModel(net, avg_fn=utils.get_ema_avg_fn(0.5)),
        utils.AveragedModel(net, multi_avg_fn=utils.get_ema_multi_avg_fn(0.25)),
    ]
    opt = torch.optim.SGD(
        [{"params": net[0].parameters()}, {"params": net[1:].parameters(), "lr": 0.2}], lr=0.1
    )
    plans = utils.SWALR(opt, swa_lr=[0.05, 0.02], anneal_epochs=3, anneal_strategy="linear")
    batches = [_data(torch, 6, 2, phase=k) for k in range(4)]
    for x in batches:
        loss = net(x).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        plans.step()
        for mean in (with_buffers, *others):
            mean.update_parameters(net)
        yield loss.item(), plans.get_last_lr()
    yield with_buffers.state_dict(), [m.module[0].weight for m in others]
    others[2].eval()
    utils.update_bn([(x, None) for x in batches], others[2])
    yield others[2].module[1].running_mean, others[2].module[1].running_var, others[2].training
    yield others[2].module[1].momentum, others[2](batches[0])
    for strategy, epochs in (("x", 1), ("cos", -1)):
        try:
            utils.SWALR(opt, 0.1, epochs, strategy)
        except ValueError as error:
            yield str(error)


def case_micro_batches_of_several_sizes(torch):
    model = _mlp(torch, 3, 4, 1)
    opt = torch.optim.SGD(model.parameters(), lr=0.2)
    X, Y = _data(torch, 23, 3), _data(torch, 23, 1, phase=2.0)
    for _ in range(3):
        running, seen, since = 0.0, 0, 0
        for k, (x, y) in enumerate(zip(X.split(5), Y.split(5))):
            loss = torch.nn.functional.mse_loss(model(x), y, reduction="sum") / 10
            loss.backward()
            running, seen, since = running + loss.item() * 10, seen + len(x), since + len(x)
            if (k + 1) % 2 == 0 or seen == len(X):
                for p in model.parameters():
                    p.grad.div_(since / 10)
                total = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
                opt.step()
                opt.zero_grad()
                since = 0
                yield total.item()
        yield running / seen
    yield list(model.parameters())


def case_gradients_of_each_sample(torch):
    functional_call, grad = torch.func.functional_call, torch.func.grad
    model = _mlp(torch, 3, 4, 2)
    params = {k: v.detach() for k, v in model.named_parameters()}
    x, y = _data(torch, 4, 3), torch.tensor([0, 1, 1, 0])

    def loss_of(params, sample, target):
        out = functional_call(model, params, (sample.unsqueeze(0),))
        return torch.nn.functional.cross_entropy(out, target.unsqueeze(0))

    each = torch.func.vmap(grad(loss_of), in_dims=(None, 0, 0))(params, x, y)
    yield {k: v.shape for k, v in each.items()}, each["0.bias"], each["2.weight"].abs().sum()
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in each.values()]).norm(dim=0)
    scale = (0.5 / (norms + 1e-6)).clamp(max=1.0)
    clipped = {k: torch.einsum("n,n...->...", scale, g) / len(x) for k, g in each.items()}
    yield norms, clipped["0.bias"]
    for (_, p), g in zip(model.named_parameters(), clipped.values()):
        p.grad = g
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    yield list(model.parameters())
    yield torch.func.jacrev(lambda s: functional_call(model, params, (s,)))(x[0])


def case_learning_to_adapt(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.l1, self.l2 = torch.nn.Linear(1, 6), torch.nn.Linear(6, 1)

        def forward(self, x, w=None):
            if w is None:
                return self.l2(torch.relu(self.l1(x)))
            F = torch.nn.functional
            return F.linear(F.relu(F.linear(x, w[0], w[1])), w[2], w[3])

    net = _set(torch, Net()).double()
    meta = torch.optim.Adam(net.parameters(), lr=0.02)
    for step in range(3):
        meta.zero_grad()
        outer = []
        for task in range(2):
            a, b = 1.0 + 0.3 * task + 0.1 * step, 0.5 * task
            xs, xq = _data(torch, 5, 1, phase=task), _data(torch, 4, 1, phase=task + 2.0)
            fast = list(net.parameters())
            for _ in range(2):
                inner = ((net(xs, fast) - a * torch.sin(xs + b)) ** 2).mean()
                grads = torch.autograd.grad(inner, fast, create_graph=True)
                fast = [w - 0.1 * g for w, g in zip(fast, grads)]
            outer.append(((net(xq, fast) - a * torch.sin(xq + b)) ** 2).mean())
        total = sum(outer) / len(outer)
        total.backward()
        meta.step()
        yield total.item(), inner.item()
    yield [p.grad.norm() for p in net.parameters()]


def case_reversed_gradients_and_frozen_layers(torch):
    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, amount):
            ctx.amount = amount
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad):
            return grad.neg() * ctx.amount, None

    features, labels, domains = _mlp(torch, 3, 4), _mlp(torch, 4, 2), _mlp(torch, 4, 3, 1)
    features[0].bias.requires_grad_(False)
    seen = []
    handle = features[0].weight.register_hook(
        lambda g: seen.append(g.norm().item()) or g.clamp(-0.2, 0.2)
    )
    hook = labels.register_full_backward_hook(
        lambda m, gi, go: seen.append(go[0].abs().sum().item())
    )
    active = [p for m in (features, labels, domains) for p in m.parameters() if p.requires_grad]
    opt = torch.optim.SGD(active, lr=0.1, momentum=0.9, dampening=0.1)
    x, y, d = (
        _data(torch, 6, 3),
        torch.tensor([0, 1, 0, 1, 1, 0]),
        torch.tensor([0.0, 1, 1, 0, 1, 0]),
    )
    for k in range(4):
        p = k / 4
        amount = 2.0 / (1.0 + math.exp(-10 * p)) - 1
        f = features(x).tanh()
        a = torch.nn.functional.cross_entropy(labels(f), y)
        b = torch.nn.functional.binary_cross_entropy_with_logits(
            domains(Reverse.apply(f, amount)).squeeze(-1), d.double(), pos_weight=torch.tensor(2.0)
        )
        opt.zero_grad()
        (a + b).backward()
        opt.step()
        if k == 2:
            handle.remove()
        yield a.item(), b.item(), len(seen)
    hook.remove()
    yield seen, features[0].bias.grad, [p.grad.norm() for p in active]


def case_straight_through_and_pruned(torch):
    nn = torch.nn

    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g.masked_fill(x.abs() > 1, 0)

    class Masked(nn.Linear):
        def __init__(self, n, m):
            super().__init__(n, m)
            self.register_buffer("mask", torch.ones(m, n), persistent=False)

        def prune(self, share):
            k = int(share * self.weight.numel())
            least = self.weight.abs().flatten().kthvalue(k).values
            self.mask.copy_(self.weight.abs() > least)

        def forward(self, x):
            return nn.functional.linear(x, self.weight * self.mask, self.bias)

        def extra_repr(self):
            return super().extra_repr() + f", kept={int(self.mask.sum())}"

    a, b = Masked(3, 4), Masked(4, 1)
    net = _set(torch, nn.Sequential(a, b)).double()
    opt = torch.optim.Rprop(net.parameters(), lr=0.01)
    x, y = _data(torch, 6, 3), _data(torch, 6, 1, phase=1.0)
    for k in range(5):
        if k == 2:
            a.prune(0.5)
        h = Sign.apply(a(x))
        soft = torch.sigmoid(3 * a(x))
        hard = (soft > 0.5).double() - soft.detach() + soft
        loss = nn.functional.l1_loss(b(h * hard), y) + 1e-2 * sum(
            p.abs().sum() for p in net.parameters()
        )
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield loss.item(), a.weight.grad.count_nonzero().item()
    yield repr(net), list(net.state_dict()), list(net.parameters())


def case_a_teacher_and_a_mixture(torch):
    F = torch.nn.functional
    teacher, student = _mlp(torch, 3, 6, 4), _mlp(torch, 3, 4)
    teacher.eval().requires_grad_(False)
    before = copy.deepcopy(student.state_dict())
    opt = torch.optim.Adam(student.parameters(), lr=0.05)
    x, y = _data(torch, 6, 3), torch.tensor([0, 3, 1, 2, 1, 0])
    for k in range(4):
        lam, order = 0.3 + 0.1 * k, torch.arange(6).flip(0)
        mixed = lam * x + (1 - lam) * x[order]
        logits = student(mixed)
        hard = lam * F.cross_entropy(logits, y) + (1 - lam) * F.cross_entropy(logits, y[order])
        with torch.no_grad():
            soft = F.softmax(teacher(mixed) / 2.0, dim=-1)
        kl = F.kl_div(F.log_softmax(logits / 2.0, dim=-1), soft, reduction="batchmean") * 4.0
        p = logits.softmax(-1).gather(1, y[:, None])
        focal = -((1 - p) ** 2 * p.log()).mean()
        weighted = F.cross_entropy(logits, y, weight=torch.tensor([1.0, 2, 1, 0.5]).double())
        loss = hard + 0.7 * kl + 0.1 * focal + 0.1 * weighted
        opt.zero_grad()
        loss.backward()
        opt.step()
        one_hot = F.one_hot(y, 4)
        yield hard.item(), kl.item(), focal.item(), weighted.item(), (one_hot * logits).sum().item()
    moved = {k: (v - before[k]).norm() for k, v in student.state_dict().items()}
    yield moved, all(p.grad is None for p in teacher.parameters())
    student.load_state_dict(before)
    yield torch.equal(student[0].weight, before["0.weight"])


def case_a_recurrent_net_cut_in_time(torch):
    nn = torch.nn
    rnn, out = nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 2)
    _set(torch, rnn).double(), _set(torch, out).double()
    parameters = [*rnn.parameters(), *out.parameters()]
    opt = torch.optim.Adam(parameters, lr=0.03)
    data, state = _data(torch, 3, 13, 2), None
    for start in range(0, 12, 4):
        x, y = data[:, start : start + 4], data[:, start + 1 : start + 5]
        if state is not None:
            state = tuple(s.detach() for s in state)
        h, state = rnn(x, state)
        loss = nn.MSELoss()(out(h), y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, max_norm=0.1)
        opt.step()
        flat = nn.utils.parameters_to_vector(p.grad for p in parameters)
        yield loss.item(), flat.norm(), state[0][0, :, 0]
    nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(parameters) * 0.5, parameters)
    yield [p.sum() for p in parameters]
