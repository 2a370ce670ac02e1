"""Compile a tape: segments become Numba kernels, rows without code are host steps between them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..codegen.kernel import KernelText, has_code, write_kernel
from ..core.avals import Aval
from ..core.config import config, watch
from ..core.records import changed
from ..passes.legalise import legalise
from ..passes.partition import Partition, Segment, partition
from ..passes.parts import parts
from ..rules.fft import in_place
from ..tape.ir import PARAMS, Tape
from .between import Between
from .draws import draws_in_turn
from .images import Code, find, is_kept
from .interp import literal
from .native.wrapper import Argument
from .sizes import Found, instance, obtain, witness

DIMS = Argument(np.dtype(np.int64), 1)
"""The values of a general kernel's text, before its arguments."""
compile_lock = threading.RLock()

if hasattr(os, "register_at_fork"):
    # A fork waits for a compilation in another thread: the child would inherit the locks of Numba
    # and LLVM without the thread that frees them.
    os.register_at_fork(
        before=compile_lock.acquire,
        after_in_parent=compile_lock.release,
        after_in_child=compile_lock.release,
    )


class Kernel:
    """A compiled tape without host rows.

    Attributes
    ----------
    text : KernelText
        The source and the calling convention.
    given : list of Aval
        What the arguments are that are read.
    alloc : list of (shape, dtype)
        What the array results are.
    call : callable
        The compiled function; it raises TypeError for arguments of other types or layouts.
    found : Found
        Where the machine code came from, and whether it serves other sizes too.
    key : str or None
        The name under which it lies on disk.
    note : str
        How the machine code was made: ``direct`` from the text, ``asked`` with calls that Numba
        has code for, empty for Numba's own pipeline.
    """

    def __init__(self, tape: Tape, title: str) -> None:
        legal = legalise(tape)
        self.text = write_kernel(legal, title)
        if self.text.parallel:
            from ..kernels.pool import pool

            watch("threads", pool().use)
        text = self.text
        self.found = self._build(_arguments(legal, text))
        self.call, self.key = self.found.call, self.found.code.key
        self.note = self.found.code.note
        self.given = [legal.value(i) for i in text.inputs]
        self.alloc = [(a.shape, a.dtype) for _, a in text.arrays]
        self._none = [None] * len(self.alloc)
        self._single = not text.scalars
        self._outputs = len(legal.outputs)
        self._kinds = [legal.value(legal.outputs[k]).dtype.type for k in text.scalars]

    def _build(self, arguments: tuple[Argument, ...]) -> Found:
        def make(source: str, general: bool) -> Code:
            return find(source, (DIMS, *arguments) if general else arguments)

        def stored(source: str, general: bool) -> bool:
            return is_kept(source, (DIMS, *arguments) if general else arguments)

        with compile_lock:
            return obtain(self.text.source, _described(arguments), make, stored)

    def __call__(
        self, inputs: Sequence[Any], kept: Sequence[Any] = (), arrays: list[Any] | None = None
    ) -> list[Any] | None:
        """Return the outputs, or None when a guard failed.

        Parameters
        ----------
        kept : sequence of array or None
            What to write the array outputs to; missing ones are made.
        arrays : list
            Where these arrays are noted.
        """
        text = self.text
        given = [prepared(inputs[i], aval) for i, aval in zip(text.inputs, self.given)]
        arrays = [] if arrays is None else arrays
        arrays += [
            np.empty(shape, dtype) if old is None else old
            for (shape, dtype), old in zip(self.alloc, kept or self._none)
        ]
        found = self.call(*given, *arrays)
        status, scalars = (found, ()) if self._single else (found[0], found[1:])
        if status:
            return None
        outputs: list[Any] = [None] * self._outputs
        for (k, _), array in zip(text.arrays, arrays):
            outputs[k] = array
        for k, value, kind in zip(text.scalars, scalars, self._kinds):
            outputs[k] = kind(value)  # compiled code hands float32 over as a Python float
        return outputs


class SizedKernel(Kernel):
    """A kernel of many sizes with other values than those of the sizes that it was compiled for.

    Its `text` is that of these sizes, but for the shapes of results.
    """

    def __init__(
        self, kernel: Kernel, values: Sequence[Any], given: list[Aval], results: Sequence[Aval]
    ) -> None:
        vars(self).update(vars(kernel))
        general = kernel.found.general
        assert general is not None
        arrays = tuple([(k, aval) for (k, _), aval in zip(kernel.text.arrays, results)])
        self.text = changed(kernel.text, arrays=arrays)
        self.found = instance(general, values)
        self.call, self.given = self.found.call, given
        self.alloc = [(a.shape, a.dtype) for a in results]


def _arguments(tape: Tape, text: KernelText) -> tuple[Argument, ...]:
    """Return what a kernel takes."""
    given = [tape.value(i) for i in text.inputs]
    read = [Argument(a.dtype, a.ndim) for a in given]
    return (*read, *[Argument(a.dtype, a.ndim, True) for _, a in text.arrays])


def _described(arguments: tuple[Argument, ...]) -> str:
    """Return what tells kernels of one text apart: arguments and compiler."""
    return f"{arguments} {config.direct}"


