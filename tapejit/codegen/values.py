"""What names the values of a tape have in the source of its kernel, and where they live.

A literal is written where it is used. A scalar is a local variable. An array is a pointer: to an
argument, to an output, or into the workspace, where arrays whose lives do not overlap share memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..passes.schedule import Schedule, root_of
from ..passes.views import Strided, all_views
from ..tape.ir import Row, Tape
from .text import SUFFIX, cast, number

ALIGN = 64


class NoCode(Exception):
    """This tape has a row for which there is no code."""


class Values:
    """Names and places of the values of one tape."""

    def __init__(self, plan: Schedule, prefix: str = "") -> None:
        self.plan = plan
        self.prefix = prefix
        self.tape: Tape = plan.tape
        self.views: list[Strided | None] = all_views(self.tape)
        self.guards: list[tuple[str, str, int]] = []
        self._count = 0
        self.outputs: dict[int, int] = {}
        for k, o in enumerate(self.tape.outputs):
            if self.tape.value(o).shape != ():
                self.outputs[o] = k
        self.base: dict[int, int] = {}
        self.place: dict[int, tuple[int, int]] = {}
        self.workspace = 0
        self._readers: dict[int, list[int]] = {}
        for i in range(self.tape.n_inputs, self.tape.rows):
            for a in self.tape.args(i):
                self._readers.setdefault(a, []).append(i)
        self._share_updates()
        self._plan_workspace()

    # ------------------------------------------------------------ names

    def fresh(self, prefix: str) -> str:
        """Return a new local name."""
        self._count += 1
        return f"{self.prefix}{prefix}{self._count}"

    def local(self, i: int) -> str:
        """Return the local variable of a row."""
        return f"{self.prefix}v{i}"

    def strided(self, i: int) -> Strided:
        """Return where the elements of a row lie."""
        found = self.views[i]
        assert found is not None
        return found

    def constant(self, i: int) -> str | None:
        """Return the source of a value that is one number: a literal or a scalar, also broadcast."""
        root = self.strided(i).root
        aval = self.tape.value(root)
        if aval.shape != ():
            return None
        kind = self.tape.prim(root).emit.kind
        if kind == "lit":
            return number(self.tape.params(root)["value"], aval.dtype)
        return f"{self.prefix}x{root}" if kind == "input" else self.local(root)

    def pointer(self, root: int) -> str:
        """Return the name of the pointer to the memory of a row."""
        home = self.home(root)
        if self.tape.prim(home).emit.kind == "input":
            return f"{self.prefix}a{home}"
        for row in self._sharers(home):
            if row in self.outputs:
                return f"{self.prefix}o{self.outputs[row]}"
        return f"{self.prefix}t{home}"

    def home(self, i: int) -> int:
        """Return the first row of the chain of in-place updates that `i` belongs to."""
        while i in self.base:
            i = self.base[i]
        return i

    def _sharers(self, home: int) -> list[int]:
        return [i for i in (*self.base, home) if self.home(i) == home]

    def only_reader(self, i: int) -> int:
        """Return the one row that reads a value and nothing else does, or -1."""
        readers = self._readers.get(i, [])
        outside = i in self.plan.stored or i in self.tape.outputs
        return readers[0] if len(readers) == 1 and not outside else -1

    # ------------------------------------------------------------ expressions

    def expression(self, row: Row, names: Sequence[str]) -> str:
        """Return the source of an elementwise row."""
        dtypes = [self.tape.value(a).dtype for a in row.args]
        assert isinstance(row.aval, Aval)
        if row.prim.name == "cast":
            return cast(names[0], dtypes[0], row.aval.dtype)
        text = template_of(self.tape, row.id)
        made = text.format(*names)
        if row.aval.dtype.name not in ("float64", "float32", "complex128", "int64", "bool"):
            made = f"np.{row.aval.dtype.name}({made})"
        return made

    def fold(self, row: Row) -> tuple[str, str]:
        """Return the initial value and the update of a reduction."""
        assert isinstance(row.aval, Aval) and row.prim.emit.text is not None
        dtype = row.aval.dtype
        init, template = row.prim.emit.text()
        start: Any = {"inf": np.inf, "-inf": -np.inf}.get(init)
        if start is None:
            start = int(init)
        elif dtype.kind in "iu":
            limits = np.iinfo(dtype)
            start = limits.max if start > 0 else limits.min
        elif dtype.kind == "b":
            start = start > 0
        return number(start, dtype), template

    # ------------------------------------------------------------ memory

    def _share_updates(self) -> None:
        """Let an update write into its base when nobody else reads the base afterwards."""
        plan, tape = self.plan, self.tape
        last = self._last_reads()
        for step, each in enumerate(plan.steps):
            if each.kind != "update":
                continue
            i = each.rows[0]
            base = tape.args(i)[0]
            root = self.strided(base).root
            whole = root == base and tape.prim(root).emit.kind not in ("input", "lit")
            alone = all(self.strided(a).root != root for a in tape.args(i)[1:])
            ends = last.get(root) == step and root not in self.outputs and root in plan.stored
            if whole and alone and ends:
                self.base[i] = root

    def _last_reads(self) -> dict[int, int]:
        """Return the last step that reads the memory of each root."""
        last: dict[int, int] = {}
        for step, each in enumerate(self.plan.steps):
            for i in each.rows:
                for a in self.tape.args(i):
                    last[root_of(self.tape, a)] = step
        for o in self.tape.outputs:
            last[root_of(self.tape, o)] = len(self.plan.steps)
        return last

    def _plan_workspace(self) -> None:
        """Give each array that is neither argument nor output a place, first fit by lifetime."""
        plan, tape = self.plan, self.tape
        last = self._last_reads()
        lives: dict[int, list[int]] = {}
        for i in sorted(plan.stored):
            home = self.home(i)
            if tape.prim(i).emit.kind == "input" or tape.value(i).shape == ():
                continue
            start = plan.step_of[i]
            end = max(last.get(i, start), start)
            life = lives.setdefault(home, [start, end])
            life[0], life[1] = min(life[0], start), max(life[1], end)
        taken: list[tuple[int, int, int, int]] = []
        for home, (start, end) in sorted(lives.items(), key=lambda item: item[1]):
            if any(row in self.outputs for row in self._sharers(home)):
                continue
            aval = tape.value(home)
            size = -(-max(aval.size * aval.dtype.itemsize, 1) // ALIGN) * ALIGN
            busy = sorted((o, s) for o, s, a, b in taken if a <= end and start <= b)
            offset = 0
            for o, s in busy:
                if offset + size <= o:
                    break
                offset = max(offset, o + s)
            taken.append((offset, size, start, end))
            self.place[home] = (offset, size)
            self.workspace = max(self.workspace, offset + size)

    def carve(self) -> list[str]:
        """Return the lines that make the workspace and the pointers into it."""
        if not self.place:
            return []
        ws = f"{self.prefix}ws"
        lines = [f"{ws} = memory.allocate({self.workspace})"]
        for home, (offset, _) in sorted(self.place.items()):
            suffix = SUFFIX[self.tape.value(home).dtype.name]
            lines.append(f"{self.prefix}t{home} = memory.carve_{suffix}({ws}, {offset})")
        return lines


def template_of(tape: Tape, i: int) -> str:
    """Return the template of an elementwise row.

    Raises
    ------
    NoCode
        When the primitive has none for these dtypes.
    """
    row = tape.row(i)
    dtypes = [tape.value(a).dtype for a in row.args]
    text = None if row.prim.emit.text is None else row.prim.emit.text(dtypes, row.params)
    if text is None:
        raise NoCode(row.prim.name)
    return str(text)
