"""Type promotion: every pair of dtypes under every kind of operation, numbers, 0-d tensors, in-place.

The rule: categories are bool < integer < floating < complex. A tensor with axes outranks a 0-d
tensor, which outranks a Python number; a lower rank widens the result only when its category is
higher, and then to the default dtype of that category. So int64 * 2.5 is float32, and float32 *
float64 scalar stays float32.
"""

from __future__ import annotations

from table import bools, cases, exprs, fails, full, ints, lit, op, span

DTYPES = "bool uint8 int8 int16 int32 int64 float32 float64 complex64 complex128".split()
KINDS = {"bool": True, "int64": 2, "float32": 1.5, "float64": 1.5, "complex64": 1 + 2j}
NUMBERS = {"bool": True, "int": 2, "float": 1.5, "complex": 1j}


def short(dtype):
    """The dtype's name as in a message: torch.float32 is float32."""
    return str(dtype).removeprefix("torch.")


def outcome(call, *args):
    """The dtype and the values of a result, or the class of the error."""
    try:
        value = call(*args)
    except Exception as error:
        return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
    return short(value.dtype), value.tolist()


BINARY = {
    "add": lambda torch, a, b: a + b,
    "sub": lambda torch, a, b: a - b,
    "mul": lambda torch, a, b: a * b,
    "div": lambda torch, a, b: a / b,
    "floor_divide": lambda torch, a, b: a // b,
    "remainder": lambda torch, a, b: a % b,
    "pow": lambda torch, a, b: a**b,
    "maximum": lambda torch, a, b: torch.maximum(a, b),
    "atan2": lambda torch, a, b: torch.atan2(a, b),
    "lt": lambda torch, a, b: a < b,
    "eq": lambda torch, a, b: a == b,
    "logical_and": lambda torch, a, b: torch.logical_and(a, b),
    "bitwise_and": lambda torch, a, b: a & b,
    "where": lambda torch, a, b: torch.where(torch.tensor([True]), a, b),
    "cat": lambda torch, a, b: torch.cat([a, b]),
    "matmul": lambda torch, a, b: a @ b,
    "stack": lambda torch, a, b: torch.stack([a, b]),
    "float_power": lambda torch, a, b: torch.float_power(a, b),
    "fmod": lambda torch, a, b: torch.fmod(a, b),
    "copysign": lambda torch, a, b: torch.copysign(a, b),
    "hypot": lambda torch, a, b: torch.hypot(a, b),
    "logaddexp": lambda torch, a, b: torch.logaddexp(a, b),
    "xlogy": lambda torch, a, b: torch.xlogy(a, b),
    "outer": lambda torch, a, b: torch.outer(a, b),
    "isclose": lambda torch, a, b: torch.isclose(a, b),
    "lerp": lambda torch, a, b: torch.lerp(a, b, 0.5),
}

UNARY = """neg abs sign square sqrt exp log sin sigmoid floor round trunc reciprocal erf isnan logical_not
bitwise_not tanh relu sum prod mean std max min argmax all any cumsum cumprod norm logsumexp median sort
real angle lgamma expm1 frac sgn ceil rsqrt atan nansum count_nonzero amax isfinite rad2deg""".split()

SPECIAL_CALLS = {
    "logsumexp": lambda torch, x: torch.logsumexp(x, 0),
    "cumsum": lambda torch, x: torch.cumsum(x, 0),
    "cumprod": lambda torch, x: torch.cumprod(x, 0),
    "sort": lambda torch, x: torch.sort(x)[0],
    "amax": lambda torch, x: torch.amax(x, 0),
}


def between_tensors(name):
    """A case: the operation on every pair of dtypes, each as [1]."""

    def case(torch):
        for left in DTYPES:
            a = torch.tensor([1], dtype=getattr(torch, left))
            found = []
            for right in DTYPES:
                b = torch.tensor([1], dtype=getattr(torch, right))
                value = outcome(BINARY[name], torch, a, b)
                found.append(value[0] if isinstance(value, tuple) else value)
            yield left, found

    return {f"pairs_{name}": case}


def with_numbers(name):
    """A case: the operation on a tensor of each dtype and a Python number, both ways round."""

    def case(torch):
        for left in DTYPES:
            a = torch.tensor([2, 1], dtype=getattr(torch, left))
            for kind, number in NUMBERS.items():
                yield left, kind, outcome(BINARY[name], torch, a, number)
                yield kind, left, outcome(BINARY[name], torch, number, a)

    return {f"numbers_{name}": case}


def with_zero_d(name):
    """A case: the operation on a vector and a 0-d tensor of each kind."""

    def case(torch):
        for left in "bool uint8 int32 int64 float32 float64 complex64".split():
            a = torch.tensor([2, 1], dtype=getattr(torch, left))
            for right, number in KINDS.items():
                b = torch.tensor(number, dtype=getattr(torch, right))
                yield left, right, outcome(BINARY[name], torch, a, b)

    return {f"zero_d_{name}": case}


