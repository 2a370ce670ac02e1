"""Carried values: slots as leaves with avals, and the search for avals that a round keeps.

The avals of a carried leaf are joined over rounds: a Python number yields to the dtype of what the
round makes of it (``s = 0`` before ``s = s + x[i]``). Anything else that changes dtype or shape from
round to round cannot be carried.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.avals import Aval, aval_of
from ...core.errors import TapejitError
from ...core.pytree import TreeDef, flatten, unflatten
from ...core.records import record
from ...tape.ir import Sym
from ..capture import Capture, Unstageable
from ..tracer import Root, Tracer, sym_of
from .body import Body
from .sharing import Names, kin
from .slots import INTERNAL, UNBOUND, Slot, State, Structure


def is_number(value: Any) -> bool:
    """Whether a leaf can be carried: a traced value, an array, a number."""
    if isinstance(value, Tracer) or type(value) in (bool, int, float, complex):
        return True
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc"


def aval_of_leaf(value: Any) -> Aval:
    if isinstance(value, Tracer):
        return value.aval
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise Unstageable("an int beyond 64 bits")
    try:
        return aval_of(value)
    except TapejitError as error:
        raise Unstageable(str(error)) from None


ROUND = ("before a round", "after it")
SIDES = ("on one side", "on the other")


def join(label: str, a: Aval, b: Aval, when: tuple[str, str] = ROUND) -> Aval:
    """Return the aval that holds both: what a loop starts with and what a round gives, or sides.

    Raises
    ------
    Unstageable
        When there is none.
    """
    if a.shape != b.shape:
        raise Structure(f"{label} has shape {a.shape} {when[0]} and {b.shape} {when[1]}")
    if a.dtype == b.dtype:
        return Aval(a.dtype, a.shape, a.weak and b.weak)
    for x, y in ((a, b), (b, a)):
        if x.weak and not x.shape and _yields(x.dtype.kind, y):
            return y
    raise Structure(f"{label} is {a} {when[0]} and {b} {when[1]}")


def _yields(kind: str, to: Aval) -> bool:
    """Whether a Python number of a kind becomes another dtype without a change of value."""
    if to.weak:
        return "bifc".index(kind) < "bifc".index(to.dtype.kind)
    return (kind, to.dtype.kind) in {("i", "f"), ("i", "c"), ("f", "f"), ("f", "c"), ("i", "i"),
                                     ("i", "u"), ("b", "b")}  # fmt: skip


def stays(label: str, value: Any, to: Aval) -> None:
    """Check that a number written in the program is itself in the dtype to which it yields.

    ``v = x[0] if s > 0 else 0.1`` with a float32 x: rounded, 0.1 is not what NumPy multiplies by.

    Raises
    ------
    Unstageable
        When it would become another number.
    """
    if isinstance(value, Tracer):
        # in a body a Python number may be what a loop starts with, and that yields
        if value.aval.weak and not value.cap.abstract and not np.can_cast(value.dtype, to.dtype):
            raise Structure(f"{label} is a Python number on one side and {to} on the other")
        return
    if type(value) not in (int, float, complex) or value != value:
        return
    try:
        same = to.dtype.type(value).item() == value
    except OverflowError:
        same = False
    if not same:
        raise Structure(f"{label} is {value!r}, which is no {to.dtype}")


@record
class Carry:
    """A slot that a loop carries.

    Attributes
    ----------
    label : str
        What messages call it.
    tree : TreeDef
        The structure of its value.
    fixed : list
        Its leaves that are no numbers, None where they are.
    avals : list of Aval or None
        The avals of the leaves that are carried.
    undefined : bool
        Whether it has no value before the loop: it starts from zeros that nobody reads.
    """

    label: str
    tree: TreeDef
    fixed: list[Any]
    avals: list[Aval | None]
    undefined: bool = False

    def with_leaves(self, made: list[Any]) -> Any:
        """Return the value of the slot with these leaves in the carried places."""
        given = iter(made)
        leaves = [f if a is None else next(given) for f, a in zip(self.fixed, self.avals)]
        return unflatten(self.tree, leaves)

    def leaves_of(self, value: Any) -> list[Any]:
        """Return the leaves of the slot's value in the carried places."""
        return [v for v, a in zip(flatten(value)[0], self.avals) if a is not None]

    @property
    def carried(self) -> list[Aval]:
        return [a for a in self.avals if a is not None]


