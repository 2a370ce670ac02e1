"""The walk of a backward pass row by row, for what needs Python on the way.

Hooks, retained gradients, functions of the user's, gradients of inner results and gradients with
graphs of their own: each row's gradient is recorded as a `vjp` row, latest row first. The walk holds
a tensor for every value it will need, so that a hook may look at gradients, which runs the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .ahead import given_out
from .backward import _read_again, check, check_cone, free
from .codes import GRAD, LEAF, PLAIN, Code, op
from .emit import apply
from .failures import gradients_now, put_back
from .ops.pointwise import add
from .record import LIMIT, Recorder
from .replacing import dense
from .row_adjoint import needs_of
from .rows import Row, Rows, decoded_now
from .spec import Spec, spec_of
from .surface import same_value
from .tensor import Tensor, leaf_of
from .vjps import recorded_vjp


def accumulate_into_leaves(
    rec: Recorder,
    roots: list[Tensor],
    seeds: Sequence[Tensor | None],
    retain: bool,
    create: bool,
    inputs: list[Tensor] | None,
) -> None:
    """Add the gradients of roots to ``.grad`` of the leaves, or of `inputs` alone."""
    walk = Walk(rec, roots, seeds, retain, create, inputs)
    code, values = rec.code, rec.inputs
    before = gradients_now(rec.serial, walk.leaves.values() if inputs is None else inputs)
    try:
        _accumulate(rec, walk, create, inputs)
    except Exception:
        put_back(code, values, before)
        raise


def _accumulate(rec: Recorder, walk: Walk, create: bool, inputs: list[Tensor] | None) -> None:
    """Walk, and add what is found to ``.grad``."""
    for t, g in zip(inputs or (), walk.run()):
        if g is not None:
            add_to_grad(rec, t, g, create)
    if not create or len(rec.code) > LIMIT:
        # As after a sweep of one row. A loop that never looks would otherwise record for ever, and
        # each walk reads the whole trace: a step of such a loop went from 1 to 14 ms in 1000 steps.
        rec.flush()


def gradients(
    rec: Recorder,
    roots: list[Tensor],
    seeds: Sequence[Tensor | None],
    inputs: list[Tensor],
    retain: bool,
    create: bool,
) -> list[Tensor | None]:
    """Return the gradients of roots with respect to `inputs`, None where none flows."""
    alone = len(roots) == 1 and seeds[0] is None and not (create or rec.slow)
    if alone and roots[0]._kind == GRAD and roots[0]._graph is not None:
        waiting = given_out(roots[0], inputs, retain)
        if waiting is not None:
            return waiting
    found = Walk(rec, roots, seeds, retain, create, inputs).run()
    if not retain or len(rec.code) > LIMIT:  # a graph that stays is best read where it is
        rec.flush()
    return found


def add_to_grad(rec: Recorder, t: Tensor, g: Tensor, create: bool) -> None:
    """Add a gradient to ``.grad``: in place, or as a new tensor when it has a graph."""
    old = t._grad
    if old is None:
        t._grad = own(rec, g, create)
    elif create:
        t._grad = apply(add, (old, g))
    else:
        made = apply(add, (old, g))
        old._set_slot(rec, rec.admit(made), made._kind)
    more = t._more
    if more is not None and more.after:
        for hook in list(more.after.values()):
            hook(t)


@op("accumulated", node="torch::autograd::CopyBackwards", saves=((),))
def accumulated(g: Any) -> Any:
    """The gradient, as what ``.grad`` holds."""
    return g


def unlinked(rec: Recorder, t: Tensor) -> Tensor:
    """Return a value without its graph, which may be written to later: nobody reads it."""
    rec.grad = False
    try:
        made: Tensor = apply(accumulated, (t,))
    finally:
        rec.grad = True
    return made


def unwritten(rec: Recorder, t: Tensor) -> Tensor:
    """Return a value that its own row has overwritten (``x.clamp_(0, 1)``) under another slot.

    A gradient with a graph reads it again, later than the write.
    """
    if t._serial != rec.serial or t._slot not in rec.stale:
        return t
    slot = same_value(rec, t._slot, t._spec, t._kind & 3)
    made = rec.owners[slot] = Tensor(rec.serial, slot, dense(t._spec), t._kind)
    return made


def own(rec: Recorder, g: Tensor, create: bool = False) -> Tensor:
    """Return a gradient as a tensor that nothing else names."""
    made: Tensor = apply(accumulated, (g,))
    if not create:
        made._kind = PLAIN
    return made


class Walk:
    """One backward pass.

    Attributes
    ----------
    handles : dict
        A tensor for each slot that the walk reads.
    """

    def __init__(
        self,
        rec: Recorder,
        roots: list[Tensor],
        seeds: Sequence[Tensor | None],
        retain: bool,
        create: bool,
        inputs: list[Tensor] | None,
    ) -> None:
        self.rec, self.create, self.retain = rec, create, retain
        self.roots, self.seeds = roots, seeds
        self.slots = located(rec, roots)
        self.rows: Rows = decoded_now(rec.code)
        cones = [self.rows.cone(s) for s in self.slots]
        alone = cones[0] if len(cones) == 1 else None
        self.through = sorted({r for c in cones for r in c.rows}, reverse=True)
        self.leaf_slots = {s for c in cones for s in c.leaves}
        self.handles: dict[int, Tensor] = {}
        self.inputs = {slot: t for slot, t, _ in rec.sources}
        self.special = dict(rec.special)
        self.leaves = dict(rec.leaves)
        self.lines = dict(rec.lines)
        self.nodes = dict(rec.nodes)
        for cone in cones:
            for k in cone.touched:
                self._hold(k)
        self.wanted: dict[int, list[int]] = {}
        self.inputs_wanted = inputs
        if inputs is not None:
            for n, t in enumerate(inputs):
                for s in self._slots_of(t):
                    self.wanted.setdefault(s, []).append(n)
            reach = self._towards(set(self.wanted))
            self.through = [r for r in self.through if r in reach]
        if alone is not None and inputs is None:
            check_cone(rec, self.rows, alone)
        else:
            check(rec, self.rows, self.through)
        if not retain:
            free(rec, self.rows, self.through)

    def _hold(self, slot: int) -> None:
        """Keep a tensor of a slot."""
        if slot in self.handles:
            return
        rec, rows = self.rec, self.rows
        owner = rec.owners[slot]
        if owner is None:
            row = rows.rows[rows.producer[slot]]
            if row.code.op.special == "input" and not hasattr(row.code.specs[0], "np"):
                self.handles[slot] = rec.inputs[rows.numbers[slot]]
                return
            kind = rows.kinds[slot]
            t = self.inputs.get(slot)
            if t is not None and t._serial == rec.serial and t._slot == slot:
                self.handles[slot] = t
                return
            spec = rows.spec(slot)
            at = slot
            if row.code.op.view:
                leaf = self.leaves.get(slot)
                if leaf is not None and slot not in rec.stale:
                    self.handles[slot] = leaf
                    return
                # A view's value is found through its base, which this handle does not know: once
                # the trace has been run by a hook, nothing else would have it.
                at = same_value(rec, slot, spec, kind)
                spec = dense(spec)
            owner = Tensor(rec.serial, at, spec, kind)
            if row.code.op.special == "input":
                owner._array = rec.inputs[rows.numbers[slot]]
            else:
                rec.owners[at] = owner
        self.handles[slot] = owner

    # ------------------------------------------------------------ the walk

    def run(self) -> list[Tensor | None]:
        """Walk; return the gradients of the inputs, or accumulate into leaves without them."""
        rec = self.rec
        before, rec.grad = rec.grad, self.create
        try:
            return self._run(self.inputs_wanted)
        finally:
            rec.grad = before

    def _run(self, inputs: list[Tensor] | None) -> list[Tensor | None]:
        grads: dict[int, Tensor] = {}
        one = self._one_slot()
        for slot, root, seed in zip(self.slots, self.roots, self.seeds):
            self._add(grads, one.get(slot, slot), one_like(root) if seed is None else seed)
        wanted = self.wanted
        found: list[Tensor | None] = [None] * len(inputs or ())
        waiting = self._uses(one)

        def captured(slot: int, g: Tensor) -> None:
            for n in wanted.get(slot, ()):
                known = found[n]
                found[n] = g if known is None else add_up(known, g)

        def leaf_done(slot: int) -> None:
            g = grads.pop(slot, None)
            if g is None or (inputs is not None and slot not in wanted):
                return
            leaf = self.leaves[slot]
            g = hooked(leaf, g)
            if inputs is None:
                add_to_grad(self.rec, leaf, g, self.create)
            else:
                captured(slot, g)

        for slot in sorted(waiting):
            if not waiting[slot]:
                leaf_done(slot)
        for r in self.through:
            row = self.rows.rows[r]
            slots = range(row.first, row.first + row.code.n_out)
            self._finish_results(slots, grads, captured)
            given = [grads.pop(row.first + k, None) for k in range(row.code.n_out)]
            if any(g is not None for g in given):
                for slot, g in self._through(row, given):
                    self._add(grads, one.get(slot, slot), g)
            for k in row.args:
                k = one.get(k, k)
                if k in waiting:
                    waiting[k] -= 1
                    if not waiting[k]:
                        leaf_done(k)
        # Results where the walk ends: their own rows have not been gone through.
        ends = [s for s in wanted if s in grads and s not in self.leaf_slots]
        self._finish_results(ends, grads, captured)
        return found

    def _finish_results(
        self, slots: Iterable[int], grads: dict[int, Tensor], captured: Any
    ) -> None:
        """Run hooks on the gradients of results and keep those that are asked for."""
        for slot in slots:
            g = grads.get(slot)
            if g is None:
                continue
            t = self.special.get(slot)
            if isinstance(t, dict):
                g = grads[slot] = run_hooks(t, g)
            elif isinstance(t, Tensor):
                g = grads[slot] = hooked(t, g)
                more = t._more
                if more is not None and more.retains:
                    if t._grad is None:
                        t._grad = own(self.rec, g, self.create)
                    else:
                        t._grad = add_up(t._grad, g)
            captured(slot, g)

    def _through(self, row: Row, given: list[Tensor | None]) -> list[tuple[int, Tensor]]:
        """Return the gradients of a row's operands."""
        hooks = self._node_hooks(row)
        if hooks is None:
            return self._step(row, given)
        for hook in list(hooks[0].values()):
            changed = hook(tuple(given))
            if changed is not None:
                given = list(changed if isinstance(changed, tuple) else (changed,))
        found: dict[int, Tensor] = {}
        for k, g in self._step(row, given):
            found[k] = add_up(found[k], g) if k in found else g
        for hook in list(hooks[1].values()):
            changed = hook(tuple(found.get(k) for k in row.args), tuple(given))
            if changed is not None:
                each = changed if isinstance(changed, tuple) else (changed,)
                found = {k: g for k, g in zip(row.args, each) if g is not None}
        return list(found.items())

    def _node_hooks(self, row: Row) -> Any:
        origin = self.nodes.get(row.first)
        if origin is None:
            return None
        segment, slot = origin
        return segment.node_hooks.get(segment.rows.producer[slot])

    def _step(self, row: Row, given: list[Tensor | None]) -> list[tuple[int, Tensor]]:
        """Return the gradients of a row's operands, hooks apart."""
        code, rows = row.code, self.rows
        if code.op.special == "function":
            context = self.special[~row.first]
            theirs = context.run_backward(given, self.retain)
            if self.rec.anomaly:
                from .anomaly import check_backward

                check_backward(code.node, theirs, self.lines.get(row.first))
            return [(k, g) for k, g in zip(row.args, theirs) if g is not None and rows.kinds[k]]
        needs = needs_of(code, [rows.kinds[k] for k in row.args])
        if not any(needs):
            return []
        found: list[tuple[int, Tensor]] = []
        for part in self._parts(code, needs):
            found += self._vjp(row, given, part)
        return found

    def _parts(self, code: Code, needs: tuple[bool, ...]) -> list[tuple[bool, ...]]:
        """Return which operands' gradients are recorded together.

        When the gradients get a graph of their own, those that read no operand (of a sum) must not
        be tied to what their neighbours read: of ``addmm`` the input's gradient is the cotangent.
        """
        if not self.create or sum(needs) < 2:
            return [needs]
        reads = [
            bool(need and code.saved([j == k for j in range(len(needs))]))
            for k, need in enumerate(needs)
        ]
        parts = [tuple(reads), tuple(need and not r for need, r in zip(needs, reads))]
        return [part for part in parts if any(part)]

    def _vjp(
        self, row: Row, given: list[Tensor | None], needs: tuple[bool, ...]
    ) -> list[tuple[int, Tensor]]:
        """Record the gradients of some operands of a row."""
        code = row.code
        operands = [self.handles[a] for a in row.args]
        if self.rec.grad:  # what the gradient does not read must not connect it to a graph
            kept = set(code.saved(needs))
            operands = [
                h
                if not isinstance(h, Tensor)
                else unwritten(self.rec, h)
                if k in kept or -1 in kept
                else unlinked(self.rec, h)
                for k, h in enumerate(operands)
            ]
        made = recorded_vjp(self.rec, code, given, operands, needs)
        if self.rec.anomaly:
            from .anomaly import check_backward

            check_backward(code.node, made, self.lines.get(row.first))
        each = iter(made)
        return [(k, next(each)) for k, need in zip(row.args, needs) if need]

    # ------------------------------------------------------------ bookkeeping

    def _add(self, grads: dict[int, Tensor], slot: int, g: Tensor) -> None:
        known = grads.get(slot)
        grads[slot] = g if known is None else add_up(known, g)

    def _slots_of(self, t: Tensor) -> list[int]:
        """Return the slots of the cone that stand for a tensor."""
        found = [s for s in self.leaf_slots if self.leaves[s] is t]
        if t._serial == self.rec.serial and t._slot not in found:
            found.append(t._slot)
        found += [s for s, its in self.rec.copies if its is t and s not in found]
        if not found and t._graph is not None:
            found = [s for s, origin in self.nodes.items() if origin == t._graph]
        return found

    def _towards(self, slots: set[int]) -> set[int]:
        """Return the rows through which gradients reach some slots."""
        reach: set[int] = set()
        needed = set(slots)
        for r in sorted(self.through):
            row = self.rows.rows[r]
            if any(k in needed for k in row.args):
                reach.add(r)
                needed.update(range(row.first, row.first + row.code.n_out))
        return reach

    def _one_slot(self) -> dict[int, int]:
        """Return for each slot of a leaf the first one of that leaf.

        A leaf that has been updated on the way has several; its hooks see one gradient, the sum.
        """
        first: dict[int, int] = {}
        return {s: first.setdefault(id(self.leaves[s]), s) for s in sorted(self.leaf_slots)}

    def _uses(self, one: dict[int, int]) -> dict[int, int]:
        """Return how often the rows on the way read each leaf."""
        uses = dict.fromkeys(one.values(), 0)
        for r in self.through:
            for k in self.rows.rows[r].args:
                k = one.get(k, k)
                if k in uses:
                    uses[k] += 1
        return uses


