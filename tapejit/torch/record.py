"""The recorder: each thread's flat list of rows that have been asked for and not computed.

A row is a code and the slots of its operands, appended to one list of integers; its results take the
next slots. Nothing is computed until a value is observed: `flush` then looks up the program of these
integers, runs it, and gives the values to the tensors that are still alive.

Invariants: ``owners[k]`` is the tensor whose current value is slot k, or None; the arrays among
`inputs` are never written to, so that a row means the same whenever it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from .codes import GRAD, LEAF, NUMBERS, PLAIN, input_codes, regenerated
from .program import Program, program_now
from .rows import Rows, decoded
from .spec import Spec

if TYPE_CHECKING:
    from .tensor import Tensor

LIMIT = 4096
"""Values recorded after which a trace is run although nobody has looked: memory stays flat."""

_PARTS = 1024
"""Blocks of some data that are kept with it."""

_serials = count(1)
_ages = count(1)


class Segment:
    """Rows that have been run and whose graph somebody still holds.

    Attributes
    ----------
    code : tuple of int
        The rows.
    inputs : list or None
        The values of the input slots; None when every graph has been freed.
    sources : list
        ``(slot, tensor, version)`` of the tensors among the inputs.
    leaves, imports : dict
        The leaves behind input slots, and the graphs behind results of earlier segments.
    freed : int
        The rows whose buffers have been freed, as a bit mask.
    stale : dict
        Slots whose tensor has been written to since: ``(tensor, version, where the write begins)``.
    special : dict
        Slots with hooks or retained gradients; under ~slot, of the first result of a function of
        the user's, its context.
    lines : dict
        Where rows were written, when anomalies are looked for.
    nodes : dict
        For slots recorded again from an earlier segment, that segment and its slot.
    node_hooks : dict
        Hooks on rows: before and after their step of a backward pass.
    program : Program or None
        What ran the rows.
    age : int
        Larger than those of the segments whose graphs it imports.
    ahead : Gradients or None
        Gradients that have been computed together with the values.
    """

    __slots__ = (
        "__weakref__",
        "_rows",
        "age",
        "ahead",
        "code",
        "freed",
        "imports",
        "inputs",
        "leaves",
        "lines",
        "node_hooks",
        "nodes",
        "program",
        "sources",
        "special",
        "stale",
    )

    def __init__(self, rec: Recorder, code: tuple[int, ...]) -> None:
        self.age = next(_ages)
        self._rows: Rows | None = None
        self.program: Program | None = None
        self.ahead: Any = None
        self.code = code
        self.inputs: list[Any] | None = rec.inputs
        self.sources, self.leaves, self.imports = rec.sources, rec.leaves, rec.imports
        self.freed, self.stale, self.special = rec.freed, rec.stale, rec.special
        self.lines, self.nodes = rec.lines, rec.nodes
        self.node_hooks: dict[int, Any] = {}

    def forget_codes(self) -> None:
        """Forget the codes of backward rows, which are made again when they are needed."""
        for rows in (self._rows, None if self.program is None else self.program.rows):
            for cone in () if rows is None else rows.cones():
                cone.codes.clear()

    @property
    def rows(self) -> Rows:
        """The rows, decoded."""
        if self._rows is None:
            self._rows = decoded(self.code)
        return self._rows


class Recorder:
    """What one thread has recorded, and its modes.

    Attributes
    ----------
    serial : int
        Names the current trace; a tensor with this serial has its value in it.
    thread : Thread
        Whose recorder it is.
    grad : bool
        Whether gradients are recorded.
    slow : bool
        Whether every row must be looked at: eager, anomaly or inference mode.
    copies : list
        Slots that hold what was in memory which code outside may write to, and whose it is.
    mark : int
        While an operation in place is recorded, the slot where its rows begin; else -1.
    running : bool
        Whether a trace that has been left is being run, so that its tensors have no values yet.
    """

    __slots__ = (
        "anomaly",
        "code",
        "copies",
        "eager",
        "freed",
        "grad",
        "imports",
        "inference",
        "inputs",
        "leaves",
        "lines",
        "mark",
        "nodes",
        "owners",
        "running",
        "serial",
        "slow",
        "sources",
        "special",
        "stale",
        "thread",
    )

    def set_modes(self, **modes: bool) -> None:
        """Set ``eager``, ``anomaly`` or ``inference``."""
        for name, value in modes.items():
            setattr(self, name, value)
        self.slow = self.eager or self.anomaly or self.inference

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.grad = True
        self.inference = False
        self.anomaly = False
        self.eager = False
        self.slow = False
        self.mark = -1
        self.running = False
        self.begin()

    def begin(self) -> None:
        """Start an empty trace."""
        self.serial = next(_serials)
        self.code: list[int] = []
        self.owners: list[Tensor | None] = []
        self.inputs: list[Any] = []
        self.sources: list[tuple[int, Tensor, int]] = []
        self.leaves: dict[int, Tensor] = {}
        self.imports: dict[int, tuple[Segment, int]] = {}
        self.freed = 0
        self.stale: dict[int, tuple[Tensor, int, int]] = {}
        self.copies: list[tuple[int, Tensor]] = []
        self.special: dict[int, Any] = {}
        self.lines: dict[int, Any] = {}
        self.nodes: dict[int, Any] = {}

    # ------------------------------------------------------------ operands

    def admit(self, t: Tensor) -> int:
        """Return the slot of a tensor that has none in this trace yet."""
        serial = self.serial
        if t._serial == serial:
            return t._slot
        more, array, kind = t._more, t._array, t._kind & 3
        if more is not None or array is None or kind == GRAD:
            return self._admit_special(t)
        spec = t._spec
        codes = spec.inputs
        if codes is None:
            codes = input_codes(spec)
        owners = self.owners
        slot = len(owners)
        owners.append(None)
        self.code.append(codes[kind])
        self.inputs.append(array)
        self.sources.append((slot, t, t._ver))
        if kind:
            self.leaves[slot] = t
        t._serial, t._slot = serial, slot
        return slot

    def _admit_special(self, t: Tensor) -> int:
        """Return a slot for a view, a result of an earlier trace, or memory that others see."""
        more = t._more
        if more is not None:
            if more.base is not None:
                return self._admit_view(t, more)
            # All that has been made of it is gone, as after ``w.detach().tolist()``. The short way
            # knows nothing of hidden writes.
            if not t._hidden and more.idle():
                t._more = None
                return self.admit(t)
        array = t._array
        if array is None:
            from .threads import value_elsewhere

            array = value_elsewhere(t)
        elif more is not None and more.exposed:
            array = more.snapshot(t)
            if more.exposed:  # others may write to it: each use looks again
                return self._admit_copy(t, more, array)
        owners = self.owners
        slot = len(owners)
        kind = t._kind & 3
        spec = t._spec
        self.code.append((spec.inputs or input_codes(spec))[kind])
        owners.append(None)
        self.inputs.append(array)
        self.sources.append((slot, t, t._ver if more is None else t._version_of()))
        if kind == LEAF:
            self.leaves[slot] = t
        elif kind == GRAD:
            if t._graph is None:
                from .threads import segment_elsewhere

                segment_elsewhere(t)
            self.imports[slot] = t._graph
        if more is not None and more.hooks:
            self.special[slot] = t
        t._serial, t._slot = self.serial, slot
        return slot

    def _admit_copy(self, t: Tensor, more: Any, array: Any) -> int:
        """Return a slot with what is now in memory that code outside may write to."""
        serial, slot, seen = more.copied
        if serial == self.serial and np.array_equal(seen, array, equal_nan=t._spec.floating):
            return int(slot)
        kind = t._kind & 3
        slot = self.constant(array, t._spec, kind)
        self.sources.append((slot, t, t._version_of()))
        if kind == LEAF:
            self.leaves[slot] = t
        elif kind == GRAD:
            self.imports[slot] = t._graph
            # The graph computes what was there before; what is there now has the same graph.
            slot = self._now(slot, array, t._spec)
        if more.hooks or more.retains:
            self.special[slot] = t
        more.copied = (self.serial, slot, array)
        return slot

    def _now(self, slot: int, array: Any, spec: Spec) -> int:
        """Return a slot with what is in memory now, under the graph of what was there before."""
        from .views import under_graph

        return under_graph(self, slot, self.constant(array, spec), spec)

    def _admit_view(self, t: Tensor, more: Any) -> int:
        """Record a view of its base's current value; of plain data in memory the view is an input."""
        root = more.root
        plain = not (t._kind | root._kind) and root._array is not None and not more.hooks
        if plain and more.base is not root:
            from .tensor import plain_above

            plain = plain_above(t)
        if plain:
            more.seen = root._ver
            if root._more.exposed:
                value = t._value()
                return self._admit_copy(
                    t, more, np.array(value, order="C") if value.ndim else value[()]
                )
            version, value = more.held
            if version != root._ver:
                value = self._part(t, more, root)
                more.held = (root._ver, value)
            slot = len(self.owners)
            spec = t._spec
            self.code.append((spec.inputs or input_codes(spec))[PLAIN])
            self.owners.append(None)
            self.inputs.append(value)
            self.sources.append((slot, t, root._ver - root._hidden))
            t._serial, t._slot = self.serial, slot
            return slot
        return self._admit_linked_view(t, more)

    def _part(self, t: Tensor, more: Any, root: Tensor) -> Any:
        """Return the elements of a view of plain data as one block of memory.

        A loop over the rows of some data makes the same views at each step: blocks that lie within
        the data are kept with it, 0.1 us to find and 1.5 us to make. Others would be copies.
        """
        whole, parts = root._more.parts  # type: ignore[union-attr]
        if whole is not root._array:
            parts = {}
            root._more.parts = (root._array, parts)  # type: ignore[union-attr]
        if more.base is root:
            value = parts.get(more.code)
            if value is not None:
                return value
        value = t._value()
        if not value.ndim:
            return value[()]
        block = np.ascontiguousarray(value)
        if more.base is root and block is value and len(parts) < _PARTS:
            parts[more.code] = block
        return block

    def _admit_linked_view(self, t: Tensor, more: Any) -> int:
        """Record a view that a graph leads through, or whose base has no value yet."""
        root = more.root
        if t._kind & 3 == GRAD and t._graph is not None and more.seen == more.root._ver:
            # Its own node is kept: gradients flow through the graph it was made in.
            array = t._value()
            slot = len(self.owners)
            self.code.append(input_codes(t._spec)[GRAD])
            self.owners.append(None)
            self.inputs.append(array)
            self.sources.append((slot, t, t._version_of()))
            self.imports[slot] = t._graph
            if root._more.exposed:
                slot = self._now(slot, np.array(array), t._spec)
                self.copies.append((slot, t))
                return slot
            t._serial, t._slot = self.serial, slot
            return slot
        base = more.base
        at = base._slot if base._serial == self.serial else self.admit(base)
        if more.seen != more.root._ver:
            more.seen = more.root._ver
            if t._kind & 3 != LEAF:
                linked = base._kind & 3 and not more.detached and t._spec.floating
                t._kind = (GRAD if linked else PLAIN) | (t._kind & ~3)
            t._graph = None
            more.code = regenerated(more.code)
        slot = len(self.owners)
        self.code += (more.code + (t._kind & 3), at)
        self.owners.append(t)
        if t._kind & 3 == LEAF:
            self.leaves[slot] = t
        t._slot = slot
        if root._more.exposed:
            self.copies.append((slot, t))  # its memory is read anew when it is used again
        else:
            t._serial = self.serial
        if more.hooks or more.retains:
            self.special[slot] = t
        return slot

    def number(self, value: Any) -> int:
        """Return a new slot for a Python number."""
        self.code.append(NUMBERS[type(value)])
        owners = self.owners
        slot = len(owners)
        owners.append(None)
        self.inputs.append(value)
        return slot

    def constant(self, array: Any, spec: Spec, kind: int = PLAIN) -> int:
        """Return a new slot for an array that nobody writes to."""
        self.code.append(input_codes(spec)[kind])
        slot = len(self.owners)
        self.owners.append(None)
        self.inputs.append(array)
        return slot

    # ------------------------------------------------------------ running

    def flush(self) -> None:
        """Compute what tensors that are alive stand for, and start an empty trace."""
        if not self.code:
            return
        outer, self.running = self.running, True
        try:
            steady = STEPS["turned"](self)
            if steady is None:
                steady = self._turned()
            if steady is not None:
                self._run(steady)
        finally:
            self.running = outer

    def _run(self, steady: tuple[Any, ...]) -> None:
        """Run a trace that has been left and give tensors their values."""
        program, inputs, owners, trace, ahead = steady
        try:
            fast = program.fast
            if ahead is not None:
                values = ahead(inputs)
            elif fast is None:
                values = program.run(inputs)
            else:
                program.calls += 1
                values = fast(inputs)
        except Exception:
            from .failures import salvage

            salvage(program.code, inputs, owners, program.computed)
            raise
        except BaseException:  # interrupted
            if not self.code:
                for k in program.graphs:
                    owners[k]._graph = None
                self._take_up(trace)
            raise
        STEPS["placed"](owners, program.computed, values)

    def _turned(self) -> tuple[Any, ...] | None:
        """Begin a new trace; return what runs the old one, None if nobody holds anything of it.

        Returns
        -------
        tuple
            The program, the inputs, the owners, what `_take_up` takes, and what runs it together with
            the backward pass that is expected, None if none is.
        """
        code, owners, inputs = self.code, self.owners, self.inputs
        live = STEPS["alive"](owners)
        if not live:
            self.begin()  # nobody will look at anything of this: it need not be known either
            return None
        program = program_now(code, live)
        ahead = None
        if program.graphs:
            segment = Segment(self, program.code)
            segment.program = program
            for k in program.graphs:
                owners[k]._graph = (segment, k)  # type: ignore[union-attr]
            if not (program.retains if self.freed == program.freed else program.open(self.freed)):
                segment.inputs = None
                segment.sources = []
                return program, inputs, owners, self._left(), None
            for k in live:  # what is written to later must not have been saved
                t = owners[k]
                if t._kind & 3 != GRAD:
                    segment.sources.append((k, t, t._version_of()))
            if program.forecast is not None and not self.slow:
                from .ahead import with_sweep

                ahead = with_sweep(program, segment, tuple(reversed(live)))
        return program, inputs, owners, self._left(), ahead

    def _left(self) -> tuple[Any, ...]:
        """Begin a new trace; return the old one."""
        trace = self._trace()
        self.begin()
        return trace

    def _trace(self) -> tuple[Any, ...]:
        """Return what `begin` sets, in that order."""
        return (
            self.serial, self.code, self.owners, self.inputs, self.sources, self.leaves,
            self.imports, self.freed, self.stale, self.copies, self.special, self.lines, self.nodes,
        )  # fmt: skip

    def _take_up(self, trace: tuple[Any, ...]) -> None:
        """Go on with a trace that has been left."""
        (
            self.serial, self.code, self.owners, self.inputs, self.sources, self.leaves,
            self.imports, self.freed, self.stale, self.copies, self.special, self.lines, self.nodes,
        ) = trace  # fmt: skip


