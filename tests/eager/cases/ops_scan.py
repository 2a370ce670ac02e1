"""Scans, sorting, selection, counting and searching."""

from __future__ import annotations

from table import bools, cases, exprs, fails, full, ints, lit, op, span

X = span(-2, 2, 2, 3)
V = span(-2, 2, 6)
N = ints(0, 5, 6)
TIED = lit(2.0, 1.0, 2.0, 3.0, 1.0)
EDGES = lit(1.0, 3.0, 5.0, 7.0)

ROWS = [
    op("cumsum", "x, 0", "fmio", x=V),
    op("cumsum", "x, dim=1", "fm", tag="dim", x=X),
    op("cumsum", "x, -2", "fm", tag="negative", x=X),
    op("cumsum", "x, 0, dtype=torch.float64", "fm", tag="dtype", x=X),
    op("cumprod", "x, 0", "fmio", x=V),
    op("cumprod", "x, dim=1", "fm", tag="dim", x=X),
    op("cummax", "x, 0", "fm", x=V),
    op("cummax", "x, dim=1", "fm", tag="dim", x=X),
    op("cummin", "x, 0", "fm", x=V),
    op("cummin", "x, dim=-1", "fm", tag="dim", x=X),
    op("logcumsumexp", "x, 0", "fm", x=V),
    op("logcumsumexp", "x, dim=1", "fm", tag="dim", x=X),
    exprs("scans_of_integers", "x.cumsum(0); x.cumprod(0); x.cummax(0); x.cummin(0)", x=N),
    exprs("scans_of_zero_d", "x.cumsum(0); x.cumprod(0); x.cummax(0)", x=full((), 1.5)),
    exprs("scans_of_empty", "x.cumsum(0); x.cumprod(1)", x=full((0, 2))),
    exprs("scans_of_views", "x.t().cumsum(0); x[:, ::2].cumprod(1)", x=X),
    fails("scan_dims", "x.cumsum(); x.cumsum(2); x.cumprod(-3)", x=X),
    op("diff", "x", "fm", x=V),
    op("diff", "x, n=2", "fm", tag="twice", x=V),
    op("diff", "x, dim=0", "fm", tag="dim", x=X),
    op("diff", "x, prepend=y, append=z", "f", tag="ends", x=V, y=lit(0.5), z=lit(2.5, 1.0)),
    exprs("diff_of_integers", "x.diff(); torch.diff(x > 2)", x=N),
    op("gradient", "x", "f", x=V),
    op("gradient", "x, spacing=2.0, dim=1", "f", tag="spacing", x=X),
    op("trapezoid", "x", "f", x=X),
    op("trapezoid", "x, y", "f", tag="points", x=X, y=lit(0.0, 0.5, 2.0)),
    op("trapezoid", "x, dx=0.5, dim=0", "f", tag="dx", x=X),
    op("trapz", "x", "f", x=X),
    op("cumulative_trapezoid", "x", "f", x=X),
    op("cumulative_trapezoid", "x, y", "f", tag="points", x=X, y=lit(0.0, 0.5, 2.0)),
    # sorting
    op("sort", "x", "fm", x=V),
    op("sort", "x, dim=0, descending=True", "fm", tag="down", x=X),
    op("sort", "x, stable=True", "fm", tag="stable", x=TIED),
    op("sort", "x, stable=True, descending=True", "fm", tag="stable_down", x=TIED),
    op("argsort", "x", "fm", x=V),
    op("argsort", "x, dim=0, descending=True", "fm", tag="down", x=X),
    op("argsort", "x, stable=True", "fm", tag="stable", x=TIED),
    op("msort", "x", "fm", x=X),
    op("topk", "x, 2", "fm", x=V),
    op("topk", "x, 2, dim=1, largest=False", "fm", tag="smallest", x=X),
    op("kthvalue", "x, 2", "fm", x=V),
    op("kthvalue", "x, 1, dim=0, keepdim=True", "fm", tag="keepdim", x=X),
    exprs(
        "sorting_integers",
        "x.sort(stable=True); x.topk(1); x.argsort(stable=True); x.kthvalue(3)[0]",
        x=N,
    ),
    exprs("sorting_bools", "x.sort(stable=True)", x=bools(4)),
    exprs("sorting_zero_d", "x.sort(); x.topk(1); x.argsort(); x.kthvalue(1)", x=full((), 1.5)),
    exprs("sorting_empty", "x.sort(); x.argsort(); x.topk(0)", x=full((0,))),
    fails("sorting", "x.topk(9); x.kthvalue(0); x.kthvalue(9); x.sort(3); x.topk(-1)", x=V),
    # sets and counts
    op("unique", "x", "fm", grad=False, x=TIED),
    op("unique", "x, return_inverse=True, return_counts=True", "fm", grad=False, tag="all", x=TIED),
    op("unique", "x, return_counts=True", "fm", grad=False, tag="counts", x=N),
    op(
        "unique",
        "x, dim=0",
        "fm",
        grad=False,
        tag="dim",
        x=full((3, 2), 1.0, 2.0, 0.0, 1.0, 1.0, 2.0),
    ),
    op("unique_consecutive", "x", "fm", grad=False, x=lit(1.0, 1.0, 2.0, 2.0, 1.0)),
    op(
        "unique_consecutive",
        "x, return_counts=True",
        "fm",
        grad=False,
        tag="counts",
        x=lit(1, 1, 2, 2, 1, kind="int64"),
    ),
    op("bincount", "x", "fm", x=N),
    op("bincount", "x, minlength=8", "fm", tag="minlength", x=N),
    op("bincount", "x, weights=y", "fm", tag="weights", grad=False, x=N, y=V),
    op("histc", "x, bins=4, min=-2, max=2", "fm", grad=False, x=V),
    op("histc", "x, 3", "fm", tag="range_of_data", grad=False, x=V),
    exprs(
        "histogram",
        "torch.histogram(x, 3); torch.histogram(x, 2, range=(-2.0, 2.0))",
        grad=False,
        x=V,
    ),
    fails("bincount_input", "torch.bincount(x); torch.bincount(-torch.tensor([1, 2]))", x=V),
    # searching
    op("searchsorted", "x, y", "f", x=EDGES, y=lit(0.0, 3.0, 4.0, 9.0)),
    op("searchsorted", "x, y, right=True", "f", tag="right", x=EDGES, y=lit(0.0, 3.0, 4.0, 9.0)),
    op("searchsorted", "x, y, side='right'", "f", tag="side", x=EDGES, y=lit(3.0)),
    op("searchsorted", "x, 3.5", "f", tag="number", x=EDGES),
    op(
        "searchsorted",
        "x, y",
        "f",
        tag="rows",
        x=full((2, 2), 1.0, 3.0, 2.0, 4.0),
        y=full((2, 2), 2.0, 5.0, 2.0, 3.0),
    ),
    op("searchsorted", "x, y, out_int32=True", "f", tag="int32", x=EDGES, y=lit(3.0, 4.0)),
    op("bucketize", "y, x", "f", x=EDGES, y=lit(0.0, 3.0, 4.0, 9.0)),
    op("bucketize", "y, x, right=True", "f", tag="right", x=EDGES, y=lit(0.0, 3.0, 4.0, 9.0)),
    exprs(
        "bucketize_integers",
        "torch.bucketize(x, torch.tensor([1, 3])); torch.bucketize(2, torch.tensor([1, 3]))",
        x=N,
    ),
]

globals().update(cases(*ROWS))
