"""Whole programs: networks that learn, as users write them."""

from __future__ import annotations

from nn_formulas import fill, leaf, wave


def case_line_by_module(torch):
    """A line through points, by `Linear`, `MSELoss` and SGD."""
    nn = torch.nn
    x = torch.linspace(-1, 1, 5).unsqueeze(1)
    y = 3 * x + 2
    model = fill(torch, nn.Linear(1, 1))
    criterion, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.2)
    for epoch in range(60):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 5 == 0 and epoch < 16:
            yield loss, model.weight.item(), model.bias.item()
    yield round(model.weight.item(), 4), round(model.bias.item(), 4)


def case_exclusive_or(torch):
    """A hidden layer learns what a line cannot."""
    nn = torch.nn
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    net = fill(torch, nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), 1.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(200):
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        if epoch in (0, 1, 2, 10):
            yield loss.item()
    yield (torch.sigmoid(net(x)) > 0.5).int(), loss.item() < 0.05


def case_classifier_with_batches(torch):
    """Batches, a scheduler, accuracy, evaluation without a graph."""
    nn = torch.nn
    x = wave(torch, 12, 2, scale=2.0)
    y = (x[:, 0] > x[:, 1]).long() + (x.sum(1) > 1).long()
    net = fill(torch, nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, gamma=0.5)
    for _ in range(8):
        net.train()
        total = torch.zeros(())
        for start in range(0, 12, 4):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x[start : start + 4]), y[start : start + 4])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        scheduler.step()
        net.eval()
        with torch.no_grad():
            right = (net(x).argmax(dim=1) == y).sum().item()
        yield total, right, scheduler.get_last_lr()


def case_convolution_learns(torch):
    """A kernel is found from its results."""
    nn = torch.nn
    x = wave(torch, 2, 1, 6)
    target = nn.functional.conv1d(x, torch.tensor([[[1.0, -2.0, 0.5]]]))
    layer = fill(torch, nn.Conv1d(1, 1, 3, bias=False))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for step in range(150):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(layer(x), target)
        loss.backward()
        optimizer.step()
        if step < 3:
            yield loss.detach(), layer.weight.detach().clone()
    yield loss.item() < 1e-2


def case_embedding_learns(torch):
    """Only the rows that were looked up move under SGD; under Adam with history all do."""
    nn = torch.nn
    for method in ("SGD", "Adam"):
        table = fill(torch, nn.Embedding(4, 2))
        optimizer = getattr(torch.optim, method)(table.parameters(), lr=0.1)
        for rows in ([0, 1], [1, 2]):
            optimizer.zero_grad()
            (table(torch.tensor(rows)) ** 2).sum().backward()
            optimizer.step()
            yield method, table.weight.detach().clone()


def case_two_losses(torch):
    """A weighted sum, and the same by two backwards."""
    nn = torch.nn
    for together in (True, False):
        net = fill(torch, nn.Linear(2, 2))
        out = net(wave(torch, 3, 2))
        first, second = (out[:, 0] ** 2).mean(), out[:, 1].abs().mean()
        if together:
            (first + 0.5 * second).backward()
        else:
            first.backward(retain_graph=True)
            (0.5 * second).backward()
        yield net.weight.grad, net.bias.grad


def case_weights_tied(torch):
    """Encoder and decoder share a matrix, one of them transposed."""
    F = torch.nn.functional
    w = leaf(torch, 2, 3)
    optimizer = torch.optim.SGD([w], lr=0.05)
    x = wave(torch, 4, 3, phase=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.mse_loss(torch.tanh(F.linear(x, w)) @ w, x)
        loss.backward()
        optimizer.step()
        yield loss.detach(), w.detach().clone()


def case_adversary(torch):
    """Two optimisers in turn; the other network's gradients are thrown away."""
    nn = torch.nn
    maker, judge = fill(torch, nn.Linear(2, 2)), fill(torch, nn.Linear(2, 1), 0.4)
    make = torch.optim.Adam(maker.parameters(), lr=0.05)
    check = torch.optim.Adam(judge.parameters(), lr=0.05)
    loss = nn.BCEWithLogitsLoss()
    real, noise = wave(torch, 3, 2, phase=2.0), wave(torch, 3, 2)
    for _ in range(3):
        check.zero_grad()
        fake = maker(noise)
        cost = loss(judge(real), torch.ones(3, 1)) + loss(judge(fake.detach()), torch.zeros(3, 1))
        cost.backward()
        check.step()
        make.zero_grad()
        gain = loss(judge(fake), torch.ones(3, 1))
        gain.backward()
        make.step()
        yield cost.detach(), gain.detach(), fake.detach()


def case_input_optimised(torch):
    """The network is fixed, the input moves."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(2, 3), nn.Softplus(), nn.Linear(3, 1)))
    net.requires_grad_(False)
    x = leaf(torch, 1, 2)
    optimizer = torch.optim.Adam([x], lr=0.2)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (net(x) - 1).pow(2).sum()
        loss.backward()
        optimizer.step()
        yield loss.detach(), x.detach().clone()
    yield [p.grad for p in net.parameters()]


def case_update_by_hand(torch):
    """Without an optimiser: parameters of a module updated under `no_grad`."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1)))
    x, y = wave(torch, 4, 2), wave(torch, 4, 1, phase=2.0)
    for _ in range(3):
        loss = ((net(x) - y) ** 2).mean()
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.5 * p.grad
        yield loss.detach(), net[0].weight.detach().clone()


def case_learning_step_differentiated(torch):
    """A gradient step inside the graph: the gradient of the loss after it with respect to lr."""
    w = leaf(torch, 2, dtype=torch.float64)
    lr = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    x = wave(torch, 3, 2, dtype=torch.float64, phase=1.0)
    loss = ((x @ w) ** 2).mean()
    (g,) = torch.autograd.grad(loss, w, create_graph=True)
    after = ((x @ (w - lr * g)) ** 2).mean()
    after.backward()
    yield after, lr.grad, w.grad
