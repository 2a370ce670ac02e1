"""From a call to the program that can answer it.

The signature of a call is the structure of its arguments, the avals of its arrays and the values
of everything else. Each signature has a few *variants*, one for each outcome of the Python branches
taken on values; a call tries them, the last successful one first, and captures a new one when
none holds. A capture is trusted when a second one has recorded the same: until then, and for
functions that record something else each time, draw random numbers, print, or change what they can
reach, Python runs the function.
"""

from __future__ import annotations

import enum
import os
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.avals import Aval, aval_id, aval_of
from ..core.config import config
from ..core.errors import ReplayWarning, UnsupportedError
from ..core.pytree import TreeDef, flatten
from ..core.sources import where
from ..core.streams import is_generator, kind_of, replayed, rewinding
from ..core.tables import freeze
from .entry import MISS
from .evaluate import no_run, run_tape
from .program import Miss, Program
from .rent import Accounts
from .templates import Templates
from .trace import Apply, Traced, is_dynamic, same_trace, trace
from .vary import Varying, agrees, fits, needs_python

_DIFFERS = (
    "its capture differs from call to call (random numbers, a clock, state that changes, or arrays "
    "made from such)"
)
_BY_VALUE = (
    bool, int, str, bytes, type, types.FunctionType, types.BuiltinFunctionType, np.dtype, np.ufunc,
    enum.Enum, slice, range, np.generic,
)  # fmt: skip
_RECAPTURES = 16


def static_key(leaf: Any) -> Any:
    """Return what identifies a static leaf in a signature: its value, or which object it is."""
    if leaf is None or isinstance(leaf, _BY_VALUE):
        try:
            key = freeze(leaf)
            hash(key)
            return key
        except TypeError:
            pass
    return (type(leaf), id(leaf))


def stand_in(leaf: Any) -> Any:
    """Return something with the type, dtype and rank of an array leaf that holds no memory."""
    if isinstance(leaf, np.ndarray):
        return np.empty((0,) * leaf.ndim if leaf.ndim else (), leaf.dtype)
    return None if is_generator(leaf) else leaf


