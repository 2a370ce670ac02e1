"""Changes of shape and order: views and copies, with their gradients and node names."""

from __future__ import annotations

from table import cases, expr, exprs, fails, full, ints, op, span

X = span(-2, 2, 2, 3)
T = span(-2, 2, 2, 3, 2)
V = span(-2, 2, 6)
Z = full((), 1.5)

ROWS = [
    op("reshape", "x, (3, 2)", "fm", x=X),
    op("reshape", "x, (-1,)", "f", tag="flat", x=X),
    op("reshape", "x, (3, -1, 1)", "f", tag="unknown", x=X),
    op("reshape", "x, ()", "f", tag="to_zero_d", x=full((1, 1), 2.0)),
    op("view", "x, 3, 2", "m", x=X),
    op("view_as", "x, y", "m", x=X, y=span(0, 1, 3, 2)),
    op("reshape_as", "x, y", "m", x=X, y=span(0, 1, 6)),
    op("flatten", "x", "fm", x=T),
    op("flatten", "x, 1", "fm", tag="from_one", x=T),
    op("flatten", "x, start_dim=0, end_dim=1", "fm", tag="first_two", x=T),
    op("unflatten", "x, 0, (2, 3)", "fm", x=V),
    op("unflatten", "x, -1, (-1, 2)", "fm", tag="unknown", x=V),
    op("ravel", "x", "fm", x=X),
    op("squeeze", "x", "fmi", x=full((1, 2, 1), 1.0, 2.0)),
    op("squeeze", "x, 0", "fmi", tag="dim", x=full((1, 2, 1), 1.0, 2.0)),
    op("squeeze", "x, (0, 2)", "fm", tag="dims", x=full((1, 2, 1), 1.0, 2.0)),
    op("squeeze", "x, 1", "fm", tag="not_one", x=full((1, 2, 1), 1.0, 2.0)),
    op("unsqueeze", "x, 0", "fmi", x=X),
    op("unsqueeze", "x, -1", "fm", tag="last", x=X),
    op("unsqueeze", "x, dim=1", "fm", tag="middle", x=X),
    op("transpose", "x, 0, 1", "fmi", x=X),
    op("transpose", "x, -1, 0", "fm", tag="negative", x=T),
    op("swapaxes", "x, 0, 2", "fm", x=T),
    op("swapdims", "x, 0, 1", "fm", x=T),
    op("t", "x", "fmi", x=X),
    op("t", "x", "f", tag="vector", x=V),
    op("adjoint", "x", "fm", x=X),
    op("permute", "x, (2, 0, 1)", "fm", x=T),
    op("movedim", "x, 0, 2", "fm", x=T),
    op("movedim", "x, (0, 1), (2, 0)", "fm", tag="several", x=T),
    op("moveaxis", "x, 2, 0", "fm", x=T),
    op("expand_copy", "x, (2, 2, 3)", "f", x=X),
    op("broadcast_to", "x, (2, 2, 3)", "fm", x=X),
    op("broadcast_tensors", "x, y", "f", x=X, y=span(0, 1, 3)),
    op("broadcast_shapes", "(2, 1), (3,)", "f"),
    op("atleast_1d", "x", "f", x=Z),
    op("atleast_2d", "x", "f", x=V),
    op("atleast_3d", "x", "f", x=X),
    op("tile", "x, (2, 1)", "fm", x=X),
    op("tile", "x, (2,)", "f", tag="short", x=X),
    op("repeat_interleave", "x, 2", "fm", x=X),
    op("repeat_interleave", "x, 2, dim=1", "fm", tag="dim", x=X),
    op("repeat_interleave", "x, n, dim=0", "fm", tag="counts", x=X, n=ints(1, 3, 2)),
    op("flip", "x, (0,)", "fm", x=X),
    op("flip", "x, (0, -1)", "fm", tag="both", x=X),
    op("fliplr", "x", "fm", x=X),
    op("flipud", "x", "fm", x=X),
    op("rot90", "x", "fm", x=X),
    op("rot90", "x, 2", "f", tag="twice", x=X),
    op("rot90", "x, -1, (0, 2)", "f", tag="axes", x=T),
    op("roll", "x, 1", "fm", x=X),
    op("roll", "x, 1, 0", "fm", tag="dim", x=X),
    op("roll", "x, (1, -1), (0, 1)", "fm", tag="both", x=X),
    op("numel", "x", "fm", x=X),
    op("clone", "x", "fm", x=X),
    op("detach", "x", "m", x=X),
    op("tril", "x", "fmio", x=span(-2, 2, 3, 3)),
    op("tril", "x, diagonal=-1", "fm", tag="below", x=span(-2, 2, 3, 3)),
    op("triu", "x", "fmio", x=span(-2, 2, 3, 3)),
    op("triu", "x, 1", "fm", tag="above", x=span(-2, 2, 2, 2, 3)),
    op("diag", "x", "fm", x=span(-2, 2, 3)),
    op("diag", "x, 1", "fm", tag="above", x=span(-2, 2, 2)),
    op("diag", "x", "fm", tag="of_matrix", x=X),
    op("diag", "x, -1", "f", tag="of_matrix_below", x=X),
    op("diagonal", "x", "fm", x=X),
    op("diagonal", "x, offset=1, dim1=0, dim2=2", "fm", tag="axes", x=T),
    op("diag_embed", "x", "fm", x=X),
    op("diag_embed", "x, offset=1", "f", tag="above", x=X),
    op("diagflat", "x", "fm", x=X),
    op("trace", "x", "fm", x=span(-2, 2, 3, 3)),
    op("diagonal_scatter", "x, y", "f", x=span(-2, 2, 3, 3), y=span(0, 1, 3)),
    op("tril_indices", "3, 3", "f"),
    op("triu_indices", "2, 3, 1", "f", tag="above"),
    # methods and attributes that are no functions
    expr("expand", "x.expand(2, 3)", smooth=True, x=span(-2, 2, 3)),
    expr("expand_column", "x.expand(-1, 3)", smooth=True, x=span(-2, 2, 2, 1)),
    expr("expand_as", "x.expand_as(y)", smooth=True, x=span(-2, 2, 3), y=X),
    expr("repeat", "x.repeat(2, 2)", smooth=True, x=X),
    expr("repeat_new_axis", "x.repeat(2, 1)", smooth=True, x=span(-2, 2, 3)),
    expr("permute_arguments", "x.permute(2, 0, 1)", smooth=True, x=T),
    expr("reshape_arguments", "x.reshape(3, 2)", x=X),
    expr("view_tuple", "x.view((6,))", x=X),
    expr("view_minus_one", "x.view(-1, 2)", x=X),
    expr("view_zero_d", "x.view(1, 1)", x=Z),
    exprs("transposed_attributes", "x.T; x.mT; x.H; x.mH", x=X),
    exprs("T_of_other_ranks", "x.T; x[0, 0].T; x[0, 0, 0].T", x=T),  # deprecated: each warns
    exprs("mT_of_batch", "x.mT", x=T),
    exprs(
        "sizes",
        """x.shape; x.size(); x.size(1); x.size(-1); x.dim(); x.ndim; x.numel(); len(x);
        x.stride(); x.is_contiguous(); x.t().is_contiguous(); x.t().stride(); x.nelement();
        x.element_size(); x.storage_offset(); x[1].storage_offset(); tuple(x.shape);
        x.shape[0] * 2; x.shape.numel(); x.shape == (2, 3); x.nbytes; x.itemsize""",
        x=X,
    ),
    exprs("sizes_zero_d", "x.shape; x.size(); x.dim(); x.numel(); x.stride()", x=Z),
    exprs(
        "contiguous", "x.t().contiguous(); x.contiguous() is x; x.t().contiguous().stride()", x=X
    ),
    exprs(
        "reshape_of_transposed",
        "x.t().reshape(6); x.t().reshape(2, 3); x.t().flatten(); x.t().ravel()",
        x=X,
    ),
    exprs(
        "views_of_views",
        """x[1:].t(); x.t()[0].unsqueeze(0); x.view(3, 2).t().unsqueeze(1);
        x.flatten()[1:4].view(3, 1); x.expand(2, 2, 3)[1, 0];
        x.permute(1, 0)[1].expand(2, 2)""",
        x=X,
    ),
    exprs(
        "shapes_of_empty",
        """x.reshape(3, 0); x.t(); x.flatten(); x.unsqueeze(0); x.squeeze(); x.repeat(2, 2);
        x.flip(0)""",
        x=full((0, 3)),
    ),
    exprs(
        "shapes_of_integers",
        "x.t(); x.repeat(1, 2); x.tril(); x.trace(); x.rot90(); x.roll(1); x.diagonal()",
        x=ints(0, 9, 2, 2),
    ),
    exprs(
        "as_strided",
        """x.as_strided((2, 2), (1, 2)); torch.as_strided(x, (2, 3), (3, 1));
        x.as_strided((3,), (2,), 1)""",
        x=V,
    ),
    exprs("unfold", "x.unfold(0, 3, 1); x.unfold(0, 2, 2)", x=V),
    exprs("narrow", "x.narrow(1, 1, 2); torch.narrow(x, 0, 0, 1); x.narrow(-1, 0, 2)", x=X),
    exprs("fill_diagonal", "x.clone().fill_diagonal_(0.0)", x=span(-2, 2, 3, 3)),
    # errors
    fails(
        "reshape",
        """x.reshape(4, 2); x.reshape(-1, -1); x.reshape(-1, 4); x.view(5); x.t().view(6);
        x.unflatten(0, (3, 3))""",
        x=X,
    ),
    fails(
        "dims",
        """x.transpose(0, 2); x.permute(0); x.permute(0, 0); x.unsqueeze(4); x.squeeze(3);
        x.flip(2); x.size(2); x.movedim(0, 2); x.flatten(2); x.narrow(0, 1, 3)""",
        x=X,
    ),
    fails(
        "expand",
        "x.expand(4, 3); x.expand(3); x.expand(2, -1, -1, 5); torch.broadcast_to(x, (3, 2))",
        x=X,
    ),
    fails("expand_new_minus_one", "x.expand(-1, 2, 3)", x=X),
    fails("rank", "x.t(); x.trace(); x[0, 0].tril(); torch.diag(x[0, 0, 0])", x=T),
    fails("repeat", "x.repeat(2); x.repeat(-1, 2); torch.repeat_interleave(x, -1)", x=X),
    fails(
        "broadcast_tensors",
        "torch.broadcast_tensors(x, y); torch.broadcast_shapes((2, 3), (4,))",
        x=X,
        y=span(0, 1, 4),
    ),
]

