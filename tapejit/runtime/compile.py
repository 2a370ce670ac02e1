"""Compile a tape: segments become Numba kernels, rows without code are host steps between them."""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..codegen.kernel import KernelText, has_code, write_kernel
from ..core.avals import Aval
from ..core.config import config
from ..core.errors import CacheError, CacheWarning
from ..kernels.quick import pipeline
from ..passes.legalise import legalise
from ..passes.partition import Partition, Segment, partition
from ..passes.parts import parts
from ..tape.ir import PARAMS, Tape
from . import cache
from .draws import draws_in_turn
from .interp import literal
from .sizes import Code, Found, obtain, witness
from .stages import KernelStage, stages_of

FLAGS: dict[str, Any] = {
    "boundscheck": False,
    "error_model": "numpy",
    "nogil": True,
    "fastmath": {"contract"},
}
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
    call : callable
        The compiled function; it raises TypeError for arguments of other types or layouts.
    found : Found
        Where the machine code came from, and whether it serves other sizes too.
    key : str or None
        The name under which it lies on disk.
    """

    def __init__(self, tape: Tape, title: str) -> None:
        legal = legalise(tape)
        self.tape = legal
        self.text = write_kernel(legal, title)
        text = self.text
        self.found = self._build()
        self.call, self.key = self.found.call, self.found.key
        self._alloc = [(a.shape, a.dtype) for _, a in text.arrays]
        self._single = not text.scalars
        self._kinds = [legal.value(legal.outputs[k]).dtype.type for k in text.scalars]

    def _build(self) -> Found:
        from numba.core import types

        signature = _signature(self.tape, self.text)
        dims = types.Array(types.int64, 1, "C")

        def make(source: str, general: bool) -> Code:
            return _made(source, (dims, *signature) if general else signature)

        def stored(source: str, general: bool) -> bool:
            given = (dims, *signature) if general else signature
            return _usable_cache() and cache.is_sealed(_key(source, given))

        with compile_lock:
            return obtain(self.text.source, str(signature), make, stored)

    def __call__(self, inputs: Sequence[Any]) -> list[Any] | None:
        """Return the outputs, or None when a guard failed."""
        text = self.text
        given = []
        for i in text.inputs:
            given.append(prepared(inputs[i], self.tape.value(i)))
        arrays = [np.empty(shape, dtype) for shape, dtype in self._alloc]
        found = self.call(*given, *arrays)
        status, scalars = (found, ()) if self._single else (found[0], found[1:])
        if status:
            return None
        outputs: list[Any] = [None] * len(self.tape.outputs)
        for (k, _), array in zip(text.arrays, arrays):
            outputs[k] = array
        for k, value, kind in zip(text.scalars, scalars, self._kinds):
            outputs[k] = kind(value)  # compiled code hands float32 over as a Python float
        return outputs


def _signature(tape: Tape, text: KernelText) -> Any:
    """Return the types of a kernel's arguments."""
    from numba.core import types
    from numba.np import numpy_support

    args = [tape.value(i) for i in text.inputs] + [a for _, a in text.arrays]
    return tuple(
        types.Array(numpy_support.from_dtype(a.dtype), a.ndim, "C")
        if a.shape
        else numpy_support.from_dtype(a.dtype)
        for a in args
    )


def note_texts(tape: Tape, title: str) -> None:
    """Let what is compiled next serve a tape of other sizes too."""
    for stage in stages_of(tape, title):
        if isinstance(stage, KernelStage):
            signature = _signature(stage.tape, stage.text)
            with compile_lock:
                witness(stage.text.source, str(signature))


def _key(source: str, signature: Any) -> str:
    return cache.key_of(source, str(signature), str(sorted(FLAGS["fastmath"])))


def _made(source: str, signature: Any) -> Code:
    """Compile a text for arguments of these types, or load its machine code."""
    if not _usable_cache():
        return Code(_in_memory(source, signature), None, False)
    key = _key(source, signature)
    with cache.locked(key):
        made = _from_disk(key, source.replace("def kernel(", f"def kernel_{key}("), signature)
    made.disable_compile()
    return Code(made, key, sum(made.stats.cache_hits.values()) > 0)


