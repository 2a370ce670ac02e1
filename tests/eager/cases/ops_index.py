"""Indexing, assignment by index, gather and scatter: values, gradients, and what is refused."""

from __future__ import annotations

from table import bools, cases, expr, exprs, fails, full, ints, lit, op, span, spread

X = span(-2, 2, 3, 4)
T = span(-2, 2, 2, 3, 2)
V = span(-2, 2, 5)
N = ints(0, 9, 2, 3)
I = lit(2, 0, 2, kind="int64")

ROWS = [
    # basic
    exprs("index_numbers", "x[0]; x[-1]; x[1, 2]; x[-1, -2]; x[1][2]; x[(0, 1)]", x=X),
    exprs(
        "index_slices",
        "x[1:]; x[:, 1:3]; x[::2]; x[0, ::3]; x[:, -2:]; x[5:]; x[:-1, 1]; x[1:1]; x[:100]",
        x=X,
    ),
    exprs(
        "index_new_axes",
        """x[None]; x[:, None]; x[..., None]; x[None, 0, None]; x[...]; x[..., 1]; x[0, ...];
        x[:]""",
        x=X,
    ),
    exprs("index_ellipsis", "x[..., 0]; x[0, ..., 1]; x[1, ...]; x[:, 1, ...]", x=T),
    exprs("index_zero_d", "x[()]; x[...]; x[None]; x[True]; x[False]", x=full((), 1.5)),
    # by tensors and lists
    exprs("index_lists", "x[[0, 2]]; x[[2, 0, 2]]; x[:, [1, 3]]; x[[0, 1], [1, 2]]; x[[-1]]", x=X),
    exprs(
        "index_tensors",
        """x[i]; x[:, i]; x[i, i]; x[i, 1]; x[i[:, None], i]; x[i, 1:3]; x[i.unsqueeze(0)];
        x[torch.tensor(1)]; x[torch.tensor(1), torch.tensor(2)]; x[i.to(torch.int32)];
        x[i.to(torch.uint8) > 1]; x[1:, i]; x[..., i]""",
        x=X,
        i=I,
    ),
    exprs(
        "index_apart",
        "x[i, :, i]; x[:, i, None]; x[1, :, i]; x[i, 0]; x[0, i, i]",
        x=T,
        i=lit(1, 0, 1, kind="int64"),
    ),
    exprs(
        "index_masks",
        """x[x > 0]; x[m]; x[m, 1]; x[:, x[0] > 0]; x[m, :2]; x[torch.tensor([False] * 3)];
        x[m.unsqueeze(1).expand(3, 4)]""",
        x=X,
        m=bools(3),
    ),
    exprs("index_bool_lists", "x[[True, False, True]]; x[True]; x[None, False]", x=X),
    exprs(
        "index_arrays",
        """x[__import__('numpy').array([0, 2])]; x[__import__('numpy').int64(1)]; x[range(2)];
        x[slice(0, 2)]""",
        x=X,
    ),
    exprs("index_empty", "x[[]]; x[torch.zeros(0, dtype=torch.int64)]; x[0:0]; x[:, 2:2]", x=X),
    exprs(
        "index_integers",
        "n[0]; n[:, 1]; n[n > 3]; n[[1, 0]]; n[1, 2]; n[n[0] > 0 if False else [0]]",
        n=N,
    ),
    exprs("index_twice", "x[0] + x[0]; x[[0, 0]] * 2; x[0] * x[1]; x[:, 0] @ x[:, 1]", x=X),
    fails(
        "index_out_of_range",
        "x[3]; x[0, 4]; x[-4]; x[[3]]; x[torch.tensor([0, 5])]; x[0, 0, 0]; x[:, :, 0]",
        x=X,
    ),
    fails("index_types", "x[1.0]; x[torch.tensor([0.5])]; x[::-1]", x=X),
    fails(
        "index_shapes",
        """x[[0, 1], [0, 1, 2]]; x[torch.ones(2, dtype=torch.bool)];
        x[torch.ones(3, 3, dtype=torch.bool)]""",
        x=X,
    ),
    fails("index_of_zero_d", "x[0]; x[:]; len(x); list(x)", x=full((), 1.5)),
    # selection by functions
    op("select", "x, 1, 2", "fm", x=X),
    op("select", "x, -1, -1", "fm", tag="negative", x=X),
    op("narrow", "x, 1, 1, 2", "fm", x=X),
    op("index_select", "x, 0, i", "fm", x=X, i=I),
    op("index_select", "x, -1, i", "fm", tag="last", x=X, i=I),
    op("gather", "x, 1, i", "fm", x=X, i=full((3, 2), 0, 3, 1, 1, 2, 0, kind="int64")),
    op("gather", "x, 0, i", "fm", tag="rows", x=X, i=full((1, 4), 0, 2, 1, 2, kind="int64")),
    op("take", "x, i", "fm", x=X, i=lit(0, 5, 11, 5, kind="int64")),
    op("take_along_dim", "x, i, dim=1", "fm", x=X, i=full((3, 2), 0, 3, 1, 1, 2, 0, kind="int64")),
    op("take_along_dim", "x, i", "fm", tag="flat", x=X, i=lit(1, 7, kind="int64")),
    op("masked_select", "x, m", "fm", x=X, m=full((3, 1), True, False, True, kind="bool")),
    op("nonzero", "x", "fm", x=full((2, 2), 0.0, 1.0, 2.0, 0.0)),
    op("nonzero", "x, as_tuple=True", "fm", tag="tuple", x=full((2, 2), 0.0, 1.0, 2.0, 0.0)),
    op("argwhere", "x", "fm", x=full((2, 2), 0.0, 1.0, 2.0, 0.0)),
    exprs("nonzero_shapes", "torch.nonzero(x); x.nonzero(); (x > 5).nonzero()", x=full((), 1.5)),
    # writing by functions
    op(
        "scatter",
        "x, 1, i, y",
        "fmi",
        x=X,
        i=full((3, 2), 0, 3, 1, 2, 2, 0, kind="int64"),
        y=spread(0, 1, 3, 2),
    ),
    op(
        "scatter",
        "x, 0, i, 1.5",
        "fmi",
        tag="number",
        x=X,
        i=full((1, 4), 0, 2, 1, 2, kind="int64"),
    ),
    op(
        "scatter_add",
        "x, 1, i, y",
        "fmi",
        x=X,
        i=full((3, 2), 0, 3, 1, 1, 2, 0, kind="int64"),
        y=spread(0, 1, 3, 2),
    ),
    *(
        op(
            "scatter_reduce",
            f"x, 0, i, y, reduce='{how}'",
            "fm",
            tag=how,
            smooth=False,
            x=V,
            i=lit(0, 1, 0, 3, kind="int64"),
            y=spread(0.5, 3, 4),
        )
        for how in "sum prod mean amax amin".split()
    ),
    op("index_add", "x, 0, i, y", "fmi", x=X, i=I, y=spread(0, 1, 3, 4)),
    op("index_add", "x, 1, i, y, alpha=2", "fm", tag="alpha", x=X, i=I, y=spread(0, 1, 3, 3)),
    op("index_copy", "x, 0, i, y", "fmi", x=X, i=lit(2, 0, kind="int64"), y=spread(0, 1, 2, 4)),
    op("index_fill", "x, 1, i, -1.0", "fmi", x=X, i=I),
    op("index_put", "x, (i,), y", "fmi", x=V, i=lit(1, 3, kind="int64"), y=lit(5.0, 6.0)),
    op(
        "index_put",
        "x, (i,), y, accumulate=True",
        "fmi",
        tag="accumulate",
        x=V,
        i=lit(1, 1, kind="int64"),
        y=lit(5.0, 6.0),
    ),
    op("masked_scatter", "x, m, y", "fmi", x=V, m=bools(5), y=spread(0, 1, 5)),
    op("select_scatter", "x, y, 0, 1", "fm", x=X, y=spread(0, 1, 4)),
    op("slice_scatter", "x, y, 0, 1, 3", "fm", x=X, y=spread(0, 1, 2, 4)),
    expr("put", "x.clone().put_(i, y)", x=V, i=lit(1, 3, kind="int64"), y=lit(5.0, 6.0)),
    fails(
        "gather",
        """torch.gather(x, 1, torch.tensor([[4]])); torch.gather(x, 0, torch.tensor([0]));
        torch.gather(x, 0, x); torch.index_select(x, 0, torch.tensor([3]));
        torch.take(x, torch.tensor([12])); torch.index_select(x, 0, torch.tensor([0.5]));
        torch.masked_select(x, torch.tensor([1, 0, 1, 0]))""",
        x=X,
    ),
    fails(
        "index_assignment",
        """x.clone().__setitem__(5, 0.0); x.clone().__setitem__(0, torch.zeros(3));
        x.clone().__setitem__(0, 'a')""",
        x=X,
    ),
]