def note_texts(tape: Tape, title: str) -> None:
    """Let what is compiled next serve a tape of other sizes too."""
    from .stages import KernelStage, stages_of

    for stage in stages_of(tape, title):
        if isinstance(stage, KernelStage):
            with compile_lock:
                witness(stage.text.source, _described(_arguments(stage.tape, stage.text)))


def prepared(x: Any, aval: Aval) -> Any:
    """Return an input as kernels take it: a scalar, or a contiguous array of the right dtype."""
    if aval.shape == ():
        value = x if not isinstance(x, np.ndarray) else x[()]
        return value if isinstance(value, aval.dtype.type) else aval.dtype.type(value)
    x = np.asarray(x)
    if x.dtype != aval.dtype or not (x.flags.c_contiguous and x.flags.aligned):
        return np.array(x, dtype=aval.dtype, order="C")
    return x if x.dtype.num == aval.dtype.num else x.view(aval.dtype)


HOSTED: dict[str, Callable[..., Any]] = {"draws_in_turn": draws_in_turn}
"""Rows that compiled tapes run in another way than NumPy's, with the same results."""


class Staged:
    """A compiled tape with host rows: kernels and NumPy calls in turn."""

    def __init__(self, tape: Tape, title: str, cut: Partition | None = None) -> None:
        self.tape = tape
        self.stages: list[tuple[Segment, Kernel] | int] = []
        made: dict[str, Kernel] = {}
        for stage in (partition(tape, has_code) if cut is None else cut).stages:
            if isinstance(stage, int):
                self.stages.append(stage)
                continue
            kernel = made.get(stage.tape.hash)
            if kernel is None:
                kernel = made[stage.tape.hash] = Kernel(stage.tape, title)
            self.stages.append((stage, kernel))
        self.between = Between(tape, self.stages)
        self.kernels = [s[1] for s in self.stages if not isinstance(s, int)]
        self.lits = literals_of(tape)

    @property
    def host_rows(self) -> list[int]:
        """The rows that run by NumPy between kernels."""
        return [s for s in self.stages if isinstance(s, int)]

    def __call__(self, inputs: Sequence[Any]) -> list[Any] | None:
        """Return the outputs, or None when a guard failed."""
        tape = self.tape
        values: list[Any] = [None] * tape.rows
        values[: len(inputs)] = inputs
        for i, value in self.lits:
            values[i] = value
        between = self.between
        held = between.take()
        with np.errstate(all="ignore"):
            for at, stage in enumerate(self.stages):
                if isinstance(stage, int):
                    fn, params = tape.prim(stage), PARAMS[tape.param[stage]]
                    meaning = HOSTED.get(fn.name, fn.numpy)
                    if stage in between.over:
                        meaning = in_place
                    values[stage] = meaning(*[values[a] for a in tape.args(stage)], **params)
                    if fn.effect and not values[stage]:
                        return None
                    continue
                segment, kernel = stage
                arrays: list[Any] = []
                kept = held[at] if held else ()
                found = kernel([values[i] for i in segment.inputs], kept, arrays)
                between.fill(held, at, arrays)
                if found is None:
                    return None
                for i, value in zip(segment.outputs, found):
                    values[i] = value
        outputs = [
            np.array(values[o]) if tape.value(o).shape and not self._owned(o) else values[o]
            for o in tape.outputs
        ]
        between.give(held)
        return outputs

    def _owned(self, o: int) -> bool:
        """Whether an output is the kernel's own array, nobody else's."""
        coded = any(o in s[0].outputs for s in self.stages if not isinstance(s, int))
        return coded and self.tape.outputs.count(o) == 1


class SizedStaged(Staged):
    """A compiled tape with host rows, at other sizes than those that it was compiled for."""

    def __init__(self, staged: Staged, tape: Tape, kernels: Sequence[Kernel]) -> None:
        left = iter(kernels)
        self.tape = tape
        self.stages = [s if isinstance(s, int) else (s[0], next(left)) for s in staged.stages]
        self.between = Between(tape, self.stages)
        self.kernels, self.lits = list(kernels), literals_of(tape)


def literals_of(tape: Tape) -> list[tuple[int, Any]]:
    """Return the literals of a tape, by row."""
    return [
        (i, literal(tape.params(i)["value"], tape.value(i)))
        for i in range(tape.rows)
        if tape.prim(i).name == "lit"
    ]


def compile_staged(tape: Tape, title: str) -> Kernel | Staged:
    """Return the compiled form of a tape."""
    coded = all(i < tape.n_inputs or has_code(tape, i) for i in range(tape.rows)) and all(
        isinstance(tape.any_aval(o), Aval) for o in tape.outputs
    )
    if not coded:
        return Staged(tape, title)
    cut = parts(tape)
    return Kernel(tape, title) if cut is None else Staged(tape, title, cut)


def kernels_of(compiled: Kernel | Staged) -> list[Kernel]:
    """Return the kernels of a compiled tape."""
    return [compiled] if isinstance(compiled, Kernel) else compiled.kernels
