"""Run a kernel's source as plain Python, without compiling it: slow per element, fast to start.

What is tested with it is codegen's own work (which memory is written when, by which name), so that
thousands of random programs can be tried. Memory is filled with garbage before it is handed out and
pointers check their bounds, which compiled code does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from tapejit.codegen.kernel import write_kernel
from tapejit.codegen.text import SUFFIX
from tapejit.kernels import moves, remainders, scans
from tapejit.passes.legalise import legalise
from tapejit.runtime.compile import prepared
from tapejit.tape.ir import Tape

NAMES = {suffix: name for name, suffix in SUFFIX.items()}


class Pointer:
    """Elements of a flat array from a position on."""

    def __init__(self, array: Any, at: int = 0, writable: bool = True) -> None:
        self.array, self.at, self.writable = array, at, writable

    def __getitem__(self, k: Any) -> Any:
        assert 0 <= self.at + k < len(self.array), "a read out of bounds"
        return self.array[self.at + k]

    def __setitem__(self, k: Any, value: Any) -> None:
        assert 0 <= self.at + k < len(self.array), "a write out of bounds"
        assert self.writable, "a kernel writes to its input"
        self.array[self.at + k] = value


class Vmath:
    """NumPy's functions under the names of `kernels.vmath`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name.rpartition("_")[0])


def small_product(m: int, n: int, k: int, *steps: int) -> Any:
    """What `kernels.products.small` returns."""
    rows, inner, across, columns = steps

    def product(z: Pointer, x: Pointer, y: Pointer) -> None:
        left = [[x[i * rows + p * inner] for p in range(k)] for i in range(m)]
        right = [[y[p * across + j * columns] for j in range(n)] for p in range(k)]
        for i in range(m):
            for j in range(n):
                z[i * n + j] = sum(left[i][p] * right[p][j] for p in range(k))

    return product


class Memory(SimpleNamespace):
    """The functions of `kernels.memory`, counting what is not released."""

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        for name, suffix in SUFFIX.items():
            setattr(self, f"carve_{suffix}", lambda p, at, name=name: self._carve(p, at, name))

    fold_max = staticmethod(np.maximum)
    fold_min = staticmethod(np.minimum)

    def _carve(self, p: Pointer, at: int, name: str) -> Pointer:
        dtype = np.dtype("uint8" if name == "bool" else name)
        raw = p.array[p.at + at :]
        return Pointer(raw[: len(raw) // dtype.itemsize * dtype.itemsize].view(dtype))

    def flat(self, x: Any) -> Pointer:
        x = x.view(np.uint8) if x.dtype == bool else x
        return Pointer(x.reshape(-1), 0, x.flags.writeable)

    def allocate(self, size: int) -> Pointer:
        self.live += 1
        return Pointer(np.full(size, 0xA5, np.uint8))

    def release(self, p: Pointer) -> None:
        self.live -= 1

    def grow(self, p: Pointer, used: int, size: int) -> Pointer:
        made = np.full(size, 0xA5, np.uint8)
        made[:used] = p.array.view(np.uint8)[:used]
        p.array[:] = 77
        return Pointer(made[: size // p.array.itemsize * p.array.itemsize].view(p.array.dtype))

    def local(self, suffix: str, size: int) -> Any:
        dtype = np.dtype("uint8" if suffix == "b1" else NAMES[suffix])
        return lambda: Pointer(np.full(size * dtype.itemsize, 0xA5, np.uint8).view(dtype))

    def shift(self, p: Pointer, n: int) -> Pointer:
        return Pointer(p.array, p.at + n, p.writable)

    def same(self, p: Pointer, q: Pointer) -> bool:
        def address(x: Pointer) -> int:
            return int(x.array.__array_interface__["data"][0] + x.at * x.array.itemsize)

        return address(p) == address(q)

    def last_nonzero(self, p: Pointer, start: int) -> int:
        return next((k for k in range(start, -1, -1) if p[k] != 0), -1)

    def array(self, p: Pointer, n: int) -> Any:
        return p.array[p.at : p.at + n]


def run_plainly(tape: Tape, inputs: Sequence[Any], title: str = "plain") -> list[Any]:
    """Return the outputs of the kernel of a tape, run as Python."""
    legal = legalise(tape)
    text = write_kernel(legal, title)
    memory = Memory()
    space: dict[str, Any] = {"__name__": "plain"}
    lines = text.source.splitlines()
    body = "\n".join(line for line in lines if not line.startswith(("import ", "from ")))
    names = ("wrap_index", "window_start", "gather", "scatter_add", "scatter_set")
    assert "blas." not in body, "products of any size are left to the compiled kernel"
    space.update(
        np=np,
        memory=memory,
        vmath=Vmath(),
        routines=SimpleNamespace(
            **{name: getattr(moves, name).py_func for name in names},
            cumsum=scans.cumsum.py_func,
            whole_quotient=remainders.whole_quotient.py_func,
            whole_remainder=remainders.whole_remainder.py_func,
        ),
        products=SimpleNamespace(small=small_product),
        part=lambda fn: fn,
        fold_add=lambda a, b: a + b,
        fold_mul=lambda a, b: a * b,
        select=lambda c, a, b: a if c else b,
    )
    exec(compile(body, title, "exec"), space)
    given = []
    for i in text.inputs:
        x = prepared(inputs[i], legal.value(i))
        if isinstance(x, np.ndarray):
            x = x.view()
            x.flags.writeable = False
        given.append(x)
    arrays = [np.full(a.shape, 3, a.dtype) for _, a in text.arrays]
    with np.errstate(all="ignore"):
        found = space["kernel"](*given, *arrays)
    assert memory.live == 0, "memory is not released"
    status, scalars = (found[0], found[1:]) if isinstance(found, tuple) else (found, ())
    assert status == 0
    outputs: list[Any] = [None] * len(legal.outputs)
    for (k, _), array in zip(text.arrays, arrays):
        outputs[k] = array
    for k, value in zip(text.scalars, scalars):
        outputs[k] = legal.value(legal.outputs[k]).dtype.type(value)
    return outputs
