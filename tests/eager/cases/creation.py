"""Creation of tensors: defaults, dtypes, shapes, the *_like and new_* forms, conversion, printing."""

from __future__ import annotations

import numpy as np
from table import cases, exprs, fails, ints, span
from transcripts import raising

X = span(-2, 2, 2, 3)
N = ints(0, 9, 3)

ROWS = [
    exprs(
        "tensor_of_numbers",
        """torch.tensor(1); torch.tensor(1.5); torch.tensor(True); torch.tensor(1j);
        torch.tensor(2**40); torch.tensor(-0.0)""",
    ),
    exprs(
        "tensor_of_lists",
        """torch.tensor([1, 2]); torch.tensor([1, 2.5]); torch.tensor([True, False]);
        torch.tensor([True, 2]); torch.tensor([1, 2j]); torch.tensor([[1, 2], [3, 4]]);
        torch.tensor([]); torch.tensor([[], []]); torch.tensor(((1.0, 2.0),));
        torch.tensor([True, 0.5]); torch.tensor(range(3))""",
    ),
    exprs(
        "tensor_with_dtype",
        *(
            f"torch.tensor([0, 1, 2], dtype=torch.{d})"
            for d in "float32 float64 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
        ),
        """torch.tensor([1.7, -1.7], dtype=torch.int64); torch.tensor(3, dtype=torch.float);
        torch.tensor([1.0], dtype=torch.double)""",
    ),
    exprs(
        "tensor_of_tensors",
        """torch.tensor([torch.tensor(1.0), torch.tensor(2.0)]);
        torch.tensor([torch.tensor(1), 2.5])""",
    ),
    exprs(
        "tensor_requires_grad",
        """torch.tensor([1.0], requires_grad=True); torch.tensor(2.0, requires_grad=True);
        torch.zeros(2, requires_grad=True); torch.full((2,), 1.5, requires_grad=True);
        torch.eye(2, requires_grad=True); torch.linspace(0, 1, 3, requires_grad=True);
        torch.arange(3.0, requires_grad=True); torch.tensor([1.0], device='cpu').device;
        torch.zeros(1, device=torch.device('cpu')).device.type""",
    ),
    exprs(
        "the_old_constructor",
        """torch.Tensor([1, 2]); torch.Tensor(2, 3).shape; torch.FloatTensor([1, 2]);
        torch.LongTensor([1, 2]); torch.Tensor(); torch.Tensor([[1, 2], [3, 4]]);
        torch.DoubleTensor([1.5]); torch.BoolTensor([True]); torch.IntTensor([3])""",
    ),
    exprs(
        "zeros",
        """torch.zeros(3); torch.zeros(2, 3); torch.zeros((2, 1)); torch.zeros([2]);
        torch.zeros(()); torch.zeros(0); torch.zeros(2, dtype=torch.int64);
        torch.zeros(size=(2,)); torch.zeros(torch.Size([2, 1])); torch.zeros(2, 0);
        torch.zeros(1, dtype=torch.bool)""",
    ),
    exprs(
        "ones",
        """torch.ones(3); torch.ones(2, 3); torch.ones((2, 1)); torch.ones(());
        torch.ones(2, dtype=torch.bool); torch.ones(2, dtype=torch.complex64)""",
    ),
    exprs(
        "full",
        """torch.full((2,), 1.5); torch.full((2,), 3); torch.full((2,), True);
        torch.full((2, 1), 1j); torch.full((2,), 3, dtype=torch.float32);
        torch.full((), 2.5); torch.full((2,), float('nan')); torch.full([1], 2)""",
    ),
    exprs(
        "empty",
        """torch.empty(2, 3).shape; torch.empty(2).dtype;
        torch.empty((2, 1), dtype=torch.int64).dtype; torch.empty(0);
        torch.empty_like(torch.ones(2, dtype=torch.int32)).dtype""",
    ),
    exprs(
        "arange",
        """torch.arange(5); torch.arange(5.0); torch.arange(1, 4); torch.arange(1, 2, 0.25);
        torch.arange(5, 0, -2); torch.arange(0); torch.arange(3, dtype=torch.float64);
        torch.arange(0, 1, 0.3); torch.arange(2, 2); torch.arange(start=1, end=7, step=3);
        torch.arange(0.5, 3)""",
    ),
    exprs(
        "linspace",
        """torch.linspace(0, 1, 5); torch.linspace(-1, 1, steps=4);
        torch.linspace(0, 10, 3, dtype=torch.float64); torch.linspace(3, 3, 1);
        torch.linspace(1, 0, 3); torch.linspace(0, 1, 0);
        torch.linspace(0, 10, 4, dtype=torch.int64);
        torch.linspace(-1, 1, 100).sum().abs() < 1e-4; torch.linspace(0, 1, 7)""",
    ),
    exprs(
        "logspace",
        """torch.logspace(0, 2, 3); torch.logspace(0, 3, 4, base=2);
        torch.logspace(-1, 1, 3, dtype=torch.float64)""",
    ),
    exprs(
        "eye",
        """torch.eye(3); torch.eye(2, 3); torch.eye(3, 2, dtype=torch.int64); torch.eye(0);
        torch.eye(1); torch.eye(2, dtype=torch.bool)""",
    ),
    exprs(
        "like",
        *(f"torch.{f}_like(x)" for f in ("zeros", "ones")),
        """torch.full_like(x, 2.5); torch.zeros_like(x, dtype=torch.int64);
        torch.ones_like(x, requires_grad=True); torch.empty_like(x).shape;
        torch.zeros_like(x.t()); torch.rand_like(x).shape; torch.randn_like(x).dtype""",
        x=X,
    ),
    exprs(
        "like_of_integers",
        """torch.zeros_like(n); torch.ones_like(n); torch.full_like(n, 2);
        torch.ones_like(n, dtype=torch.float32); torch.ones_like(n > 2)""",
        n=N,
    ),
    exprs(
        "new_forms",
        """x.new_zeros(2); x.new_ones(2, 1); x.new_full((2,), 3); x.new_tensor([1, 2]);
        x.new_empty(2, 2).shape; x.new_zeros((1,), dtype=torch.int64);
        x.new_tensor(1.5, requires_grad=True)""",
        x=X,
    ),
    exprs(
        "as_tensor",
        """torch.as_tensor([1.0, 2.0]); torch.as_tensor(x) is x; torch.as_tensor(3);
        torch.as_tensor([1, 2], dtype=torch.float64); torch.asarray([1, 2]);
        torch.asarray(x) is x""",
        x=X,
    ),
    exprs(
        "complex_values",
        """torch.complex(torch.tensor([1.0]), torch.tensor([2.0]));
        torch.zeros(2, dtype=torch.complex64); torch.tensor([1 + 2j], requires_grad=True)""",
    ),
    exprs(
        "random_shapes",
        """torch.rand(2, 3).shape; torch.randn(2).dtype; torch.randint(0, 5, (4,)).dtype;
        torch.randperm(5).sort()[0]; torch.randint(3, (2, 2)).shape; torch.rand(()).shape;
        torch.rand(3, dtype=torch.float64).dtype;
        torch.randn(2, requires_grad=True).requires_grad;
        torch.normal(0.0, 1.0, (2, 3)).shape; torch.bernoulli(torch.zeros(3));
        torch.bernoulli(torch.ones(2)); torch.randint(5, 6, (2,)); torch.rand((2, 1)).shape;
        torch.randint(0, 2, (3,), dtype=torch.float32).dtype;
        torch.normal(torch.zeros(3), 1.0).shape;
        torch.multinomial(torch.tensor([0.0, 1.0]), 1)""",
    ),
    exprs(
        "random_ranges",
        """((r := torch.rand(100)) >= 0).all(); (torch.rand(100) < 1).all();
        (torch.randint(2, 5, (50,)) >= 2).all(); (torch.randint(2, 5, (50,)) < 5).all();
        torch.empty(50).uniform_(2, 3).min() >= 2;
        torch.empty(50).normal_(10, 0.1).mean() > 9; torch.empty(3).fill_(2.0);
        torch.empty(50).random_(3).max() < 3; torch.empty(5).bernoulli_(1.0);
        torch.empty(50).exponential_().min() >= 0""",
    ),
    # conversion
    exprs(
        "to_dtype",
        """x.to(torch.float64); x.to(torch.int64); x.to(torch.bool); x.to(torch.float32) is x;
        x.to('cpu') is x; x.to(torch.complex64); x.to(torch.float32, copy=True) is x;
        x.to(x) is x; x.to(torch.zeros(1, dtype=torch.float64)); x.cpu() is x;
        x.to('cpu', torch.float64); x.to(dtype=torch.float64, device='cpu').dtype""",
        x=X,
    ),
    exprs(
        "conversion_methods",
        *(f"x.{m}()" for m in "float double long int short char bool".split()),
        """x.abs().byte(); x.type(torch.float64); x.type();
        x.type_as(torch.zeros(1, dtype=torch.float64)); x.is_floating_point();
        torch.is_floating_point(x); torch.is_tensor(x); torch.is_tensor(1); x.float() is x;
        x.dtype; x.double().type(); x.long().type()""",
        x=X,
    ),
    exprs(
        "gradient_of_conversion",
        """x.double() * 2; x.to(torch.float64).sum(); x.float(); x.double().float();
        x.to(torch.complex64)""",
        x=X,
    ),
    exprs(
        "half_precision",
        """torch.tensor([1.0, 2.5], dtype=torch.float16); torch.tensor([1.0, 2.0]).half().dtype;
        torch.zeros(2, dtype=torch.bfloat16).dtype""",
    ),
    exprs(
        "dtypes",
        """torch.float32; torch.float; torch.double; torch.long; torch.int; torch.bool;
        torch.uint8; torch.cfloat; torch.float == torch.float32;
        torch.float32.is_floating_point; torch.complex64.is_complex; torch.int8.is_signed;
        torch.uint8.is_signed; torch.float64.itemsize; str(torch.int64);
        torch.get_default_dtype()""",
    ),
    exprs(
        "limits",
        """torch.finfo(torch.float32).eps; torch.finfo(torch.float64).max;
        torch.iinfo(torch.int32).max; torch.finfo(torch.float32).tiny;
        torch.iinfo(torch.uint8).min; torch.finfo().bits; torch.pi; torch.e; torch.inf;
        torch.nan != torch.nan; torch.newaxis""",
    ),
    exprs(
        "devices",
        """torch.device('cpu'); torch.device('cpu').type; torch.zeros(1).device;
        torch.zeros(1).is_cuda; torch.cuda.is_available();
        torch.device('cpu') == torch.device('cpu')""",
    ),
    # errors
    fails(
        "tensor",
        """torch.tensor([[1, 2], [3]]); torch.tensor('a'); torch.tensor(['a']);
        torch.tensor(None); torch.tensor([1, None]); torch.tensor();
        torch.tensor([1], dtype='float32'); torch.tensor([1, 2], requires_grad=True);
        torch.tensor({}); torch.tensor(1, 2)""",
    ),
    fails(
        "creation",
        """torch.zeros(-1); torch.zeros('a'); torch.zeros(1.5); torch.arange(0, 5, -1);
        torch.arange(0, 1, 0); torch.linspace(0, 1); torch.linspace(0, 1, -1); torch.eye(-1);
        torch.full((2,), 'a'); torch.full(2, 1.0);
        torch.zeros(2, dtype=torch.int64, requires_grad=True); torch.ones(2, 'a');
        torch.randint(5, 5, (2,)); torch.arange(); torch.eye(); torch.device('nowhere')""",
    ),
    fails(
        "as_tensor",
        """torch.as_tensor([[1], [2, 3]]); torch.from_numpy([1, 2]);
        torch.from_numpy(torch.zeros(1))""",
    ),
    fails(
        "random",
        """torch.rand(-1); torch.randint(0, (2,)); torch.bernoulli(torch.tensor([2.0]));
        torch.multinomial(torch.tensor([-1.0]), 1); torch.randperm(-1)""",
    ),
]