globals().update(cases(*ROWS))


def assigned(name, *writes):
    """A case for each list of writes into a result: `(key, value)` in x and v, then gradients."""

    def case(torch):
        x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
        v = torch.tensor([0.5, -0.5, 1.5], requires_grad=True)
        y = x * 1
        for key, value in writes:
            names = {"torch": torch, "x": x, "y": y, "v": v}
            exec(f"y[{key}] = {value}", names)
            yield f"y[{key}] = {value}", y
        weights = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
        yield torch.autograd.grad(y, (x, v), weights, allow_unused=True)

    return {name: case}


globals().update(
    cases(
        assigned("assign_number", ("0, 0", "10.0"), ("1", "-1"), (":, 2", "7")),
        assigned("assign_row", ("0", "v")),
        assigned("assign_broadcast", (":", "v"), (":, 1", "v[0]"), (":, :1", "v[1]")),
        assigned("assign_column", (":, 0", "v[:2]"), ("..., -1", "v[1:]")),
        assigned(
            "assign_steps",
            (":, ::2", "v[:2]"),
        ),
        assigned(
            "assign_mask",
            ("y > 2.5", "0.25"),
        ),
        assigned(
            "assign_mask_values",
            ("torch.tensor([True, False])", "v.unsqueeze(0)"),
        ),
        assigned(
            "assign_mask_of_elements",
            ("x > 3", "v * 2"),
        ),
        assigned("assign_list", ("[1, 0]", "v"), (":, [0, 2]", "v[:2]")),
        assigned(
            "assign_pairs",
            ("[0, 1], [1, 2]", "v[:2] * 3"),
        ),
        assigned("assign_tensor_index", ("torch.tensor([0])", "v"), ("torch.tensor(1), 0", "v[2]")),
        assigned("assign_of_itself", ("0", "y[1] * 2"), ("1", "y[0].clone()"), (":, 0", "y[:, 1]")),
        assigned("assign_integer_values", ("0", "torch.tensor([1, 2, 3])"), ("1, 1", "True")),
        assigned("assign_zero_d", ("0, 1", "v.sum()"), ("1, 1", "torch.tensor(3.0)")),
        assigned("assign_nothing", ("[]", "1.0"), ("0:0", "v")),
        assigned("assign_new_axis", ("None, 0", "v"), ("..., None", "v[0]")),
    )
)