def carry_of(label: str, value: Any) -> Carry:
    """Return the carry of a slot with this value."""
    leaves, tree = flatten(value)
    avals = [aval_of_leaf(v) if is_number(v) else None for v in leaves]
    fixed = [None if is_number(v) else v for v in leaves]
    return Carry(label, tree, fixed, avals)


def widened(old: Carry, value: Any) -> tuple[Carry, list[Any]]:
    """Return the carry that also holds `value`, and the leaves of `value` that are carried."""
    new = carry_of(old.label, value)
    if new.tree != old.tree:
        raise Structure(f"{old.label} is {_shown(old)} before a round and {_shown(new)} after it")
    avals: list[Aval | None] = []
    for a, b, x, y in zip(old.avals, new.avals, old.fixed, new.fixed):
        if (a is None) != (b is None):
            raise Structure(f"{old.label} changes from {x if a is None else a} to {y or b}")
        if a is None or b is None:
            if x is not y and not (type(x) is type(y) and isinstance(x, str) and x == y):
                raise Structure(f"{old.label} changes from {x!r} to {y!r}")
            avals.append(None)
        else:
            avals.append(join(old.label, a, b))
    made = Carry(old.label, old.tree, old.fixed, avals, old.undefined)
    leaves, _ = flatten(value)
    return made, [v for v, a in zip(leaves, avals) if a is not None]


def _shown(carry: Carry) -> str:
    return str(carry.tree) if carry.tree.size != 1 or carry.tree.kind else "one value"


def start(cap: Capture, carry: Carry, value: Any) -> list[Sym]:
    """Return the rows that a carried slot starts from."""
    if carry.undefined:
        return [zeros(cap, a) for a in carry.carried]
    leaves = [v for v, a in zip(flatten(value)[0], carry.avals) if a is not None]
    for v, a in zip(leaves, carry.carried):
        if type(v) is int:  # a float is rounded by the first operation, as NumPy would
            stays(carry.label, v, a)
    return [cast(cap, v, a) for v, a in zip(leaves, carry.carried)]


def zeros(cap: Capture, aval: Aval) -> Sym:
    """Return zeros for what is never read."""
    from ...tape.primitive import BY_NAME

    zero = cap.b.lit(np.zeros((), aval.dtype)[()].item(), Aval(aval.dtype, (), aval.weak))
    return BY_NAME["broadcast_to"](zero, shape=aval.shape) if aval.shape else zero


def cast(cap: Capture, value: Any, aval: Aval) -> Sym:
    """Return a leaf as a row of this aval."""
    if (
        not isinstance(value, Tracer)
        and isinstance(value, (np.ndarray, np.generic))
        and not value.ndim
    ):
        value = np.asarray(value)[()]
    return cap.b.cast(sym_of(cap, value), aval.dtype, aval.weak)


