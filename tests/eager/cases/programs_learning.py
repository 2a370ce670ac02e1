"""Programs of supervised and reinforcement learning as people write them, by their printed numbers."""

import copy
import io
import math
from collections import OrderedDict, deque


def _data(torch, *shape, phase=0.0, dtype=None):
    n = math.prod(shape)
    values = [math.sin(1.7 * k + phase) for k in range(1, n + 1)]
    return torch.tensor(values, dtype=dtype or torch.float64).reshape(shape)


def _set(torch, model, scale=0.5):
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(_data(torch, *p.shape, phase=0.3 * k, dtype=p.dtype) * scale)
    return model


def case_policy_gradient_with_a_baseline(torch):
    nn, F = torch.nn, torch.nn.functional
    body = nn.Linear(3, 6)
    heads = nn.ModuleDict(OrderedDict(pi=nn.Linear(6, 2), v=nn.Linear(6, 1)))
    model = _set(torch, nn.ModuleList([body, heads])).double()
    opt = torch.optim.Adam(model.parameters(), lr=3e-2)
    for episode in range(4):
        state, saved, rewards = _data(torch, 3, phase=episode), [], []
        for t in range(5 + episode):
            h = F.relu(body(state))
            probs, value = F.softmax(heads["pi"](h), dim=-1), heads["v"](h)
            action = int((probs.cumsum(-1) < 0.5 + 0.4 * math.sin(t)).sum().clamp(max=1))
            saved.append((torch.log(probs)[action], value))
            rewards.append(1.0 if action == t % 2 else -0.5)
            state = 0.9 * state.roll(1) + 0.1 * action
        R, returns = 0.0, deque()
        for r in rewards[::-1]:
            R = r + 0.9 * R
            returns.appendleft(R)
        returns = torch.tensor(list(returns), dtype=torch.float64)
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        policy, values = [], []
        for (log_prob, value), R in zip(saved, returns):
            advantage = R - value.item()
            policy.append(-log_prob * advantage)
            values.append(F.smooth_l1_loss(value, torch.tensor([R])))
        opt.zero_grad()
        loss = torch.stack(policy).sum() + torch.stack(values).sum()
        loss.backward()
        opt.step()
        yield loss.item(), rewards
    yield [p.grad.norm() for p in model.parameters()]


def case_deep_q_learning(torch):
    nn = torch.nn
    net = _set(torch, nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))).double()
    target = copy.deepcopy(net).requires_grad_(False)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2, amsgrad=True)
    memory = [
        (_data(torch, 2, phase=k), k % 3, math.cos(k), None if k % 4 == 3 else _data(torch, 2, phase=k + 1.0))
        for k in range(12)
    ]  # fmt: skip
    for step in range(5):
        batch = memory[step : step + 6]
        states = torch.stack([s for s, *_ in batch])
        actions = torch.tensor([[a] for _, a, *_ in batch])
        rewards = torch.tensor([r for _, _, r, _ in batch], dtype=torch.float64)
        alive = torch.tensor([n is not None for *_, n in batch])
        q = net(states).gather(1, actions)
        following = torch.zeros(len(batch), dtype=torch.float64)
        with torch.no_grad():
            following[alive] = (
                target(torch.stack([n for *_, n in batch if n is not None])).max(1).values
            )
        loss = nn.SmoothL1Loss()(q, (following * 0.99 + rewards).unsqueeze(1))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(net.parameters(), 0.1)
        opt.step()
        state, ours = target.state_dict(), net.state_dict()
        for key in ours:
            state[key] = ours[key] * 0.05 + state[key] * (1 - 0.05)
        target.load_state_dict(state)
        yield loss.item(), target[0].bias, q.argmax().item()


