"""The tape: a struct of integer arrays, one row an instruction, one value a row.

Value ids are row numbers; a row reads only smaller ids. A row with several results has a tuple
aval and is read by ``out`` rows. Inputs are the first rows. `Builder` appends rows, `Sym` is a
value under construction with the operators that rules are written in.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.avals import AVALS, AnyAval, Aval, aval_id, aval_of
from ..core.dims import Dim, Real, bare
from ..core.errors import RangeError, TapejitError, UnrollError
from ..core.sizes import ACTIVE, rounded
from ..core.sources import UNKNOWN, where
from ..core.tables import Table, freeze
from .primitive import BY_NAME, PRIMITIVES, Params, Primitive

PARAMS: Table[Params] = Table()
_PYTHON_SCALARS = (bool, int, float, complex, Dim, Real)


def param_id(params: Params) -> int:
    """Return the index of a set of static parameters in the process-wide table."""
    if not params:
        return 0
    return PARAMS.intern(tuple((k, freeze(params[k])) for k in sorted(params)), params)


PARAMS.intern((), {})


class Row(NamedTuple):
    """One instruction, for reading."""

    id: int
    prim: Primitive
    args: tuple[int, ...]
    aval: AnyAval
    params: Params
    line: int


class Tape:
    """A finished tape. Immutable.

    Attributes
    ----------
    op, aval, param, line : array of int
        A row's primitive, aval, static parameters and source line, as indices.
    off, arg : array of int
        Operands of row i are ``arg[off[i]:off[i + 1]]``.
    outputs : tuple of int
        The value ids that the tape returns.
    n_inputs : int
        The first rows, which stand for the inputs.
    replay : object or None
        The prepared replay (see `tape.replay`), made when it is first wanted.
    """

    __slots__ = (
        "_hash",
        "arg",
        "aval",
        "line",
        "n_inputs",
        "off",
        "op",
        "outputs",
        "param",
        "replay",
    )

    def __init__(
        self,
        op: array[int],
        off: array[int],
        arg: array[int],
        aval: array[int],
        param: array[int],
        line: array[int],
        n_inputs: int,
        outputs: tuple[int, ...],
    ) -> None:
        self.op, self.off, self.arg, self.aval = op, off, arg, aval
        self.param, self.line, self.n_inputs, self.outputs = param, line, n_inputs, outputs
        self._hash: str | None = None
        self.replay: Any = None

    def __len__(self) -> int:
        """Count the rows, those of bodies included."""
        return len(self.op) + sum(len(body) for body in self.bodies())

    @property
    def rows(self) -> int:
        """The number of rows of this tape alone."""
        return len(self.op)

    def args(self, i: int) -> tuple[int, ...]:
        return tuple(self.arg[self.off[i] : self.off[i + 1]])

    def prim(self, i: int) -> Primitive:
        return PRIMITIVES[self.op[i]]

    def params(self, i: int) -> Params:
        return PARAMS[self.param[i]]

    def any_aval(self, i: int) -> AnyAval:
        return AVALS[self.aval[i]]

    def value(self, i: int) -> Aval:
        """The aval of a row with one result."""
        return AVALS[self.aval[i]]  # type: ignore[return-value]

    def row(self, i: int) -> Row:
        return Row(i, self.prim(i), self.args(i), self.any_aval(i), self.params(i), self.line[i])

    def __iter__(self) -> Iterator[Row]:
        return (self.row(i) for i in range(len(self.op)))

    def bodies(self) -> Iterator[Tape]:
        """The sub-tapes that rows of this tape hold as parameters."""
        for i in set(self.param):
            for value in PARAMS[i].values():
                if isinstance(value, Tape):
                    yield value

    @property
    def hash(self) -> str:
        """The structural hash: rows, avals and params; neither contents nor source lines."""
        if self._hash is None:
            import hashlib

            from .text import to_text

            text = to_text(self, lines=False)
            self._hash = hashlib.sha256(text.encode()).hexdigest()[:32]
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tape) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __str__(self) -> str:
        from .text import to_text

        return to_text(self)

    def __reduce__(self) -> tuple[Any, ...]:
        from .text import from_text

        return (from_text, (str(self),))


class Dropped:
    """Stands for a value that a builder has let go of and can compute again."""


DROPPED = Dropped()
LARGE = 1 << 20
"""Bytes from which on the reverse sweep lets go of values that it has finished with."""


class Known(list[Any]):
    """The values of a builder's rows, of which some have been dropped: reading computes them again."""

    def __init__(self, values: list[Any], b: Builder) -> None:
        super().__init__(values)
        self.b = b

    def __getitem__(self, i: Any) -> Any:
        found = super().__getitem__(i)
        return self._again(i) if found is DROPPED else found

    def _again(self, i: int) -> Any:
        """Compute a dropped value, and what it needs, from the nearest values still there."""
        b = self.b
        needed, stack = {i}, [i]
        while stack:
            k = stack.pop()
            for a in b.arg[b.off[k] : b.off[k + 1]]:
                if a not in needed and super().__getitem__(a) is DROPPED:
                    needed.add(a)
                    stack.append(a)
        made: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for k in sorted(needed):
                args = b.arg[b.off[k] : b.off[k + 1]]
                values = [made[a] if a in made else super(Known, self).__getitem__(a) for a in args]
                made[k] = PRIMITIVES[b.op[k]].numpy(*values, **PARAMS[b.param[k]])
        for k, value in made.items():
            self[k] = value
        return made[i]


