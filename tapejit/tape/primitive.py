"""A primitive is one declaration: shape rule, NumPy meaning, emitted code, derivatives, samples.

Everything that any part of tapejit knows of an operation hangs on its `Primitive`; there is no
second table. The families in ``tapejit.rules`` build primitives through four short forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.avals import AnyAval, Aval, aval_id
from ..core.errors import TapejitError
from ..core.records import record

if TYPE_CHECKING:
    from .ir import Builder, Sym

Params = dict[str, Any]


@record(frozen=True)
class Emit:
    """How a primitive becomes code.

    Attributes
    ----------
    kind : str
        ``"elementwise"`` (an expression per element), ``"reduce"`` (a fold), ``"view"`` (other
        strides on the same memory), ``"call"`` (a routine of ``tapejit.kernels``), ``"product"``
        (a BLAS call), ``"host"`` (run by NumPy between two kernels) or a kind of codegen's own.
    text : callable
        For ``elementwise``: ``text(dtypes, params)`` gives a template with ``{0}``, ``{1}`` for
        the operands, or None when there is no code for these dtypes. For ``call``:
        ``text(avals, out, params)`` gives a template with ``{0}``.. and ``{out}`` (flat buffers).
        For ``reduce``: the fold, see `rules.declare.reduction`. For ``view``: a function of
        ``(strided, aval, params)``.
    """

    kind: str
    text: Callable[..., Any] | None = None


HOST = Emit("host")


@record(eq=False)
class Primitive:
    """One operation of the tape.

    Attributes
    ----------
    name : str
        The name in the text form, unique.
    infer : callable
        ``infer(*avals, **params)`` gives the aval of the result (a `TupleAval` for several).
    numpy : callable
        ``numpy(*arrays, **params)``: the meaning. Never modifies an operand.
    jvp : callable or None
        ``jvp(tangents, y, *xs, **params)`` gives the tangent of the result; a tangent that is
        None is zero. None when the result does not depend smoothly on any operand.
    vjp : callable or None
        ``vjp(ct, y, *xs, **params)`` gives one cotangent (or None) for each operand, as the
        adjoint in the real inner product Re(conj(a) b).
    promote : callable or None
        ``promote(*avals, **params)`` gives the dtype to which each operand is cast.
    emit : Emit
        How the row is compiled.
    samples : callable or None
        ``samples(rng)`` yields ``(arrays, params)`` test inputs; the generic test wants it.
    masks : bool
        Whether a cotangent that leaves this row may be exactly zero by selection (``where``,
        ``maximum``, indexing): products with it are gated.
    effect : bool
        Whether the row is kept even when nobody reads it (guards).
    family : str
        The front end that declares it for itself; empty for the rules of the tape.
    """

    name: str
    infer: Callable[..., AnyAval]
    numpy: Callable[..., Any]
    jvp: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | None = None
    promote: Callable[..., tuple[np.dtype[Any] | None, ...]] | None = None
    emit: Emit = HOST
    samples: Callable[[np.random.Generator], Iterable[tuple[tuple[Any, ...], Params]]] | None = None
    masks: bool = False
    effect: bool = False
    family: str = ""
    index: int = -1
    memo: dict[tuple[int, ...], int] = field(default_factory=dict, repr=False)
    promoted: dict[tuple[int, ...], Any] = field(default_factory=dict, repr=False)
    domain: tuple[Any, ...] = ()

    def __call__(self, *args: Any, **params: Any) -> Sym:
        """Record one row with these operands: `Sym` or Python numbers, at least one `Sym`."""
        for arg in args:
            b = getattr(arg, "b", None)
            if b is not None:
                return self.on(b, *args, **params)
        raise TapejitError(f"{self.name}: no traced operand among {len(args)}")

    def on(self, b: Builder, *args: Any, **params: Any) -> Sym:
        """Record one row on builder `b`."""
        return b.apply(self, args, params)

    def aval(self, pid: int, ids: tuple[int, ...], avals: list[Aval], params: Params) -> int:
        """Return the index of the result's aval, remembered by operand avals and params."""
        key = (pid, *ids)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = aval_id(self.infer(*avals, **params))
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return (primitive, (self.name,))


PRIMITIVES: list[Primitive] = []
BY_NAME: dict[str, Primitive] = {}
LATE: list[Callable[[], object]] = []
"""Imports of families that are put off until a name is asked for that nobody has declared."""


def declare(prim: Primitive) -> Primitive:
    """Enter a primitive into the register; its name must be new."""
    if prim.name in BY_NAME:
        raise TapejitError(f"primitive {prim.name} is declared twice")
    prim.index = len(PRIMITIVES)
    PRIMITIVES.append(prim)
    BY_NAME[prim.name] = prim
    return prim


def primitive(name: str) -> Primitive:
    """Return the primitive of this name."""
    while name not in BY_NAME and LATE:
        LATE.pop()()
    try:
        return BY_NAME[name]
    except KeyError:
        raise TapejitError(f"there is no primitive named {name!r}") from None