globals().update(cases(*ROWS))


def case_from_numpy_dtypes(torch):
    for (
        name
    ) in "float64 float32 int64 int32 int16 int8 uint8 bool complex64 complex128 float16".split():
        yield torch.from_numpy(np.array([0, 1, 2]).astype(name))
        yield torch.tensor(np.array([[1, 0]]).astype(name)).dtype
        yield torch.as_tensor(np.array(1).astype(name)).dtype


def case_from_numpy_layouts(torch):
    a = np.arange(6.0).reshape(2, 3)
    yield torch.from_numpy(a.T), torch.from_numpy(a.T).stride()
    yield torch.from_numpy(a[:, ::2]), torch.from_numpy(a[:, ::2]).stride()
    yield torch.tensor(a[:, 1]), torch.tensor(a.T).stride()
    yield torch.from_numpy(np.zeros((0, 2)))
    yield torch.tensor(np.float32(1.5)), torch.tensor(np.int64(3)), torch.tensor(np.float64(0.1))
    yield torch.tensor([np.float32(1.5), np.float32(2.5)]), torch.tensor([np.float64(1.5)])


def case_from_numpy_negative_strides_raises(torch):
    yield torch.from_numpy(np.arange(3.0)[::-1].copy())
    torch.from_numpy(np.arange(3.0)[::-1])