class Inputs:
    """The carried slots of a body, and what stands for them.

    Attributes
    ----------
    tracers : dict
        For each slot, a tracer for each carried leaf.
    ids : list of int
        The body's inputs behind them, in order.
    """

    def __init__(self, body: Body, state: State, carries: dict[Slot, Carry]) -> None:
        self.body, self.state, self.carries = body, state, carries
        self.tracers: dict[Slot, list[Tracer]] = {}
        self.ids: list[int] = []
        self.overwritten: set[int] = set()
        found: dict[Slot, Any] = {}
        for slot, carry in carries.items():
            made = [body.given(a) for a in carry.carried]
            if not carry.undefined:
                for tracer, leaf in zip(made, self._leaves(slot)):
                    if isinstance(leaf, Tracer):
                        tracer.root.frozen = leaf.root.frozen
            self.tracers[slot] = made
            self.ids += [t.sym.id for t in made]
            found[slot] = carry.with_leaves(made)
        self.values = found
        state.assign(found)

    def _leaves(self, slot: Slot) -> list[Any]:
        carry = self.carries[slot]
        leaves, _ = flatten(self.state.before(slot))
        return [v for v, a in zip(leaves, carry.avals) if a is not None]

    def names(self) -> Names:
        """Return the carried arrays, whose fate is to be told."""
        firsts: list[Any] = []
        for slot, made in self.tracers.items():
            firsts += [None] * len(made) if self.carries[slot].undefined else self._leaves(slot)
        return Names(self.body, [t for made in self.tracers.values() for t in made], firsts)

    def check_aliases(self) -> None:
        """Refuse rounds in which a write would be seen through another name.

        A carried array is a copy of what its name was bound to. That is right as long as no other
        name for the same array is written through, and no two names share an array at the end.
        """
        body, state = self.body, self.state
        arrays: list[tuple[Slot, Tracer, Any]] = []
        for slot, made in self.tracers.items():
            leaves = [None] * len(made) if self.carries[slot].undefined else self._leaves(slot)
            arrays += [(slot, t, leaf) for t, leaf in zip(made, leaves) if t.ndim]
        if not arrays:
            return
        written = {id(x.root) for x in body.locals.values() if x.written}
        roots = [leaf.root for _, _, leaf in arrays if isinstance(leaf, Tracer)]
        labels = ", ".join(dict.fromkeys(state.label(slot) for slot, _, _ in arrays))
        if any(id(r) in written for r in roots):
            raise Unstageable(f"{labels}: bound to another array and written through another name")
        self.overwritten = self._overwritten()
        for _, t, leaf in arrays:
            hit = id(t.root) in self.overwritten and isinstance(leaf, Tracer)
            firsts = kin(leaf.root) if hit else []
            if any(id(r) in body.locals for r in firsts):
                raise Unstageable(f"{labels}: written to, and read through another name")
        touched = any(t.root.version for _, t, _ in arrays)
        twins = any(r in kin(s) for k, r in enumerate(roots) for s in roots[:k])
        if touched and twins:
            raise Unstageable(f"{labels}: names of one array that a round writes to and rebinds")
        ends = []
        for slot, carry in self.carries.items():
            leaves, _ = flatten(state.now(slot))
            ends += [v for v, a in zip(leaves, carry.avals) if a is not None and a.shape]
        finals = [v for v in ends if isinstance(v, Tracer)]
        for v in finals:
            if any(r.sym.b is not body.b and id(r) in written for r in kin(v.root)):
                raise Unstageable(f"{labels}: a part of an array that a round writes to")
        if touched:
            own = {id(v.root) for v in finals}
            single = all(sum(id(r) in own for r in kin(v.root)) == 1 for v in finals)
            inside = all(r.sym.b is body.b for v in finals for r in kin(v.root))
            views = any(v.chain for v in finals)
            if (
                len(own) < len(finals)
                or not (single and inside)
                or views
                or len(finals) < len(ends)
            ):
                raise Unstageable(f"{labels}: names that share an array which a round writes to")

    def _overwritten(self) -> set[int]:
        """Return the carried arrays that some round writes to, in place.

        A round that ends with b where a was (``a, b = b, a``) writes in the next one to what was b.
        """
        places: list[tuple[Tracer, Any]] = []
        for slot, made in self.tracers.items():
            ends, _ = flatten(self.state.now(slot))
            kept = [v for v, a in zip(ends, self.carries[slot].avals) if a is not None]
            places += zip(made, kept)
        found = {id(t.root) for t, _ in places if t.ndim and t.root.version}
        for _ in places:
            found |= {
                id(end.root)
                for t, end in places
                if id(t.root) in found and isinstance(end, Tracer) and end.ndim
            }
        return found

    def lose(self) -> None:
        """Forbid reading arrays that a round wrote to through a name now bound elsewhere."""
        for slot, made in self.tracers.items():
            if self.carries[slot].undefined:
                continue
            for tracer, leaf in zip(made, self._leaves(slot)):
                hit = tracer.ndim and id(tracer.root) in self.overwritten
                if hit and isinstance(leaf, Tracer):
                    leaf.root.lost = (
                        f"an array that {self.state.label(slot)} named before a loop is read after "
                        "it: the loop writes to it and binds the name to another array. Read it by "
                        "that name, or copy it before the loop"
                    )
                    leaf.root.version += 1


def wrapped(cap: Capture, carry: Carry, syms: list[Sym]) -> Any:
    """Return the value of a slot made of rows."""
    return carry.with_leaves([Tracer(cap, Root(s)) for s in syms])


def may_be_undefined(name: str, at_least_once: bool) -> bool:
    """Whether a variable without a value before a loop can be carried."""
    return at_least_once or name.startswith(INTERNAL)


__all__ = ["UNBOUND", "Carry", "Inputs", "carry_of", "is_number", "join", "start", "widened"]
