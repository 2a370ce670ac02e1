"""Jacobians and Hessians: a pushforward or pullback for every basis vector.

How the vectors are run stands in `sweeps`: one by one in a ``map`` row, or many together where the
matrix is sparse. (Writing two to eight vectors out instead of mapping was measured: no faster, and up
to three times the compile time.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import ArgumentError, DtypeError, UnsupportedError
from ..core.pytree import unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..passes.adjoint import adjoint
from ..passes.pushforward import pushforward
from ..rules.declare import broadcast, conj, ops
from ..tape.ir import Builder, Sym
from .base import Transformed
from .leaves import (
    Chosen,
    Results,
    call,
    chosen_arguments,
    numbers_of,
    results,
    wrapped,
)
from .names import function_name
from .sweeps import Sweeps, crosswise, recorded, run

Blocks = dict[tuple[int, int], Sym]


def forward_sweeps(cap: Capture, xs: list[Sym], ys: list[Sym]) -> list[Sweeps]:
    """Record a pushforward of `ys` from each of `xs`."""

    def of(x: Sym) -> Sweeps:
        def sweep(s: Builder, t: Sym) -> Sequence[Sym | None]:
            return pushforward(s, [Sym(s, x.id)], [t], [Sym(s, y.id) for y in ys])

        return recorded(cap, x.aval, sweep)

    return [of(x) for x in xs]


def reverse_sweeps(cap: Capture, xs: list[Sym], ys: list[Sym]) -> list[Sweeps]:
    """Record a pullback of each of `ys` to `xs`."""

    def of(y: Sym) -> Sweeps:
        def sweep(s: Builder, ct: Sym) -> Sequence[Sym | None]:
            return adjoint(s, [Sym(s, y.id)], [ct], [Sym(s, x.id) for x in xs])

        return recorded(cap, y.aval, sweep)

    return [of(y) for y in ys]


def blocks_of(sweeps: list[Sweeps], forward: bool) -> Blocks:
    """Run the sweeps; return dy/dx of all pairs that depend on each other.

    Their shapes are ``y.shape + x.shape``.
    """
    blocks = {}
    for k, one in enumerate(sweeps):
        for other, found in enumerate(run(one, last=forward)):
            if found is not None:
                blocks[(other, k) if forward else (k, other)] = found
    return blocks


# ---------------------------------------------------------------- the transformation


def jacobian_rows(
    cap: Capture,
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    mode: str | None = None,
) -> Any:
    """Trace `fn`, append its Jacobian and return it."""
    replaced, chosen = chosen_arguments(cap, fn, args, argnums)
    value, aux = call(fn, replaced, kwargs, has_aux)
    out = results(cap, value)
    name = {"forward": "jacfwd", "reverse": "jacrev", None: "jacobian"}[mode]
    if not out.leaves:
        raise ArgumentError(f"{function_name(fn)} under {name} returned no array ({where()})")
    for leaf, row in zip(out.leaves, out.rows):
        if row is None:
            shown = leaf.dtype if hasattr(leaf, "dtype") else type(leaf).__name__
            raise DtypeError(
                f"{function_name(fn)} under {name} returned {shown}; derivatives exist for float "
                f"and complex results only ({where()})"
            )
    xs = [r for c in chosen for r in c.rows if r is not None]
    ys = out.live
    blocks = _blocks(cap, fn, xs, ys, name, mode, holomorphic)
    jacobian = _nested(cap, out, chosen, blocks, isinstance(argnums, int))
    return (jacobian, aux) if has_aux else jacobian


def _blocks(
    cap: Capture,
    fn: Any,
    xs: list[Sym],
    ys: list[Sym],
    name: str,
    mode: str | None,
    holomorphic: bool,
) -> dict[tuple[int, int], Sym]:
    complex_in = any(x.dtype.kind == "c" for x in xs)
    complex_out = any(y.dtype.kind == "c" for y in ys)
    free = mode is None and not complex_in and not complex_out
    if mode is None:
        n, m = sum(x.size for x in xs), sum(y.size for y in ys)
        mode = "forward" if n <= m else "reverse"
        if not holomorphic and complex_in != complex_out:
            mode = "reverse" if complex_in else "forward"
    if holomorphic:
        if not all(v.dtype.kind == "c" for v in (*xs, *ys)):
            raise DtypeError(
                f"{function_name(fn)} under {name} with holomorphic=True needs complex arguments "
                f"and results ({where()})"
            )
    elif complex_in if mode == "forward" else complex_out:
        side = "a complex argument" if mode == "forward" else "a complex result"
        raise DtypeError(
            f"{function_name(fn)} under {name} has {side}, whose derivative is no single matrix: "
            f"pass holomorphic=True if the function is holomorphic, or differentiate real and "
            f"imaginary parts ({where()})"
        )
    forward = mode == "forward"
    record = {True: forward_sweeps, False: reverse_sweeps}
    sweeps = record[forward](cap, xs, ys)
    across = crosswise(sweeps, [v.size for v in (ys if forward else xs)]) if free else 0
    if 0 < 2 * across <= sum(one.count for one in sweeps):
        try:
            sweeps = record[not forward](cap, xs, ys)
            forward = not forward
        except UnsupportedError:  # a rule serves one direction only: that one works
            pass
    blocks = blocks_of(sweeps, forward)
    if forward:
        return blocks
    # The adjoint of a basis vector is a row of the conjugate matrix.
    return {k: conj(v) for k, v in blocks.items()} if holomorphic else blocks


def _nested(
    cap: Capture,
    out: Results,
    chosen: list[Chosen],
    blocks: dict[tuple[int, int], Sym],
    single: bool,
) -> Any:
    made = []
    for i, y in enumerate(out.live):
        j = 0
        parts = []
        for c in chosen:
            leaves = []
            for x in c.rows:
                assert x is not None
                found = blocks.get((i, j))
                if found is None:
                    dtype = np.result_type(x.dtype, y.dtype)
                    zero = cap.b.lit(np.zeros((), dtype).item(), Aval(dtype))
                    found = ops.copy(broadcast(zero, y.shape + x.shape))
                leaves.append(wrapped(cap, found))
                j += 1
            parts.append(unflatten(c.tree, leaves))
        made.append(parts[0] if single else tuple(parts))
    return unflatten(out.tree, made)


def _jacobian(kind: str, mode: str | None) -> Any:
    def transform(
        fn: Callable[..., Any] | None = None,
        argnums: int | Sequence[int] = 0,
        has_aux: bool = False,
        holomorphic: bool = False,
        *,
        compile: str | None = None,
    ) -> Any:
        options = {
            "argnums": numbers_of(argnums),
            "has_aux": has_aux,
            "holomorphic": holomorphic,
            "mode": mode,
        }

        def make(f: Callable[..., Any]) -> Transformed:
            return Transformed(kind, f, jacobian_rows, options, compile)

        return make if fn is None else make(fn)

    transform.__name__ = transform.__qualname__ = kind
    return transform


jacobian = _jacobian("jacobian", None)
jacobian.__doc__ = """Return a function that computes the Jacobian of `fn`.

    The cheaper direction is taken: forward sweeps, one for each element of the arguments, or
    reverse sweeps, one for each element of the results.

    Parameters
    ----------
    fn : callable
        A function of arrays, numbers and containers of them, returning the same. Without it, a
        decorator is returned.
    argnums : int or sequence of int
        The positional arguments to differentiate with respect to.
    has_aux : bool
        Whether `fn` returns ``(out, aux)``; then the result is ``(jacobian, aux)``.
    holomorphic : bool
        Whether a complex function of complex arguments is to be differentiated as a holomorphic
        one. Otherwise such a function is refused: its derivative is no single matrix.
    compile : {"auto", "always", "never"}
        When to compile.

    Returns
    -------
    callable
        An array of shape ``out.shape + in.shape``, entry ``[i, j]`` being d out[i] / d in[j]. For
        containers: the structure of the result, with the structure of the argument in each leaf.

    Raises
    ------
    DtypeError
        For integer arguments and results, and for complex ones without `holomorphic`.
    ArgumentError
        For an argument number out of range, and when `fn` returns nothing.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.jacobian(lambda x: x[:-1] * x[1:])(np.array([1.0, 2.0, 3.0]))
    array([[2., 1., 0.],
           [0., 3., 2.]])
    """
jacfwd = _jacobian("jacfwd", "forward")
jacfwd.__doc__ = """Return a function that computes the Jacobian of `fn` by forward sweeps.

    One sweep for each element of the arguments; see `jacobian` for parameters and result.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.jacfwd(lambda t: np.sin(t * np.array([1.0, 2.0])))(0.0)
    array([1., 2.])
    """
jacrev = _jacobian("jacrev", "reverse")
jacrev.__doc__ = """Return a function that computes the Jacobian of `fn` by reverse sweeps.

    One sweep for each element of the results; see `jacobian` for parameters and result. A real
    function of complex arguments has the rows df/dx + i df/dy.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> tj.jacrev(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
