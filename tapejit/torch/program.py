"""Programs: what is known of a trace that has been recorded before, up to its compiled kernel.

The first time a trace is run row by row on arrays, or traced when it holds a backward pass; the
second time its tape is simplified and interpreted; once interpreting has cost what compiling is
expected to cost, it is compiled. From then on a training step is a look-up and a call.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from ..core.config import config
from ..core.errors import CompileWarning
from ..runtime.build import build, is_there
from ..runtime.interp import Interpreter
from ..runtime.pipeline import estimate_compile_seconds, optimise
from ..runtime.rent import Account, Accounts
from ..tape.ir import Tape
from . import native
from .codes import GRAD
from .lower import given, owned, rows_to_trace, run_plain, trace_rows
from .rows import Rows, decoded
from .rowwise import ROWS, TRACING, Unfit, run_rowwise
from .runner import runner

TITLE = "torch"
_MOST = 200_000
"""Integers of traces whose programs are kept; the oldest go first."""


class Program:
    """A trace together with the slots that somebody will look at.

    Attributes
    ----------
    computed : tuple of int
        The slots whose values are computed.
    graphs : tuple of int
        The slots that carry a graph.
    freed : int
        The rows that backward passes of the trace have freed.
    runs, calls : int
        How often it has been run by NumPy, and compiled.
    retains : bool
        Whether one of those graphs has not been freed, so that its inputs must be kept.
    recorded, living : list
        The integers and the slots as they were recorded last: the very objects compare quickly.
    """

    __slots__ = (
        "__dict__", "_account", "_derives", "_estimate", "_lock", "_long", "_looked", "_specs", "_traced_rows",
        "_walked", "binding", "calls", "code", "computed", "failed", "fast", "forecast", "freed",
        "graphs", "interpreter", "living", "recorded", "retains", "rows", "runs", "spent", "tape",
    )  # fmt: skip

    def __init__(self, code: tuple[int, ...], live: tuple[int, ...]) -> None:
        self.rows: Rows = decoded(code)
        self.code = self.rows.code
        rows = self.rows
        views = [rows.rows[rows.producer[s]].code.op.view for s in live]
        self.computed = tuple(s for s, view in zip(live, views) if not view)
        self.graphs = tuple(s for s in live if rows.kinds[s] == GRAD)
        self.freed = freed_rows(rows)
        self.retains = self.open(self.freed)
        self.recorded: list[int] = []
        self.living: list[int] = []
        self.runs = self.calls = 0
        self.spent = 0.0
        self.failed: str | None = None
        self.tape: Tape | None = None
        self.binding: list[Any] = []
        self.fast: Callable[[list[Any]], Any] | None = None
        self.interpreter: Interpreter | None = None
        self.forecast: Any = None  # a backward pass that may follow: see `ahead`
        self._account: Account | None = None
        self._looked, self._estimate = -1, 0.0
        self._lock = threading.Lock()
        self._specs = [rows.spec(s) for s in self.computed]
        self._long = len(rows.rows) >= ROWS
        self._walked = 0.0
        self._traced_rows: int | None = None
        self._derives = any(r.code.op.special == "backward" for r in rows.rows) or any(
            r.code.op.traced for r in rows.rows
        )

    def open(self, freed: int) -> bool:
        """Whether a graph that somebody holds has rows that have not been freed."""
        rows = self.rows
        scaled = bool(self.graphs) and rows.scaled
        return scaled or any(rows.cone(s).mask & ~freed for s in self.graphs)

    def run(self, inputs: list[Any]) -> Any:
        """Return the values of the computed slots."""
        if self.fast is not None:
            self.calls += 1
            return self.fast(inputs)
        if not self.computed:
            return ()
        self.runs += 1
        policy = config.compile
        if self.tape is None:
            if self.runs == 1 and not self._derives and policy != "always":
                return run_plain(self.rows, inputs, self.computed)
            if policy != "always" and self._long and self._walked <= self._tracing():
                started = time.perf_counter()
                try:
                    return run_rowwise(self.rows, inputs, self.computed)
                except Unfit:
                    self._long = False
                finally:
                    self._walked += time.perf_counter() - started
            traced = trace_rows(self.rows, inputs, self.computed)
            self.tape, self.binding = traced.tape, traced.binding
            if policy != "always":
                return traced.values
        if self.interpreter is None:
            self.tape = optimise(self.tape)
            self.interpreter = Interpreter(self.tape)
        found_inputs = given(inputs, self.binding, self.tape)
        if policy != "never" and self.failed is None and (policy == "always" or self._due()):
            self._compile()
            if self.fast is not None:
                self.runs -= 1
                self.calls += 1
                return self.fast(inputs)
        started = time.perf_counter()
        found = self.interpreter(found_inputs)
        made = [owned(y, spec) for y, spec in zip(found, self._specs)]
        seconds = time.perf_counter() - started
        self.spent += seconds
        self.account.pay(self.tape, seconds)
        return made

    @property
    def account(self) -> Account:
        """What this program's family of tapes has cost so far."""
        assert self.tape is not None
        if self._account is None:
            self._account = _accounts.of(self.tape)
        return self._account

    def _tracing(self) -> float:
        """Return the seconds that tracing is expected to take; loops are traced once."""
        if not self._walked:
            return 0.0  # it may never come again: not worth looking for loops
        if self._traced_rows is None:
            self._traced_rows = rows_to_trace(self.rows, self.computed)
        return TRACING * self._traced_rows

    def _due(self) -> bool:
        """Whether interpreting has cost what compiling is expected to cost, or code is there."""
        assert self.tape is not None
        if self._lock.locked():
            return False
        account = self.account
        if self._looked != account.purchases:
            found = is_there(self.tape, TITLE)
            if found:
                return True
            if found is None:
                return False
            self._looked = account.purchases
            self._estimate = estimate_compile_seconds(self.tape)
        return account.spent > self._estimate

    def _compile(self) -> None:
        assert self.tape is not None
        with self._lock:
            if self.fast is not None:
                return
            try:
                found = build(self.tape, TITLE, self.account.others(self.tape))
                if not (found.cached or found.shared):
                    self.account.buy()
                self.fast = runner(found.made, self.tape, self.binding, self._specs)
                native.start()
            except Exception as error:
                self.failed = f"{type(error).__name__}: {error}"
                message = f"a recorded trace could not be compiled: {self.failed}"
                warnings.warn(message, CompileWarning, stacklevel=3)


