"""LBFGS: closures, evaluations, the line search; and closures with the other optimisers."""

from __future__ import annotations

from optim_problems import fit, valley, walk
from transcripts import raising


def closure_of(optimizer, loss, seen):
    """Return the usual closure; it notes every value that it gives."""

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        seen.append(value.item())
        return value

    return closure


def searched(torch, problem, steps, **options):
    """Yield the result of each step, how often the loss was computed, and the parameters."""
    parameters, loss = problem(torch, torch.float64)
    optimizer = torch.optim.LBFGS(parameters, **options)
    seen = []
    for _ in range(steps):
        first = optimizer.step(closure_of(optimizer, loss, seen))
        yield first.detach(), len(seen), [p.detach().clone() for p in parameters]


def case_fit(torch):
    """A quadratic, fixed step lengths, three iterations a step."""
    yield from searched(torch, fit, 3, lr=0.5, max_iter=3)


def case_fit_default(torch):
    """All defaults: one step solves a quadratic."""
    for first, count, parameters in searched(torch, fit, 1):
        yield first, count > 1, [[round(e, 4) for e in p.tolist()] for p in parameters]


def case_fit_history(torch):
    """A memory of one pair only."""
    yield from searched(torch, fit, 3, lr=0.5, max_iter=3, history_size=1)


def case_fit_strong_wolfe(torch):
    """With the line search."""
    yield from searched(torch, fit, 2, max_iter=2, line_search_fn="strong_wolfe")


def case_valley(torch):
    """Rosenbrock's valley, short fixed steps."""
    yield from searched(torch, valley, 3, lr=0.1, max_iter=2)


def case_valley_strong_wolfe(torch):
    """Rosenbrock's valley with the line search: the evaluations are counted."""
    yield from searched(torch, valley, 4, max_iter=2, line_search_fn="strong_wolfe")


def case_valley_solved(torch):
    """Enough iterations reach (1, 1)."""
    parameters, loss = valley(torch)
    optimizer = torch.optim.LBFGS(parameters, max_iter=100, line_search_fn="strong_wolfe")
    optimizer.step(closure_of(optimizer, loss, []))
    yield [round(e, 4) for e in parameters[0].tolist()], loss().item() < 1e-9


def case_evaluation_limit(torch):
    """`max_eval` stops a step early."""
    yield from searched(torch, valley, 2, lr=0.1, max_iter=20, max_eval=3)


def case_already_there(torch):
    """At the minimum the gradient is below `tolerance_grad`: one evaluation, no move."""
    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([p])
    seen = []
    out = optimizer.step(closure_of(optimizer, lambda: (p**2).sum(), seen))
    yield out, seen, p


def case_float32(torch):
    """In single precision."""
    parameters, loss = fit(torch, torch.float32)
    optimizer = torch.optim.LBFGS(parameters, lr=0.5, max_iter=2)
    for _ in range(2):
        optimizer.step(closure_of(optimizer, loss, []))
        yield [p.detach().clone() for p in parameters]


def case_state(torch):
    """State is kept once, for the first parameter; groups are refused."""
    parameters, loss = fit(torch, torch.float64)
    optimizer = torch.optim.LBFGS(parameters, lr=0.5, max_iter=2)
    optimizer.step(closure_of(optimizer, loss, []))
    state = optimizer.state_dict()["state"]
    yield list(state), state[0]["func_evals"], state[0]["n_iter"]
    yield raising(torch, lambda: torch.optim.LBFGS([{"params": parameters}, {"params": []}]))
    yield raising(torch, lambda: optimizer.step())


def case_closure_of_sgd(torch):
    """`step(closure)` computes the loss once and returns it, before the update."""
    for method in ("SGD", "Adam", "RMSprop", "Adagrad"):
        parameters, loss = fit(torch)
        optimizer = getattr(torch.optim, method)(parameters, lr=0.05)
        seen = []
        out = optimizer.step(closure_of(optimizer, loss, seen))
        yield method, out.detach(), seen, [p.detach().clone() for p in parameters]
        yield optimizer.step()


def case_closure_has_gradients_on(torch):
    """Inside `step` gradients are off, inside the closure on; also under `no_grad`."""
    p = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        out = optimizer.step(closure)
    yield out, p, torch.is_grad_enabled()


def case_walk_after_lbfgs(torch):
    """Changing the method half way."""
    parameters, loss = fit(torch, torch.float64)
    optimizer = torch.optim.LBFGS(parameters, lr=0.5, max_iter=2)
    optimizer.step(closure_of(optimizer, loss, []))
    yield from walk(torch.optim.SGD(parameters, lr=0.02), parameters, loss, 2)