class Builder:
    """Appends rows. With ``eager``, each row is also computed as it is appended.

    Attributes
    ----------
    known : list
        The value of every row when eager; None otherwise.
    line : int
        The source line given to the rows that follow.
    masked : set of int
        Cotangents that a selection may have made exactly zero: products with them are gated.
    active : set of int or None
        While a derivative pass runs, the values it differentiates: rules may leave out the rest.
    pending : set of int
        Rows whose entry in `known` only has the right shape, dtype and memory layout: inputs of
        bodies, the results of loops, and what is computed from them.
    origin : Builder or None
        The builder that this one is a fork of, from row `forked_at` on; earlier rows are the same.
    defers : bool
        Whether loops are left pending, to be run with the whole tape, compiled if that is worth it.
    """

    def __init__(self, eager: bool = False, limit: int | None = None) -> None:
        self.op, self.off, self.arg = array("q"), array("q", [0]), array("q")
        self.avals, self.param, self.lines = array("q"), array("q"), array("q")
        self.n_inputs = 0
        self.line = UNKNOWN
        self.eager = eager
        self.limit = limit
        self.known: list[Any] = []
        self._lits: dict[Any, int] = {}
        self.masked: set[int] = set()
        self.active: set[int] | None = None
        self.pending: set[int] = set()
        self.defers = False
        self.origin: Builder | None = None
        self.forked_at = 0
        self.raised: str | None = None

    def __len__(self) -> int:
        return len(self.op)

    def aval(self, i: int) -> Aval:
        return AVALS[self.avals[i]]  # type: ignore[return-value]

    def append(
        self, op: int, args: Sequence[int], aval: int, param: int = 0, line: int | None = None
    ) -> int:
        """Append one row as it is and return its value id."""
        i = len(self.op)
        self.op.append(op)
        self.arg.extend(args)
        self.off.append(len(self.arg))
        self.avals.append(aval)
        self.param.append(param)
        self.lines.append(self.line if line is None else line)
        return i

    def input(self, aval: Aval, value: Any = None) -> Sym:
        """Append an input. Inputs come first in a tape; `finish` moves late ones to the front."""
        i = self.append(BY_NAME["input"].index, (), aval_id(aval))
        self.n_inputs += 1
        self.known.append(value)
        return Sym(self, i)

    def lit(self, value: Any, aval: Aval | None = None) -> Sym:
        """Return the row of a Python number, appended once for each value and dtype."""
        if aval is None:
            aval = aval_of(value)
        if isinstance(value, np.generic):
            value = value.item()
        key = (freeze(value), aval)
        found = self._lits.get(key)
        if found is None:
            pid = param_id({"value": value})
            found = self.append(BY_NAME["lit"].index, (), aval_id(aval), pid)
            self._lits[key] = found
            self.known.append(_scalar(value, aval.dtype) if self.eager else None)
        return Sym(self, found)

    def sym(self, value: Any) -> Sym:
        """Return `value` as a value of this builder: a `Sym` of it or a number."""
        if isinstance(value, Sym):
            if value.b is not self:
                raise TapejitError("a value of another tape is used here")
            return value
        if type(value) in _PYTHON_SCALARS or isinstance(value, np.generic):
            return self.lit(value)
        raise TapejitError(f"a {type(value).__name__} cannot be an operand of a row")

    def is_large(self, i: int) -> bool:
        """Whether the value of a row is there and large."""
        return getattr(list.__getitem__(self.known, i), "nbytes", 0) >= LARGE

    def drop(self, i: int) -> None:
        """Let go of the value of a row when it is large; whoever asks for it has it computed again."""
        if self.is_large(i):
            if not isinstance(self.known, Known):
                self.known = Known(self.known, self)
            if PRIMITIVES[self.op[i]].emit.kind not in ("input", "lit"):
                self.known[i] = DROPPED

    def copy_known(self, source: Builder) -> None:
        """Take over the values of the rows of a builder that this one is a copy of."""
        values = list(source.known)
        self.known = Known(values, self) if isinstance(source.known, Known) else values

    def cast(self, x: Sym, dtype: np.dtype[Any], weak: bool = False) -> Sym:
        """Return `x` with another dtype: literals are converted at once."""
        aval = x.aval
        if aval.dtype == dtype and aval.weak == weak:
            return x
        if self.op[x.id] == BY_NAME["lit"].index:
            value = PARAMS[self.param[x.id]]["value"]
            made = _scalar(value, dtype)
            if isinstance(made, int):
                raise RangeError(
                    f"Python integer {made} out of bounds for {dtype.name} ({where()})"
                )
            return self.lit(rounded(value, dtype), Aval(dtype, (), weak))
        return self.apply(BY_NAME["cast"], (x,), {"dtype": dtype.name, "weak": weak})

    def apply(self, prim: Primitive, args: Sequence[Any], params: Params) -> Sym:
        """Record one row, casting the operands as the primitive wants them."""
        syms = [self.sym(a) for a in args]
        ids = tuple([s.id for s in syms])
        aids = tuple([self.avals[i] for i in ids])
        pid = param_id(params)
        if prim.promote is not None:
            key = (pid, *aids)
            plan = prim.promoted.get(key)
            if plan is None:
                avals = [AVALS[a] for a in aids]
                plan = prim.promoted[key] = _cast_plan(prim, avals, params)
            if plan is not True:
                try:
                    syms = [
                        s if dt is None else self.cast(s, dt, plan[1])
                        for s, dt in zip(syms, plan[0])
                    ]
                except RangeError:
                    if prim.name not in _BEYOND:
                        raise
                    return self._beyond(prim.name, syms)
                ids = tuple([s.id for s in syms])
                aids = tuple([self.avals[i] for i in ids])
        found = prim.memo.get((pid, *aids))
        if found is None:
            avals = [AVALS[a] for a in aids]
            found = prim.aval(pid, aids, avals, params)  # type: ignore[arg-type]
        if self.limit is not None and len(self.op) >= self.limit:
            raise UnrollError(
                f"the capture passed {self.limit} rows: a Python loop has been unrolled too far "
                f"(config.max_unroll sets the limit)"
            )
        i = self.append(prim.index, ids, found, pid)
        if self.eager:
            try:
                self.known.append(self.computed(prim, i, params))
            except Exception as error:
                self._take_back(f"{type(error).__name__} ({where()})")
                raise
        return Sym(self, i)

    def _take_back(self, error: str) -> None:
        """Remove the last row, whose values make it raise; whoever catches that goes on without it."""
        del self.arg[self.off[-2] :]
        for column in (self.op, self.off, self.avals, self.param, self.lines):
            column.pop()
        b: Builder | None = self
        while b is not None:
            b.raised, b = error, b.origin

    def _beyond(self, name: str, syms: Sequence[Sym]) -> Sym:
        """Compare integers with a Python number that all of them are below, or all above."""
        lit = BY_NAME["lit"].index
        at = 0 if self.op[syms[0].id] == lit else 1
        low = PARAMS[self.param[syms[at].id]]["value"] < 0
        # The array is on the left of the number when the number is the second operand.
        truth = _BEYOND[name][low == (at == 1)]
        flag = self.lit(np.bool_(truth))
        return self.apply(BY_NAME["broadcast_to"], (flag,), {"shape": syms[1 - at].shape})

    def revise(self, i: int, params: Params, aval: AnyAval) -> None:
        """Give row `i` other parameters, with which it has further results behind those it had.

        A loop is told so, when its adjoint is wanted, to keep what the reverse loop will read.
        """
        if self.origin is not None and i < self.forked_at:
            self.origin.revise(i, params, aval)
        self.param[i], self.avals[i] = param_id(params), aval_id(aval)
        if self.eager:
            self.known[i] = self.computed(PRIMITIVES[self.op[i]], i, params)

    def computed(self, prim: Primitive, i: int, params: Params) -> Any:
        """Return the value of row `i` of an eager builder, or what stands for it."""
        known = self.known
        if ACTIVE[0]:
            params = {name: bare(x) for name, x in params.items()}
        ids = self.arg[self.off[i] : self.off[i + 1]]
        loops = self.defers and has_loop(prim, params)
        if not loops and (not self.pending or self.pending.isdisjoint(ids)):
            return prim.numpy(*[known[k] for k in ids], **params)
        self.pending.add(i)
        aval = AVALS[self.avals[i]]
        if loops or prim.emit.kind in ("map", "custom", "draw"):
            return stand_in(aval)
        try:
            return prim.numpy(*[known[k] for k in ids], **params)
        except Exception:  # the operands are no values: whatever they raise says nothing
            return stand_in(aval)

    def out(self, x: Sym, k: int) -> Sym:
        """Return result number `k` of a row with several."""
        return self.apply(BY_NAME["out"], (x,), {"k": k})

    def outs(self, x: Sym) -> tuple[Sym, ...]:
        """Return all the results of a row with several."""
        items = AVALS[self.avals[x.id]].items  # type: ignore[union-attr]
        return tuple(self.out(x, k) for k in range(len(items)))

    def finish(self, outputs: Sequence[Sym | int]) -> Tape:
        """Return the tape of all rows so far, its inputs moved to the front in their order."""
        outs = [o.id if isinstance(o, Sym) else o for o in outputs]
        kind = BY_NAME["input"].index
        order = [i for i in range(len(self.op)) if self.op[i] == kind]
        if order == list(range(len(order))):
            return Tape(
                self.op[:],
                self.off[:],
                self.arg[:],
                self.avals[:],
                self.param[:],
                self.lines[:],
                len(order),
                tuple(outs),
            )
        order += [i for i in range(len(self.op)) if self.op[i] != kind]
        new = Builder()
        place: dict[int, int] = {}
        for i in order:
            args = [place[k] for k in self.arg[self.off[i] : self.off[i + 1]]]
            place[i] = new.append(self.op[i], args, self.avals[i], self.param[i], self.lines[i])
        return new.finish([place[o] for o in outs])


