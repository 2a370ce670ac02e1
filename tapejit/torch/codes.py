"""Operations and codes: what one integer of a recorded row stands for.

An `Op` is a torch operation written as a NumPy function of arrays and static parameters. A `Code`
is an op with its parameters and the specs of its operands and results; rows are recorded as the
code's index followed by operand slots. Codes come in threes: without gradient, with gradient, and
with results that are leaves requiring a gradient (updates in place of parameters).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from .spec import Spec

PLAIN, GRAD, LEAF = 0, 1, 2
"""What a value is to autograd: no gradient flows, a result with a graph, a leaf that collects."""
VOLATILE = 4
"""A tensor whose results never have a graph, whatever else they are made of."""
INFERENCE = 8
"""A tensor made in inference mode, which can never be part of a graph."""

Saves = Callable[[tuple[bool, ...], dict[str, Any]], Sequence[int]]


class Op:
    """A torch operation.

    Attributes
    ----------
    name : str
        PyTorch's name of the function.
    impl : callable
        ``impl(*arrays, **params)`` in NumPy's terms: arrays and Python numbers in, an array or a
        tuple of arrays out. It is run on plain arrays and traced; it never writes to an operand.
    node : str or callable
        The name of the node in the graph, or ``node(params, specs)``.
    saves : tuple or None
        For each operand, which operands its gradient reads; -1 is the result, -2 the second result.
        None: all operands.
    shape : callable or None
        ``shape(specs, params)`` gives ``[(dtype, shape), ..]`` where running `impl` on stand-ins
        will not do.
    resolve : callable or None
        ``resolve(args, params)`` gives the parameters that `impl` takes, dtypes filled in; asked
        once for each combination of specs.
    view : bool
        Whether the result shares memory with the first operand.
    write : callable or None
        For views that NumPy cannot write through: ``write(base, new, **params)`` gives the base.
    traced : bool
        Whether `impl` records rows of its own and cannot run on plain arrays.
    raises : bool
        Whether values, not shapes, may raise: the row is then run at once.
    uniform : bool
        Whether all elements of the result are one value, so that it may be written to elements that
        share a place.
    differentiable : bool
        Whether floating results carry gradients.
    scaled : bool
        Whether its gradient reads a number that it does not count as saved.
    memo : dict
        Codes by parameters and operand specs; kept by those who record.
    """

    __slots__ = (
        "differentiable",
        "impl",
        "kinds",
        "memo",
        "name",
        "node",
        "raises",
        "resolve",
        "saves",
        "scaled",
        "shape",
        "special",
        "traced",
        "uniform",
        "view",
        "write",
    )

    def __init__(
        self,
        name: str,
        impl: Callable[..., Any],
        node: str | Callable[..., str] | None = None,
        saves: tuple[tuple[int, ...], ...] | None = None,
        shape: Callable[..., Any] | None = None,
        view: bool = False,
        raises: bool = False,
        differentiable: bool = True,
        special: str | None = None,
        traced: bool = False,
        write: Callable[..., Any] | None = None,
        resolve: Callable[..., dict[str, Any]] | None = None,
        uniform: bool = False,
    ) -> None:
        self.name, self.impl, self.saves, self.shape = name, impl, saves, shape
        default = "".join(p[:1].upper() + p[1:] for p in name.split("_") if p) + "Backward0"
        self.node: str | Callable[..., str] = default if node is None else node
        self.view, self.raises, self.differentiable = view, raises, differentiable
        self.special, self.traced, self.write = special, traced, write
        self.resolve, self.uniform = resolve, uniform
        self.memo: dict[Any, Any] = {}
        self.scaled = False

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> Any:
        return (_op_named, (self.name,))


def op(name: str, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """Declare an operation; see `Op` for the options."""

    def made(impl: Callable[..., Any]) -> Op:
        if name in OPS:
            raise ValueError(f"operation {name} is declared twice")
        found = OPS[name] = Op(name, impl, **options)
        return found

    return made


OPS: dict[str, Op] = {}


def _op_named(name: str) -> Op:
    return OPS[name]


class Code:
    """What the first integer of a row stands for.

    Attributes
    ----------
    op, params : Op, dict
    args : tuple of Spec or type
        The operands: specs, or the types of Python numbers.
    specs : tuple of Spec
        The results.
    kinds : tuple of int
        What each result is to autograd.
    grad : bool
        Whether the gradient flows through this row.
    """

    __slots__ = (
        "args",
        "first",
        "grad",
        "index",
        "kinds",
        "n_args",
        "n_out",
        "op",
        "params",
        "specs",
    )

    index: int
    first: int

    def __init__(
        self,
        op: Op,
        params: dict[str, Any],
        args: tuple[Any, ...],
        specs: tuple[Spec, ...],
        kinds: tuple[int, ...],
    ) -> None:
        self.op, self.params, self.args, self.specs = op, params, args, specs
        self.kinds = kinds
        self.grad = GRAD in kinds
        self.n_args, self.n_out = len(args), len(specs)
        self.index: int = next(_indices)
        self.first, _last[0] = self.index, self.index
        CODES[self.index] = self

    def __repr__(self) -> str:
        return f"<{self.op.name} {self.args} -> {self.specs} {self.kinds}>"

    @property
    def node(self) -> str:
        """The name of the node that this row is in the graph."""
        node = self.op.node
        return node if isinstance(node, str) else node(self.params, self.args)

    def saved(self, connected: Sequence[bool]) -> list[int]:
        """Return which operands (-1: the result) the gradients of connected operands read."""
        found: list[int] = []
        for k, wanted in enumerate(connected):
            if not wanted:
                continue
            if self.op.saves is None:
                found += [i for i in range(self.n_args) if isinstance(self.args[i], Spec)]
            elif k < len(self.op.saves):
                found += self.op.saves[k]
            elif self.op.saves:
                found += self.op.saves[-1]
        return [i for i in found if i < self.n_args]  # operands that may be left out


CODES: dict[int, Code] = {}
"""By their integers, which are never used again; see `release`."""
_indices = count()
_last = [0]
_collected = [0]
PERIOD = 15_000
"""New codes after which old ones are let go. An operation on new shapes makes three; all steps of a
residual network with their gradients make some thousand."""
_lock = threading.Lock()


def three(op: Op, params: dict[str, Any], args: tuple[Any, ...], specs: tuple[Spec, ...]) -> int:
    """Return the first of the three codes of an operation on such operands."""
    grad = tuple(GRAD if s.floating and op.differentiable else PLAIN for s in specs)
    leaf = tuple(LEAF if s.floating else PLAIN for s in specs)
    with _lock:
        first = Code(op, params, args, specs, (PLAIN,) * len(specs))
        for kinds in (grad, leaf):
            Code(op, params, args, specs, kinds).first = first.index
    crowded()
    return first.index


def age() -> int:
    """Return how many codes have been made."""
    return _last[0]


def crowded() -> None:
    """Let codes go once many new ones have been made."""
    if _last[0] >= _collected[0] + PERIOD:
        _collected[0] = _last[0]
        from .release import collect

        collect()


regenerated_codes: dict[int, int] = {}


def regenerated(first: int) -> int:
    """Return the codes of a view whose base has been written to: its node has another name."""
    found = regenerated_codes.get(first)
    if found is None:
        code = CODES[first]
        old = code.op
        made = Op(old.name, old.impl, "AsStridedBackward0", old.saves, old.shape, view=True,
                  differentiable=old.differentiable, write=old.write)  # fmt: skip
        found = regenerated_codes[first] = three(made, code.params, code.args, code.specs)
        regenerated_codes[found] = found
    return found


INPUT = Op("input", lambda: None, special="input")
BACKWARD = Op("backward", lambda: None, special="backward")


def input_codes(spec: Spec) -> tuple[int, int, int]:
    """Return the codes of inputs that are tensors' memory: plain, with a graph, leaves."""
    found = spec.inputs
    if found is None:
        with _lock:
            made = [Code(INPUT, {}, (), (spec,), (k,)) for k in (PLAIN, GRAD, LEAF)]
            for code in made:
                code.first = made[0].index
        crowded()
        found = spec.inputs = (made[0].index, made[1].index, made[2].index)
    return found


NUMBERS: dict[type, int] = {
    kind: Code(INPUT, {}, (), (kind,), (PLAIN,)).index  # type: ignore[arg-type]
    for kind in (float, int, bool, complex)
}
"""The codes of inputs that are Python numbers, by type."""
