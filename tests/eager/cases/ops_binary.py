"""Pointwise operations of two and three inputs: numbers, broadcasting, operators, all forms."""

from __future__ import annotations

from table import bools, cases, expr, exprs, fails, full, ints, lit, op, span, spread

ALL = "fmio"
A = span(-2, 2, 2, 3)
B = spread(0.5, 3, 2, 3)
ROW = spread(0.5, 3, 3)
COLUMN = spread(0.5, 3, 2, 1)

ROWS = [
    op("add", "x, y", ALL, x=A, y=B),
    op("add", "x, y, alpha=2.5", ALL, tag="alpha", x=A, y=B),
    op("add", "x, y", "fmi", tag="row", x=A, y=ROW),
    op("add", "x, 3", "fmi", tag="number", x=A),
    op("sub", "x, y", ALL, x=A, y=B),
    op("sub", "x, y, alpha=0.5", "fm", tag="alpha", x=A, y=B),
    op("sub", "x, y", "fmi", tag="column", x=A, y=COLUMN),
    op("subtract", "x, y", x=A, y=B),
    op("rsub", "x, y", "f", x=A, y=B),
    op("mul", "x, y", ALL, x=A, y=B),
    op("mul", "x, y", "fmi", tag="row", x=A, y=ROW),
    op("mul", "x, 2.5", "fmi", tag="number", x=A),
    op("mul", "x, y", "f", tag="outer", x=ROW, y=COLUMN),
    op("mul", "x, y", "f", tag="zero_d", x=A, y=full((), 1.5)),
    op("multiply", "x, y", x=A, y=B),
    op("div", "x, y", ALL, x=A, y=B),
    op("div", "x, y", "fmi", tag="column", x=A, y=COLUMN),
    op("div", "x, 4", "fmi", tag="number", x=A),
    op("div", "x, y, rounding_mode='floor'", ALL, tag="floor", x=A, y=B),
    op("div", "x, y, rounding_mode='trunc'", ALL, tag="trunc", x=A, y=B),
    op("divide", "x, y", x=A, y=B),
    op("true_divide", "x, y", "fmi", x=A, y=B),
    op("floor_divide", "x, y", "fmio", grad=False, x=A, y=B),
    op("remainder", "x, y", ALL, x=A, y=B),
    op("remainder", "x, 0.75", "fmi", tag="number", x=A),
    op("remainder", "-2.5, x", "f", grad=False, tag="of_number", x=B),
    op("fmod", "x, y", ALL, x=A, y=B),
    op("fmod", "x, 0.75", "fmi", tag="number", x=A),
    op("pow", "x, y", ALL, x=B, y=A),
    op("pow", "x, 2", "fmi", tag="square", x=A),
    op("pow", "x, 3", "fmi", tag="cube", x=A),
    op("pow", "x, 1.7", "fmi", tag="fraction", x=B),
    op("pow", "x, -1", "fm", tag="minus_one", x=B),
    op("pow", "x, 0.5", "fm", tag="half", x=B),
    op("pow", "x, 0", "fm", tag="zero", x=A),
    op("pow", "x, 1", "fm", tag="one", x=A),
    op("pow", "2.0, x", "f", tag="of_number", x=A),
    op("float_power", "x, y", x=B, y=A),
    op("atan2", "x, y", ALL, x=A, y=B),
    op("arctan2", "x, y", x=A, y=B),
    op("hypot", "x, y", ALL, x=A, y=B),
    op("maximum", "x, y", "fmo", x=A, y=spread(-2, 2, 2, 3)),
    op("minimum", "x, y", "fmo", x=A, y=spread(-2, 2, 2, 3)),
    op("max", "x, y", "fm", tag="of_two", x=A, y=spread(-2, 2, 3)),
    op("min", "x, y", "fm", tag="of_two", x=A, y=spread(-2, 2, 2, 1)),
    op(
        "fmax",
        "x, y",
        "fmo",
        x=lit(1.0, float("nan"), -2.0, 3.0),
        y=lit(2.0, 1.5, float("nan"), -1.0),
    ),
    op(
        "fmin",
        "x, y",
        "fmo",
        x=lit(1.0, float("nan"), -2.0, 3.0),
        y=lit(2.0, 1.5, float("nan"), -1.0),
    ),
    op("copysign", "x, y", ALL, smooth=False, x=B, y=spread(-3, 3, 2, 3)),
    op("copysign", "x, -1.0", "fmi", smooth=False, tag="number", x=A),
    op("heaviside", "x, y", "fmo", x=lit(-1.0, 0.0, 2.0), y=full((), 0.25), grad=False),
    op("logaddexp", "x, y", "fmo", x=A, y=B),
    op("logaddexp2", "x, y", "fmo", x=A, y=B),
    op("xlogy", "x, y", ALL, x=A, y=B),
    op("xlogy", "2.0, y", "f", tag="number", y=B),
    op("special.xlog1py", "x, y", "f", x=A, y=B),
    op("nextafter", "x, y", "fm", smooth=False, x=lit(1.0, 2.0), y=lit(2.0, 1.0)),
    op("ldexp", "x, y", "fm", x=A, y=ints(-2, 3, 3)),
    # three inputs
    op("lerp", "x, y, 0.3", ALL, x=A, y=B),
    op("lerp", "x, y, z", ALL, tag="tensor", x=A, y=B, z=span(0.1, 0.9, 2, 3)),
    op("addcmul", "x, y, z", ALL, x=A, y=B, z=spread(-1, 1, 3)),
    op("addcmul", "x, y, z, value=0.5", "fmi", tag="value", x=A, y=B, z=spread(-1, 1, 3)),
    op("addcdiv", "x, y, z", ALL, x=A, y=spread(-1, 1, 3), z=B),
    op("addcdiv", "x, y, z, value=0.5", "fmi", tag="value", x=A, y=spread(-1, 1, 3), z=B),
    op("where", "c, x, y", "f", c=bools(2, 3), x=A, y=B),
    op("where", "c, x, y", "f", tag="broadcast", c=bools(2, 1), x=ROW, y=full((), 1.5)),
    op("where", "c, x, 0.0", "f", tag="number", c=bools(2, 3), x=A),
    op("where", "c, 1.5, x", "f", tag="number_first", c=bools(3), x=A),
    op("where", "c, x, y", "o", c=bools(2, 3), x=A, y=B),
    op("where", "c", "f", tag="indices", c=bools(2, 3)),
    expr("where_method", "x.where(c, y)", smooth=True, c=bools(2, 3), x=A, y=B),
    expr("where_method_number", "x.where(x > 0, 0.25)", x=A),
    op("masked_fill", "x, c, 0.5", "fmi", x=A, c=bools(2, 3)),
    op("masked_fill", "x, c, y", "fmi", tag="tensor", x=A, c=bools(3), y=full((), 2.0)),
    # operators
    exprs("operators", "x + y; x - y; x * y; x / y; y ** x", x=A, y=B),
    exprs("operators_modulo", "x % y; x // y", grad=False, x=A, y=B),
    exprs("operators_number_right", "x + 1; x - 1; x * 2; x / 2; x ** 2; x % 2", x=A),
    exprs("operators_number_left", "1 + x; 1 - x; 2 * x; 2 / x; 2 ** x", x=B),
    exprs("operators_float_left", "1.5 + x; 1.5 - x; 1.5 * x; 1.5 / x; 1.5 ** x", x=B),
    exprs("operators_left_modulo", "5 % x; 5 // x", grad=False, x=B),
    exprs("operators_broadcast", "x + y; x * y; y - x; y / x", x=ROW, y=COLUMN),
    # shapes
    exprs("binary_zero_d", "x + y; x * y; x / y; x ** y; x - 1", x=full((), 1.5), y=full((), 2.5)),
    exprs("binary_empty", "x + y; x * y; x / 2; torch.maximum(x, y)", x=full((0, 3)), y=ROW),
    exprs(
        "binary_views", "x.t() + y.t(); x[:, 1:] * y[:, :2]; x[0] / y[1]; x.t() - y[0, 0]", x=A, y=B
    ),
    exprs("binary_same_twice", "x + x; x * x; x - x; torch.atan2(x, x)", x=B),
    fails(
        "binary_shapes",
        "x + y; x * y; x / y; torch.maximum(x, y); torch.where(x > 0, x, y)",
        x=A,
        y=spread(0, 1, 2),
    ),
    fails(
        "binary_inplace_broadcast",
        "x.clone().add_(y); x.clone().mul_(y); x.clone().copy_(y)",
        x=ROW,
        y=A,
    ),
    fails("binary_strings", "x + 'a'; x * None; torch.add(x, [1, 2, 3]); x - {}", x=ROW),
    fails("div_rounding_mode", "torch.div(x, x, rounding_mode='up')", x=ROW),
    fails(
        "integer_zero_division",
        "x // 0; x % 0; torch.div(x, 0, rounding_mode='trunc')",
        x=ints(1, 4, 3),
    ),
    fails("integer_negative_power", "x ** -1", x=ints(1, 4, 3)),
    fails(
        "alpha_of_integers",
        "torch.add(x, x, alpha=1.5); torch.sub(x, x, alpha=0.5)",
        x=ints(1, 4, 3),
    ),
    fails("lerp_dtypes", "torch.lerp(x, y, 0.5)", x=ROW, y=ints(1, 4, 3)),
    fails("masked_fill_mask", "x.masked_fill(y, 1.0)", x=ROW, y=ints(0, 2, 3)),
]