def of_one(name):
    """A case: the operation on a vector of every dtype."""

    def case(torch):
        call = SPECIAL_CALLS.get(name, lambda torch, x: getattr(torch, name)(x))
        for kind in DTYPES:
            x = torch.tensor([2, 1, 1], dtype=getattr(torch, kind))
            yield kind, outcome(call, torch, x)

    return {f"unary_{name}": case}


ROWS = [
    *(between_tensors(name) for name in BINARY),
    *(
        with_numbers(name)
        for name in "add sub mul div floor_divide remainder pow lt bitwise_and".split()
    ),
    *(with_zero_d(name) for name in "add mul div pow floor_divide eq where remainder".split()),
    *(of_one(name) for name in UNARY),
    exprs(
        "gradients_between_precisions",
        """x.double() * y.float(); x * torch.tensor([1.0, 2.0], dtype=torch.float64); x + n;
        n * x; x / n; x ** n; x * b; torch.where(b, x, 0);
        x * torch.tensor(2.0, dtype=torch.float64); x + 1j""",
        x=span(1, 2, 2),
        y=span(1, 2, 2),
        n=ints(1, 4, 2),
        b=bools(2),
    ),
    exprs(
        "result_type",
        """torch.result_type(x, 2.5); torch.result_type(n, 2.5); torch.result_type(n, x);
        torch.result_type(n, torch.tensor(1.5, dtype=torch.float64));
        torch.promote_types(torch.int32, torch.float16);
        torch.promote_types(torch.uint8, torch.int8);
        torch.promote_types(torch.float32, torch.complex64);
        torch.can_cast(torch.float64, torch.int32);
        torch.can_cast(torch.int32, torch.float32)""",
        x=span(1, 2, 2),
        n=ints(1, 4, 2),
    ),
    exprs(
        "integers_and_big_numbers",
        """n + 2**31; n * 2.5; n / 3; n // 2.5; n ** 2; n ** 0.5; n % 2.5; True + n; n == 1.5;
        n > 0.5""",
        n=ints(1, 4, 2, kind="int32"),
    ),
    exprs(
        "bools_and_numbers",
        """b + b; b * b; b + 1; b * 2.5; b / 2; b // 1; b & True; b | False; b ^ b; b == 1;
        b.sum(); b + True; ~b; b * 1.0; b ** 2""",
        b=bools(3),
    ),
    fails("integer_minus_bool", "n - True; True - n; n - b", n=ints(1, 4, 3), b=bools(3)),
    fails("bools", "b - b; -b; 1 - b; b - True; b.mean(); b.std()", b=bools(3)),
    exprs(
        "zero_d_with_zero_d",
        """z * 2.5; z + torch.tensor(1); z * torch.tensor(1.5, dtype=torch.float64);
        torch.tensor(2) / torch.tensor(4); torch.tensor(2) * 1.5; torch.tensor(True) + 1""",
        z=full((), 1.5),
    ),
    exprs(
        "numpy_numbers",
        *(f"x * __import__('numpy').{t}(2)" for t in "float64 float32 int64 int32 bool_".split()),
        *(f"n * __import__('numpy').{t}(2)" for t in "float64 float32 int64".split()),
        x=lit(1.0, 2.0),
        n=ints(1, 4, 2),
    ),
    op("mm", "x, y", "f", grad=False, tag="integers", x=ints(0, 4, 2, 2), y=ints(1, 5, 2, 2)),
    op(
        "dot",
        "x, y",
        "f",
        grad=False,
        tag="bytes",
        x=ints(0, 4, 3, kind="uint8"),
        y=ints(1, 5, 3, kind="uint8"),
    ),
    op("addmm", "x, y, y", "f", grad=False, tag="integers", x=ints(0, 4, 2, 2), y=ints(1, 5, 2, 2)),
    fails(
        "matmul_dtypes",
        """x @ n; torch.mm(x, n); torch.mv(x, n[0]); torch.dot(x[0], n[0]);
        torch.addmm(x, x, n); torch.bmm(x[None], n[None]); x @ x.double();
        torch.einsum('ij,jk', x, n)""",
        x=span(0, 1, 2, 2),
        n=ints(0, 4, 2, 2),
    ),
]

globals().update(cases(*ROWS))


def case_inplace_of_every_pair(torch):
    """What may be added in place: the result's category may not exceed the target's."""
    for left in DTYPES:
        found = []
        for right in DTYPES:
            a = torch.tensor([1], dtype=getattr(torch, left))
            b = torch.tensor([1], dtype=getattr(torch, right))
            out = outcome(a.add_, b)
            found.append(out[0] if isinstance(out, tuple) else out)
        yield left, found


def case_inplace_division_of_every_dtype(torch):
    for kind in DTYPES:
        a = torch.tensor([3, 4], dtype=getattr(torch, kind))
        yield kind, outcome(a.div_, 2)
        a = torch.tensor([3, 4], dtype=getattr(torch, kind))
        yield kind, outcome(a.mul_, 2.0)


def case_conversions_of_every_pair(torch):
    for left in DTYPES:
        x = torch.tensor([1, 0], dtype=getattr(torch, left))
        for right in DTYPES:
            with_warning = left.startswith("complex") and not right.startswith("complex")
            if not with_warning:
                yield left, right, x.to(getattr(torch, right))