def case_from_numpy_of_text_raises(torch):
    for make in (torch.tensor, torch.as_tensor):
        yield raising(torch, lambda: make(np.array(["a"])))  # noqa: B023
    torch.from_numpy(np.array(["a"]))


def case_tensor_copies(torch):
    a = np.ones(3, dtype=np.float32)
    copied, shared = torch.tensor(a), torch.as_tensor(a)
    a[0] = 5
    yield copied, shared
    x = torch.ones(2)
    with_warning = torch.tensor(x)
    x[0] = 7
    yield with_warning


def case_default_dtype(torch):
    yield torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield (
            torch.tensor([1.0]),
            torch.zeros(1),
            torch.arange(2.0),
            torch.tensor([1]) / 2,
            torch.ones(1, dtype=torch.float32),
        )
        yield torch.tensor([1.0], dtype=torch.float32) * 2.5, torch.tensor(1j).dtype
    finally:
        torch.set_default_dtype(torch.float32)
    yield torch.get_default_dtype()


def case_default_dtype_of_integers_raises(torch):
    yield torch.get_default_dtype()
    torch.set_default_dtype(torch.int64)


def case_seed_repeats(torch):
    torch.manual_seed(3)
    first = torch.rand(4), torch.randn(2), torch.randint(0, 9, (3,)), torch.randperm(4)
    torch.manual_seed(3)
    again = torch.rand(4), torch.randn(2), torch.randint(0, 9, (3,)), torch.randperm(4)
    yield [torch.equal(a, b) for a, b in zip(first, again)]
    yield torch.equal(torch.rand(4), first[0])
    one, two = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    yield torch.equal(torch.rand(3, generator=one), torch.rand(3, generator=two))
    state = torch.get_rng_state()
    before = torch.rand(2)
    torch.set_rng_state(state)
    yield torch.equal(before, torch.rand(2))


