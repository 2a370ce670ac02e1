"""From a call to the program that can answer it.

The signature of a call is the structure of its arguments, the avals of its arrays and the values
of everything else. Each signature has a few *variants*, one for each outcome of the Python branches
taken on values; a call tries them, the last successful one first, and captures a new one when
none holds. A capture is trusted when a second one has recorded the same: until then, and for
functions that record something else each time, Python runs the function.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import aval_id, aval_of
from ..core.config import config
from ..core.errors import ReplayWarning
from ..core.pytree import TreeDef, flatten
from ..core.sources import where
from ..core.tables import freeze
from .entry import MISS
from .program import Miss, Program
from .trace import Apply, Traced, is_dynamic, same_trace, trace


def static_key(leaf: Any) -> Any:
    """Return what identifies a static leaf in a signature."""
    try:
        key = freeze(leaf)
        hash(key)
    except TypeError:
        return (type(leaf), id(leaf))
    return key


def stand_in(leaf: Any) -> Any:
    """Return something with the type, dtype and rank of an array leaf that holds no memory."""
    if isinstance(leaf, np.ndarray):
        return np.empty((0,) * leaf.ndim if leaf.ndim else (), leaf.dtype)
    return leaf


class Signature:
    """The variants of one signature."""

    def __init__(
        self, owner: Dispatcher, tree: TreeDef, dynamic: list[bool], example: list[Any]
    ) -> None:
        self.owner, self.tree, self.dynamic = owner, tree, dynamic
        self.example = example
        self.variants: list[Program] = []
        self.python_only: str | None = None
        self.calls = 0
        self.warned = False

    def trace(self, leaves: list[Any]) -> Traced:
        owner = self.owner
        owner.counters["captures"] += 1
        return trace(owner.apply, owner.fn, leaves, self.tree, self.dynamic)

    def call(self, leaves: list[Any]) -> Any:
        """Return the result of the call whose argument leaves are given."""
        self.calls += 1
        if self.python_only is not None:
            self.owner.counters["python"] += 1
            return self.trace(leaves).result
        inputs = [leaf for leaf, dyn in zip(leaves, self.dynamic) if dyn]
        for k, program in enumerate(self.variants):
            if not program.trusted:
                continue
            try:
                result = program.run(inputs, self.owner, self)
            except Miss:
                self.owner.counters["guard_misses"] += 1
                continue
            if k:
                self.variants.insert(0, self.variants.pop(k))
            return result
        return self.capture(leaves, inputs)

    def capture(self, leaves: list[Any], inputs: list[Any], looking: bool = False) -> Any:
        """Run the function in Python, and keep or confirm what it records; `looking`: no more."""
        started = time.perf_counter()
        traced = self.trace(leaves)
        spent = time.perf_counter() - started
        with self.owner.lock:
            for program in self.variants:
                if same_trace(program.traced, traced):
                    program.trusted = True
                    program.traced.checks, program.traced.fragile = traced.checks, traced.fragile
                    return traced.result
            unproven = [p for p in self.variants if not p.trusted and p.applies(inputs)]
            if unproven:
                self.give_up("its capture differs from call to call (random numbers, a clock, "
                             "state that changes, or arrays made from such)")  # fmt: skip
                return traced.result
            if len(self.variants) >= config.max_variants:
                self.variants = [p for p in self.variants if p.current()]
            if len(self.variants) >= config.max_variants:
                self.give_up(
                    f"it took {config.max_variants} different paths through its Python branches; "
                    "the last at " + traced_guard(traced)
                )
                return traced.result
            program = Program(traced, spent)
            self.variants.insert(0, program)
        if self.owner.policy == "always" and not looking:
            again = self.trace(leaves)
            if not same_trace(traced, again):
                self.give_up("its capture differs from call to call (random numbers, a clock, "
                             "state that changes, or arrays made from such)")  # fmt: skip
            else:
                program.trusted = True
                program.compile(self.owner)
        return traced.result

    def give_up(self, why: str) -> None:
        """Let Python run this signature from now on, and say so once."""
        self.python_only = why
        if not self.warned:
            self.warned = True
            message = f"{self.owner.name} is run by Python at every call: {why} ({where()})"
            warnings.warn(message, ReplayWarning, stacklevel=5)


def traced_guard(traced: Traced) -> str:
    """Name the line of the last guard of a capture."""
    from ..core.sources import LINES

    for i in reversed(range(traced.tape.rows)):
        if traced.tape.prim(i).name == "guard":
            return str(LINES[traced.tape.line[i]])
    return "an unknown line"


class Dispatcher:
    """Answers calls of one transformed function.

    Attributes
    ----------
    apply : callable
        ``apply(capture, fn, args, kwargs)`` runs the transformation on tracers.
    policy : str
        ``"auto"``, ``"always"`` or ``"never"``.
    """

    def __init__(self, apply: Apply, fn: Callable[..., Any], name: str, policy: str | None) -> None:
        self.apply, self.fn, self.name = apply, fn, name
        self.policy = config.compile if policy is None else policy
        if self.policy not in ("auto", "always", "never"):
            raise ValueError(f'compile must be "auto", "always" or "never", not {policy!r}')
        self.table: dict[Any, Signature] = {}
        self.lock = threading.RLock()
        self.entries: tuple[Callable[..., Any], ...] = ()
        self.counters: dict[str, Any] = {
            "captures": 0,
            "interpreted": 0,
            "compiled": 0,
            "python": 0,
            "guard_misses": 0,
            "kernels": 0,
            "compile_seconds": 0.0,
            "cache_hits": 0,
        }

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for entry in self.entries:
            found = entry(args, kwargs)
            if found is not MISS:
                return found
        leaves, tree = flatten((args, kwargs))
        return self.signature(leaves, tree).call(leaves)

    def signature(self, leaves: list[Any], tree: TreeDef) -> Signature:
        """Return the entry for these argument leaves, made when it is new."""
        dynamic = [is_dynamic(leaf) for leaf in leaves]
        key = (
            tree,
            *[
                aval_id(aval_of(leaf)) if dyn else static_key(leaf)
                for leaf, dyn in zip(leaves, dynamic)
            ],
        )
        found = self.table.get(key)
        if found is None:
            example = [stand_in(leaf) if dyn else leaf for leaf, dyn in zip(leaves, dynamic)]
            with self.lock:
                found = self.table.setdefault(key, Signature(self, tree, dynamic, example))
        return found

    def program(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
        """Return the program of a call, capturing it when it is new; for looking inside."""
        leaves, tree = flatten((args, kwargs))
        entry = self.signature(leaves, tree)
        inputs = [leaf for leaf, dyn in zip(leaves, entry.dynamic) if dyn]
        for program in entry.variants:
            if program.applies(inputs):
                return program
        entry.capture(leaves, inputs, looking=True)
        if not entry.variants:
            return Program(entry.trace(leaves), 0.0)
        return entry.variants[0]