def case_matrix_factorisation(torch):
    class Factors(torch.nn.Module):
        def __init__(self, users, items, k):
            super().__init__()
            self.user, self.item = torch.nn.Embedding(users, k), torch.nn.Embedding(items, k)
            self.user_bias = torch.nn.Embedding(users, 1)
            self.item_bias = torch.nn.Embedding(items, 1)
            self.mean = torch.nn.Parameter(torch.tensor(0.0))

        def forward(self, u, i):
            dot = (self.user(u) * self.item(i)).sum(1)
            return dot + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1) + self.mean

    model = _set(torch, Factors(5, 7, 3)).double()
    biases = [p for n, p in model.named_parameters() if "bias" in n or n == "mean"]
    rest = [p for n, p in model.named_parameters() if not ("bias" in n or n == "mean")]
    opt = torch.optim.Adagrad([{"params": rest, "weight_decay": 0.01}, {"params": biases, "lr": 0.2}], lr=0.1)  # fmt: skip
    pairs = [(k * 3 % 5, k * 5 % 7, float(k % 4)) for k in range(17)]
    for _ in range(3):
        total = 0.0
        for start in range(0, len(pairs), 6):
            u, i, r = (torch.tensor(c) for c in zip(*pairs[start : start + 6]))
            loss = torch.nn.functional.mse_loss(model(u, i), r.double())
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(u)
        yield total / len(pairs)
    with torch.no_grad():
        best = (model.user.weight @ model.item.weight.T).topk(2, dim=1)
    yield best.indices, best.values, model.mean


def case_convolutions_with_batch_norm(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 3, 3, padding=1, bias=False)
            self.bn = nn.BatchNorm2d(3)
            self.conv2 = nn.Conv2d(3, 4, 3, stride=2, groups=1)
            self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 3)

        def forward(self, x):
            x = nn.functional.max_pool2d(nn.functional.relu(self.bn(self.conv1(x))), 2)
            x = torch.flatten(self.pool(nn.functional.gelu(self.conv2(x))), 1)
            return nn.functional.log_softmax(self.fc(x), dim=1)

    net = _set(torch, Net()).double()
    opt = torch.optim.Adadelta(net.parameters(), lr=1.0)
    plan = torch.optim.lr_scheduler.StepLR(opt, step_size=1, gamma=0.7)
    for _ in range(2):
        net.train()
        for batch in range(2):
            x, y = _data(torch, 3, 1, 8, 8, phase=batch), torch.tensor([0, 2, 1])
            opt.zero_grad()
            loss = nn.functional.nll_loss(net(x), y)
            loss.backward()
            opt.step()
            yield loss.item()
        net.eval()
        with torch.no_grad():
            out = net(_data(torch, 2, 1, 8, 8, phase=5.0))
            pred = out.argmax(dim=1, keepdim=True)
            hits = pred.eq(torch.tensor([1, 0]).view_as(pred)).sum().item()
        plan.step()
        yield hits, out, opt.param_groups[0]["lr"]
    yield net.bn.running_mean, net.bn.running_var, net.bn.num_batches_tracked


