"""The same operation on inputs laid out in every way: transposed, strided, expanded, 0-d, empty.

A kernel that reads memory in order, or divides by a count of elements, shows itself here. The
gradient goes back through the view, so an expanded input sums and a strided one leaves zeros.
"""

from __future__ import annotations

from table import cases, exprs, span, spread

X = span(0.2, 0.9, 2, 3)
Y = spread(0.2, 0.9, 2, 3)

UNARY = """abs acos asin atan ceil cos cosh digamma erf erfc erfinv exp exp2 expm1 floor frac lgamma log
log10 log1p log2 logit neg reciprocal relu round rsqrt sgn sigmoid sign sin sinc sinh sqrt square tan
tanh trunc asinh atanh deg2rad isnan logical_not""".split()

BINARY = """add sub mul div pow atan2 maximum minimum fmax fmin hypot copysign logaddexp logaddexp2 xlogy
remainder fmod floor_divide eq lt ge logical_and isclose float_power""".split()
UNDIVIDED = {"floor_divide", "remainder", "fmod"}  # PyTorch lacks a derivative of these

REDUCTIONS = "sum mean prod amax amin logsumexp std var norm all any count_nonzero nansum".split()
FULL = {"sum", "mean", "prod", "norm", "all", "any", "count_nonzero", "nansum"}  # dim not needed

ALONG = {
    "cumsum": "{x}.cumsum({d})",
    "cumprod": "{x}.cumprod({d})",
    "logcumsumexp": "{x}.logcumsumexp({d})",
    "cummax": "{x}.cummax({d})",
    "sort": "{x}.sort({d})",
    "argmax": "{x}.argmax({d})",
    "max": "{x}.max({d})",
    "median": "{x}.median({d})",
    "softmax": "{x}.softmax({d})",
    "log_softmax": "{x}.log_softmax({d})",
    "flip": "{x}.flip({d})",
    "roll": "{x}.roll(1, {d})",
    "diff": "{x}.diff(dim={d})",
    "unbind": "{x}.unbind({d})",
    "cat": "torch.cat([{x}, {x}], {d})",
    "stack": "torch.stack([{x}, {x}], {d})",
    "repeat_interleave": "{x}.repeat_interleave(2, {d})",
    "fft": "torch.fft.fft({x}, dim={d})",
    "quantile": "{x}.quantile(0.4, {d})",
    "index_select": "{x}.index_select({d}, torch.tensor([1, 0]))",
}

VIEWS = ["x.t()", "x[:, ::2]", "x[0].expand(2, 3)"]


def unary(name):
    layouts = [*VIEWS, "x[0, 1]", "x[:0]"]
    return exprs(f"layout_{name}", "; ".join(f"torch.{name}({v})" for v in layouts), x=X)


def binary(name):
    pairs = [
        "x.t(), y.t()",
        "x[:, ::2], y[:, 1:]",
        "x[0], y.t()[:, :1]",
        "x[0, 1], y",
        "x, y[1, 1]",
    ]
    pairs += ["x[:0], y[1]", "x[:, None], y", "x.expand(2, 2, 3), y[0]"]
    calls = "; ".join(f"torch.{name}({pair})" for pair in pairs)
    return exprs(f"layout_{name}", calls, grad=name not in UNDIVIDED, x=X, y=Y)


def reduction(name):
    calls = [f"torch.{name}({v}, dim={d})" for v in VIEWS for d in (0, -1)]
    calls += [f"torch.{name}({v})" for v in [*VIEWS, "x[0, 1]", "x[:0]"] if name in FULL]
    return exprs(f"layout_{name}", "; ".join(calls), x=X)


def along(name):
    calls = [ALONG[name].format(x=v, d=d) for v in VIEWS for d in (0, 1)]
    return exprs(f"layout_{name}", "; ".join(calls), x=X)


globals().update(
    cases(
        *(unary(name) for name in UNARY),
        *(binary(name) for name in BINARY),
        *(reduction(name) for name in REDUCTIONS),
        *(along(name) for name in ALONG),
        exprs(
            "layout_matmul",
            """x.t() @ y; x @ y.t(); x[:, ::2] @ y.t()[::2]; x[0].expand(2, 3) @ y.t(); x[:0] @ y.t();
            x[:, :0] @ y.t()[:0]; x[0] @ y[1]; x.t()[1] @ y; torch.einsum('ij,kj->ik', x.flip(1), y);
            torch.mv(x.t(), y[:, 0]); torch.outer(x[:, 0], y.t()[:, 1]); torch.dot(x[:, 1], y[:, 2])""",
            x=X,
            y=Y,
        ),
        exprs(
            "layout_where",
            """torch.where(x.t() > 0.5, x.t(), y.t()); torch.where(x[0] > 0.5, x, y[:, :1]);
            torch.where(x > 0.5, x[0, 0], y); x.t().masked_fill(x.t() > 0.5, 0.0); x.t()[y.t() > 0.5]""",
            x=X,
            y=Y,
        ),
        exprs(
            "layout_inplace",
            """(x * 1).t().add_(y.t()); (x * 1)[:, ::2].mul_(2); (x * 1).view(6).exp_();
            (x * 1)[0].sub_(y[1]); (x * 1).t()[1:].div_(y[0, :2]); (x * 1).clamp_(0.3, 0.6)""",
            x=X,
            y=Y,
        ),
    )
)