def _usable_cache() -> bool:
    """Whether kernels can be kept on disk; says once why not."""
    if not config.cache:
        return False
    try:
        cache.directory()
    except CacheError as error:
        if str(error) not in _refused:
            _refused.add(str(error))
            warnings.warn(f"kernels are not kept: {error}", CacheWarning, stacklevel=2)
        return False
    return True


_refused: set[str] = set()


def _from_disk(key: str, source: str, signature: Any) -> Any:
    """Return the compiled function, its machine code from disk when it is there and whole."""
    path = cache.file_of(key, source)
    if not cache.intact(key):
        _warn_rebuilt(key)
        path = cache.file_of(key, source)
    try:
        made = _load_or_compile(key, path, signature)
    except (EOFError, OSError, pickle.UnpicklingError, ValueError, AttributeError, ImportError):
        if not cache.has_code(key):
            raise
        _warn_rebuilt(key)
        made = _load_or_compile(key, cache.file_of(key, source), signature)
    if not sum(made.stats.cache_hits.values()):
        with suppress(OSError):
            cache.seal(key)
    return made


def _warn_rebuilt(key: str) -> None:
    cache.discard(key, keep_lock=True)
    message = f"the cached code of kernel {key} was damaged; rebuilt"
    warnings.warn(message, CacheWarning, stacklevel=2)


def _load_or_compile(key: str, path: str, signature: Any) -> Any:
    from numba import njit

    module = cache.load(key, path)
    made = njit(cache=True, pipeline_class=pipeline(), **FLAGS)(getattr(module, f"kernel_{key}"))
    made.compile(signature)
    return made


def _in_memory(source: str, signature: Any) -> Any:
    """Compile without a file on disk; tracebacks still show the source."""
    import hashlib
    import linecache

    from numba import njit

    name = f"<tapejit kernel {hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space: dict[str, Any] = {"__name__": "tapejit_kernels.memory"}
    exec(compile(source, name, "exec"), space)
    made = njit(pipeline_class=pipeline(), **FLAGS)(space["kernel"])
    made.compile(signature)
    made.disable_compile()
    return made


def prepared(x: Any, aval: Aval) -> Any:
    """Return an input as kernels take it: a scalar, or a contiguous array of the right dtype."""
    if aval.shape == ():
        value = x if not isinstance(x, np.ndarray) else x[()]
        return value if isinstance(value, aval.dtype.type) else aval.dtype.type(value)
    x = np.asarray(x)
    if x.dtype != aval.dtype or not x.flags.c_contiguous:
        return np.array(x, dtype=aval.dtype, order="C")
    return x if x.flags.writeable else _writeable_alias(x)


class _Memory:
    """An array's memory under NumPy's array interface, declared writeable."""

    def __init__(self, x: Any) -> None:
        self.base = x
        self.__array_interface__ = {
            "shape": x.shape,
            "typestr": x.dtype.str,
            "data": (x.__array_interface__["data"][0], False),
            "version": 3,
        }


def _writeable_alias(x: Any) -> Any:
    """Return the same memory as an array that kernels accept; they never write to inputs."""
    return np.asarray(_Memory(x)) if x.size else np.empty(x.shape, x.dtype)


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
        self.kernels = [s[1] for s in self.stages if not isinstance(s, int)]
        self.lits = [
            (i, literal(tape.params(i)["value"], tape.value(i)))
            for i in range(tape.rows)
            if tape.prim(i).name == "lit"
        ]

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
        with np.errstate(all="ignore"):
            for stage in self.stages:
                if isinstance(stage, int):
                    fn, params = tape.prim(stage), PARAMS[tape.param[stage]]
                    meaning = HOSTED.get(fn.name, fn.numpy)
                    values[stage] = meaning(*[values[a] for a in tape.args(stage)], **params)
                    if fn.effect and not values[stage]:
                        return None
                    continue
                segment, kernel = stage
                found = kernel([values[i] for i in segment.inputs])
                if found is None:
                    return None
                for i, value in zip(segment.outputs, found):
                    values[i] = value
        return [
            np.array(values[o]) if tape.value(o).shape and not self._owned(o) else values[o]
            for o in tape.outputs
        ]

    def _owned(self, o: int) -> bool:
        """Whether an output is the kernel's own array, nobody else's."""
        coded = any(o in s[0].outputs for s in self.stages if not isinstance(s, int))
        return coded and self.tape.outputs.count(o) == 1


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