class Signature:
    """The variants of one signature.

    Attributes
    ----------
    variants : tuple of Program
        Replaced as a whole, so that other threads see one state or the other.
    used : int
        When it was last looked up, for forgetting the ones that nobody uses.
    frame, dims : tuple
        The signature without its sizes, and the sizes of its arrays.
    """

    def __init__(
        self,
        owner: Dispatcher,
        tree: TreeDef,
        dynamic: list[bool],
        example: list[Any],
        frame: tuple[Any, ...] = (),
        dims: tuple[int, ...] = (),
    ) -> None:
        self.owner, self.tree, self.dynamic = owner, tree, dynamic
        self.example = example
        self.frame, self.dims = frame, dims
        self.variants: tuple[Program, ...] = ()
        self.too_many: str | None = None
        self.calls = 0
        self.used = 0
        self.unsettled = 0

    @property
    def python_only(self) -> str | None:
        """Why Python runs this signature at every call, or None."""
        return self.owner.python_only or self.too_many

    def inputs(self, leaves: list[Any]) -> list[Any]:
        """Return the leaves that are inputs of the tape."""
        return [leaf for leaf, dyn in zip(leaves, self.dynamic) if dyn]

    def symbolic_trace(self, leaves: list[Any], avals: Sequence[Aval]) -> Traced:
        """Capture a call whose arrays have symbolic sizes."""
        owner = self.owner
        paths = owner.numbers.inputs
        return trace(owner.apply, owner.fn, leaves, self.tree, self.dynamic, paths, no_run, avals)

    def trace(self, leaves: list[Any], moving: Any = None) -> Traced:
        owner = self.owner
        owner.counters["captures"] += 1
        paths = owner.numbers.inputs if moving is None else moving
        run = partial(run_tape, policy=owner.policy, title=owner.name)
        return trace(owner.apply, owner.fn, leaves, self.tree, self.dynamic, paths, run)

    def call(self, leaves: list[Any]) -> Any:
        """Return the result of the call whose argument leaves are given."""
        self.calls += 1
        if self.python_only is not None:
            self.owner.counters["python"] += 1
            return self.trace(leaves).result
        inputs = self.inputs(leaves)
        for k, program in enumerate(self.variants):
            if not program.trusted:
                continue
            try:
                result = program.run(inputs, self.owner, self)
            except Miss:
                self.owner.counters["guard_misses"] += 1
                continue
            program.recaptured = 0
            if k:
                self._first(program)
            if program.fresh:
                self._learn(program, leaves)
            return result
        return self.capture(leaves, inputs)

    def _first(self, program: Program) -> None:
        with self.owner.lock:
            rest = tuple(p for p in self.variants if p is not program)
            self.variants = (program, *rest)

    def capture(self, leaves: list[Any], inputs: list[Any], looking: bool = False) -> Any:
        """Run the function in Python, and keep or confirm what it records; `looking`: no more."""
        started = time.perf_counter()
        traced = self.trace(leaves)
        spent = time.perf_counter() - started
        try:
            return self._settle(leaves, inputs, traced, spent, looking)
        finally:
            for stream in traced.streams:
                stream.close()

    def _settle(
        self, leaves: list[Any], inputs: list[Any], traced: Traced, spent: float, looking: bool
    ) -> Any:
        result, streams = traced.result, traced.streams
        if not self._replayable(traced):
            return result
        traced = self._with_moving_numbers(leaves, traced)
        with self.owner.lock, replayed(streams):
            program = self._keep(traced, inputs, spent)
        if program is None or looking:
            return result
        if self.owner.policy == "always" and not program.trusted:
            with replayed(streams):
                again = self.trace(leaves)
            if not self._replayable(again):
                pass
            elif not same_trace(traced, again):
                self.owner.give_up(_DIFFERS + _unplaced(traced, again))
            else:
                program.trusted = True
                program.compile(self.owner)
                if program.fresh:
                    self._learn(program, leaves)
        return result

    def _learn(self, program: Program, leaves: list[Any]) -> None:
        """Find out for which other sizes a kernel of many sizes answers calls."""
        program.fresh = False
        self.owner.templates.learn(self.owner, self, program, leaves)

    def _replayable(self, traced: Traced) -> bool:
        """Whether a capture can stand for its function; otherwise Python runs it from now on.

        Where a row has raised and the function has caught that, this call is Python's: the tape does
        not say what the error depends on. Calls without the error have programs.
        """
        if traced.caught is not None:
            self.owner.warn(traced.caught, "in calls that catch an error")
            return False
        if traced.doubts:
            self.owner.give_up(traced.doubts[0])
            return False
        if traced.changed:
            self.unsettled += 1
            if self.unsettled > 1:
                self.owner.give_up(f"it changes {traced.changed[0]}")
            return False
        self.unsettled = 0
        return True

    def _keep(self, traced: Traced, inputs: list[Any], spent: float) -> Program | None:
        """Enter a capture into the variants; return the program made of it when it is new."""
        owner = self.owner
        for program in self.variants:
            if same_trace(program.traced, traced):
                program.trusted = True
                program.recaptured += 1
                if program.recaptured > _RECAPTURES:
                    failed = [c.path.label for c in program.traced.checks if not c.holds()]
                    owner.give_up(
                        f"{failed[0] if failed else 'what it reads'} is another one at each call"
                    )
                owner.entries = tuple(e for e in owner.entries if e is not program.entry)
                program.confirm(traced)
                return None
        unproven = [p for p in self.variants if not p.trusted and p.applies(inputs)]
        if unproven:
            owner.give_up(_DIFFERS + _unplaced(unproven[0].traced, traced))
            return None
        if len(self.variants) >= config.max_variants:
            self.variants = tuple(p for p in self.variants if p.current())
        if len(self.variants) >= config.max_variants:
            self.too_many = (
                f"it took {config.max_variants} different paths through its Python branches; "
                "the last at " + traced_guard(traced)
            )
            owner.warn(self.too_many)
            return None
        made = Program(traced, spent)
        self.variants = (made, *self.variants)
        return made

    def _with_moving_numbers(self, leaves: list[Any], traced: Traced) -> Traced:
        """Try numbers outside the arguments that have been seen to vary as inputs."""
        numbers = self.owner.numbers
        found = [p for p, v in traced.numbers.items() if numbers.note(p, v)]
        if not found:
            return traced
        try:
            with replayed(traced.streams):
                made = self.trace(leaves, numbers.inputs | set(found))
        except Exception:  # the user's code, run on a guess: whatever it raises, the guess is wrong
            made = None
        good = made is not None and self._stands_for(made, traced)
        for stream in [] if made is None else made.streams:
            stream.samples.clear()
        numbers.settle(found, good)
        if not good or made is None:
            return traced
        with self.owner.lock:
            self.variants = tuple(p for p in self.variants if p.current())
        return made

    @staticmethod
    def _stands_for(made: Traced, traced: Traced) -> bool:
        if made.doubts or made.changed or needs_python(made):
            return False
        return agrees(made.result, traced.result)

    def give_up(self, why: str) -> None:
        """Let Python run the function from now on, and say so once."""
        self.owner.give_up(why)

    def tries(self, leaves: list[Any], static: Signature) -> bool:
        """Whether this signature, in which an int is an input, does what `static` does."""
        with rewinding():
            plain = static.trace(leaves)
        try:
            with rewinding():
                made = self.trace(leaves)
        except Exception:  # the user's code, run on a guess: whatever it raises, the guess is wrong
            return False
        return self._stands_for(made, plain)