def case_printing_of_values(torch):
    yield torch.tensor([1.0, 2.0, 3.0])
    yield torch.tensor([1.5, 1000.25, -3.125])
    yield torch.tensor([1e-8, 1.0]), torch.tensor([1e10, 1.0]), torch.tensor([12345678.0])
    yield torch.tensor([float("nan"), float("inf"), 1.0]), torch.tensor([float("-inf")])
    yield torch.tensor(3.14159), torch.tensor(7), torch.tensor(False), torch.tensor([])
    yield torch.zeros(0, 3), torch.zeros(2, 0, dtype=torch.int64)
    yield torch.arange(24).reshape(2, 3, 4), torch.arange(30.0)
    yield torch.tensor([[1, -20], [300, 4]]), torch.tensor([True, False])
    yield torch.ones(2, 2, dtype=torch.float64), torch.ones(2, dtype=torch.int32)
    yield str(torch.tensor([0.1, 0.25])), f"{torch.tensor(2.5)}", f"{torch.tensor(2.5):.3f}"
    yield torch.tensor([1 + 2j, -0.5j])


def case_size_is_a_tuple(torch):
    s = torch.zeros(2, 3).shape
    yield s, s[0], s[-1], s[:1], len(s), tuple(s), list(s), s == (2, 3), s + (4,), 3 in s, s.numel()
    a, b = s
    yield a, b, torch.Size([1, 2]), torch.Size((2,)) == torch.zeros(2).size()
