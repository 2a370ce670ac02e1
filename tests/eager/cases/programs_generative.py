"""Programs of generative and physical models as people write them, each by its printed numbers."""

import math


def _data(torch, *shape, phase=0.0, dtype=None):
    n = math.prod(shape)
    values = [math.sin(1.7 * k + phase) for k in range(1, n + 1)]
    return torch.tensor(values, dtype=dtype or torch.float64).reshape(shape)


def _set(torch, model, scale=0.5):
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(_data(torch, *p.shape, phase=0.3 * k, dtype=p.dtype) * scale)
    return model


def case_critic_with_a_gradient_penalty(torch):
    nn = torch.nn
    make = _set(torch, nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.1), nn.Linear(6, 3))).double()
    critic = _set(torch, nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))).double()
    opt_c = torch.optim.Adam(critic.parameters(), lr=0.01, betas=(0.0, 0.9))
    opt_m = torch.optim.RMSprop(make.parameters(), lr=0.01)
    for step in range(4):
        for inner in range(2):
            real, z = _data(torch, 5, 3, phase=step + inner), _data(torch, 5, 2, phase=7.0 + step)
            with torch.no_grad():
                fake = make(z)
            eps = (_data(torch, 5, 1, phase=2.0 * step) + 1) / 2
            mixed = (eps * real + (1 - eps) * fake).requires_grad_(True)
            out = critic(mixed)
            (slope,) = torch.autograd.grad(
                outputs=out, inputs=mixed, grad_outputs=torch.ones_like(out),
                create_graph=True, retain_graph=True,
            )  # fmt: skip
            penalty = ((slope.view(5, -1).norm(2, dim=1) - 1) ** 2).mean()
            loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
            opt_c.zero_grad()
            loss.backward()
            opt_c.step()
            yield loss.item(), penalty.item()
        for p in critic.parameters():
            p.requires_grad = False
        opt_m.zero_grad(set_to_none=False)
        loss = -critic(make(_data(torch, 5, 2, phase=9.0 + step))).mean()
        loss.backward()
        opt_m.step()
        for p in critic.parameters():
            p.requires_grad = True
        yield loss.item(), [p.grad is None for p in critic.parameters()]
    yield [p.sum() for p in (*critic.parameters(), *make.parameters())]


def case_variational_autoencoder(torch):
    nn, F = torch.nn, torch.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.mu, self.logvar = nn.Linear(6, 5), nn.Linear(5, 2), nn.Linear(5, 2)
            self.fc3, self.fc4 = nn.Linear(2, 5), nn.Linear(5, 6)

        def encode(self, x):
            h = F.relu(self.fc1(x))
            return self.mu(h), self.logvar(h)

        def reparameterize(self, mu, logvar, eps):
            std = torch.exp(0.5 * logvar)
            return mu + eps.expand_as(std) * std

        def forward(self, x, eps):
            mu, logvar = self.encode(x.view(-1, 6))
            h = F.relu(self.fc3(self.reparameterize(mu, logvar, eps)))
            return torch.sigmoid(self.fc4(h)), mu, logvar

    model = _set(torch, Model().double())
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)
    total = 0.0
    for step in range(5):
        x = (_data(torch, 4, 2, 3, phase=step) + 1) / 2
        opt.zero_grad()
        y, mu, logvar = model(x, _data(torch, 4, 2, phase=3.0 * step))
        bce = F.binary_cross_entropy(y, x.view(-1, 6), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = bce + kld
        loss.backward()
        total += loss.item()
        opt.step()
        yield bce.item(), kld.item(), y.detach().max(dim=1).values
    model.eval()
    with torch.inference_mode():
        yield total, model(x, torch.zeros(4, 2).double())[0].mean(), model.training
    yield {k: v.norm() for k, v in model.state_dict().items()}


def case_denoising_with_a_schedule(torch):
    nn = torch.nn
    betas = torch.linspace(1e-2, 0.3, 8, dtype=torch.float64)
    kept = torch.cumprod(1.0 - betas, dim=0)
    body = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 2)).double()
    model = _set(torch, nn.ModuleDict({"body": body, "scale": nn.ParameterList([torch.ones(2).double()])}))  # fmt: skip
    yield [name for name, _ in model.named_parameters()]
    opt = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.1)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.02, total_steps=8)

    def guess(x, t):
        when = (t.double() / 8).unsqueeze(-1)
        return model["body"](torch.cat([x, when], dim=-1)) * model["scale"][0]

    for step in range(6):
        t = torch.arange(6) * (step + 1) % 8
        x, noise = _data(torch, 6, 2, phase=step), _data(torch, 6, 2, phase=4.0 + step)
        a = kept.gather(0, t).sqrt()[:, None]
        seen = a * x + (1 - kept[t]).sqrt()[:, None] * noise
        loss = nn.functional.mse_loss(guess(seen, t), noise)
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        opt.step()
        plan.step()
        yield loss.item(), norm.item(), plan.get_last_lr()
    x = _data(torch, 3, 2, phase=11.0)
    with torch.no_grad():
        for t in reversed(range(8)):
            e = guess(x, torch.full((3,), t))
            x = (x - betas[t] / (1 - kept[t]).sqrt() * e) / (1 - betas[t]).sqrt()
            if t > 0:
                x += betas[t].sqrt() * _data(torch, 3, 2, phase=float(t))
    yield x


