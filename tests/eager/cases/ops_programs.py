"""Programs drawn by a fixed recurrence: operations that meet, share inputs, and are overwritten.

Each is a dozen lines on a matrix x, a row y and a number z: pointwise functions that keep values
bounded, broadcasting products, reductions, views, joins, matrix products, and writes in place into
copies. A program yields its text first, so that a difference can be replayed by hand; then its
results, its gradients, and the gradient of their sum of squares. The recurrence is
s <- (1664525 s + 1013904223) mod 2**32 (Numerical Recipes), so no library's random numbers enter.
"""

from __future__ import annotations

from table import Data, cases, copies, cotangent, full, span

# Left out: programs in which cancellation makes a float32 gradient mostly rounding error.
SEEDS = [seed for seed in range(125) if seed not in (6, 36, 58, 92, 121)]
INPUTS: dict[str, Data] = {
    "x": span(-1.5, 1.5, 2, 3),
    "y": span(0.3, 1.7, 3),
    "z": full((), 0.9),
}
POINTWISE = """sin cos tanh sigmoid atan erf square exp_of_minus_square relu_of_shifted abs_of_shifted
sqrt_of_one_plus_square clamp log_of_one_plus_square""".split()
TEXT = {
    "exp_of_minus_square": "torch.exp(-{a} * {a})",
    "relu_of_shifted": "torch.relu({a} - 0.1234)",
    "abs_of_shifted": "({a} - 0.0567).abs()",
    "sqrt_of_one_plus_square": "(1 + {a} ** 2).sqrt()",
    "log_of_one_plus_square": "torch.log1p({a}.square())",
    "clamp": "{a}.clamp(-0.789, 0.987)",
    "square": "torch.tanh({a}) ** 2",
}
PRODUCTS = [
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "2.5 - {a} * {b}", "{a} / (1.5 + {b}.cos())", "torch.hypot({a}, {b} + 3)",
    "torch.atan2({a}, {b}.square() + 1)", "torch.maximum({a}, {b} + 0.01)", "torch.addcmul({a}, {b}, {b}, value=0.5)",
    "torch.lerp({a} + 0 * {b}, {b} + 0 * {a}, 0.3)", "torch.where({a} > 0.3, {b}, {a})", "torch.logaddexp({a}, {b})",
]  # fmt: skip
REDUCTIONS = [
    "{a}.sum({d})", "{a}.mean({d})", "{a}.logsumexp({d})", "{a}.amax({d})", "{a}.norm(dim={d})", "{a}.prod({d})",
    "{a}.sum({d}, keepdim=True)", "{a}.softmax({d})", "{a}.cumsum({d})", "{a}.sort({d})[0]", "{a}.flip({d})",
    "{a}.roll(1, {d})", "torch.cat([{a}, {a}.tanh()], {d})", "torch.stack([{a}, {a}.sin()], {d})", "{a}.select({d}, -1)",
    "{a}.unsqueeze({d})", "{a}.narrow({d}, 0, 1)", "{a}.unbind({d})[0]", "{a}.log_softmax({d})",
]  # fmt: skip
MATRIX = [
    "{a}.t()", "{a} @ {a}.t()", "{a}.t() @ {a}", "{a}.flatten()", "{a}.reshape(-1, 1)", "torch.einsum('ij,kj->ik', {a}, {a})",
    "torch.tril({a})", "{a}.diagonal()", "{a}[:, [0, 0]]", "{a}[0]", "{a}[..., None]", "{a} @ {a}[0]", "{a}.expand(2, *{a}.shape)[1]",
]  # fmt: skip
WRITES = [
    "{n}.mul_({b})", "{n}.add_({b}, alpha=0.5)", "{n}[..., 0] = 0.25", "{n}.tanh_()", "{n}[{n} > 0.6] = 0.5",
    "{n}.clamp_(max=0.8)", "{n}[..., -1] *= 2", "{n}.sub_({n}.detach().mean())", "{n}.neg_()", "{n} += 1",
]  # fmt: skip


def broadcast(a, b):
    """Shape of a with b, or None."""
    shape = []
    for i in range(1, max(len(a), len(b)) + 1):
        m, n = (s[-i] if i <= len(s) else 1 for s in (a, b))
        if m != n and 1 not in (m, n):
            return None
        shape.insert(0, max(m, n))
    return tuple(shape)


class Draw:
    """The recurrence, and choices by it."""

    def __init__(self, seed):
        self.state = (seed * 2654435761 + 12345) % 2**32

    def __call__(self, choices):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return choices[(self.state >> 8) % len(choices)]


def next_lines(draw, shapes):
    """One statement, or a copy and a write into it, that suits the shapes of the variables."""
    names = list(shapes)
    a, new = draw(names[-3:]), f"v{len(names)}"
    rank, size = len(shapes[a]), max(shapes[a], default=1)
    kind = draw("pointwise pointwise product product product reduce reduce matrix write".split())
    if kind == "pointwise" or (kind == "matrix" and rank != 2) or rank > 3 or size > 6:
        name = draw(POINTWISE)
        return new, [f"{new} = " + TEXT.get(name, f"torch.{name}({{a}})").format(a=a)]
    if kind == "matrix":
        return new, [f"{new} = " + draw(MATRIX).format(a=a)]
    if kind == "reduce" and rank:
        dim = draw(list(range(-rank, rank)))
        return new, [f"{new} = " + draw(REDUCTIONS).format(a=a, d=dim)]
    if kind == "write" and rank:
        within = [n for n in names if broadcast(shapes[n], shapes[a]) == shapes[a]]
        return new, [f"{new} = {a} * 1", draw(WRITES).format(n=new, b=draw(within))]
    near = names[:3] + names[-3:]
    b = draw([n for n in near if n != a and broadcast(shapes[n], shapes[a]) is not None] or [a])
    return new, [f"{new} = " + draw(PRODUCTS).format(a=a, b=b)]


def program(seed):
    """The case of one seed; odd ones run at float64."""

    def case(torch):
        precision = ("float32", "float64")[seed % 2]
        leaves = {name: data.tensor(torch, precision, True) for name, data in INPUTS.items()}
        names, draw, text = {"torch": torch, **leaves}, Draw(seed), []
        shapes = {name: tuple(leaf.shape) for name, leaf in leaves.items()}
        for _ in range(9):
            new, lines = next_lines(draw, shapes)
            for line in lines:
                exec(line, names)
            text += lines
            shapes[new] = tuple(names[new].shape)
        last = len(shapes) - 1
        line = "total = " + " + ".join(f"v{i}.mean()" for i in range(last, 2, -2))
        exec(line, names)
        yield "\n".join([*text, line])
        results = [names[n] for n in ("total", f"v{last}", f"v{last // 2 + 1}")]
        results = [r for r in results if r.requires_grad]
        yield results
        first = [cotangent(torch, r, 0.5 + i) for i, r in enumerate(results)]
        inputs = list(leaves.values())
        found = torch.autograd.grad(results, inputs, first, create_graph=True, allow_unused=True)
        yield copies([None if g is None else g.detach() for g in found])
        deeper = sum(g.square().sum() for g in found if g is not None)
        if isinstance(deeper, torch.Tensor) and deeper.requires_grad:
            yield copies(torch.autograd.grad(deeper, inputs, allow_unused=True))

    return {f"program_{seed:03}": case}


globals().update(cases(*(program(seed) for seed in SEEDS)))