def _unplaced(a: Traced, b: Traced) -> str:
    """Say when the difference is an array that is kept where no one can look."""
    if len(a.consts) == len(b.consts):
        for (x, _), (y, _) in zip(a.consts, b.consts):
            if x is y and isinstance(x, np.ndarray) and a.tape.hash == b.tape.hash:
                return f"; it reads an array of shape {x.shape} kept where it cannot be watched"
    return ""


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
    numbers, ints : Varying
        Numbers outside the arguments, and int arguments, that have been seen to vary.
    python_only : str or None
        Why Python runs the function at every call, whatever the signature.
    """

    def __init__(self, apply: Apply, fn: Callable[..., Any], name: str, policy: str | None) -> None:
        self.apply, self.fn, self.name = apply, fn, name
        self.policy = config.compile if policy is None else policy
        if self.policy not in ("auto", "always", "never"):
            raise ValueError(f'compile must be "auto", "always" or "never", not {self.policy!r}')
        self.table: dict[Any, Signature] = {}
        self.lock = threading.RLock()
        self.entries: tuple[Callable[..., Any], ...] = ()
        self.numbers, self.ints = Varying(), Varying()
        self.accounts = Accounts()
        self.templates = Templates()
        self.python_only: str | None = None
        self._warned: set[str] = set()
        self._clock = 0
        self.counters: dict[str, Any] = {
            "captures": 0,
            "interpreted": 0,
            "compiled": 0,
            "python": 0,
            "guard_misses": 0,
            "kernels": 0,
            "compile_seconds": 0.0,
            "cache_hits": 0,
            "sizes_shared": 0,
            "sizes_predicted": 0,
        }
        _LIVE.add(self)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for entry in self.entries:
            found = entry(args, kwargs)
            if found is not MISS:
                return found
        return self.general(args, kwargs)

    def general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer a call that no hot path fits."""
        leaves, tree = flatten((args, kwargs))
        return self.signature(leaves, tree).call(leaves)

    def signature(self, leaves: list[Any], tree: TreeDef) -> Signature:
        """Return the entry for these argument leaves, made when it is new."""
        dynamic = [is_dynamic(leaf) for leaf in leaves]
        parts = [_part(leaf, dyn) for leaf, dyn in zip(leaves, dynamic)]
        ints = [k for k, leaf in enumerate(leaves) if type(leaf) is int]
        frame: Any = None
        if ints:
            frame = (
                tree,
                *[int if type(leaf) is int else part for leaf, part in zip(leaves, parts)],
            )
            for k in ints:
                if (frame, k) in self.ints.inputs and fits(leaves[k]):
                    dynamic[k], parts[k] = True, _part(leaves[k], True)
        self._clock += 1
        found = self.table.get((tree, *parts))
        if found is None:
            found = self._enter((tree, *parts), leaves, tree, dynamic)
            if ints and self.python_only is None:
                found = self._try_ints(frame, ints, found, leaves, tree, parts)
            if self.templates and not found.variants and found.python_only is None:
                self._predict(found)
        found.used = self._clock
        return found

    def _enter(self, key: Any, leaves: list[Any], tree: TreeDef, dynamic: list[bool]) -> Signature:
        example = [stand_in(leaf) if dyn else leaf for leaf, dyn in zip(leaves, dynamic)]
        arrays = [dyn and isinstance(leaf, np.ndarray) for leaf, dyn in zip(leaves, dynamic)]
        parts = [(x.dtype, x.ndim) if a else part for x, a, part in zip(leaves, arrays, key[1:])]
        dims = tuple([n for x, a in zip(leaves, arrays) if a for n in x.shape])
        made = Signature(self, tree, dynamic, example, (tree, *parts), dims)
        with self.lock:
            if len(self.table) >= config.max_signatures:
                self._forget()
            return self.table.setdefault(key, made)

    def _forget(self) -> None:
        """Drop the quarter of the signatures that has not been used for longest."""
        oldest = sorted(self.table, key=lambda k: self.table[k].used)
        gone = {id(self.table.pop(key)) for key in oldest[: max(1, len(oldest) // 4)]}
        self.entries = tuple(e for e in self.entries if getattr(e, "signature", None) not in gone)

    def _predict(self, found: Signature) -> None:
        """Give a new signature the program that a template has for its sizes."""
        program = self.templates.program(found.frame, found.dims)
        if program is None:
            return
        with self.lock:
            if not found.variants:
                found.variants = (program,)
                self.counters["kernels"] += 1
                self.counters["sizes_shared"] += 1
                self.counters["sizes_predicted"] += 1

    def _try_ints(
        self,
        frame: Any,
        ints: list[int],
        static: Signature,
        leaves: list[Any],
        tree: TreeDef,
        parts: list[Any],
    ) -> Signature:
        """Make ints that have been seen to vary inputs, when the function can do with that."""
        new = [
            (frame, k)
            for k in ints
            if not static.dynamic[k] and self.ints.note((frame, k), leaves[k]) and fits(leaves[k])
        ]
        if not new:
            return static
        dynamic, parts = list(static.dynamic), list(parts)
        for _, k in new:
            dynamic[k], parts[k] = True, _part(leaves[k], True)
        made = self._enter((tree, *parts), leaves, tree, dynamic)
        good = made.tries(leaves, static)
        self.ints.settle(new, good)
        if not good:
            self.table.pop((tree, *parts), None)
        return made if good else static

    def program(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
        """Return the program of a call, capturing it when it is new; for looking inside."""
        leaves, tree = flatten((args, kwargs))
        entry = self.signature(leaves, tree)
        inputs = entry.inputs(leaves)
        for program in entry.variants:
            if program.applies(inputs):
                return program
        with rewinding():
            entry.capture(leaves, inputs, looking=True)
        if not entry.variants:
            with rewinding():
                return Program(entry.trace(leaves), 0.0)
        return entry.variants[0]

    def give_up(self, why: str) -> None:
        """Let Python run the function from now on, and say so once."""
        if self.python_only is None:
            self.python_only = why
            self.entries = ()
            self.warn(why)

    def warn(self, why: str, when: str = "at every call") -> None:
        """Say once why Python runs the function."""
        if why in self._warned:
            return
        self._warned.add(why)
        place = "" if "(" in why and ":" in why else f" ({where()})"
        message = f"{self.name} is run by Python {when}: {why}{place}"
        warnings.warn(message, ReplayWarning, stacklevel=_user_level())

    def renew_lock(self) -> None:
        """Take a new lock in a forked process: another thread may have held the old one."""
        self.lock = threading.RLock()
        for entry in list(self.table.values()):
            for program in entry.variants:
                program.renew_lock()


def _part(leaf: Any, dynamic: bool) -> Any:
    if not dynamic:
        return static_key(leaf)
    if is_generator(leaf):
        return kind_of(leaf)
    if isinstance(leaf, np.ndarray) and type(leaf) not in (np.ndarray, np.memmap):
        raise UnsupportedError(
            f"an argument is a {type(leaf).__module__}.{type(leaf).__name__}, which gives NumPy's "
            f"operators another meaning; pass np.asarray(x) ({where()})"
        )
    return aval_id(aval_of(leaf))


def _user_level() -> int:
    """Return the ``stacklevel`` at which a warning names the user's line."""
    import sys

    from ..core.sources import is_library_file

    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and is_library_file(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level


_LIVE: weakref.WeakSet[Dispatcher] = weakref.WeakSet()


def _after_fork() -> None:
    for dispatcher in list(_LIVE):
        dispatcher.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
