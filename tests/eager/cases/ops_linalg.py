"""Linear algebra: torch.linalg and its older names.

Factors that are determined only up to a sign or a phase (singular and eigenvectors) are compared
through quantities that do not depend on it: LAPACK may choose either.
"""

from __future__ import annotations

from table import cases, expr, exprs, fails, full, op, span, spread, waves

# Diagonally dominant, so that every condition number is small; symmetric; positive definite.
M = full((3, 3), 2.0, -0.5, 0.3, 0.4, 1.5, -0.6, -0.2, 0.7, 1.1)
S = full((3, 3), 2.0, 0.5, 0.3, 0.5, 1.0, -0.4, 0.3, -0.4, -1.2)
P = full((3, 3), 2.0, 0.5, 0.3, 0.5, 1.5, -0.4, 0.3, -0.4, 1.2)
R = span(-2, 2, 3, 2)
WIDE = span(-2, 2, 2, 3)
PAIR = full((2, 2, 2), 2.0, 0.5, -0.3, 1.5, 1.0, -0.7, 0.6, 2.5)
TWO = full((2, 2), 1.0, -0.7, 0.6, 2.5)
PDS = full((2, 2, 2), 2.0, 0.5, 0.5, 1.5, 1.0, -0.3, -0.3, 2.5)
V = spread(-1, 1, 3)
RHS = spread(-1, 1, 3, 2)
SINGULAR = full((2, 2), 1.0, 2.0, 2.0, 4.0)


def norms(name, x, orders, args=""):
    """One row for each order of a norm."""
    return [
        op(name, f"x, ord={order}{args}", "f", tag=tag + ("_dims" if args else ""), x=x)
        for order, tag in orders
    ]


INF = "float('inf')"

