"""Learning-rate schedulers: the rates over a dozen epochs, chains, states, warnings and errors."""

from __future__ import annotations

import math

from nn_formulas import leaf
from optim_problems import fit, walk
from transcripts import raising

EPOCHS = 10

ROWS = [
    ("step", "StepLR", {"step_size": 3}),
    ("step_gamma", "StepLR", {"step_size": 4, "gamma": 0.5}),
    ("multi_step", "MultiStepLR", {"milestones": [2, 5, 6]}),
    ("multi_step_gamma", "MultiStepLR", {"milestones": [3, 3, 7], "gamma": 0.5}),
    ("exponential", "ExponentialLR", {"gamma": 0.8}),
    ("constant", "ConstantLR", {}),
    ("constant_options", "ConstantLR", {"factor": 0.25, "total_iters": 3}),
    ("linear", "LinearLR", {}),
    ("linear_options", "LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 6}),
    ("polynomial", "PolynomialLR", {"total_iters": 6, "power": 2.0}),
    ("cosine", "CosineAnnealingLR", {"T_max": 8}),
    ("cosine_floor", "CosineAnnealingLR", {"T_max": 4, "eta_min": 0.1}),
    ("cosine_restarts", "CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
    ("one_cycle", "OneCycleLR", {"max_lr": 1.0, "total_steps": 11}),
    ("one_cycle_linear", "OneCycleLR",
     {"max_lr": 1.0, "epochs": 2, "steps_per_epoch": 6, "pct_start": 0.5,
      "anneal_strategy": "linear", "div_factor": 10.0, "final_div_factor": 100.0}),
    ("one_cycle_three_phases", "OneCycleLR",
     {"max_lr": 1.0, "total_steps": 12, "three_phase": True}),
    ("cyclic", "CyclicLR",
     {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "cycle_momentum": False}),
]  # fmt: skip


def rates(torch, scheduler, optimizer, epochs=EPOCHS):
    """Return the learning rates before each epoch."""
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*seen, optimizer.param_groups[0]["lr"]]


def fresh(torch, lr=0.4, **options):
    """Return an optimiser that has nothing to do."""
    return torch.optim.SGD([leaf(torch, 2)], lr=lr, **options)


def made(name, options):
    """Return the case of a row."""

    def case(torch):
        optimizer = fresh(torch, momentum=0.9)
        scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
        yield scheduler.get_last_lr(), scheduler.last_epoch
        yield rates(torch, scheduler, optimizer)
        yield scheduler.get_last_lr(), scheduler.last_epoch
        yield optimizer.param_groups[0]["momentum"]

    return case


for _name, _scheduler, _options in ROWS:
    _case = made(_scheduler, _options)
    _case.__name__ = _case.__qualname__ = f"case_{_name}"
    _case.__module__ = __name__
    _case.__doc__ = f"{_scheduler} with {_options}."
    assert _case.__name__ not in globals()
    globals()[_case.__name__] = _case


def case_lambda(torch):
    """The rate is the initial one times a function of the epoch."""
    s = torch.optim.lr_scheduler
    optimizer = fresh(torch)
    yield rates(torch, s.LambdaLR(optimizer, lr_lambda=lambda e: 1 / (1 + e)), optimizer)
    optimizer = fresh(torch)
    yield rates(torch, s.MultiplicativeLR(optimizer, lambda e: 0.9), optimizer)


def case_groups(torch):
    """Each group starts from its own rate; a list gives each its own function."""
    s = torch.optim.lr_scheduler
    p, q = leaf(torch, 2), leaf(torch, 3)
    optimizer = torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 1.0}], lr=0.4)
    scheduler = s.StepLR(optimizer, 2)
    for _ in range(3):
        optimizer.step()
        scheduler.step()
        yield scheduler.get_last_lr()
    yield scheduler.base_lrs, [g["initial_lr"] for g in optimizer.param_groups]
    optimizer = torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 1.0}], lr=0.4)
    scheduler = s.LambdaLR(optimizer, [lambda e: 0.5**e, lambda e: 1.0 - 0.1 * e])
    optimizer.step()
    scheduler.step()
    yield scheduler.get_last_lr()


def case_sequential(torch):
    """A warm-up, then a decay."""
    s = torch.optim.lr_scheduler
    optimizer = fresh(torch)
    warm = s.LinearLR(optimizer, start_factor=0.1, total_iters=3)
    decay = s.ExponentialLR(optimizer, gamma=0.5)
    scheduler = s.SequentialLR(optimizer, [warm, decay], milestones=[4])
    yield rates(torch, scheduler, optimizer, 8)


def case_chained(torch):
    """Several at once: the factors multiply."""
    s = torch.optim.lr_scheduler
    optimizer = fresh(torch)
    both = s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 2), s.ExponentialLR(optimizer, 0.9)])
    yield rates(torch, both, optimizer, 5)


def case_two_by_hand(torch):
    """Two schedulers stepped one after the other act on the same rate."""
    s = torch.optim.lr_scheduler
    optimizer = fresh(torch)
    one, two = s.ExponentialLR(optimizer, 0.9), s.MultiStepLR(optimizer, [2, 4], 0.5)
    for _ in range(5):
        optimizer.step()
        one.step()
        two.step()
        yield optimizer.param_groups[0]["lr"]


