"""Products of matrices and vectors, and distances."""

from __future__ import annotations

from table import cases, expr, exprs, fails, full, ints, op, span, spread, waves

A = span(-2, 2, 2, 3)
B = spread(-1, 1, 3, 2)
V = span(-2, 2, 3)
W = spread(-1, 1, 3)
BATCH = span(-2, 2, 2, 2, 3)
OTHER = spread(-1, 1, 2, 3, 2)
SQUARE = span(-1, 1, 3, 3)
BIAS = spread(0, 2, 2, 2)

ROWS = [
    op("mm", "x, y", "fmo", x=A, y=B),
    op("mm", "x, x.t()", "f", tag="self", x=A),
    op("bmm", "x, y", "fmo", x=BATCH, y=OTHER),
    op("mv", "x, y", "fmo", x=A, y=V),
    op("dot", "x, y", "fmo", x=V, y=W),
    op("vdot", "x, y", "fm", x=V, y=W),
    op("inner", "x, y", "fm", x=A, y=spread(0, 1, 2, 3)),
    op("inner", "x, y", "f", tag="vectors", x=V, y=W),
    op("inner", "x, y", "f", tag="number", x=full((), 2.0), y=V),
    op("matmul", "x, y", "fmo", x=A, y=B),
    op("matmul", "x, y", "f", tag="vectors", x=V, y=W),
    op("matmul", "x, y", "f", tag="matrix_vector", x=A, y=V),
    op("matmul", "x, y", "f", tag="vector_matrix", x=V, y=B),
    op("matmul", "x, y", "f", tag="batch", x=BATCH, y=OTHER),
    op("matmul", "x, y", "f", tag="batch_matrix", x=BATCH, y=B),
    op("matmul", "x, y", "f", tag="matrix_batch", x=A, y=OTHER),
    op("matmul", "x, y", "f", tag="batch_vector", x=BATCH, y=V),
    op("matmul", "x, y", "f", tag="vector_batch", x=V, y=OTHER),
    op("matmul", "x, y", "f", tag="broadcast", x=span(-1, 1, 2, 1, 1, 3), y=spread(-1, 1, 2, 3, 1)),
    expr("matmul_operator", "x @ y", smooth=True, x=A, y=B),
    exprs(
        "matmul_of_views",
        """x.t() @ y.t(); x @ x.t(); x[:, ::2] @ y[:2]; x[0] @ y; x @ y[:, 0];
        x.t()[::2] @ y.t()""",
        x=A,
        y=B,
    ),
    exprs("matmul_empty", "x @ y; y[:, :0] @ x; torch.mm(x, y); x.t() @ x", x=full((0, 3)), y=B),
    exprs(
        "matmul_integers",
        "x @ x; x.mv(x[0]); x[0].dot(x[1]); torch.einsum('ij,jk->ik', x, x)",
        x=ints(0, 5, 2, 2),
    ),
    exprs(
        "matmul_complex", "x @ x; x[0].vdot(x[1]); x[0].dot(x[1]); torch.inner(x, x)", x=waves(2, 2)
    ),
    fails(
        "matmul_shapes",
        """x @ x; torch.mm(x, y[0]); torch.mv(x, y); torch.dot(x[0], y[:, 0][:2]);
        torch.bmm(x, y); x @ 2.0; torch.mm(x, y.double()); x @ torch.tensor(1.0);
        torch.dot(x, y); x @ y.long()""",
        x=A,
        y=B,
    ),
    # with a sum
    op("addmm", "x, y, z", "fmio", x=BIAS, y=A, z=B),
    op("addmm", "x, y, z, beta=0.5, alpha=2.0", "fmi", tag="scaled", x=BIAS, y=A, z=B),
    op("addmm", "x, y, z", "f", tag="row", x=spread(0, 2, 2), y=A, z=B),
    op("addmv", "x, y, z", "fmi", x=spread(0, 2, 2), y=A, z=V),
    op("addr", "x, y, z", "fmi", x=BIAS, y=spread(0, 1, 2), z=span(0, 1, 2)),
    op("baddbmm", "x, y, z", "fmi", x=spread(0, 2, 2, 2, 2), y=BATCH, z=OTHER),
    op(
        "baddbmm",
        "x, y, z, beta=0.0, alpha=0.5",
        "f",
        tag="scaled",
        x=spread(0, 2, 2, 2, 2),
        y=BATCH,
        z=OTHER,
    ),
    op("addbmm", "x, y, z", "fmi", x=BIAS, y=BATCH, z=OTHER),
    op("chain_matmul", "x, y, x", "f", tag="warns", x=A, y=B),
    # Einstein sums
    *(
        op("einsum", f"'{rule}', x, y", "f", tag=tag, x=x, y=y)
        for tag, rule, x, y in [
            ("mm", "ij,jk->ik", A, B),
            ("implicit", "ij,jk", A, B),
            ("outer", "i,j->ij", V, W),
            ("dot", "i,i->", V, W),
            ("batch", "bij,bjk->bik", BATCH, OTHER),
            ("elementwise", "ij,ij->ij", A, spread(-1, 1, 2, 3)),
            ("sum_of_both", "ij,jk->", A, B),
            ("ellipsis", "...ij,...jk->...ik", BATCH, OTHER),
            ("transposed", "ij,kj->ki", A, spread(-1, 1, 2, 3)),
            ("broadcast", "bij,j->bi", BATCH, V),
        ]
    ),
    op("einsum", "'ii->', x", "f", tag="trace", x=SQUARE),
    op("einsum", "'ii->i', x", "f", tag="diagonal", x=SQUARE),
    op("einsum", "'ij->ji', x", "f", tag="transpose", x=A),
    op("einsum", "'ij->j', x", "f", tag="sum", x=A),
    op("einsum", "'i,ij,j->', x, y, z", "f", tag="three", x=V, y=SQUARE, z=W),
    op("einsum", "'bi,ij,bj->b', x, y, x", "f", tag="quadratic", x=A, y=SQUARE),
    op("einsum", "'ij,jk->ik', [x, y]", "f", tag="list", x=A, y=B),
    fails(
        "einsum",
        """torch.einsum('ij,jk->ik', x, x); torch.einsum('ij', x, x); torch.einsum('ij->k', x);
        torch.einsum('i->i', x)""",
        x=A,
    ),
    op("tensordot", "x, y, dims=1", "f", x=A, y=B),
    op("tensordot", "x, y, dims=([1, 0], [0, 1])", "f", tag="axes", x=A, y=B),
    op("tensordot", "x, y, dims=([1], [2])", "f", tag="middle", x=A, y=span(0, 1, 2, 2, 3)),
    op("tensordot", "x, y, dims=0", "f", tag="outer", x=V, y=spread(0, 1, 2)),
    op("matrix_power", "x, 3", "fm", x=SQUARE),
    op("matrix_power", "x, 0", "f", tag="zero", x=SQUARE),
    op("matrix_power", "x, -1", "f", tag="inverse", x=full((2, 2), 2.0, 1.0, 0.5, 1.5)),
    # products of vectors, distances, statistics
    op("cross", "x, y, dim=1", "fm", x=A, y=spread(-1, 1, 2, 3)),
    op("cross", "x, y, dim=0", "f", tag="vectors", x=V, y=W),
    op("linalg.cross", "x, y", "f", x=A, y=spread(-1, 1, 2, 3)),
    op("cdist", "x, y", "f", smooth=False, x=A, y=spread(-1, 1, 3, 3)),
    op("cdist", "x, y, p=1.0", "f", tag="one", smooth=False, x=A, y=spread(-1, 1, 3, 3)),
    op("cdist", "x, y, p=3.0", "f", tag="three", smooth=False, x=A, y=spread(-1, 1, 3, 3)),
    op("pdist", "x", "f", smooth=False, x=SQUARE),
    op("cosine_similarity", "x, y", "f", x=A, y=spread(-1, 1, 2, 3)),
    op("cosine_similarity", "x, y, dim=0", "f", tag="dim", x=A, y=spread(-1, 1, 2, 3)),
    op("cov", "x", "fm", x=A),
    op("cov", "x, correction=0", "fm", tag="population", x=A),
    op("cov", "x, fweights=w", "f", tag="weights", x=A, w=ints(1, 4, 3)),
    op("corrcoef", "x", "fm", x=span(-2, 2, 2, 4)),
]

globals().update(cases(*ROWS))