def alive(owners: list[Any]) -> list[int]:
    """Return the slots, the last one first, whose tensors somebody holds; let go of the others."""
    live = []
    k = len(owners)
    for t in reversed(owners):
        k -= 1
        if t is not None:
            if getrefcount(t) > _HELD and t._slot == k:
                live.append(k)
            else:
                owners[k] = None  # a view only the trace held may be all that holds its base
    return live


def placed(owners: list[Any], slots: Sequence[int], values: Sequence[Any]) -> None:
    """Give tensors their values."""
    for k, value in zip(slots, values):
        owners[k]._array = value


def never(*given: Any) -> Any:
    """What stands where only machine code has a short cut."""
    return None


PYTHON: dict[str, Callable[..., Any]] = {
    "alive": alive, "placed": placed, "turned": never, "swept": never, "admitted": never,
    "replaced": never, "described": never, "part": never,
}  # fmt: skip
STEPS = PYTHON.copy()
"""Parts of a step that machine code does where it can.

`alive` and `placed` are those above. ``turned(rec)`` is `Recorder._turned` for a trace whose program
is compiled and known; ``swept(root)`` records the row of a backward pass that has been recorded
before; ``admitted(rec, tensors)`` and ``replaced(rec, outs, first, kinds)`` are those of `replacing`;
``described(ins, outs)`` gives the specs of operands and the kinds of results that are nothing special;
``part(tensor, known)`` records a view for `record_view.view_of`.
None says that it is not so, and nothing has been changed.
"""


def _held() -> int:
    """Return what ``getrefcount`` says, in `alive`, of a tensor that only the trace holds."""
    owners = [object()]
    found = 0
    for t in reversed(owners):
        found = getrefcount(t)
    return found


_HELD = _held()


class _Local(threading.local):
    def __init__(self) -> None:
        self.rec = Recorder()
        with _all_lock:
            _all.append(self.rec)
            over = [rec for rec in _all if not rec.thread.is_alive()]
        for rec in over:  # what an ended thread has left pending is computed now
            with suppress(Exception):  # whoever reads the value will hear of it
                rec.flush()
        with _all_lock:
            _all[:] = [rec for rec in _all if rec not in over]


_all: list[Recorder] = []
_all_lock = threading.Lock()
LOCAL = _Local()


def recorders() -> list[Recorder]:
    """Return the recorders of all threads."""
    with _all_lock:
        return list(_all)


def recorder() -> Recorder:
    """Return this thread's recorder."""
    return LOCAL.rec
