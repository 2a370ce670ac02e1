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

import numpy as np

from ..core.config import config
from ..core.errors import CompileWarning
from ..runtime.build import build, is_there
from ..runtime.interp import Interpreter
from ..runtime.pipeline import estimate_compile_seconds, optimise
from ..runtime.rent import Account, Accounts
from ..tape.ir import Tape
from .codes import GRAD
from .lower import given, owned, run_plain, trace_rows
from .rows import Rows, decoded

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
    """

    def __init__(self, code: tuple[int, ...], live: tuple[int, ...]) -> None:
        self.rows: Rows = decoded(code)
        rows = self.rows
        views = [rows.rows[rows.producer[s]].code.op.view for s in live]
        self.computed = tuple(s for s, view in zip(live, views) if not view)
        self.graphs = tuple(s for s in live if rows.kinds[s] == GRAD)
        self.freed = freed_rows(rows)
        self.retains = self.open(self.freed)
        self.runs = self.calls = 0
        self.spent = 0.0
        self.failed: str | None = None
        self.tape: Tape | None = None
        self.binding: list[Any] = []
        self.fast: Callable[[list[Any]], Any] | None = None
        self.interpreter: Interpreter | None = None
        self._account: Account | None = None
        self._looked, self._estimate = -1, 0.0
        self._lock = threading.Lock()
        self._specs = [rows.spec(s) for s in self.computed]
        self._derives = any(r.code.op.special == "backward" for r in rows.rows) or any(
            r.code.op.traced for r in rows.rows
        )

    def open(self, freed: int) -> bool:
        """Whether a graph that somebody holds has rows that have not been freed."""
        return any(self.rows.cone(s).mask & ~freed for s in self.graphs)

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
                self.fast = _runner(found.made, self.tape, self.binding, self._specs)
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


def _stacking(numbers: tuple[int, ...], kind: str, shape: tuple[int, ...]) -> str:
    """Return the source of inputs as one array: 20 of 64 take 5.5 us, by `np.stack` 13 us."""
    given = ", ".join([f"x[{k}]" for k in numbers])
    if len(shape) < 2 or 0 in shape:
        return f"array(({given}), {kind}).reshape({shape})"
    return f"concatenate(({given})).reshape({shape})"


def _runner(
    made: Any, tape: Tape, binding: list[Any], specs: list[Any]
) -> Callable[[list[Any]], Any]:
    """Return ``run(inputs)`` of a compiled tape, written out so that a call is a few lines."""
    from ..runtime.compile import Kernel

    def slow(inputs: list[Any]) -> Any:
        found = made(given(inputs, binding, tape))
        return [owned(y, spec) for y, spec in zip(found, specs)]

    space: dict[str, Any] = {"empty": np.empty, "slow": slow}
    space |= {"concatenate": np.concatenate, "array": np.array}
    lines: list[str] = []
    names: dict[int, str] = {}
    sources = [_input(space, lines, tape, i, k) for i, k in enumerate(binding)]
    if isinstance(made, Kernel):
        outputs = list(range(len(specs)))
        _call(space, lines, made, sources, outputs, names)
        back = [names[k] for k in outputs]
    else:
        its = made.tape
        if made.host_rows or any(o < its.n_inputs or o not in _made(made) for o in its.outputs):
            return slow
        values = dict(enumerate(sources))
        for segment, kernel in made.stages:
            taken = [values[i] for i in segment.inputs]
            _call(space, lines, kernel, taken, list(segment.outputs), values)
        back = [values[o] for o in its.outputs]
    body = "\n    ".join(lines)
    returned = "".join(f"{_scalar(space, name, spec)}, " for name, spec in zip(back, specs))
    exec(f"def run(x):\n    {body}\n    return ({returned})\n", space)
    found: Callable[[list[Any]], Any] = space["run"]
    return found


def _made(staged: Any) -> set[int]:
    """Return the rows that the kernels of a staged tape give."""
    return {o for segment, _ in staged.stages for o in segment.outputs}


def _input(space: dict[str, Any], lines: list[str], tape: Tape, i: int, k: Any) -> str:
    """Return the expression of an input: an entry of the trace's inputs, a stack of them, an array."""
    if type(k) is int:
        return f"x[{k}]"
    if type(k) is tuple:
        space[f"d{i}"] = tape.value(i).dtype
        lines.append(f"i{i} = {_stacking(k, f'd{i}', tape.value(i).shape)}")
        return f"i{i}"
    space[f"c{i}"] = np.ascontiguousarray(k) if np.ndim(k) else np.asarray(k)[()]
    return f"c{i}"


def _scalar(space: dict[str, Any], name: str, spec: Any) -> str:
    """Return a result as tensors keep it: kernels give numbers as Python's."""
    if spec.shape:
        return name
    kind = f"t_{spec.np.name}"
    space[kind] = spec.np.type
    return f"{kind}({name})"


def _call(
    space: dict[str, Any],
    lines: list[str],
    kernel: Any,
    inputs: list[str],
    outputs: list[int],
    names: dict[int, str],
) -> None:
    """Write the call of a kernel; enter the names of its results under `outputs`."""
    text, n = kernel.text, len(space)
    space[f"kernel{n}"] = kernel.call
    arguments = [inputs[i] for i in text.inputs]
    for m, (k, aval) in enumerate(text.arrays):
        space[f"shape{n}_{m}"], space[f"dtype{n}_{m}"] = aval.shape, aval.dtype
        name = names[outputs[k]] = f"y{n}_{m}"
        lines.append(f"{name} = empty(shape{n}_{m}, dtype{n}_{m})")
        arguments.append(name)
    given = ["status"]
    for m, k in enumerate(text.scalars):
        name = names[outputs[k]] = f"s{n}_{m}"
        given.append(name)
    lines += [
        f"try: {', '.join(given)} = kernel{n}({', '.join(arguments)})",
        "except TypeError: return slow(x)",
    ]


_programs: dict[Any, Program] = {}
_accounts = Accounts()
_kept = [0]


def program_of(code: tuple[int, ...], live: tuple[int, ...]) -> Program:
    """Return the program of a trace and the slots that are alive."""
    key = (code, live)
    found = _programs.get(key)
    if found is None:
        _kept[0] += len(code) + 16
        while _kept[0] > _MOST and _programs:
            old = _programs.pop(next(iter(_programs)), None)
            _kept[0] -= 0 if old is None else len(old.rows.code) + 16
        found = _programs[key] = Program(code, live)
    return found


def evaluate(rows: Rows, inputs: list[Any], slot: int) -> Any:
    """Return the value of one slot of somebody else's trace."""
    return trace_rows(rows, inputs, (slot,)).values[0]


def programs() -> list[Program]:
    """Return the programs known to this process."""
    return list(_programs.values())
