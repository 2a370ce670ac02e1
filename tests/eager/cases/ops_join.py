"""Joining, splitting, grids and combinations."""

from __future__ import annotations

from table import cases, exprs, fails, full, ints, lit, op, span, spread

X = span(-2, 2, 2, 3)
Y = spread(-2, 2, 2, 3)
V = span(-2, 2, 3)
W = spread(-2, 2, 3)

ROWS = [
    op("cat", "[x, y]", "f", x=X, y=Y),
    op("cat", "(x, y, x), dim=1", "f", tag="dim", x=X, y=Y),
    op("cat", "[x, y], -1", "f", tag="negative", x=X, y=spread(0, 1, 2, 1)),
    op("cat", "[x]", "f", tag="one", x=X),
    op("cat", "[x, y]", "f", tag="with_empty", x=V, y=full((0,))),
    op("concat", "[x, y]", "f", x=X, y=Y),
    op("concatenate", "[x, y], axis=1", "f", x=X, y=Y),
    op("stack", "[x, y]", "f", x=X, y=Y),
    op("stack", "(x, y), dim=1", "f", tag="dim", x=X, y=Y),
    op("stack", "[x, y], -1", "f", tag="negative", x=X, y=Y),
    op("stack", "[x, y]", "f", tag="zero_d", x=full((), 1.0), y=full((), 2.0)),
    op("hstack", "[x, y]", "f", x=X, y=Y),
    op("hstack", "[x, y]", "f", tag="vectors", x=V, y=W),
    op("vstack", "[x, y]", "f", x=X, y=V),
    op("dstack", "[x, y]", "f", x=X, y=Y),
    op("row_stack", "[x, y]", "f", x=V, y=W),
    op("column_stack", "[x, y]", "f", x=V, y=W),
    op("column_stack", "[x, y]", "f", tag="matrix", x=X, y=lit(1.0, 2.0)),
    exprs(
        "cat_promotes",
        "torch.cat([x, y]); torch.stack([y, y]); torch.cat([y, y > 1])",
        x=V,
        y=ints(0, 4, 3),
    ),
    exprs(
        "cat_out",
        "torch.cat([x, x], out=torch.empty(0)); torch.stack([x, x], out=torch.empty(0))",
        grad=False,
        x=V,
    ),
    fails(
        "cat",
        """torch.cat([x, y]); torch.cat([]); torch.cat([x, x], dim=2); torch.cat(x, x);
        torch.stack([]); torch.stack([x, y]); torch.cat([x, x[0]]);
        torch.cat([x[0, 0], x[0, 0]]); torch.stack([x, x], dim=3); torch.cat([x, 1.0])""",
        x=X,
        y=V,
    ),
    # splitting
    op("split", "x, 2", "fm", x=span(-2, 2, 5)),
    op("split", "x, [1, 2], dim=1", "fm", tag="sizes", x=X),
    op("tensor_split", "x, 3", "fm", x=span(-2, 2, 7)),
    op("tensor_split", "x, (1, 4)", "fm", tag="at", x=span(-2, 2, 5)),
    op("tensor_split", "x, 2, dim=1", "f", tag="dim", x=X),
    op("chunk", "x, 3", "fm", x=span(-2, 2, 7)),
    op("chunk", "x, 2, dim=1", "fm", tag="dim", x=X),
    op("hsplit", "x, 3", "fm", x=X),
    op("vsplit", "x, 2", "fm", x=X),
    op("unbind", "x", "fm", x=X),
    op("unbind", "x, dim=1", "fm", tag="dim", x=X),
    op("unbind", "x, -1", "f", tag="negative", x=X),
    exprs(
        "parts",
        """len(x.split(2)); type(x.split(2)).__name__; type(x.unbind()).__name__;
        x.split(2, -1)[1]; x.chunk(2)[0] * 2""",
        x=X,
    ),
    fails(
        "split",
        """x.split(0); x.split([1, 1], dim=1); x.split(-1); x.chunk(0); x.unbind(2);
        x.hsplit(2)""",
        x=X,
    ),
    # grids
    op("meshgrid", "x, y, indexing='ij'", "f", x=V, y=spread(0, 1, 2)),
    op("meshgrid", "x, y, indexing='xy'", "f", tag="xy", x=V, y=spread(0, 1, 2)),
    op("meshgrid", "[x, y, x], indexing='ij'", "f", tag="list", x=lit(1.0, 2.0), y=spread(0, 1, 2)),
    op("meshgrid", "x, y", "f", tag="default_warns", x=V, y=spread(0, 1, 2)),
    op("cartesian_prod", "x, y", "f", x=V, y=spread(0, 1, 2)),
    op("combinations", "x", "f", x=V),
    op("combinations", "x, r=2, with_replacement=True", "f", tag="replacement", x=V),
    op("combinations", "x, 3", "f", tag="three", x=span(0, 4, 4)),
    op("block_diag", "x, y", "f", x=X, y=full((1, 2), 1.0, 2.0)),
    op("kron", "x, y", "fm", x=full((2, 2), 1.0, 2.0, 3.0, 4.0), y=full((1, 2), 0.5, -1.0)),
    op("kron", "x, y", "f", tag="vectors", x=V, y=lit(1.0, 2.0)),
    op("outer", "x, y", "fmo", x=V, y=lit(1.0, 2.0)),
    op("ger", "x, y", "fm", x=V, y=lit(1.0, 2.0)),
    op("vander", "x", "f", grad=False, x=V),
    op("vander", "x, N=4, increasing=True", "f", tag="increasing", grad=False, x=V),
    fails("outer", "torch.outer(x, x); torch.meshgrid(x, indexing='zz')", x=X),
]

globals().update(cases(*ROWS))