def case_assign_augmented(torch):
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = x * 1
    y[0] += 2
    yield y
    y[:, 1] *= x[:, 0].detach()
    yield y
    y[1, 2] -= 0.5
    yield y
    y[[0, 1], [0, 0]] += 1.0
    yield y
    y[y > 8] = 0
    yield y
    y[0, :2] /= 4
    yield y
    yield torch.autograd.grad(y, x, torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]))


def case_assign_keeps_dtype(torch):
    n = torch.tensor([1, 2, 3])
    n[0] = 2.75
    yield n
    n[1:] = torch.tensor([1.5, -1.5])
    yield n
    b = torch.tensor([True, False])
    b[1] = 3
    yield b
    f = torch.tensor([1.0, 2.0])
    f[0] = torch.tensor(1 / 3, dtype=torch.float64)
    yield f
    f[:] = torch.tensor([True, False])
    yield f


def case_assign_duplicate_accumulates_not(torch):
    y = torch.zeros(3)
    y[[0, 0, 2]] += 1
    yield y
    y.index_put_((torch.tensor([0, 0, 2]),), torch.tensor(1.0), accumulate=True)
    yield y
    y.index_add_(0, torch.tensor([1, 1]), torch.tensor([1.0, 2.0]))
    yield y


def case_iterate(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    yield list(x)
    yield [row.sum().item() for row in x]
    a, b = x
    yield a * b
    yield torch.autograd.grad(sum(row[0] * row[1] for row in x), x)
    yield 2.0 in x, 9.0 in x
    yield x.tolist(), x[0].tolist(), x[0, 0].item(), float(x.detach()[1, 1]), int(x.detach()[1, 0])


def case_item_of_many_raises(torch):
    yield torch.tensor([2.5]).item()
    torch.tensor([1.0, 2.0]).item()
