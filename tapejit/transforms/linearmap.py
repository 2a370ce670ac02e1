"""Linear maps cut out of a capture: pullbacks and pushforwards that can be called again and again.

The rows that depend on the cotangents (or tangents) are a tape of their own, the *plan*; what they
read of the rest are the *residuals*, arrays that the primal program returns. Calling the map runs
the plan on them: nothing is captured again, and nothing is modified.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy import ndarray

from ..core.avals import Aval
from ..core.errors import ArgumentError
from ..core.pytree import TreeDef, unflatten
from ..core.sources import where
from ..frontend.capture import Capture, current
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes import bodies as _bodies  # noqa: F401  (enters derivatives)
from ..passes import loops as _loops  # noqa: F401  (enters derivatives)
from ..passes.split import Split, fork, split
from ..rules.declare import broadcast, ops
from ..runtime.dispatch import Dispatcher
from ..tape.ir import Builder, Sym, Tape
from ..tape.pieces import inline
from .leaves import check_leaf, leaves_like, wrapped

Make = Callable[[Builder, list[Sym]], Sequence[Sym | None]]


def cut(b: Builder, avals: Sequence[Aval], make: Make) -> Split:
    """Record what ``make(builder, values)`` appends for values yet unknown, and split it off.

    `make` runs on a fork of `b`; rows that do not depend on the values are appended to `b`.
    """
    s = fork(b)
    start = len(s)
    moving = [s.input(a, np.zeros(a.shape, a.dtype)[()]) for a in avals]
    return split(s, start, moving, make(s, moving), b, {})


class Plan:
    """A linear tape with the structure of what it takes and gives.

    Attributes
    ----------
    body : Tape
        Inputs: the leaves in `moving`, then the residuals.
    what : str
        What the map takes, for messages.
    taken, avals : TreeDef, tuple of (Aval or None)
        Structure of the argument; a leaf without derivatives has no aval, and is ignored.
    moving : tuple of int
        The leaves that the body reads.
    given, results : TreeDef, tuple of (int or Aval or None)
        Structure of the result; each leaf is an output of the body, zeros, or None.
    """

    def __init__(
        self,
        body: Tape,
        what: str,
        taken: TreeDef,
        avals: tuple[Aval | None, ...],
        moving: tuple[int, ...],
        given: TreeDef,
        results: tuple[int | Aval | None, ...],
        policy: str | None,
    ) -> None:
        self.body, self.what, self.taken, self.avals = body, what, taken, avals
        self.moving, self.given, self.results, self.policy = moving, given, results, policy
        self.argument = f"the argument of {what}"
        self.key = (body, what, taken, avals, moving, given, results, policy)
        self._dispatcher: Dispatcher | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> Any:
        return (plan, self.key)

    def __call__(self) -> None:
        """Plans are called through `LinearMap`; callable for the dispatcher's sake."""

    @property
    def dispatcher(self) -> Dispatcher:
        if self._dispatcher is None:
            self._dispatcher = Dispatcher(_run, self, self.what, self.policy)
        return self._dispatcher


_plans: WeakValueDictionary[Any, Plan] = WeakValueDictionary()


def plan(*key: Any) -> Plan:
    """Return the plan with these attributes: equal plans are one, and share their kernels."""
    found = _plans.get(key)
    if found is None:
        found = _plans.setdefault(key, Plan(*key))
    return found