def case_plateau(torch):
    """The rate falls when the metric has not improved for more than `patience` epochs."""
    s = torch.optim.lr_scheduler
    losses = [5.0, 4.0, 4.0, 4.0, 4.0, 3.9999, 3.0, 3.1, 3.2, 3.3, 3.4, 3.5]
    for options in [
        {"patience": 2},
        {"patience": 1, "factor": 0.5},
        {"patience": 0, "cooldown": 2},
        {"patience": 1, "mode": "max"},
        {"patience": 1, "threshold": 0.5, "threshold_mode": "abs"},
        {"patience": 1, "min_lr": 0.1},
        {"patience": 0, "factor": 0.999, "eps": 0.01},
    ]:
        optimizer = fresh(torch)
        scheduler = s.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for loss in losses:
            optimizer.step()
            scheduler.step(loss)
            seen.append(optimizer.param_groups[0]["lr"])
        yield sorted(options), seen, scheduler.num_bad_epochs, scheduler.best
    yield scheduler.get_last_lr(), scheduler.last_epoch


def case_plateau_takes_tensors(torch):
    """The metric may be a tensor; NaN is no improvement."""
    optimizer = fresh(torch)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    for loss in (torch.tensor(2.0), torch.tensor(math.nan), torch.tensor(2.0)):
        optimizer.step()
        scheduler.step(loss)
        yield optimizer.param_groups[0]["lr"], scheduler.num_bad_epochs


def case_plateau_errors(torch):
    """Factors that raise the rate, modes that do not exist, a step without a metric."""
    s = torch.optim.lr_scheduler
    optimizer = fresh(torch)
    yield raising(torch, lambda: s.ReduceLROnPlateau(optimizer, factor=1.5), "factor")
    yield raising(torch, lambda: s.ReduceLROnPlateau(optimizer, mode="low"), "low")
    yield raising(torch, lambda: s.ReduceLROnPlateau(optimizer, threshold_mode="x"), "x")
    yield raising(torch, lambda: s.ReduceLROnPlateau(optimizer, min_lr=[0.1, 0.2]), "min_lr")
    yield raising(torch, lambda: s.ReduceLROnPlateau(optimizer).step(), "metrics")


def case_scheduled_training(torch):
    """The rate that the scheduler sets is the one that the step takes."""
    s = torch.optim.lr_scheduler
    parameters, loss = fit(torch)
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.5)
    scheduler = s.CosineAnnealingLR(optimizer, T_max=4)
    for _ in range(4):
        yield from walk(optimizer, parameters, loss, 1)
        scheduler.step()
        yield scheduler.get_last_lr()


def case_scheduled_adam(torch):
    """With a warm-up and Adam."""
    parameters, loss = fit(torch)
    optimizer = torch.optim.Adam(parameters, lr=0.2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: min(1.0, (e + 1) / 3))
    for _ in range(4):
        yield from walk(optimizer, parameters, loss, 1)
        scheduler.step()


def case_state_restored(torch):
    """A scheduler goes on from its state."""
    s = torch.optim.lr_scheduler
    optimizer = fresh(torch)
    scheduler = s.StepLR(optimizer, 3, gamma=0.5)
    yield rates(torch, scheduler, optimizer, 4)
    saved, kept = scheduler.state_dict(), optimizer.state_dict()
    yield saved["last_epoch"], saved["step_size"], saved["gamma"], saved["base_lrs"]
    yield "optimizer" in saved
    optimizer = fresh(torch)
    scheduler = s.StepLR(optimizer, 100)
    optimizer.load_state_dict(kept)
    scheduler.load_state_dict(saved)
    yield rates(torch, scheduler, optimizer, 4), scheduler.step_size


def case_resumed_by_last_epoch(torch):
    """`last_epoch` starts in the middle, from the `initial_lr` that the group remembers."""
    p = leaf(torch, 2)
    group = {"params": [p], "lr": 0.1, "initial_lr": 0.4}
    optimizer = torch.optim.SGD([group], lr=0.4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5, last_epoch=3)
    yield scheduler.get_last_lr(), scheduler.last_epoch
    yield rates(torch, scheduler, optimizer, 3)
    yield raising(
        torch,
        lambda: torch.optim.lr_scheduler.StepLR(fresh(torch), 2, last_epoch=3),
        "initial_lr",
    )


def case_scheduler_before_optimizer_warns(torch):
    """Stepping the scheduler first skips the first rate."""
    optimizer = fresh(torch)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    scheduler.step()
    yield scheduler.get_last_lr()
    optimizer.step()
    scheduler.step()
    yield scheduler.get_last_lr()


def case_scheduler_errors(torch):
    """No optimiser, too many steps, wrong lengths."""
    s = torch.optim.lr_scheduler
    yield raising(torch, lambda: s.StepLR([leaf(torch, 2)], 2), "list")
    yield raising(torch, lambda: s.LambdaLR(fresh(torch), [abs, abs]), "2", "1")
    optimizer = fresh(torch)
    cycle = s.OneCycleLR(optimizer, 1.0, total_steps=2, cycle_momentum=False)
    optimizer.step()
    cycle.step()
    yield raising(torch, lambda: (cycle.step(), cycle.step()), "2", "3")
    yield raising(torch, lambda: s.OneCycleLR(fresh(torch), 1.0))
    yield raising(torch, lambda: s.LinearLR(fresh(torch), start_factor=2.0))
    yield raising(torch, lambda: s.ConstantLR(fresh(torch), factor=-0.5))
    yield raising(torch, lambda: s.CosineAnnealingWarmRestarts(fresh(torch), T_0=0), "T_0")
