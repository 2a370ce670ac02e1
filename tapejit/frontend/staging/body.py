"""The capture of one round of a loop, or of one branch.

Values of the captures around become inputs when they are first touched. An array that is written
to is written here alone: the captures around learn of it when the finished row gives its new value.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...core.avals import Aval
from ...core.errors import CaptureError
from ...core.records import record
from ...core.sources import where
from ...tape.ir import Sym, stand_in
from ..capture import _TWO_NAMES, Capture, Unstageable, capturing
from ..tracer import Root, Tracer, follow


@record
class Local:
    """An array of a capture around as a body sees it.

    Attributes
    ----------
    root : Root
        The array.
    outer : Sym
        Its value where the loop or branch begins, a row of the capture around.
    entry, sym : Sym
        The input that stands for it, and its value now.
    """

    root: Root
    outer: Sym
    entry: Sym
    sym: Sym
    version: int = 0

    @property
    def frozen(self) -> str | None:
        return self.root.frozen

    @property
    def written(self) -> bool:
        return self.version > 0


class Body(Capture):
    """A capture without values.

    Attributes
    ----------
    locals : dict
        The arrays of captures around that were touched, by identity.
    site : object
        The code that is captured: found again further in, it calls itself.
    spans : dict
        The range of each input that is the number of a round.
    long : bool
        Whether it is the round of a loop of many rounds, or of unknown length.
    failed : str or None
        Why the body cannot be staged: remembered, since code under capture may swallow the error.
    """

    abstract = True
    is_body = True
    long = False

    def __init__(self, parent: Capture, site: Any = None) -> None:
        super().__init__(parent)
        self.site = site
        self.locals: dict[int, Local] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.failed: str | None = None
        self._views: dict[int, tuple[Tracer, int, Sym]] = {}

    def follows(self, tracer: Tracer) -> bool:
        return True

    def state(self, root: Root) -> Any:
        if root.sym.b is self.b:
            return root
        found = self.locals.get(id(root))
        if found is None:
            assert self.parent is not None
            if root.lost is not None:
                raise CaptureError(f"{root.lost} ({where()})")
            if any((x := self.locals.get(id(r))) and x.written for r in root.shares or ()):
                raise Unstageable("it writes to an array and reads it by another name")
            outer = self.parent.entry(root)
            entry = self._input_for(outer)
            found = self.locals[id(root)] = Local(root, outer, entry, entry)
        return found

    def wrote(self, root: Root) -> None:
        for other in root.shares or ():
            if other.sym.b is self.b:
                other.lost = _TWO_NAMES
                other.version += 1
            elif root.sym.b is self.b or id(other) in self.locals:
                raise Unstageable("it writes to an array and reads it by another name")
            # else the capture around learns of it when it learns of the write

    def lift(self, tracer: Tracer) -> Sym:
        self._around(tracer.cap)
        state = self.state(tracer.root)
        known = self._views.get(id(tracer))
        if known is not None and known[1] == state.version:
            return known[2]
        found = follow(self, state.sym, tracer.chain)
        self._views[id(tracer)] = (tracer, state.version, found)
        return found

    def const(self, array: Any, path: Any = None) -> Sym:
        assert self.parent is not None
        return self.adopt(self.parent.const(array, path))

    def given(self, aval: Aval, like: Any = None) -> Tracer:
        """Return a tracer of a new input."""
        sym = self.b.input(aval, stand_in(aval) if like is None else like)
        self.b.pending.add(sym.id)
        return Tracer(self, Root(sym))

    def stands_for(self, i: int) -> Sym | None:
        """Return the row around that an input stands for in every round, if it is a Python int.

        Nothing can write to one of those, so that what is bound to it now is what it stays.
        """
        for entry, outer in ((x.entry, x.outer) for x in self.locals.values() if not x.written):
            if entry.id == i:
                return outer if entry.aval.weak else None
        for inner, outer in self.adopted:
            if inner.id == i:
                return outer if inner.aval.weak else None
        return None

    def operands(self) -> tuple[list[Sym], list[Sym]]:
        """Return the inputs met on the way and the rows around that they stand for."""
        inner = [x.entry for x in self.locals.values()] + [s for s, _ in self.adopted]
        outer = [x.outer for x in self.locals.values()] + [s for _, s in self.adopted]
        return inner, outer


def site_of(run: Any) -> Any:
    """Return the code that a thunk or a body runs."""
    while isinstance(run, functools.partial) and run.args:
        run = run.args[0]
    return getattr(run, "__code__", None)


@contextmanager
def body_of(parent: Capture, run: Any = None) -> Iterator[Body]:
    """Open the capture of a body.

    Raises
    ------
    Unstageable
        When the body cannot be staged; any error of the user's code counts as that, since the
        Python fallback will run into it with real values, or not at all.
    """
    site = site_of(run)
    outer: Capture | None = parent
    while outer is not None and site is not None:
        if isinstance(outer, Body) and outer.site is site:
            raise Unstageable("it calls itself")
        outer = outer.parent
    made = Body(parent, site)
    try:
        with capturing(made):
            yield made
    except Unstageable:
        raise  # as it is: what only the structure forbids may do after a round
    except CaptureError as error:
        raise Unstageable(str(error)) from error
    except Exception as error:
        raise Unstageable(f"{type(error).__name__}: {error}") from error
    if made.failed is not None:
        raise Unstageable(made.failed)


def is_traced(value: Any) -> bool:
    """Whether a value differs from call to call as far as the capture knows."""
    return isinstance(value, Tracer) and not value.settled