def case_transformer_block_that_predicts_letters(torch):
    nn, F = torch.nn, torch.nn.functional

    class Head(nn.Module):
        def __init__(self, n, k, length):
            super().__init__()
            self.key, self.query = nn.Linear(n, k, bias=False), nn.Linear(n, k, bias=False)
            self.value = nn.Linear(n, k, bias=False)
            self.register_buffer("tril", torch.tril(torch.ones(length, length)))

        def forward(self, x):
            _, T, C = x.shape
            wei = self.query(x) @ self.key(x).transpose(-2, -1) * C**-0.5
            wei = wei.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
            return F.softmax(wei, dim=-1) @ self.value(x)

    class Block(nn.Module):
        def __init__(self, n, heads, length):
            super().__init__()
            self.heads = nn.ModuleList([Head(n, n // heads, length) for _ in range(heads)])
            self.proj = nn.Linear(n, n)
            self.ff = nn.Sequential(nn.Linear(n, 2 * n), nn.ReLU(), nn.Linear(2 * n, n))
            self.ln1, self.ln2 = nn.LayerNorm(n), nn.LayerNorm(n)

        def forward(self, x):
            h = self.ln1(x)
            x = x + self.proj(torch.cat([head(h) for head in self.heads], dim=-1))
            return x + self.ff(self.ln2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.place = nn.Embedding(7, 4), nn.Embedding(6, 4)
            self.blocks = nn.Sequential(*[Block(4, 2, 6) for _ in range(2)])
            self.head = nn.Linear(4, 7, bias=False)
            self.token.weight = self.head.weight

        def forward(self, ids, targets=None):
            B, T = ids.shape
            x = self.blocks(self.token(ids) + self.place(torch.arange(T)))
            logits = self.head(x)
            if targets is None:
                return logits, None
            return logits, F.cross_entropy(logits.view(B * T, -1), targets.reshape(-1), label_smoothing=0.1)  # fmt: skip

    model = _set(torch, Model()).double()
    text = torch.tensor([k * k % 7 for k in range(30)])
    decay = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}], lr=1e-2, betas=(0.9, 0.95))  # fmt: skip
    for step in range(3):
        for group in opt.param_groups:
            group["lr"] = 1e-2 * min(1.0, (step + 1) / 2)
        at = [3 * step, 11 + step]
        x = torch.stack([text[i : i + 6] for i in at])
        y = torch.stack([text[i + 1 : i + 7] for i in at])
        _, loss = model(x, y)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        yield loss.item(), norm
    ids = torch.tensor([[1, 2]])
    with torch.no_grad():
        for _ in range(4):
            last = model(ids[:, -6:])[0][:, -1, :]
            ids = torch.cat((ids, last.argmax(-1, keepdim=True)), dim=1)
    yield ids, sum(p.numel() for p in model.parameters()), len(decay)


def case_contrastive_pairs(torch):
    nn, F = torch.nn, torch.nn.functional
    enc = _set(
        torch, nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3))
    ).double()
    log_t = nn.Parameter(torch.tensor(math.log(1 / 0.2), dtype=torch.float64))
    opt = torch.optim.SGD([{"params": enc.parameters()}, {"params": [log_t], "lr": 0.01}], lr=0.1)
    for step in range(4):
        a, b = _data(torch, 5, 4, phase=step), _data(torch, 5, 4, phase=step + 0.2)
        z = F.normalize(torch.cat([enc(a), enc(b)]), dim=1)
        sim = z @ z.t() * log_t.exp()
        sim.fill_diagonal_(float("-inf"))
        labels = torch.arange(10).roll(5)
        loss = F.cross_entropy(sim, labels)
        near = F.cosine_similarity(z[:5], z[5:]).mean().item()
        triplet = F.triplet_margin_loss(z[:5], z[5:], z[:5].flip(0), margin=0.5)
        opt.zero_grad()
        (loss + 0.5 * triplet).backward()
        opt.step()
        with torch.no_grad():
            log_t.clamp_(0, 3)
        yield loss.item(), near, log_t.item(), (sim.argmax(1) == labels).float().mean()
    yield list(enc.parameters())


def case_resumed_from_a_file(torch):
    nn = torch.nn

    def fresh():
        model = _set(torch, nn.Sequential(OrderedDict(a=nn.Linear(3, 4), act=nn.ELU(), b=nn.Linear(4, 1)))).double()  # fmt: skip
        opt = torch.optim.RMSprop(model.parameters(), lr=0.02, momentum=0.5, centered=True)
        plan = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=0)
        return model, opt, plan

    def epochs(model, opt, plan, ks):
        for k in ks:
            loss = (model(_data(torch, 6, 3, phase=k)) - 0.5).abs().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            plan.step(loss.item() + k)
            yield loss.item(), opt.param_groups[0]["lr"]

    whole = fresh()
    yield list(epochs(*whole, range(6)))
    first = fresh()
    list(epochs(*first, range(3)))
    file = io.BytesIO()
    names = ("model", "opt", "plan")
    torch.save({n: x.state_dict() for n, x in zip(names, first)} | {"epoch": 3}, file)
    file.seek(0)
    kept = torch.load(file, weights_only=False)
    second = fresh()
    for name, x in zip(names, second):
        x.load_state_dict(kept[name])
    yield kept["epoch"], sorted(kept["opt"]["state"][0]), list(kept["model"])
    yield list(epochs(*second, range(3, 6)))
    yield all(torch.equal(p, q) for p, q in zip(whole[0].parameters(), second[0].parameters()))
