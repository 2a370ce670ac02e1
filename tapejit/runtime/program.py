"""A program: one captured tape with what it takes to run it again.

A program first replays its tape with NumPy. It is compiled when the time it has spent so passes
what compiling is expected to cost, so that the total is never far from twice the better choice.
"""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.avals import Aval, aval_of
from ..core.errors import CompileWarning, TapejitError
from ..core.streams import GENERATOR, Stream, Token, is_generator, kind_of, restored
from ..frontend.rebind import Path
from ..tape.ir import Tape
from ..tape.tokens import draws_again
from .build import build, built, is_there
from .entry import MISS, make_entry
from .interp import GuardFailure, Interpreter
from .pipeline import estimate_compile_seconds, optimise
from .rent import Account
from .trace import Traced, checksum, rebuild, sharing
from .vary import fits

if TYPE_CHECKING:
    from .dispatch import Dispatcher, Signature

_RAISED = (LookupError, ValueError, ArithmeticError)
"""What rows raise. Python then runs the call: it catches that, or raises it and names the line, or,
since kernels look at guards last, takes another way that a guard should have told of."""


class Miss(Exception):
    """This program does not answer the call: a guard or a check failed."""


class Program:
    """A tape, its bindings and its state.

    Attributes
    ----------
    trusted : bool
        Whether a second capture has recorded the same.
    spent : float
        Seconds spent interpreting so far.
    fresh : bool
        Whether a kernel of many sizes has been found for it that no template has been made of.
    kernel : object or None
        The compiled form.
    """

    def __init__(self, traced: Traced, capture_seconds: float) -> None:
        self.traced = traced
        traced.result = None  # the caller's alone: it may be large
        self.capture_seconds = capture_seconds
        self.trusted = False
        self.spent = 0.0
        self.runs = 0
        self.kernel: Any = None
        self.failed: str | None = None
        self.compile_seconds = 0.0
        self.cached = False
        self.shared = False
        self._lock = threading.Lock()
        self._tape: Tape | None = None
        self._interpreter: Interpreter | None = None
        self.recaptured = 0
        self._account: Account | None = None
        self.fresh = False
        self._looked, self._estimate = -1, 0.0
        self.avals = [
            GENERATOR if is_generator(array) else aval_of(array) for array, _ in traced.consts
        ]
        self.kinds = [kind_of(s.rng) for s in traced.streams]
        self._marks: bool | None = None
        self._keeps = False
        self.fast_calls = [0]
        self.mismatches = 0
        self.entry: Any = None

    @property
    def tape(self) -> Tape:
        """The tape after simplification."""
        if self._tape is None:
            self._tape = optimise(self.traced.tape)
        return self._tape

    @property
    def interpreter(self) -> Interpreter:
        if self._interpreter is None:
            self._interpreter = Interpreter(self.tape)
        return self._interpreter

    def current(self) -> bool:
        """Whether all that the function reads besides arrays is as it was."""
        return all(c.holds() for c in self.traced.checks) and all(
            checksum(a) == s for a, s in self.traced.fragile
        )

    def constants(self) -> list[Any]:
        """Return the captured arrays as they are now.

        Raises
        ------
        Miss
            When one has another dtype or shape, or is gone.
        """
        found = []
        for (_, origin), aval in zip(self.traced.consts, self.avals):
            if not isinstance(origin, Path):
                found.append(origin)
                continue
            value = origin.get()
            if aval is GENERATOR:
                if not is_generator(value):
                    raise Miss
                found.append(value)
                continue
            if aval.weak:
                if type(value) is not aval.weak_type or not (type(value) is float or fits(value)):
                    raise Miss
                found.append(value)
                continue
            if type(value) is not np.ndarray or value.shape != aval.shape:
                raise Miss
            if value.dtype != aval.dtype:
                if value.dtype.newbyteorder("=") != aval.dtype:
                    raise Miss
                value = value.astype(aval.dtype)
            found.append(value)
        return found

    def bound(self, given: list[Any]) -> list[Any]:
        """Return inputs with tokens in place of generators: where this run begins to draw.

        Raises
        ------
        Miss
            When a generator is of another kind, or others than before share their bits.
        """
        if not self.kinds:
            return given
        rngs = [x for x in given if is_generator(x)]
        if [kind_of(r) for r in rngs] != self.kinds or sharing(rngs) != self.traced.shared:
            raise Miss
        if self._marks is None:
            self._marks = any(self.tape.prim(i).name == "guard" for i in range(self.tape.rows))
            self._keeps = draws_again(self.tape)
        keeps, marks = self._keeps, self._marks
        return [Token(Stream(x, keeps, marks)) if is_generator(x) else x for x in given]

    def confirm(self, traced: Traced) -> None:
        """Take over what a second capture that recorded the same must find again."""
        self.traced.checks, self.traced.fragile = traced.checks, traced.fragile
        self.entry = None

    def renew_lock(self) -> None:
        """Take a new lock in a forked process."""
        self._lock = threading.Lock()

    def applies(self, inputs: list[Any]) -> bool:
        """Whether this program answers a call with these inputs: checks and guards hold."""
        if not self.current():
            return False
        try:
            given = self.bound(native(inputs) + self.constants())
            with restored([x.stream.rng for x in given if isinstance(x, Token)]):
                self.interpreter(given)
        except (GuardFailure, Miss):
            return False
        return True

    def run(self, inputs: list[Any], owner: Dispatcher, entry: Signature) -> Any:
        """Return the result of a call.

        Raises
        ------
        Miss
            When a check or a guard fails.
        """
        if not self.current():
            raise Miss
        given = self.bound(native(inputs) + self.constants())
        self.runs += 1
        wanted = self.kernel is None and owner.policy != "never" and self.failed is None
        if wanted and (owner.policy == "always" or self.due(owner)):
            self.compile(owner)
        if self.kernel is not None:
            try:
                outputs = self.kernel(given)
            except _RAISED:
                outputs = None
            if outputs is None:
                rewind(given)
                raise Miss
            owner.counters["compiled"] += 1
            self.offer(owner, entry)
            return rebuild(self.traced, outputs)
        started = time.perf_counter()
        try:
            outputs = self.interpreter(given)
        except (GuardFailure, *_RAISED):
            rewind(given)
            raise Miss from None
        outputs = [o if isinstance(o, Token) else np.array(o) for o in outputs]
        seconds = time.perf_counter() - started
        self.spent += seconds
        self.account(owner).pay(self.tape, seconds)
        owner.counters["interpreted"] += 1
        return rebuild(self.traced, outputs)

    def input_aval(self, k: int) -> Aval:
        """Return the aval of input `k`."""
        return self.traced.tape.value(k)

    @property
    def kernel_inputs(self) -> list[int]:
        """The input of the captured tape that each input of the kernel's tape stands for."""
        return list(range(self.tape.n_inputs))

    def mismatch(self) -> Any:
        """Note that arguments had another dtype or layout than the kernel wants."""
        self.mismatches += 1
        return MISS

    def offer(self, owner: Dispatcher, entry: Signature) -> None:
        """Give the dispatcher the hot path of this program, unless its arguments never fit."""
        if self.entry is None:
            self.entry = make_entry(self, entry) or False
        if self.entry and self.mismatches < 8 and self.entry not in owner.entries:
            owner.entries = (self.entry, *owner.entries[:3])
        elif self.entry and self.mismatches >= 8:
            owner.entries = tuple(e for e in owner.entries if e is not self.entry)

    def due(self, owner: Dispatcher) -> bool:
        """Whether to compile now: code lies on disk, or interpreting has cost as much.

        The rent of all sizes counts, since the code will serve them all.
        """
        if self._lock.locked():
            return False  # another thread compiles it; interpret meanwhile
        account = self.account(owner)
        if self._looked != account.purchases:
            found = is_there(self.tape, owner.name)
            if found:
                return True
            if found is None:
                return False
            self._looked = account.purchases
            self._estimate = estimate_compile_seconds(self.tape)
        return account.spent > self._estimate

    def account(self, owner: Dispatcher) -> Account:
        """Return what this program's family of tapes has cost so far."""
        if self._account is None:
            self._account = owner.accounts.of(self.tape)
        return self._account

    def compile(self, owner: Dispatcher) -> None:
        """Compile the tape, once. What cannot be compiled is interpreted, with a warning."""
        with self._lock:
            if self.kernel is not None or self.failed is not None:
                return
            taken = built(self.tape) is not None and not self.traced.put_off
            try:
                account = self.account(owner)
                found = build(self.tape, owner.name, account.others(self.tape))
            except TapejitError:
                raise
            except Exception as error:
                self.failed = f"{type(error).__name__}: {error}"
                message = f"{owner.name} could not be compiled and is interpreted: {self.failed}"
                warnings.warn(message, CompileWarning, stacklevel=3)
                return
            if not (found.cached or found.shared):
                account.buy()
            self.shared = taken or found.shared
            self.compile_seconds, self.cached = found.seconds, found.cached
            owner.counters["cache_hits"] += found.cached
            owner.counters["sizes_shared"] += found.shared and found.general
            owner.counters["kernels"] += 1
            owner.counters["compile_seconds"] += found.seconds
            self.kernel, self.fresh = found.made, found.general


def rewind(given: list[Any]) -> None:
    """Put the generators among the inputs of a run that failed back to where it began."""
    for x in given:
        if isinstance(x, Token) and x.stream.samples:
            x.stream.rewind()


def native(inputs: list[Any]) -> list[Any]:
    """Return inputs in native byte order; NumPy and compiled code agree on nothing else."""
    return [
        x.astype(x.dtype.newbyteorder("="))
        if isinstance(x, np.ndarray) and not x.dtype.isnative
        else x
        for x in inputs
    ]