def _run(cap: Capture, fn: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    values, residuals = args
    rows = []
    for k, value in zip(fn.moving, values):
        aval = fn.avals[k]
        assert aval is not None
        if value is None:
            zero = cap.b.lit(np.zeros((), aval.dtype).item(), Aval(aval.dtype))
            rows.append(broadcast(zero, aval.shape))
        else:
            rows.append(cap.b.cast(sym_of(cap, value), aval.dtype))
    rows += [sym_of(cap, r) for r in residuals]
    outs = inline(fn.body, cap.b, rows)
    made: list[Any] = []
    for r in fn.results:
        if isinstance(r, Aval):
            zero = cap.b.lit(np.zeros((), r.dtype).item(), Aval(r.dtype))
            made.append(wrapped(cap, ops.copy(broadcast(zero, r.shape))))
        else:
            made.append(None if r is None else wrapped(cap, outs[r]))
    return unflatten(fn.given, made)


class LinearMap:
    """A pullback or pushforward: a linear function with what it remembers of where it was taken.

    Attributes
    ----------
    residuals : tuple of arrays
        The values of the primal computation that the map reads.
    """

    def __init__(self, plan: Plan, residuals: tuple[Any, ...], spread: bool) -> None:
        self.plan, self.residuals, self.spread = plan, residuals, spread

    def __call__(self, *values: Any) -> Any:
        """Apply the map.

        Raises
        ------
        ArgumentError
            For the wrong number of arguments, or another structure.
        ShapeError, DtypeError
            For an array of another shape, or of a dtype that does not cast safely.
        """
        p = self.plan
        if not self.spread and len(values) != 1:
            raise ArgumentError(f"{p.what} takes one argument, got {len(values)} ({where()})")
        given = values if self.spread else values[0]
        if self.spread and len(values) != len(p.taken.children):
            raise ArgumentError(
                f"{p.what} takes {len(p.taken.children)} arguments, got {len(values)} ({where()})"
            )
        leaves = leaves_like(p.taken, given, p.argument)
        for k, (leaf, aval) in enumerate(zip(leaves, p.avals)):
            if leaf is None or aval is None:
                continue
            if type(leaf) is ndarray and leaf.shape == aval.shape and leaf.dtype == aval.dtype:
                continue
            check_leaf(leaf, aval, f"leaf {k} of {p.argument}" if len(leaves) > 1 else p.argument)
            if type(leaf) is int:  # An int would be part of the signature.
                leaves[k] = float(leaf)
        used = tuple([leaves[k] for k in p.moving])
        cap = current()
        if cap is not None:
            return _run(cap, p, (used, self.residuals), {})
        return p.dispatcher((used, self.residuals), {})

    def tape(self) -> Tape:
        """Return the tape that a call runs: cotangents or tangents in, then residuals."""
        return self.plan.body

    def stats(self) -> dict[str, Any]:
        """Return counters of calls and kernels, shared by all maps with the same tape."""
        return dict(self.plan.dispatcher.counters)

    def __reduce__(self) -> Any:
        return (LinearMap, (self.plan, self.residuals, self.spread))

    def __repr__(self) -> str:
        return f"<tapejit {self.plan.what}>"


def linear_map(
    cap: Capture,
    what: str,
    make: Make,
    taken: TreeDef,
    taken_rows: Sequence[Sym | None],
    given: TreeDef,
    given_rows: Sequence[Sym | None],
    policy: str | None,
) -> tuple[Plan, tuple[Tracer, ...]]:
    """Cut a linear map out of a capture: return its plan and its residuals.

    `make` gives the results for the rows of `given_rows` that are not None, from values like the
    rows of `taken_rows` that are not None.
    """
    live = [k for k, r in enumerate(taken_rows) if r is not None]
    avals = [None if r is None else Aval(r.dtype, r.shape) for r in taken_rows]
    found = cut(cap.b, [avals[k] for k in live], make)  # type: ignore[misc]
    ready = iter(found.results)
    outs: list[int | Aval | None] = []
    for row in given_rows:
        if row is None:
            outs.append(None)
            continue
        r = next(ready)
        outs.append(r if isinstance(r, int) else Aval(row.dtype, row.shape))
    moving = tuple(live[k] for k in found.moving)
    made = plan(found.body, what, taken, tuple(avals), moving, given, tuple(outs), policy)
    return made, tuple(Tracer(cap, Root(s)) for s in found.shared)
