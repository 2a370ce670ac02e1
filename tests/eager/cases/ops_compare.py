"""Comparisons, logic, bits, and the tests of a whole tensor: nothing here has a gradient."""

from __future__ import annotations

from table import bools, cases, exprs, fails, full, ints, lit, op, waves

NAN = float("nan")
INF = float("inf")
X = lit(1.0, 2.0, NAN, -1.5, 0.0)
Y = lit(1.0, 1.0, NAN, 2.5, -0.0)
U = lit(1.0, 0.0, NAN, -1.5, 0.0)
V = lit(0.0, 2.0, 1.0, NAN, -0.0)
N = ints(-3, 9, 5)
M = ints(0, 5, 5)
P = bools(5)
Q = lit(True, True, False, True, False, kind="bool")
COMPARE = "eq ne lt le gt ge".split()
LOGICAL = "logical_and logical_or logical_xor".split()
BITS = "bitwise_and bitwise_or bitwise_xor".split()

ROWS = [
    *(op(n, "x, y", "fmio", x=X, y=Y) for n in COMPARE),
    *(op(n, "x, 1", "fmi", tag="number", x=X) for n in COMPARE),
    *(op(n, "x, y", "fm", tag="integers", x=N, y=M) for n in COMPARE),
    *(op(n, "x, 1.5", "f", tag="integers_and_float", x=N) for n in COMPARE),
    *(op(n, "x, y", "f", tag="broadcast", x=N, y=ints(0, 5, 2, 1)) for n in COMPARE),
    *(op(n, "x, y", "f", tag="bools", x=P, y=Q) for n in COMPARE),
    *(
        op(n, "x, y", "fm", x=X, y=Y)
        for n in "greater greater_equal less less_equal not_equal".split()
    ),
    exprs("comparison_operators", "x == y; x != y; x < y; x <= y; x > y; x >= y", x=X, y=Y),
    exprs("comparison_with_numbers", "x == 1; 1 == x; 0 < x; x >= 0.5; x != True", x=X),
    exprs("comparison_with_others", "x == None; x != None; x == 'a'", x=X),
    # values
    *(
        op(n, "x", "fm", x=lit(1.0, NAN, INF, -INF, 0.0))
        for n in "isnan isinf isfinite isposinf isneginf".split()
    ),
    *(op(n, "x", "fm", tag="integers", x=N) for n in "isnan isinf isfinite".split()),
    op("isreal", "x", "fm", x=X),
    op("isreal", "x", "fm", tag="complex", x=waves(3)),
    op("isclose", "x, y", "fm", x=lit(1.0, 2.0, NAN, INF), y=lit(1.000001, 2.1, NAN, INF)),
    op(
        "isclose",
        "x, y, rtol=0.1, atol=0.0",
        "fm",
        tag="rtol",
        x=lit(1.0, 2.0, 0.0),
        y=lit(1.05, 2.5, 0.01),
    ),
    op("isclose", "x, y, equal_nan=True", "fm", tag="nan", x=lit(1.0, NAN), y=lit(1.0, NAN)),
    op("allclose", "x, y", "fm", x=lit(1.0, 2.0), y=lit(1.000001, 2.000001)),
    op("allclose", "x, y, atol=0.2", "fm", tag="atol", x=lit(1.0, 2.0), y=lit(1.1, 2.1)),
    op("allclose", "x, y, equal_nan=True", "fm", tag="nan", x=lit(1.0, NAN), y=lit(1.0, NAN)),
    op("equal", "x, y", "fm", x=X, y=X),
    op("equal", "x, y", "fm", tag="same", x=lit(1.0, 2.0), y=lit(1.0, 2.0)),
    op("equal", "x, y", "fm", tag="shapes", x=lit(1.0), y=full((1, 1), 1.0)),
    op("isin", "x, y", "f", x=N, y=M),
    op("isin", "x, y, invert=True", "f", tag="invert", x=N, y=M),
    # logic
    *(op(n, "x, y", "fmio", x=P, y=Q) for n in LOGICAL),
    *(op(n, "x, y", "fmi", tag="floats", x=U, y=V) for n in LOGICAL),
    *(op(n, "x, y", "fm", tag="integers", x=N, y=M) for n in LOGICAL),
    op("logical_not", "x", "fmio", x=P),
    op("logical_not", "x", "fmi", tag="floats", x=X),
    op("logical_not", "x", "fm", tag="integers", x=N),
    # bits
    *(op(n, "x, y", "fmio", x=N, y=M) for n in BITS),
    *(op(n, "x, y", "fmi", tag="bools", x=P, y=Q) for n in BITS),
    *(op(n, "x, 6", "fm", tag="number", x=N) for n in BITS),
    op("bitwise_not", "x", "fmio", x=N),
    op("bitwise_not", "x", "fmi", tag="bools", x=P),
    op("bitwise_not", "x", "fm", tag="bytes", x=ints(0, 9, 4, kind="uint8")),
    op("bitwise_left_shift", "x, y", "fmio", x=M, y=M),
    op("bitwise_right_shift", "x, y", "fmio", x=N, y=M),
    exprs(
        "bit_operators", "x & y; x | y; x ^ y; ~x; x << 1; x >> 1; 6 & x; 1 | x; 3 ^ x", x=N, y=M
    ),
    exprs("bit_operators_on_bools", "x & y; x | y; x ^ y; ~x; x & True", x=P, y=Q),
    op("gcd", "x, y", "fmi", x=M, y=ints(2, 9, 5)),
    op("lcm", "x, y", "fmi", x=M, y=ints(2, 9, 5)),
    # truth of a whole tensor
    exprs("truth", "bool(x[0]); bool(x[4]); bool(x[:1] > 0); x[0].item() if x[0] else None", x=X),
    exprs("zero_d_comparison", "x == 1.5; x < torch.tensor([1.0, 2.0]); not x", x=full((), 1.5)),
    exprs("empty_comparison", "x == 1; torch.equal(x, x); torch.allclose(x, x)", x=full((0, 2))),
    fails("truth_of_many", "bool(x); x and x; not x; 1 if x > 0 else 2", x=X),
    fails("truth_of_none", "bool(x)", x=full((0,))),
    fails("bits_of_floats", "x & x; ~x; x << 1; torch.bitwise_or(x, 1); torch.gcd(x, x)", x=X),
    fails("comparison_shapes", "x < y; x == y", x=X, y=lit(1.0, 2.0)),
    fails("allclose_dtypes", "torch.allclose(x, y)", x=X, y=N),
    fails("order_of_complex", "x < x; torch.max(x); torch.sort(x)", x=waves(3)),
]

globals().update(cases(*ROWS))