ROWS = [
    op("linalg.norm", "x", "f", x=R),
    op("linalg.norm", "x, dim=1", "f", tag="dim", x=R),
    op("linalg.norm", "x, keepdim=True", "f", tag="keepdim", x=R),
    *norms(
        "linalg.norm",
        V,
        [
            ("1", "one"),
            ("2", "two"),
            ("3", "three"),
            (INF, "inf"),
            (f"-{INF}", "minus_inf"),
            ("0", "zero"),
        ],
    ),
    *norms(
        "linalg.vector_norm",
        R,
        [
            ("1", "one"),
            ("2", "two"),
            ("2.5", "fraction"),
            (INF, "inf"),
            (f"-{INF}", "minus_inf"),
            ("0", "zero"),
        ],
    ),
    *norms("linalg.vector_norm", R, [("2", "two"), ("1", "one")], ", dim=0"),
    op("linalg.vector_norm", "x, dim=(0, 1), keepdim=True", "f", tag="keepdim", x=R),
    *norms(
        "linalg.matrix_norm",
        R,
        [
            ("'fro'", "fro"),
            ("'nuc'", "nuc"),
            ("1", "one"),
            ("-1", "minus_one"),
            ("2", "two"),
            ("-2", "minus_two"),
            (INF, "inf"),
        ],
    ),
    op("linalg.matrix_norm", "x", "f", tag="batch", x=PAIR),
    # one matrix
    op("linalg.inv", "x", "fo", x=M),
    op("linalg.inv", "x", "f", tag="batch", x=PAIR),
    op("inverse", "x", "fm", x=M),
    op("linalg.det", "x", "f", x=M),
    op("linalg.det", "x", "f", tag="batch", x=PAIR),
    op("det", "x", "fm", x=M),
    op("linalg.slogdet", "x", "f", x=M),
    op("slogdet", "x", "fm", x=PAIR),
    op("logdet", "x", "fm", x=P),
    op("linalg.matrix_power", "x, 2", "f", x=M),
    op("linalg.matrix_power", "x, -2", "f", tag="negative", x=M),
    op("linalg.matrix_exp", "x", "f", x=M),
    op("matrix_exp", "x", "fm", x=full((2, 2), 0.1, 0.2, -0.3, 0.05)),
    op("linalg.cond", "x", "f", smooth=False, x=M),
    op("linalg.cond", "x, 1", "f", tag="one", grad=False, x=M),
    op("linalg.cond", "x, 'fro'", "f", tag="fro", grad=False, x=M),
    op("linalg.matrix_rank", "x", "f", x=M),
    op("linalg.matrix_rank", "x", "f", tag="deficient", x=SINGULAR),
    op("linalg.matrix_rank", "x, tol=10.0", "f", tag="tolerance", x=M),
    op("linalg.pinv", "x", "f", smooth=False, x=R),
    op("linalg.pinv", "x", "f", tag="wide", smooth=False, x=WIDE),
    op("pinverse", "x", "fm", smooth=False, x=R),
    op("linalg.diagonal", "x", "f", x=PAIR),
    op("linalg.vecdot", "x, y", "f", x=R, y=RHS),
    op("linalg.matmul", "x, y", "f", x=M, y=RHS),
    op("linalg.multi_dot", "[x, y, z]", "f", x=WIDE, y=M, z=RHS),
    op("linalg.multi_dot", "[x, y, x]", "f", tag="vectors", x=V, y=M),
    # systems
    op("linalg.solve", "x, y", "f", x=M, y=RHS),
    op("linalg.solve", "x, y", "f", tag="vector", x=M, y=V),
    op("linalg.solve", "x, y", "f", tag="batch", x=PAIR, y=spread(-1, 1, 2, 2, 1)),
    op("linalg.solve", "x, y, left=False", "f", tag="right", x=M, y=spread(-1, 1, 2, 3)),
    op("linalg.solve_triangular", "x, y, upper=True", "f", x=M, y=RHS),
    op(
        "linalg.solve_triangular",
        "x, y, upper=False, unitriangular=True",
        "f",
        tag="unit",
        x=M,
        y=RHS,
    ),
    op(
        "linalg.solve_triangular",
        "x, y, upper=True, left=False",
        "f",
        tag="right",
        x=M,
        y=spread(-1, 1, 2, 3),
    ),
    op("triangular_solve", "y, x", "f", tag="old", x=M, y=RHS, smooth=False),
    op("linalg.lstsq", "x, y", "f", smooth=False, grad=False, x=R, y=RHS),
    expr("linalg_lstsq_solution", "torch.linalg.lstsq(x, y).solution", x=R, y=RHS),
    op(
        "cholesky_solve",
        "y, x",
        "f",
        smooth=False,
        x=full((2, 2), 1.5, 0.0, 0.5, 1.2),
        y=spread(-1, 1, 2, 1),
    ),
    op("cholesky_inverse", "x", "f", smooth=False, x=full((2, 2), 1.5, 0.0, 0.5, 1.2)),
    op(
        "linalg.tensorsolve",
        "x, y",
        "f",
        smooth=False,
        x=full((2, 1, 2), 2.0, 0.5, -0.3, 1.5),
        y=spread(0, 1, 2, 1),
    ),
    # factors
    op("linalg.cholesky", "x", "f", x=P),
    op("linalg.cholesky", "x, upper=True", "f", tag="upper", x=P),
    op("linalg.cholesky", "x", "f", tag="batch", x=PDS),
    op("cholesky", "x", "m", x=P),
    op("linalg.qr", "x", "f", x=R),
    op("linalg.qr", "x", "f", tag="square", x=M),
    op("linalg.qr", "x, mode='complete'", "f", tag="complete", grad=False, x=R),
    op("linalg.qr", "x, mode='r'", "f", tag="r", grad=False, x=R),
    op("linalg.svdvals", "x", "f", x=R),
    op("linalg.svdvals", "x", "f", tag="wide", x=WIDE),
    exprs(
        "linalg_svd",
        """torch.linalg.svd(x, full_matrices=False)[1];
        [f.abs() for f in torch.linalg.svd(x, full_matrices=False)];
        torch.linalg.svd(x, full_matrices=False).U.grad_fn.name();
        [f.shape for f in torch.linalg.svd(x)]""",
        x=R,
    ),
    expr(
        "linalg_svd_back",
        "(lambda u, s, v: (u * s.exp()) @ v)(*torch.linalg.svd(x, full_matrices=False))",
        smooth=True,
        x=R,
    ),
    expr(
        "linalg_svd_wide",
        "(lambda u, s, v: (u * s.sqrt()) @ v)(*torch.linalg.svd(x, full_matrices=False))",
        smooth=True,
        x=WIDE,
    ),
    expr("svd_old", "(lambda u, s, v: (u * s.exp()) @ v.t())(*torch.svd(x))", x=R),
    op("linalg.eigvalsh", "x", "f", x=S),
    op("linalg.eigvalsh", "x, UPLO='U'", "f", tag="upper", x=M),
    op("linalg.eigvalsh", "x", "f", tag="batch", x=PDS),
    exprs(
        "linalg_eigh",
        """torch.linalg.eigh(x)[0]; torch.linalg.eigh(x).eigenvectors.abs();
        torch.linalg.eigh(x)[1].grad_fn.name()""",
        x=S,
    ),
    expr(
        "linalg_eigh_back",
        "(lambda w, v: (v * w.exp()) @ v.mT)(*torch.linalg.eigh(x))",
        smooth=True,
        x=S,
    ),
    expr(
        "linalg_eigh_of_sum",
        "(lambda w, v: (v * w.exp()) @ v.mT)(*torch.linalg.eigh(x + x.mT))",
        smooth=True,
        x=M,
    ),
    exprs(
        "linalg_eig_values",
        """torch.linalg.eigvals(x).real.sort()[0]; torch.linalg.eigvals(x).imag.abs().sort()[0];
        torch.linalg.eigvals(x).dtype; torch.linalg.eig(x)[1].abs().square().sum(0).detach();
        torch.linalg.eigvals(x).grad_fn.name()""",
        x=TWO,
    ),
    expr(
        "linalg_eig_back",
        "(lambda w, v: (v * w) @ torch.linalg.inv(v))(*torch.linalg.eig(x)).real",
        x=TWO,
    ),
    expr("linalg_lu", "[f.shape for f in torch.linalg.lu(x)]", x=M),
    expr("linalg_lu_back", "(lambda p, l, u: p @ l @ u)(*torch.linalg.lu(x))", x=M),
    exprs(
        "linalg_factors_of_complex",
        """torch.linalg.inv(x); torch.linalg.det(x); torch.linalg.norm(x);
        torch.linalg.svdvals(x)""",
        x=waves(2, 2),
    ),
    exprs(
        "linalg_fields",
        """torch.linalg.slogdet(x).logabsdet; torch.linalg.qr(x).R.shape;
        torch.linalg.eigh(x).eigenvalues""",
        x=S,
    ),
    exprs(
        "linalg_one_by_one",
        """torch.linalg.inv(x); torch.linalg.det(x); torch.linalg.cholesky(x);
        torch.linalg.solve(x, x)""",
        x=full((1, 1), 2.0),
    ),
    exprs(
        "linalg_empty",
        "torch.linalg.det(x); torch.linalg.inv(x); torch.linalg.norm(x)",
        x=full((0, 0)),
    ),
    # errors
    fails(
        "linalg_singular",
        "torch.linalg.inv(x); torch.linalg.solve(x, x); torch.linalg.cholesky(-x)",
        x=SINGULAR,
    ),
    fails(
        "linalg_shapes",
        """torch.linalg.inv(x); torch.linalg.det(x); torch.linalg.cholesky(x);
        torch.linalg.eigh(x); torch.linalg.solve(x, x); torch.linalg.matrix_power(x, 2);
        torch.linalg.matrix_norm(x[0]); torch.linalg.svd(x[0])""",
        x=R,
    ),
    fails(
        "linalg_orders",
        """torch.linalg.matrix_norm(x, ord=3); torch.linalg.matrix_norm(x, ord='none');
        torch.linalg.qr(x, mode='other')""",
        x=R,
    ),
    fails(
        "linalg_integers",
        """torch.linalg.inv(x.long()); torch.linalg.det(x.long()); torch.linalg.norm(x.long());
        torch.linalg.solve(x.long(), x.long())""",
        x=M,
    ),
]

globals().update(cases(*ROWS))


def case_linalg_error_class(torch):
    for run in (
        lambda: torch.linalg.inv(torch.zeros(2, 2)),
        lambda: torch.linalg.cholesky(-torch.eye(2)),
        lambda: torch.linalg.solve(torch.zeros(2, 2), torch.ones(2)),
    ):
        try:
            run()
        except torch.linalg.LinAlgError as error:
            yield isinstance(error, RuntimeError)


def case_linalg_det_of_singular(torch):
    x = torch.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    yield torch.linalg.det(x)
    yield torch.linalg.matrix_rank(x)
    sign, log = torch.linalg.slogdet(x)
    yield sign, log
