"""Reductions: over everything, one axis, negative axes, tuples of axes, with and without keepdim."""

from __future__ import annotations

from table import bools, cases, expr, exprs, fails, full, ints, lit, op, span, waves

NAN = float("nan")
INF = float("inf")
X = span(-2, 2, 2, 3)
TALL = full((3, 3), 0.5, -1.25, 2.0, 1.5, 0.75, -0.3, 0.1, 1.0, -2.5)
POSITIVE = span(0.5, 2, 2, 3)
T = span(-2, 2, 2, 3, 2)
N = ints(0, 6, 2, 3)
P = bools(2, 3)
Z = full((), 1.5)


def everywhere(name, forms="fm", x=X):
    """One reduction over each kind of axis argument."""
    return [
        op(name, "x", forms, x=x),
        op(name, "x, dim=0", forms, tag="dim", x=x),
        op(name, "x, -1, keepdim=True", "fm", tag="keepdim", x=x),
        op(name, "x, dim=(0, 2)", "f", tag="dims", x=T),
        op(name, "x", "f", tag="zero_d", x=Z),
    ]


ROWS = [
    *everywhere("sum", "fm"),
    op("sum", "x, dim=1", "o", x=X),
    op("mean", "x, dim=1", "o", x=X),
    *everywhere("mean", "fm"),
    *everywhere("nansum", "fm"),
    *everywhere("nanmean", "fm"),
    *everywhere("amax", "fmo")[1:],
    *everywhere("amin", "fmo")[1:],
    op("amax", "x, dim=()", "fm", x=X),
    op("amin", "x, dim=()", "fm", x=X),
    *everywhere("logsumexp", "fmo")[1:-1],
    *everywhere("var", x=TALL)[:-1],
    *everywhere("std", x=TALL)[:-1],
    *everywhere("norm", "fm"),
    *everywhere("count_nonzero", "fm")[:2],
    # products
    op("prod", "x", "fm", x=X),
    op("prod", "x, dim=1", "fmo", tag="dim", x=X),
    op("prod", "x, -2, keepdim=True", "fm", tag="keepdim", x=X),
    op("prod", "x", "f", tag="zero_d", x=Z),
    op("prod", "x, dtype=torch.float64", "fm", tag="dtype", x=X),
    # spread
    op("var", "x, dim=1, correction=0", "fm", tag="population", x=X),
    op("var", "x, dim=1, unbiased=False", "fm", tag="biased", x=X),
    op("var", "x, False", "fm", tag="all_biased", x=X),
    op("std", "x, dim=1, correction=2", "fm", tag="correction", x=X),
    op("std", "x, unbiased=False", "fm", tag="biased", x=X),
    op("var_mean", "x", "f", x=X),
    op("var_mean", "x, dim=1, correction=0, keepdim=True", "f", tag="keepdim", x=X),
    op("std_mean", "x", "f", x=X),
    op("std_mean", "x, dim=0", "f", tag="dim", x=TALL),
    # extremes
    op("max", "x", "fm", x=X),
    op("min", "x", "fm", x=X),
    op("max", "x, dim=1", "fm", tag="dim", x=X),
    op("min", "x, dim=1", "fm", tag="dim", x=X),
    op("max", "x, 0, keepdim=True", "fm", tag="keepdim", x=X),
    op("min", "x, -1, True", "fm", tag="keepdim", x=X),
    op("aminmax", "x", "fm", x=X),
    op("aminmax", "x, dim=1, keepdim=True", "fm", tag="dim", x=X),
    *(op(n, "x", "fm", x=X) for n in "argmax argmin".split()),
    *(op(n, "x, dim=1", "fm", tag="dim", x=X) for n in "argmax argmin".split()),
    *(op(n, "x, dim=0, keepdim=True", "fm", tag="keepdim", x=X) for n in "argmax argmin".split()),
    # middles
    op("median", "x", "fm", x=X),
    op("median", "x, dim=1", "fm", tag="dim", x=X),
    op("median", "x, dim=0, keepdim=True", "fm", tag="keepdim", x=X),
    op("nanmedian", "x", "fm", x=lit(3.0, NAN, 1.0, 2.0, NAN)),
    op("nanmedian", "x, dim=1", "fm", tag="dim", x=full((2, 3), NAN, 1.0, 2.0, 4.0, 3.0, 5.0)),
    op("mode", "x", "fm", x=full((2, 3), 1.0, 2.0, 1.0, 3.0, 3.0, 2.0)),
    op("mode", "x, dim=0, keepdim=True", "fm", tag="keepdim", x=full((3, 1), 1.0, 2.0, 1.0)),
    op("quantile", "x, 0.4", "fm", x=X),
    op("quantile", "x, 0.4, dim=1", "fm", tag="dim", x=X),
    op(
        "quantile",
        "x, torch.tensor([0.2, 0.75], dtype=x.dtype), dim=1, keepdim=True",
        "fm",
        tag="several",
        x=X,
    ),
    *(
        op("quantile", f"x, 0.3, interpolation='{rule}'", "f", tag=rule, x=X)
        for rule in "lower higher midpoint nearest".split()
    ),
    op("nanquantile", "x, 0.4", "fm", x=lit(3.0, NAN, 1.0, 2.0, NAN)),
    op(
        "nanquantile",
        "x, 0.4, dim=1",
        "fm",
        tag="dim",
        x=full((2, 3), NAN, 1.0, 2.0, 4.0, 3.0, 5.0),
    ),
    # norms
    *(
        op("norm", f"x, {p}", "fm", tag=tag, x=X)
        for p, tag in [
            ("1", "one"),
            ("3", "three"),
            ("'fro'", "fro"),
            ("float('inf')", "inf"),
            ("0.5", "half"),
        ]
    ),
    op("norm", "x, p=1, dim=1", "fm", tag="one_dim", x=X),
    op("dist", "x, y", "fm", x=X, y=POSITIVE),
    op("dist", "x, y, p=1", "fm", tag="one", x=X, y=POSITIVE),
    # truth
    *(op(n, "x", "fm", x=P) for n in ("all", "any")),
    *(op(n, "x, dim=1", "fm", tag="dim", x=P) for n in ("all", "any")),
    *(op(n, "x, 0, keepdim=True", "fm", tag="keepdim", x=P) for n in ("all", "any")),
    *(op(n, "x", "fm", tag="floats", x=X) for n in ("all", "any")),
    *(op(n, "x", "fm", tag="integers", x=N) for n in ("all", "any")),
    *(op(n, "x, dim=(0, 2)", "f", tag="dims", x=T) for n in ("all", "any")),
    *(op(n, "x", "f", tag="bytes", x=ints(0, 2, 3, kind="uint8")) for n in ("all", "any")),
    op("count_nonzero", "x, dim=(0, 1)", "fm", tag="dims", x=N),
    # dtype argument and whole numbers
    op("sum", "x, dtype=torch.float64", "fm", tag="dtype", x=X),
    op("sum", "x, dim=1, dtype=torch.float32", "fm", tag="dim_dtype", x=X),
    op("mean", "x, dtype=torch.float64", "fm", tag="dtype", x=N),
    exprs(
        "reductions_of_integers",
        """x.sum(); x.prod(); x.sum(0); x.prod(1); x.max(); x.min(1); x.argmax(); x.median();
        x.amax(0); x.nansum(); torch.logsumexp(x, 0); x.mean(dtype=torch.float32)""",
        x=N,
    ),
    exprs(
        "reductions_of_int32",
        "x.sum(); x.prod(); x.sum(0); x.max(); x.cumsum(0)",
        x=ints(0, 6, 3, kind="int32"),
    ),
    exprs(
        "reductions_of_bytes",
        "x.sum(); x.prod(); x.max(); x.cumsum(0)",
        x=ints(0, 250, 3, kind="uint8"),
    ),
    exprs(
        "reductions_of_bools",
        "x.sum(); x.prod(); x.sum(1); x.max(); x.min(0); x.cumsum(1); x.amax(1)",
        x=P,
    ),
    # methods and spellings
    exprs(
        "reduction_spellings",
        """x.sum((0, 1)); x.sum(0, True); x.sum(dim=[1]); x.mean(axis=1, keepdims=True);
        torch.sum(x, axis=0); x.max(1)[0]; x.max(1).values; x.min(dim=0).indices;
        x.norm(dim=1)""",
        x=X,
    ),
    exprs(
        "reductions_of_views",
        "x.t().sum(0); x[:, ::2].mean(); x.expand(2, 2, 3).sum((0, 1)); x[1].prod()",
        x=X,
    ),
    exprs("empty_dims", "x.sum(dim=()); x.mean(dim=()); x.sum(dim=[]); x.var(dim=())", x=X),
    # nothing to reduce
    exprs(
        "reductions_of_empty",
        """x.sum(); x.prod(); x.sum(0); x.sum(1); x.all(); x.any(); x.logsumexp(0); x.mean();
        x.count_nonzero(); x.norm(); x.mean(0)""",
        x=full((0, 3)),
    ),
    fails(
        "reductions_of_empty",
        """x.max(); x.min(); x.argmax(); x.amax(0); x.max(0); x.argmin(0); torch.aminmax(x);
        torch.quantile(x, 0.5)""",
        x=full((0, 3)),
    ),
    exprs(
        "extremes_with_nan",
        """x.max(); x.min(); x.amax(); x.argmax(); x.max(0); x.sum(); x.nansum(); x.nanmean();
        x.median(); x.sort(); torch.maximum(x, x.flip(0))""",
        x=lit(1.0, NAN, 3.0),
    ),
    exprs(
        "infinities", "x.sum(); x.mean(); x.max(); x.logsumexp(0); x.prod()", x=lit(1.0, INF, -2.0)
    ),
    # errors
    fails(
        "mean_of_integers",
        "x.mean(); torch.mean(x, 0); x.std(); x.var(); x.norm(); x.quantile(0.5); x.nanmean()",
        x=N,
    ),
    fails("mean_of_bools", "x.mean()", x=P),
    fails(
        "reduction_dims",
        """x.sum(2); x.sum(-3); x.max(5); x.sum((0, 0)); x.argmax(dim=2); x.prod(3);
        x.mean(dim=7)""",
        x=X,
    ),
    fails("quantile_out_of_range", "torch.quantile(x, 1.5); torch.quantile(x, -0.1)", x=X),
    # complex
    exprs(
        "reductions_of_complex",
        "x.sum(); x.mean(); x.prod(); x.sum(0); x.var(); x.norm()",
        x=waves(2, 2),
    ),
    expr("sum_to_size", "x.sum_to_size(1, 3)", smooth=True, x=X),
    expr("sum_of_squares", "(x ** 2).sum(1).sqrt().sum()", smooth=True, x=X),
]

globals().update(cases(*ROWS))


def case_result_fields(torch):
    x = torch.tensor([[3.0, 1.0, 2.0], [0.5, 4.0, 1.0]])
    for result in (x.max(1), x.min(1), x.median(1), x.sort(1), x.topk(2), x.mode(1), x.kthvalue(2)):
        yield result.values
        yield result.indices
    found = torch.aminmax(x)
    yield found.min, found.max
    values, indices = x.max(dim=0)
    yield values, indices, len(x.max(0)), x.max(0)[1]


def case_std_of_one_element(torch):
    x = torch.tensor([2.0], requires_grad=True)
    y = x.std()
    yield y
    yield x.var(correction=0)
    yield x.std(correction=0)
    yield torch.autograd.grad(y, x)