globals().update(cases(*ROWS))


def case_inplace_operators(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1
    y += 2
    yield y
    y -= x
    yield y
    y *= x
    yield y
    y /= 4
    yield y
    y **= 2
    yield y
    yield torch.autograd.grad(y, x, torch.tensor([1.0, -1.0, 0.5]))


def case_inplace_operators_on_integers(torch):
    n = torch.tensor([7, -8, 9])
    n += 2
    yield n
    n *= 3
    yield n
    n //= 4
    yield n
    n %= 4
    yield n
    n -= torch.tensor(1)
    yield n
    n <<= 2
    yield n
    n >>= 1
    yield n
    n |= 1
    yield n
    n &= 5
    yield n
    n ^= 3
    yield n


def case_inplace_keeps_the_dtype(torch):
    x = torch.tensor([1.5, 2.5])
    yield x.add_(torch.tensor([1, 2]))
    yield x.mul_(torch.tensor([0.5, 0.25], dtype=torch.float64))
    yield x.copy_(torch.tensor([True, False]))
    n = torch.tensor([1, 2])
    yield n.copy_(torch.tensor([1.9, -1.9]))
    yield n.add_(True)
    b = torch.tensor([True, False])
    yield b.logical_or_(torch.tensor([0, 2]))
    for run in (
        lambda: n.add_(1.5),
        lambda: n.mul_(torch.tensor([0.5, 0.5])),
        lambda: n.div_(2),
        lambda: b.add_(1),
    ):
        try:
            run()
        except RuntimeError as error:
            yield "result type" in str(error), "cast" in str(error)


def case_out_of_another_dtype(torch):
    x = torch.tensor([1.5, 2.5])
    yield torch.add(x, 1, out=torch.empty(2, dtype=torch.float64))
    yield torch.mul(torch.tensor([1, 2]), 2, out=torch.empty(2))
    try:
        torch.add(x, 1, out=torch.empty(2, dtype=torch.int64))
    except RuntimeError as error:
        yield "cast" in str(error)


def case_out_that_requires_grad_raises(torch):
    x = torch.tensor([1.5, 2.5], requires_grad=True)
    yield "the inputs of an out= must not require grad"
    torch.mul(x, 2, out=torch.empty(2))


def case_out_of_leaf_that_requires_grad_raises(torch):
    out = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        yield torch.mul(torch.tensor([1.5, 2.5]), 2, out=out)
    torch.mul(torch.tensor([1.5, 2.5]), 2, out=out)


def case_zero_and_fill(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    yield y.fill_(3)
    yield torch.autograd.grad(y, x, torch.ones(2))
    y = x * 2
    yield y.zero_()
    yield torch.autograd.grad(y, x, torch.ones(2))
    z = torch.tensor(2.0, requires_grad=True)
    y = x * 2
    yield y.fill_(z)
    yield torch.autograd.grad(y, (x, z), torch.tensor([1.0, 3.0]))
    yield torch.fill(x, 4.0)