def add_up(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of two gradients."""
    made: Tensor = apply(add, (a, b))
    return made


def hooked(t: Tensor, g: Tensor) -> Tensor:
    """Return a gradient after the tensor's hooks."""
    more = t._more
    if more is None or not more.hooks:
        return g
    return run_hooks(more.hooks, g)


def run_hooks(hooks: dict[int, Any], g: Tensor) -> Tensor:
    """Return a gradient after hooks, each of which may replace it."""
    for hook in list(hooks.values()):
        found = hook(g)
        if found is not None:
            if not isinstance(found, Tensor):
                raise TypeError(f"expected hook to return None or a Tensor, but got '{type(found).__name__}'")  # fmt: skip
            name = getattr(hook, "__name__", type(hook).__name__)
            if tuple(found._spec.shape) != tuple(g._spec.shape):
                raise RuntimeError(f"hook '{name}' has changed the size of value")
            if found._spec.np != g._spec.np:
                raise RuntimeError(f"hook '{name}' has changed the type of value")
            g = found
    return g


_ones: dict[Spec, Any] = {}


def one_like(t: Tensor) -> Tensor:
    """Return the cotangent of a scalar: one."""
    spec = t._spec if t._spec.strides is None else spec_of(t._spec.np, tuple(t._spec.shape))
    value = _ones.get(spec)
    if value is None:
        value = np.ones(tuple(spec.shape), spec.np)[()]
        if spec.numel == 1:
            _ones[spec] = value
    return leaf_of(value, spec)


def located(rec: Recorder, roots: list[Tensor]) -> list[int]:
    """Return the slots of roots, with all their graphs in the current trace."""
    for root in roots:
        if root._kind != PLAIN:
            root._kind_now()
    for root in roots:
        _read_again(rec, root)
    here = [r._serial == rec.serial or r._kind == LEAF for r in roots]
    whole = all(here)
    if whole:
        slots = [rec.admit(r) for r in roots]
        rows = decoded_now(rec.code)
        whole = not any(rows.cone(s).imports for s in slots)
    if whole:
        return slots
    rec.flush()
    from .segments import brought_back

    brought_back(rec, [r for r in roots if r._kind == GRAD])
    return [r._slot if r._kind == GRAD else rec.admit(r) for r in roots]
