"""Rows of arrays in blocks: ``blocks`` is made when a kernel is written, see `passes.row_blocks`.

Operands that are `cut` have the rows along their first axis; results that are sums over all rows are
those of `summed`, all others have the rows along their first axis, too. `whole` is what it means: the
tape on all rows at once. `block` is the same tape on so many rows as a block has, from which code
is written: `axes` says along which axis its values have the rows, -1 for none; `chunk` is a multiple of these, the rows whose sums are added up on their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval
from ..core.errors import TapejitError, UnsupportedError
from ..tape.ir import Builder, Tape
from ..tape.primitive import Emit, primitive
from ..tape.replay import interpreter
from .declare import general
from .loops import Samples, outputs_of, takes

Flags = tuple[bool, ...]


def _infer(
    *xs: Aval,
    whole: Tape,
    block: Tape,
    axes: tuple[int, ...],
    cut: Flags,
    summed: Flags,
    chunk: int,
) -> TupleAval:
    takes("blocks", whole, xs)
    if len(cut) != len(xs) or len(summed) != len(whole.outputs) or True not in cut:
        raise TapejitError(f"blocks: {cut} and {summed} do not fit {len(xs)} operands")
    return TupleAval(tuple(outputs_of(whole)))


def _numpy(*xs: Any, whole: Tape, **params: Any) -> tuple[Any, ...]:
    return tuple(interpreter(whole).run(xs))


def _refuse(*given: Any, **params: Any) -> Any:
    raise UnsupportedError("blocks: rows in blocks are made behind all derivatives")


def _example(rows: int) -> Tape:
    b = Builder()
    real = np.dtype(float)
    x, w, y = (b.input(Aval(real, shape)) for shape in ((rows, 3), (3, 1), (rows, 1)))
    p = primitive("tanh")(primitive("matmul")(x, w)) * y
    turned = primitive("transpose")(x, axes=(1, 0))
    total = primitive("sum")(p, axis=(0, 1), keepdims=False)
    return b.finish([p, total, primitive("matmul")(turned, p)])


def _samples(rng: np.random.Generator) -> Samples:
    for rows, block, chunk in ((7, 4, 8), (21, 4, 8), (8, 4, 4)):
        params = {
            "whole": _example(rows),
            "block": _example(block),
            "axes": (0, -1, 0, 0, 0, 0, 1, -2, -2),
            "cut": (True, False, True),
            "summed": (False, True, True),
            "chunk": chunk,
        }
        yield (
            (rng.normal(size=(rows, 3)), rng.normal(size=(3, 1)), rng.normal(size=(rows, 1))),
            params,
        )


blocks = general(
    "blocks", _infer, _numpy, jvp=_refuse, vjp=_refuse, emit=Emit("blocks"), samples=_samples
)
