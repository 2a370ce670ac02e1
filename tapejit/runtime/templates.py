"""Programs for calls whose sizes have not been seen: no capture, no text, no compilation.

When a general kernel serves a call, the function is run once more, and all stages with it, on sizes
that are symbols (`core.dims`). What comes out is the same kernel's text in which each number is a
formula of the sizes, and the conditions under which every stage decides as it did. A later call
whose sizes meet the conditions has its numbers from the formulas. `runtime.templating` makes them.

Invariant: a template is kept only if its formulas give, literal by literal, the texts that were
written for this call and for another of other sizes, and those that the stages write for sizes that
nobody has called with. A size that Python code reads as a number (``x.shape[0]``, ``len(x)``) is no symbol: it
must be the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..core.avals import Aval
from ..core.dims import Dim, Symbols
from ..core.records import record
from ..tape.ir import Tape
from .program import Program
from .trace import Traced

if TYPE_CHECKING:
    from .compile import Kernel, Staged
    from .dispatch import Dispatcher, Signature

_MOST = 8
"""Templates of one structure of arguments."""
_FRAMES = 256
"""Structures of arguments, static values included, that are remembered; the oldest go first."""
_PATIENCE = 24
"""How much may be tried for one structure: a call that was answered otherwise than those before counts
one, a reason that will stay counts six."""


class Rejected(Exception):
    """No template can be made of a call; the message says why.

    Attributes
    ----------
    cost : int
        How much that says about the next call.
    """

    def __init__(self, why: str, cost: int = 6) -> None:
        super().__init__(why)
        self.cost = cost


@record(eq=False)
class Part:
    """A kernel of a template.

    Attributes
    ----------
    values : int
        How many values of its classes the formulas give; 0 for a kernel that is the same for all sizes.
    given, results : tuple of Aval
        Those of its arguments and array results.
    """

    kernel: Kernel
    values: int
    given: tuple[Aval, ...]
    results: tuple[Aval, ...]


@record(eq=False)
class Template:
    """What is known of all sizes for which the stages decide alike.

    Attributes
    ----------
    run : Symbols
        What the formulas are made of.
    slots : tuple of int
        For each dim of the array arguments, in order, its symbol, or ``-1 - n`` for a fixed size n.
    formulas : callable
        ``formulas(*sizes)`` is None where the stages would decide otherwise, else the numbers that
        parts, results and inputs need, in this order.
    parts : tuple of Part
        The kernels, in the order of their stages.
    staged : Staged or None
        The compiled form with host rows.
    tape : Tape
        The tape after simplification.
    traced : Traced
        The capture, with the checks of one at sizes that are numbers.
    results, inputs : tuple of Aval
        Those of the program.
    """

    run: Symbols
    slots: tuple[int, ...]
    formulas: Callable[..., tuple[Any, ...] | None]
    parts: tuple[Part, ...]
    staged: Staged | None
    tape: Tape
    traced: Traced
    results: tuple[Aval, ...]
    inputs: tuple[Aval, ...]

    def sizes(self, dims: Sequence[int]) -> tuple[int, ...] | None:
        """Return the sizes of the symbols, None where the dims do not fit."""
        found = [0] * len(self.run.values)
        for slot, n in zip(self.slots, dims, strict=True):
            if slot < 0:
                if n != -1 - slot:
                    return None
            elif found[slot] in (0, n):
                found[slot] = n
            else:
                return None
        if min(found) < 2 or len(set(found)) < len(found):
            return None
        return tuple(found)

    def instance(self, dims: Sequence[int]) -> Instance | None:
        """Return the program for array arguments of these dims."""
        sizes = self.sizes(dims)
        if sizes is None:
            return None
        try:
            numbers = self.formulas(*sizes)
            return None if numbers is None else Instance(self, sizes, numbers)
        except ArithmeticError:  # of a formula whose condition, further on, fails
            return None


class Templates:
    """The templates of one function, by the structure of its arguments.

    Attributes
    ----------
    reasons : list of str
        Why the last calls that gave none did so.
    """

    def __init__(self) -> None:
        self._found: dict[Any, tuple[Template, ...]] = {}
        self._tried: dict[Any, int] = {}
        self._lock = threading.Lock()
        self.reasons: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def program(self, frame: Any, dims: Sequence[int]) -> Program | None:
        """Return a program for array arguments of these dims, if a template has one."""
        for template in self._found.get(frame, ()):
            made = template.instance(dims)
            if made is not None and made.current():
                return made
        return None

    def learn(self, owner: Dispatcher, entry: Signature, program: Program, leaves: Any) -> None:
        """Make a template of a call that a kernel of many sizes has served."""
        frame = entry.frame
        if self._tried.get(frame, 0) >= _PATIENCE or not self._lock.acquire(blocking=False):
            return
        cost = 1
        try:
            from .templating import template_of

            made = template_of(owner, entry, program, leaves)
            self._found[frame] = (made, *self._found.get(frame, ()))[:_MOST]
        except Exception as error:  # the user's code and all stages, run on what they may not take
            self.reasons.append(str(error) or type(error).__name__)
            cost = getattr(error, "cost", 6)
        finally:
            self._tried[frame] = self._tried.get(frame, 0) + cost
            while len(self._tried) > _FRAMES:
                oldest = next(iter(self._tried))
                del self._tried[oldest]
                self._found.pop(oldest, None)
            del self.reasons[:-_FRAMES]
            self._lock.release()


def _at(avals: Sequence[Aval], numbers: Iterator[int]) -> list[Aval]:
    """Return avals with numbers for their symbolic dims, in order."""
    made = []
    for aval in avals:
        if any(type(n) is Dim for n in aval.shape):
            shape = tuple([next(numbers) if type(n) is Dim else n for n in aval.shape])
            aval = Aval(aval.dtype, shape, aval.weak)
        made.append(aval)
    return made


class _Sized(Traced):
    """A capture at other sizes, of which the tape is made when somebody wants to see it."""

    def __init__(self, template: Template, sizes: tuple[int, ...], results: Sequence[Aval]) -> None:
        fields = dict(vars(template.traced))
        self._symbolic: Tape = fields.pop("tape")
        self._run, self._sizes = template.run, sizes
        self.__dict__.update(fields)
        avals = iter(results)
        leaves = template.traced.out_leaves
        self.out_leaves = [("row", x[1], next(avals)) if x[0] == "row" else x for x in leaves]

    @cached_property
    def tape(self) -> Tape:  # type: ignore[override]
        from ..tape.sized import at_sizes

        return at_sizes(self._symbolic, self._run, self._sizes)


class Instance(Program):
    """A program at sizes for which its template gives it: trusted and compiled from the start."""

    def __init__(
        self, template: Template, sizes: tuple[int, ...], numbers: tuple[Any, ...]
    ) -> None:
        from .compile import SizedKernel, SizedStaged

        left = iter(numbers)
        kernels: list[Kernel] = []
        for part in template.parts:
            values = [next(left) for _ in range(part.values)]
            given, results = _at(part.given, left), _at(part.results, left)
            kernel = part.kernel
            kernels.append(SizedKernel(kernel, values, given, results) if values else kernel)
        super().__init__(_Sized(template, sizes, _at(template.results, left)), 0.0)
        self._inputs = _at(template.inputs, left)
        self.kernel = kernels[0]
        if template.staged is not None:
            from ..tape.sized import at_sizes

            self._tape = at_sizes(template.tape, template.run, sizes)
            self.kernel = SizedStaged(template.staged, self._tape, kernels)
        self.trusted = self.shared = True

    def input_aval(self, k: int) -> Aval:
        return self._inputs[k]

    def offer(self, owner: Dispatcher, entry: Signature) -> None:
        """Offer a hot path, whose text takes longer than some calls, to sizes that come again."""
        if self.runs > 1:
            super().offer(owner, entry)