def case_flow_of_couplings(torch):
    nn = torch.nn

    class Coupling(nn.Module):
        def __init__(self, flip):
            super().__init__()
            self.flip = flip
            self.net = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 4))

        def forward(self, x):
            a, b = x.chunk(2, dim=1)
            if self.flip:
                a, b = b, a
            s, t = self.net(a).split([2, 2], dim=1)
            s = s.tanh()
            b = b * s.exp() + t
            return torch.cat((b, a) if self.flip else (a, b), 1), s.sum(1)

    layers = nn.ModuleList(Coupling(bool(k % 2)) for k in range(3))
    _set(torch, layers).double()
    opt = torch.optim.Adamax(layers.parameters(), lr=0.02)
    for step in range(4):
        z, log_det = _data(torch, 5, 4, phase=step), 0.0
        for layer in layers:
            z, d = layer(z)
            log_det = log_det + d
        log_p = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
        nll = -(log_p + log_det).mean()
        opt.zero_grad()
        nll.backward()
        opt.step()
        yield float(nll), log_det.detach().mean(), z.std(unbiased=False)
    yield [p.grad.abs().max() for p in layers.parameters()]


def case_ordinary_differential_equation_by_euler(torch):
    class Field(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Sequential(
                torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
            )
            self.register_buffer("drift", torch.tensor([0.1, -0.2]))

        def forward(self, t, y):
            return self.net(y**3) + self.drift * t

    field = _set(torch, Field().double())
    opt = torch.optim.SGD(field.parameters(), lr=0.05, momentum=0.8, nesterov=True)
    y0, ts = torch.tensor([[2.0, 0.0]]).double(), torch.linspace(0.0, 1.0, 12, dtype=torch.float64)
    with torch.no_grad():
        turn = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]]).double()
        truth = torch.stack([y0 @ torch.matrix_exp(turn * t) for t in ts])
    for step in range(4):
        y, path = y0, [y0]
        for t0, t1 in zip(ts[:-1], ts[1:]):  # noqa: RUF007
            if step % 2:
                y = y + (t1 - t0) * field(t0, y)
            else:
                half = y + 0.5 * (t1 - t0) * field(t0, y)
                y = y + (t1 - t0) * field((t0 + t1) / 2, half)
            path.append(y)
        loss = (torch.stack(path) - truth).abs().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield loss.item(), path[-1]
    yield field.drift.dtype, [p.norm() for p in field.parameters()]


def case_physics_informed_net(torch):
    nn, grad = torch.nn, torch.autograd.grad
    net = _set(torch, nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))).double()  # fmt: skip
    nu = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
    opt = torch.optim.Adam([*net.parameters(), nu], lr=1e-2)
    for step in range(4):
        xt = _data(torch, 7, 2, phase=step)
        x, t = xt[:, :1].clone().requires_grad_(), xt[:, 1:].clone().requires_grad_()
        u = net(torch.hstack([x, t]))
        u_x, u_t = grad(u, (x, t), torch.ones_like(u), create_graph=True)
        u_xx = grad(u_x, x, torch.ones_like(u_x), create_graph=True)[0]
        residual = u_t + u * u_x - nu * u_xx
        edge = net(torch.cat([-torch.ones(3, 1).double(), _data(torch, 3, 1)], 1))
        loss = residual.square().mean() + edge.pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield loss.item(), nu.item(), u_xx.detach().squeeze()
    yield nu.grad, net[0].weight.grad


def case_quasi_newton_on_a_physical_net(torch):
    nn = torch.nn
    net = _set(torch, nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))).double()
    opt = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=4, line_search_fn="strong_wolfe")
    x = torch.linspace(0, 1, 9, dtype=torch.float64).view(-1, 1).requires_grad_(True)
    seen = []

    def closure():
        opt.zero_grad()
        u = net(x)
        (du,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        loss = ((du + 2 * u) ** 2).mean() + (net(torch.zeros(1, 1).double()) - 1).pow(2).sum()
        loss.backward()
        seen.append(loss.item())
        return loss

    for _ in range(3):
        yield opt.step(closure).item()
    yield len(seen), seen[-1], x.grad is None


def case_langevin_sampling_of_a_regression(torch):
    X, y = _data(torch, 12, 3), _data(torch, 12, phase=2.0)
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    log_s = torch.zeros((), dtype=torch.float64, requires_grad=True)
    samples = []
    for k in range(12):
        s = torch.exp(log_s)
        log_lik = -0.5 * (((y - X @ w) / s) ** 2).sum() - len(y) * log_s
        log_prior = -0.5 * (w @ w) - 0.5 * log_s**2
        U = -(log_lik + log_prior)
        gw, gs = torch.autograd.grad(U, [w, log_s])
        eta = 1e-3 / (1 + k) ** 0.5
        with torch.no_grad():
            w -= eta * gw + math.sqrt(2 * eta) * _data(torch, 3, phase=float(k))
            log_s -= eta * gs
        if k >= 4:
            samples.append(torch.cat([w.detach().clone(), log_s.detach().view(1)]))
        yield U.item()
    chain = torch.stack(samples)
    yield chain.mean(0), chain.var(0), torch.cov(chain.T), chain.quantile(0.5, dim=0)


def case_hamiltonian_dynamics(torch):
    H = _set(torch, torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Softplus(), torch.nn.Linear(6, 1, bias=False))).double()  # fmt: skip
    opt = torch.optim.NAdam(H.parameters(), lr=0.02)

    def flow(z):
        z = z.detach().requires_grad_() if not z.requires_grad else z
        dq, dp = torch.autograd.grad(H(z).sum(), z, create_graph=True)[0].unbind(-1)
        return torch.stack([dp, -dq], dim=-1)

    for step in range(4):
        z = _data(torch, 6, 2, phase=step)
        want = torch.stack([z[:, 1], -torch.sin(z[:, 0])], -1)
        loss = torch.nn.functional.smooth_l1_loss(flow(z), want, beta=0.5)
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield loss.item()
    z = torch.tensor([[1.0, 0.0]]).double()
    for _ in range(3):
        z = (z + 0.1 * flow(z)).detach()
    yield z, z.requires_grad, H(z).item()