globals().update(cases(*ROWS))


def case_views_share_memory(torch):
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for view in (
        x.t(),
        x[1],
        x.view(6),
        x.reshape(3, 2),
        x.unsqueeze(0),
        x.diagonal(),
        x.narrow(1, 0, 2),
        x.flatten(),
        x.detach(),
        x.T,
    ):
        view.add_(1)
        yield x
    for copy in (
        x.clone(),
        x.t().reshape(6),
        x.repeat(1, 1),
        x.flip(0),
        x[[0, 1]],
        x.t().contiguous(),
        x + 0,
    ):
        copy.add_(1)
        yield x
    for part in x.unbind(0):
        part.mul_(2)
    yield x
    for part in x.split(2, dim=1):
        part.neg_()
    yield x


def case_data_ptr_of_views(torch):
    x = torch.zeros(2, 3)
    for same in (
        x.t(),
        x.view(6),
        x.reshape(3, 2),
        x.detach(),
        x[0],
        x.expand(2, 2, 3),
        x.contiguous(),
        x.flatten(),
    ):
        yield same.data_ptr() == x.data_ptr()
    for other in (x.clone(), x.flip(0), x.t().reshape(6), x + 0, x[1]):
        yield other.data_ptr() == x.data_ptr()


def case_write_through_transposed_view(torch):
    x = torch.zeros(2, 3, requires_grad=True)
    y = x * 1
    y.t()[1] = torch.tensor([5.0, 6.0])
    yield y
    y[:, 2] += 1
    yield y
    yield torch.autograd.grad(y, x, torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
