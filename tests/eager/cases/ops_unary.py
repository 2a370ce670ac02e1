"""Pointwise operations of one input: every form, gradients, second gradients.

Inputs lie inside the domain and away from kinks.
"""

from __future__ import annotations

from table import bools, cases, expr, exprs, fails, full, ints, lit, op, span

ALL = "fmio"

ROWS = [
    # exponentials and logarithms
    op("exp", forms=ALL, x=span(-2, 2, 4)),
    op("exp2", forms=ALL, x=span(-2, 2, 4)),
    op("expm1", forms=ALL, x=span(-2, 2, 4)),
    op("log", forms=ALL, x=span(0.1, 4, 4)),
    op("log2", forms=ALL, x=span(0.1, 4, 4)),
    op("log10", forms=ALL, x=span(0.1, 4, 4)),
    op("log1p", forms=ALL, x=span(-0.9, 3, 4)),
    # powers and roots
    op("square", forms=ALL, x=span(-2, 2, 4)),
    op("sqrt", forms=ALL, x=span(0.1, 4, 4)),
    op("rsqrt", forms=ALL, x=span(0.1, 4, 4)),
    op("reciprocal", forms=ALL, x=span(0.2, 3, 4)),
    # trigonometry
    op("sin", forms=ALL, x=span(-3, 3, 4)),
    op("cos", forms=ALL, x=span(-3, 3, 4)),
    op("tan", forms=ALL, x=span(-1.3, 1.3, 4)),
    op("asin", forms=ALL, x=span(-0.9, 0.9, 4)),
    op("acos", forms=ALL, x=span(-0.9, 0.9, 4)),
    op("atan", forms=ALL, x=span(-3, 3, 4)),
    op("sinh", forms=ALL, x=span(-2, 2, 4)),
    op("cosh", forms=ALL, x=span(-2, 2, 4)),
    op("tanh", forms=ALL, x=span(-2, 2, 4)),
    op("asinh", forms="fmo", x=span(-3, 3, 4)),
    op("acosh", forms="fmo", x=span(1.1, 4, 4)),
    op("atanh", forms="fmo", x=span(-0.9, 0.9, 4)),
    # PyTorch has no derivative of these in place.
    exprs(
        "arc_inplace",
        "x.clone().asinh_(); (x + 2).acosh_(); (x / 2).atanh_()",
        grad=False,
        x=span(-0.9, 0.9, 3),
    ),
    op("sinc", forms=ALL, x=span(0.2, 1.8, 4)),
    op("deg2rad", forms=ALL, x=span(-180, 180, 4)),
    op("rad2deg", forms=ALL, x=span(-3, 3, 4)),
    # long names
    op("arcsin", x=span(-0.9, 0.9, 3)),
    op("arccos", x=span(-0.9, 0.9, 3)),
    op("arctan", x=span(-3, 3, 3)),
    op("arcsinh", x=span(-3, 3, 3)),
    op("arccosh", x=span(1.1, 4, 3)),
    op("arctanh", x=span(-0.9, 0.9, 3)),
    # special functions
    op("sigmoid", forms=ALL, x=span(-3, 3, 4)),
    op("logit", forms=ALL, x=span(0.05, 0.95, 4)),
    op("logit", "x, eps=0.1", "fm", tag="eps", x=lit(0.02, 0.3, 0.8, 0.97), smooth=False),
    op("erf", forms=ALL, x=span(-2, 2, 4)),
    op("erfc", forms=ALL, x=span(-2, 2, 4)),
    op("erfinv", forms=ALL, x=span(-0.9, 0.9, 4)),
    op("lgamma", forms=ALL, x=span(0.3, 4, 4)),
    op("digamma", forms=ALL, x=span(0.3, 4, 4)),
    op("special.expit", forms="f", x=span(-3, 3, 4)),
    op("special.gammaln", forms="f", x=span(0.3, 4, 4)),
    op("special.ndtr", forms="f", x=span(-2, 2, 4)),
    op("special.log_softmax", "x, dim=0", "f", x=span(-2, 2, 4)),
    op("special.softmax", "x, dim=0", "f", x=span(-2, 2, 4)),
    op("softmax", "x, dim=1", "fm", x=span(-2, 2, 2, 3)),
    op("log_softmax", "x, dim=-1", "fm", x=span(-2, 2, 2, 3)),
    op("relu", forms="fmi", x=span(-2, 2, 5)),
    # signs and sizes
    op("abs", forms=ALL, x=span(-2, 2, 4)),
    op("absolute", forms="fm", x=span(-2, 2, 3)),
    op("neg", forms=ALL, x=span(-2, 2, 4)),
    op("negative", forms="fm", x=span(-2, 2, 3)),
    op("positive", forms="fm", x=span(-2, 2, 3)),
    op("sign", forms=ALL, x=span(-2, 2, 4)),
    op("sgn", forms=ALL, x=span(-2, 2, 4)),
    op("signbit", forms="fm", x=lit(-1.5, -0.0, 0.0, 2.0)),
    # rounding
    op("floor", forms=ALL, x=span(-3, 3, 5)),
    op("ceil", forms=ALL, x=span(-3, 3, 5)),
    op("round", forms=ALL, x=span(-3, 3, 5)),
    op("round", "x, decimals=1", "fm", tag="one_decimal", x=span(-3, 3, 5)),
    op("round", "x, decimals=-1", "fm", tag="tens", x=span(-60, 60, 5)),
    op("trunc", forms=ALL, x=span(-3, 3, 5)),
    op("fix", forms="fm", x=span(-3, 3, 5)),
    op("frac", forms=ALL, x=span(-3, 3, 5)),
    # limits
    op("clamp", "x, -1.0, 1.0", ALL, x=span(-2, 2, 6)),
    op("clamp", "x, min=0.5", "fm", tag="from_below", x=span(-2, 2, 5)),
    op("clamp", "x, max=0.5", "fm", tag="from_above", x=span(-2, 2, 5)),
    op("clamp", "x, y, z", "fm", tag="tensors", x=span(-2, 2, 5), y=lit(-0.7), z=lit(1.1)),
    op("clamp_min", "x, 0.5", ALL, x=span(-2, 2, 5)),
    op("clamp_max", "x, 0.5", ALL, x=span(-2, 2, 5)),
    op("clip", "x, -1.0, 1.0", "fmi", x=span(-2, 2, 5)),
    op("nan_to_num", forms=ALL, x=lit(1.0, float("nan"), float("inf"), -float("inf"), -2.0)),
    op(
        "nan_to_num",
        "x, nan=2.0, posinf=3.0, neginf=-3.0",
        "fm",
        tag="values",
        x=lit(1.0, float("nan"), float("inf"), -float("inf")),
    ),
    # the operators, and names that are methods only
    exprs("unary_operators", "-x; +x; abs(x); x.__neg__(); x ** 2", x=span(-2, 2, 3)),
    # shapes: 0-d, empty, a view that is not contiguous
    exprs("unary_zero_d", "x.exp(); torch.sin(x); -x; x.sigmoid()", x=full((), 0.5)),
    exprs("unary_empty", "x.exp(); torch.sin(x); -x; x.clamp(0, 1)", x=full((0, 3))),
    exprs(
        "unary_views",
        "x.t().exp(); x[:, ::2].sin(); x[1].sqrt(); x.flip(1).log(); x.expand(2, 2, 3).exp()",
        x=span(0.2, 2, 2, 3),
    ),
    # whole numbers become float32 where the result is no whole number
    exprs(
        "unary_integers",
        *(f"torch.{n}(x)" for n in "exp sqrt sin log1p sigmoid erf reciprocal rad2deg".split()),
        *(f"torch.{n}(x)" for n in "neg abs sign square floor ceil trunc round sgn".split()),
        "x.clamp(2, 3); x.clamp(min=2.5)",
        x=ints(1, 6, 4),
    ),
    exprs(
        "unary_bools",
        *(f"torch.{n}(x)" for n in "exp sqrt sigmoid sign square sgn".split()),
        x=bools(3),
    ),
    exprs(
        "unary_small_integers", "x.neg(); x.exp(); x.square(); -x", x=ints(1, 6, 3, kind="uint8")
    ),
    exprs("unary_int32", "x.neg(); x.exp(); x.square(); abs(x)", x=ints(-3, 6, 3, kind="int32")),
    fails("unary_bool", "torch.abs(x); -x; torch.neg(x); torch.floor(x)", x=bools(3)),
    fails("unary_integer_inplace", "x.exp_(); x.sqrt_(); x.sin_(); x.sigmoid_()", x=ints(1, 5, 3)),
    fails("unary_integer_frac", "torch.frac(x)", x=ints(1, 5, 3)),
    fails("clamp_without_bounds", "torch.clamp(x)", x=span(0, 1, 3)),
    fails("unary_of_number", "torch.sin(1.0); torch.exp([1.0])", x=span(0, 1, 1)),
    # compositions, so that nodes meet
    expr("unary_chain", "x.sin().exp().mul(x).tanh()", smooth=True, x=span(-1, 1, 4)),
    expr("unary_log_of_sigmoid", "torch.log(torch.sigmoid(x))", smooth=True, x=span(-2, 2, 4)),
]

globals().update(cases(*ROWS))