def has_loop(prim: Primitive, params: Params) -> bool:
    """Whether a row runs a loop, itself or in one of its bodies."""
    if prim.emit.kind in ("for", "while"):
        return True
    if prim.emit.kind not in ("cond", "body"):
        return False
    bodies = [v for v in params.values() if isinstance(v, Tape)]
    return any(has_loop(row.prim, row.params) for body in bodies for row in body)


def stand_in(aval: AnyAval) -> Any:
    """Return something of the shape and dtype of a value that is not known."""
    if isinstance(aval, Aval):
        return np.zeros([max(bare(n), 0) for n in aval.shape], aval.dtype)[()]
    return tuple(stand_in(a) for a in aval.items)


# For each comparison x ? n: its value when n is above all x, and when n is below all x.
_BEYOND = {
    "less": (True, False),
    "less_equal": (True, False),
    "greater": (False, True),
    "greater_equal": (False, True),
    "equal": (False, False),
    "not_equal": (True, True),
}


def _scalar(value: Any, dtype: np.dtype[Any]) -> Any:
    value = bare(value)
    with np.errstate(all="ignore"):
        if not isinstance(value, int):
            return np.asarray(value).astype(dtype)[()]
        try:
            return dtype.type(value)
        except OverflowError:  # beyond int64: fine as long as it is used as a float
            return value


