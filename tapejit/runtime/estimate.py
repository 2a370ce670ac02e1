"""What compiling a tape is expected to cost, from what its text will hold.

A kernel's text is written in full, but equal steps are compiled once: a layer that is called fifty
times costs what its rows cost to write, and what one layer costs to compile. So rows count little,
and rows that are unlike all others count much. A row is told from others by what it does, to which
avals, and by what its operands are and theirs; literals are part of the text, so other numbers are
other rows.

The weights are fitted to networks, solvers and straight lines of 26 to 22,000 rows; the pipeline
learns the pace of its own machine on top of them.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..core.config import config
from ..core.records import record
from ..passes.schedule import ROLLED
from ..tape.ir import Tape

SILENT = ("view", "lit", "out", "input")
"""Kinds of rows that stand in no line of their own."""
STEPS = (*ROLLED, "update", "concatenate", "map", "call", "spread", "iota")
"""Kinds of rows that are loops of their own, or hold some."""


@record(frozen=True)
class Weight:
    """What predicts the time of compilation.

    Attributes
    ----------
    rows : int
        Rows, those of bodies included.
    unlike : int
        Rows of arrays that differ from one another.
    products, steps : int
        Products, and rows that are loops of their own, that differ from one another.
    arguments : int
        What the kernel is given: each is checked, tested and named.
    """

    rows: int
    unlike: int
    products: int
    steps: int
    arguments: int

    @property
    def seconds(self) -> float:
        """Seconds of compilation as measured on one machine.

        Numba's pipeline takes a row at eight times the price.
        """
        made = (
            0.02
            + 0.00025 * self.rows
            + 0.0025 * self.unlike
            + 0.003 * self.products
            + 0.008 * self.steps
            + 0.0008 * self.arguments
        )
        return made if config.direct else 8 * made


def weigh(tape: Tape) -> Weight:
    """Return what predicts how long a tape takes to compile."""
    unlike: dict[str, set[object]] = {"rows": set(), "product": set(), "steps": set()}
    todo = [tape]
    while todo:
        at = todo.pop()
        todo += at.bodies()
        alone: list[int] = []  # what a row is, apart from its operands
        near: list[int] = []  # and what these are
        for i in range(at.rows):
            args = at.args(i)
            alone.append(hash((at.op[i], at.aval[i], at.param[i])))
            near.append(hash((alone[i], *[alone[a] for a in args])))
            kind = at.prim(i).emit.kind
            aval = at.any_aval(i)
            if kind in SILENT or (isinstance(aval, Aval) and not aval.shape):
                continue
            name = "steps" if kind in STEPS else kind if kind == "product" else "rows"
            unlike[name].add((alone[i], *[near[a] for a in args]))
    given = map(tape.any_aval, range(tape.n_inputs))
    arrays = sum(isinstance(a, Aval) and bool(a.shape) for a in given)
    return Weight(
        len(tape),
        len(unlike["rows"]),
        len(unlike["product"]),
        len(unlike["steps"]),
        arrays + len(tape.outputs),
    )