def freed_rows(rows: Rows) -> int:
    """Return the rows that backward passes recorded in a trace have freed, as a mask."""
    freed = 0
    for row in rows.rows:
        if row.code.op.special == "backward" and not row.code.params["retain"]:
            freed |= rows.cone(row.args[0]).mask
    return freed


_programs: dict[Any, Program] = {}
_accounts = Accounts()
_kept = [0]
_ran = [0, 0]
"""How often programs that have been let go had been interpreted, and called as kernels."""


def program_of(code: tuple[int, ...], live: tuple[int, ...]) -> Program:
    """Return the program of a trace and the slots that are alive."""
    key = (code, live)
    found = _programs.get(key)
    if found is None:
        _kept[0] += len(code) + 16
        while _kept[0] > _MOST and _programs:
            _evict(_programs.pop(next(iter(_programs)), None))
        found = _programs[key] = Program(code, live)
    return found


def _evict(old: Program | None) -> None:
    """Let a program go; what it has run stays counted."""
    if old is not None:
        _kept[0] -= len(old.rows.code) + 16
        _ran[0] += old.runs
        _ran[1] += old.calls
        for near in [near for near, program in list(RECENT.items()) if program is old]:
            RECENT.pop(near, None)


RECENT: dict[int, Program] = {}
"""By the numbers of integers and of living slots, in one, the program that was met last."""
_RECENT = 64


def program_now(code: list[int], live: list[int]) -> Program:
    """Return the program of a trace that has just been recorded; `live` has the last slot first.

    A loop records the same lists again and again: comparing them with those of the last time takes
    a fifth of the time of hashing them, 0.1 us for 50 integers.
    """
    near = len(code) << 16 | len(live)
    found = RECENT.get(near)
    if found is not None and found.recorded == code and found.living == live:
        return found
    found = program_of(tuple(code), tuple(reversed(live)))
    if len(RECENT) >= _RECENT:
        RECENT.clear()
    found.recorded, found.living = code, live
    RECENT[near] = found
    return found


def let_go() -> None:
    """Let all programs go; what they have run stays counted."""
    for key in list(_programs):
        _evict(_programs.pop(key, None))


def clear_programs() -> None:
    """Forget all programs: every trace is new."""
    _programs.clear()
    RECENT.clear()
    _kept[0] = 0
    _ran[:] = 0, 0


def runs() -> tuple[int, int]:
    """Return how often traces have been interpreted and have been one compiled call."""
    known = programs()
    return _ran[0] + sum(p.runs for p in known), _ran[1] + sum(p.calls for p in known)


def evaluate(rows: Rows, inputs: list[Any], slot: int) -> Any:
    """Return the value of one slot of somebody else's trace."""
    return trace_rows(rows, inputs, (slot,)).values[0]


def programs() -> list[Program]:
    """Return the programs known to this process."""
    return list(_programs.values())