def _cast_plan(prim: Primitive, avals: Sequence[Any], params: Params) -> Any:
    """Return True when no operand needs a cast, else the dtypes and the weakness of the casts."""
    assert prim.promote is not None
    dtypes = prim.promote(*avals, **params)
    weak = bool(avals) and all(a.weak for a in avals)
    needed = [
        dt if dt is not None and (a.dtype != dt or a.weak != weak) else None
        for a, dt in zip(avals, dtypes)
    ]
    return True if not any(dt is not None for dt in needed) else (needed, weak)


def _binary(name: str) -> Callable[[Sym, Any], Sym]:
    def method(self: Sym, other: Any) -> Sym:
        return self.b.apply(BY_NAME[name], (self, other), {})

    return method


def _reflected(name: str) -> Callable[[Sym, Any], Sym]:
    def method(self: Sym, other: Any) -> Sym:
        return self.b.apply(BY_NAME[name], (other, self), {})

    return method


class Sym:
    """A value of a tape under construction; rules are written with its operators."""

    __slots__ = ("b", "id")

    def __init__(self, b: Builder, id: int) -> None:
        self.b, self.id = b, id

    @property
    def aval(self) -> Aval:
        return AVALS[self.b.avals[self.id]]  # type: ignore[return-value]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    def __repr__(self) -> str:
        return f"%{self.id}:{AVALS[self.b.avals[self.id]]}"

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _binary("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _binary("divide"), _reflected("divide")
    __pow__, __rpow__ = _binary("power"), _reflected("power")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __and__, __or__ = _binary("logical_and"), _binary("logical_or")
    eq, ne = _binary("equal"), _binary("not_equal")

    def __neg__(self) -> Sym:
        return self.b.apply(BY_NAME["negative"], (self,), {})

    def __invert__(self) -> Sym:
        return self.b.apply(BY_NAME["logical_not"], (self,), {})

    def __bool__(self) -> bool:
        raise TapejitError("a Sym has no truth value: rules use where()")
