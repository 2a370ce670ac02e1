"""Conventions: what values and gradients are where a function has a kink, a tie, a pole or a NaN.

Each answer is one of several that could be defended; the one that PyTorch gives is the one here.
"""

from __future__ import annotations

from table import cases, expr, exprs, full, ints, lit

NAN = float("nan")
INF = float("inf")
ZERO = lit(-1.0, 0.0, -0.0, 2.0)
SAME = lit(1.0, 2.0, 2.0, -1.0)
TIES = lit(2.0, 1.0, 2.0, 2.0)
ROWS_OF_TIES = full((2, 3), 1.0, 3.0, 3.0, 2.0, 2.0, 2.0)
SPECIAL = lit(0.0, 1.0, -1.0, INF, -INF, NAN)

ROWS = [
    # kinks at zero
    exprs(
        "kinks_at_zero",
        """x.abs(); torch.relu(x); x.sign(); x.sgn(); x.square().sqrt(); x.frac(); x.floor();
        x.round(); x.trunc(); x.abs().sqrt(); torch.copysign(x, x); torch.copysign(x, -x)""",
        x=ZERO,
    ),
    exprs(
        "sqrt_of_zero",
        """x.sqrt(); x.rsqrt(); x.pow(0.5); x.log(); x.reciprocal(); 1 / x; x / x; x.log1p();
        x.asin(); torch.xlogy(x, x); x * x.log()""",
        x=lit(0.0, 1.0),
    ),
    exprs(
        "outside_the_domain",
        """x.sqrt(); x.log(); x.log2(); x.rsqrt(); x.pow(0.5); x.asin(); x.acosh(); x.atanh();
        x.log1p(); x.logit(); x.erfinv()""",
        x=lit(-2.0, 4.0),
    ),
    exprs(
        "norm_of_zero",
        """x.norm(); x.norm(p=1); x.norm(dim=0); torch.linalg.norm(x);
        torch.linalg.vector_norm(x, 3); torch.linalg.vector_norm(x, float('inf'));
        torch.dist(x, x); x.square().sum().sqrt(); x.abs().sum()""",
        x=lit(0.0, 0.0),
    ),
    exprs(
        "hypot_and_atan2_of_zero",
        """torch.hypot(x, x); torch.atan2(x, x); torch.atan2(x, -x);
        torch.atan2(x, x.abs() + 1)""",
        x=lit(0.0, -0.0, 1.0),
    ),
    exprs(
        "powers_of_zero",
        """x ** 0; x ** 1; x ** 2; x ** 0.5; x ** -1; 0 ** x; x ** x;
        torch.pow(x, torch.tensor(0.0)); torch.pow(torch.tensor(0.0), x)""",
        x=lit(0.0, 2.0),
    ),
    exprs(
        "powers_of_negatives",
        "x ** 2; x ** 3; x ** -1; x ** -2; x ** 0.5; x ** torch.tensor([2.0, 3.0]); 2 ** x",
        x=lit(-2.0, -0.5),
    ),
    exprs(
        "power_gradient_of_exponent",
        "torch.pow(x, y)",
        x=lit(0.0, 0.0, -2.0, 2.0),
        y=lit(0.0, 2.0, 2.0, 0.0),
    ),
    # bounds
    exprs(
        "clamp_at_the_bound",
        """x.clamp(-1, 1); x.clamp(min=1); x.clamp(max=-1); x.clamp_min(0); x.clamp_max(0);
        x.clamp(1, -1); x.clamp(torch.tensor(-1.0), torch.tensor(1.0))""",
        x=lit(-1.0, 0.0, 1.0, 2.0),
    ),
    exprs(
        "clamp_gradient_of_bounds",
        "x.clamp(y, z)",
        x=lit(-1.0, 0.0, 1.0, 3.0),
        y=lit(-1.0, 0.5, 0.0, 2.0),
        z=lit(1.0, 1.0, 1.0, 1.0),
    ),
    exprs(
        "clamp_of_nan",
        """x.clamp(0, 1); x.clamp(min=0); x.relu(); torch.maximum(x, x * 0); x.sign();
        x.nan_to_num()""",
        x=SPECIAL,
    ),
    # ties
    exprs(
        "ties_of_two",
        """torch.maximum(x, y); torch.minimum(x, y); torch.max(x, y); torch.fmax(x, y);
        torch.fmin(x, y); torch.maximum(x, x)""",
        x=SAME,
        y=lit(1.0, 0.0, 2.0, 3.0),
    ),
    exprs(
        "ties_of_extremes",
        """x.max(); x.min(); x.amax(); x.amin(); x.max(0); x.min(0); x.amax(0); x.argmax();
        x.argmin(); torch.aminmax(x); x.cummax(0); x.cummin(0)""",
        x=TIES,
    ),
    exprs(
        "ties_in_rows",
        """x.max(1); x.min(1); x.amax(1); x.amin(1); x.max(); x.amax(); x.amax((0, 1));
        x.argmax(1); x.argmin(0)""",
        x=ROWS_OF_TIES,
    ),
    exprs(
        "ties_of_order",
        """x.sort(stable=True); x.median(); x.mode()[0]; x.unique(sorted=True).shape;
        x.quantile(0.5); x.topk(3)[0]; x.kthvalue(2)[0]; x.median(0)[0]; x.logsumexp(0)""",
        x=TIES,
    ),
    exprs(
        "even_median",
        "x.median(); x.median(0); x.nanmedian(); x.quantile(0.5)",
        x=lit(4.0, 1.0, 3.0, 2.0),
    ),
    exprs(
        "norm_ties",
        """torch.linalg.vector_norm(x, float('inf'));
        torch.linalg.vector_norm(x, -float('inf')); x.norm(float('inf'))""",
        x=lit(2.0, -2.0, 1.0, 1.0),
    ),
    # products with zeros
    exprs(
        "prod_with_zeros",
        "x.prod(); x.prod(0); x[:2].prod(); x[1:3].prod(); x.cumprod(0)",
        x=lit(3.0, 0.0, 2.0),
    ),
    expr("prod_with_zeros_second", "x.prod()", smooth=True, x=lit(3.0, 0.0, 2.0)),
    expr("abs_at_zero_second", "x.abs()", smooth=True, x=ZERO),
    expr("relu_at_zero_second", "torch.relu(x) * x", smooth=True, x=ZERO),
    expr("square_root_of_square_second", "(x * x).sqrt()", smooth=True, x=lit(-1.0, 2.0)),
    exprs("prod_with_two_zeros", "x.prod(); x.prod(0); x.cumprod(0)", x=lit(3.0, 0.0, 2.0, 0.0)),
    exprs(
        "prod_rows_with_zeros",
        "x.prod(1); x.prod(0); x.prod(); x.cumprod(1)",
        x=full((2, 3), 1.0, 0.0, 2.0, 0.0, 0.0, 3.0),
    ),
    # branches that are NaN
    exprs(
        "where_with_nan_branch",
        """torch.where(x > 0, x.log(), x * 0); torch.where(x > 0, x.sqrt(), 0.0);
        torch.where(x > 0, 1 / x, x); (1 / x).masked_fill(x == 0, 0.0);
        torch.where(x > 0, torch.where(x > 0, x, 1.0).log(), 0.0)""",
        x=lit(0.0, 2.0, -1.0),
    ),
    exprs(
        "masked_nan",
        """x[~x.isnan()].sum(); x.nansum(); x.nan_to_num().sum(); x.nanmean();
        torch.where(x.isnan(), 0.0, x).sum()""",
        x=lit(1.0, NAN, 3.0),
    ),
    # infinities
    exprs(
        "functions_of_infinity",
        """x.exp(); x.tanh(); x.sigmoid(); x.atan(); x.log1p(); x.sin(); x.floor(); x.erf();
        x.square(); x.reciprocal(); x % 2; x - x; x * 0""",
        x=SPECIAL,
    ),
    exprs(
        "logsumexp_of_infinity",
        """x.logsumexp(0); torch.logaddexp(x, x); x.softmax(0); x.log_softmax(0);
        x.logcumsumexp(0)""",
        x=lit(-INF, 0.0, 1.0),
    ),
    exprs(
        "logsumexp_of_minus_infinities",
        "x.logsumexp(0); torch.logaddexp(x, x); x.softmax(0); x.log_softmax(0)",
        x=lit(-INF, -INF),
    ),
    exprs(
        "logsumexp_of_plus_infinity",
        "x.logsumexp(0); x.softmax(0); torch.logaddexp(x, x)",
        x=lit(INF, 1.0),
    ),
    exprs(
        "large_logits",
        """x.logsumexp(0); x.softmax(0); x.log_softmax(0); x.sigmoid(); x.exp();
        x.sigmoid().log()""",
        x=lit(1000.0, -1000.0, 0.0),
    ),
    # signs of zero, remainders
    exprs(
        "remainder_signs",
        """torch.remainder(x, 2); torch.fmod(x, 2); torch.remainder(x, -2); torch.fmod(x, -2);
        x % 2; x.frac(); x.floor(); x.trunc()""",
        x=lit(-3.5, -2.0, -0.0, 3.5),
    ),
    exprs(
        "remainder_by_zero",
        "torch.remainder(x, 0); torch.fmod(x, 0); x // 0; x / 0",
        grad=False,
        x=lit(1.0, -1.0, 0.0),
    ),
    exprs(
        "integer_division_signs",
        """x // 2; x % 2; x // -2; x % -2; torch.fmod(x, 2);
        torch.div(x, 2, rounding_mode='trunc'); x / 2; x >> 1""",
        x=lit(-3, -2, 3, 2, kind="int64"),
    ),
    exprs(
        "floor_division_of_floats",
        "x // 2; x // -0.1; x // x; torch.floor_divide(x, 0.3)",
        grad=False,
        x=lit(-3.5, 0.6, 1.0, 7.0),
    ),
    exprs(
        "round_half_to_even",
        "x.round(); torch.round(x, decimals=0); x.floor(); x.ceil(); x.trunc()",
        x=lit(-1.5, -0.5, 0.5, 1.5, 2.5),
    ),
    exprs("heaviside_values", "torch.heaviside(x, torch.tensor([0.5]))", grad=False, x=SPECIAL),
    exprs("sinc_at_zero", "x.sinc()", x=lit(0.0, 0.25, 0.5)),
    exprs("special_poles", "x.lgamma(); x.digamma(); x.erfinv()", x=lit(0.0, 1.0, -0.5)),
    exprs("logit_at_the_ends", "x.logit(); x.logit(eps=0.25)", x=lit(0.0, 0.25, 1.0)),
    exprs(
        "std_of_constant", "x.std(); x.var(); x.std(0); x.std(correction=0)", x=lit(2.0, 2.0, 2.0)
    ),
    exprs(
        "cosine_similarity_of_zero",
        "torch.cosine_similarity(x, x + 1, dim=0); torch.cosine_similarity(x, x, dim=0)",
        x=lit(0.0, 0.0),
    ),
    exprs(
        "cdist_of_same",
        "torch.cdist(x, x); torch.cdist(x, x.detach() * 1)",
        x=full((2, 2), 1.0, 2.0, 3.0, 5.0),
    ),
    exprs(
        "cov_of_one",
        "torch.cov(x[:, :2]); torch.corrcoef(x)",
        x=full((2, 3), 1.0, 2.0, 4.0, 3.0, 1.0, 2.0),
    ),
    exprs(
        "unsigned_arithmetic",
        "x - 3; x * 100; -x; x + 250; x // 2; ~x",
        x=lit(1, 2, 5, kind="uint8"),
    ),
    exprs("integer_overflow", "x + 1; x * 2", x=lit(2**31 - 1, -(2**31), kind="int32")),
    exprs("abs_of_integers", "x.abs(); x.sign(); x.neg()", x=ints(-2, 3, 4)),
    exprs(
        "searching_ties",
        """torch.searchsorted(x, torch.tensor([2.0]));
        torch.bucketize(torch.tensor([2.0]), x, right=True)""",
        grad=False,
        x=lit(1.0, 2.0, 2.0, 3.0),
    ),
    exprs(
        "cumulative_nan",
        "x.cumsum(0); x.cummax(0); x.cumprod(0); x.argmax(); x.sort(); x.unique().shape",
        grad=False,
        x=lit(1.0, NAN, 3.0),
    ),
    exprs(
        "scatter_amax_ties",
        """torch.zeros(2).scatter_reduce(0, i, x, 'amax');
        torch.zeros(2).scatter_reduce(0, i, x, 'amax', include_self=False)""",
        x=lit(2.0, 2.0, 1.0),
        i=lit(0, 0, 1, kind="int64"),
    ),
    exprs(
        "scatter_last_wins_not",
        "torch.zeros(2).scatter_add(0, i, x)",
        x=lit(2.0, 3.0, 1.0),
        i=lit(0, 0, 1, kind="int64"),
    ),
    exprs(
        "truth_of_nan",
        "x.bool(); x.all(); x.any(); x.logical_not(); x == x; x.count_nonzero(); x.nonzero()",
        grad=False,
        x=SPECIAL,
    ),
    exprs(
        "float_to_integer",
        "x.long(); x.int(); x.to(torch.uint8); x.bool()",
        grad=False,
        x=lit(0.4, 1.7, 200.0),
    ),
    exprs(
        "isclose_of_infinity",
        """torch.isclose(x, x); torch.isclose(x, x, equal_nan=True); torch.equal(x, x);
        torch.allclose(x[:5], x[:5])""",
        grad=False,
        x=SPECIAL,
    ),
    exprs(
        "all_of_empty_rows",
        """x.all(1); x.any(1); x.sum(1); x.prod(1); x.logsumexp(1); x.mean(1); x.norm(dim=1);
        x.cumsum(1)""",
        x=full((2, 0)),
    ),
    exprs(
        "lerp_at_the_ends",
        """torch.lerp(x, x * 3, 0.0); torch.lerp(x, x * 3, 1.0); torch.lerp(x, x * 3, 0.5);
        torch.lerp(x, x * 3, 1.5)""",
        x=lit(1.0, -2.0),
    ),
    exprs(
        "masked_select_of_none",
        "x[x > 9]; x[x > 9].sum(); torch.masked_select(x, x > 9); x[x == x]",
        x=lit(1.0, 2.0),
    ),
]

globals().update(cases(*ROWS))


def case_gradient_of_sum_of_nothing(torch):
    x = torch.zeros(0, 3, requires_grad=True)
    yield torch.autograd.grad(x.sum(), x)
    yield torch.autograd.grad(x.exp().mean(0).nansum(), x)


def case_clamp_bounds_crossed(torch):
    x = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
    y = x.clamp(2, 1)
    yield y
    yield torch.autograd.grad(y.sum(), x)
