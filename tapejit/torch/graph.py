"""Nodes: the graph behind a result, made for reading from the rows of a segment.

No node exists until somebody asks for ``grad_fn``; the graph itself is the recorded integers.
"""

from __future__ import annotations

import weakref
from typing import Any

from .codes import GRAD, LEAF
from .hooks import RemovableHandle
from .record import LOCAL, Segment
from .tensor import SEVERAL_VIEWS, Tensor

_known: weakref.WeakValueDictionary[Any, Node] = weakref.WeakValueDictionary()


class Node:
    """A step of the graph.

    Attributes
    ----------
    next_functions : tuple of (Node or None, int)
        For each operand, the node whose result it is and which of its results.
    metadata : dict
        For the user's notes; ``"traceback_"`` holds the lines that recorded the operation when that
        was done under `detect_anomaly`.
    """

    def __init__(self, segment: Segment, row: int) -> None:
        self._segment, self._row = segment, row
        self.metadata: dict[Any, Any] = {}
        if segment.lines:  # recorded while anomalies were looked for
            line = segment.lines.get(segment.rows.rows[row].first)
            if line is not None:
                self.metadata["traceback_"] = [line]

    def name(self) -> str:
        """Return the name of the operation's gradient."""
        return self._segment.rows.rows[self._row].code.node

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this step of a backward pass.

        What it returns, if not None, replaces the gradients of the operands.
        """
        return RemovableHandle(self._hooks()[1], hook)

    def register_prehook(self, hook: Any) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before this step; what it returns replaces them."""
        return RemovableHandle(self._hooks()[0], hook)

    def _hooks(self) -> tuple[dict[int, Any], dict[int, Any]]:
        found: tuple[dict[int, Any], dict[int, Any]]
        found = self._segment.node_hooks.setdefault(self._row, ({}, {}))
        return found

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self)
            and isinstance(other, Node)
            and other._segment is self._segment
            and other._row == self._row
        )

    def __hash__(self) -> int:
        return hash((id(self._segment), self._row))

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        rows = self._segment.rows
        row = rows.rows[self._row]
        found: list[tuple[Node | None, int]] = []
        n = row.code.params["inputs"] if row.code.op.special == "function" else len(row.args)
        for k, arg in zip(row.args[:n], row.code.args):
            # A Python number beside a tensor is an edge that leads nowhere.
            found.append((None, 0) if isinstance(arg, type) else edge(self._segment, k))
        return tuple(found)

    @property
    def saved_tensors(self) -> Any:
        """What a function of the user's has saved."""
        return self._context().saved_tensors

    def _context(self) -> Any:
        rows = self._segment.rows
        context = self._segment.special.get(~rows.rows[self._row].first)
        if context is None:
            raise AttributeError(f"'{self.name()}' object has no saved tensors to read")
        return context

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return getattr(self._context(), name)
        except AttributeError:
            raise AttributeError(f"'{self.name()}' object has no attribute '{name}'") from None


class AccumulateGrad:
    """The end of the graph at a leaf.

    Attributes
    ----------
    variable : Tensor
        The leaf whose ``.grad`` collects.
    """

    next_functions: tuple[Any, ...] = ()

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable
        self.metadata: dict[Any, Any] = {}

    def name(self) -> str:
        """Return ``torch::autograd::AccumulateGrad``."""
        return "torch::autograd::AccumulateGrad"

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call ``hook`` after the gradient has been accumulated."""
        variable = self.variable
        made: RemovableHandle = variable.register_post_accumulate_grad_hook(
            lambda t: hook((), (t._grad,))
        )
        return made

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


def collector(leaf: Tensor) -> AccumulateGrad:
    """Return the one end of the graph at a leaf."""
    found = _collectors.get(id(leaf))
    if found is None or found.variable is not leaf:
        found = _collectors[id(leaf)] = AccumulateGrad(leaf)
    return found


_collectors: weakref.WeakValueDictionary[int, AccumulateGrad] = weakref.WeakValueDictionary()


def edge(segment: Segment, slot: int) -> tuple[Any, int]:
    """Return the node of a slot and which of its results the slot is."""
    rows = segment.rows
    kind = rows.kinds[slot]
    if kind == LEAF:
        return (collector(segment.leaves[slot]), 0)
    if kind != GRAD:
        return (None, 0)
    if slot in segment.imports:
        return edge(*segment.imports[slot])
    r = rows.producer[slot]
    if rows.rows[r].code.op.name == "attach":  # a write that autograd was not told of
        return edge(segment, rows.rows[r].args[0])
    origin = segment.nodes.get(slot)
    if origin is not None:
        return edge(*origin)
    code = rows.rows[r].code
    if code.node in SEVERAL_VIEWS:  # each of the views is a row of its own
        return (_node(segment, r), int(code.params.get("index", 0)))
    return (_node(segment, r), slot - rows.rows[r].first)


def _node(segment: Segment, row: int) -> Node:
    key = (id(segment), row)
    found = _known.get(key)
    if found is None or found._segment is not segment:
        name = segment.rows.rows[row].code.node
        kind = _classes.get(name)
        if kind is None:
            kind = _classes[name] = type(name, (Node,), {})
        found = _known[key] = kind(segment, row)
    return found


_classes: dict[str, type[Node]] = {}
"""A class for each name of a node, as ``type(y.grad_fn).__name__`` shows it."""


def node_of(t: Tensor) -> tuple[Any, int]:
    """Return the node whose result a tensor is, and which of its results."""
    if t._serial == LOCAL.rec.serial and t._graph is None:
        LOCAL.rec.flush()
    if t._graph is None:
        LOCAL.rec.admit(t)  # a view whose base has been written to
        LOCAL.rec.flush()
    graph = t._graph
    return (None, 0) if graph is None else edge(*graph)
