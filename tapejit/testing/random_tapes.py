"""Random well-formed tapes, drawn by Hypothesis from the declarations of the primitives.

The builder is eager, so the value of every row is known while drawing: a row whose value is not
finite, or large, is not read by later rows, and results stay where differences are accurate.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import TapejitError, UnsupportedError
from ..passes.adjoint import adjoint
from ..passes.pushforward import pushforward
from ..rules.declare import Domain, ops
from ..tape.ir import PARAMS, Builder, Sym, Tape
from ..tape.primitive import PRIMITIVES, Primitive
from .strategies import arrays, shapes

LARGEST = 50.0
_TAME = {"add", "subtract", "multiply", "negative", "sin", "cos", "tanh", "copy"}
# Derivatives of these are conventions at points that random values hit, vanish everywhere, or are
# not those of the function (`tapejit.torch`, when it has been imported, brings the last two).
_EXCLUDED = {"sign", "nextafter", "spacing", "gated", "ldexp", "floor_divide"}
_KINKED = {"remainder", "fmod", "fraction"}
_F64 = np.dtype(np.float64)


def elementwise_primitives(smooth: bool) -> list[Primitive]:
    """Return the elementwise functions of float64 values with results in float64."""
    found = []
    for prim in PRIMITIVES:
        if not prim.domain or prim.family or prim.name in _EXCLUDED:
            continue
        if smooth and (prim.masks or not prim.jvp):
            continue
        if smooth and (prim.name in _KINKED or any(d.away for d in prim.domain)):
            continue
        try:
            aval = prim.infer(*[Aval(_F64)] * len(prim.domain))
        except (TapejitError, TypeError):
            continue
        if isinstance(aval, Aval) and aval.dtype == _F64 and (not smooth or _twice_smooth(prim)):
            found.append(prim)
    return found


def _twice_smooth(prim: Primitive) -> bool:
    """Whether there are rules for the second derivatives with respect to all operands."""
    b = Builder()
    xs = [b.input(Aval(_F64)) for _ in prim.domain]
    try:
        y = prim(*xs)
        ts = pushforward(b, xs, [b.lit(1.0, Aval(_F64))] * len(xs), [y])
        cts = adjoint(b, [y], [b.lit(1.0, Aval(_F64))], xs)
        firsts = [d for d in (*ts, *cts) if d is not None]
        adjoint(b, firsts, [b.lit(1.0, Aval(_F64))] * len(firsts), xs)
    except UnsupportedError:
        return False
    return True


def into_domain(x: Sym, domain: Domain) -> Sym:
    """Map any value smoothly into a domain: the middle plus a sine of half the width."""
    points = sorted([domain.lo, *(p for p in domain.away if domain.lo < p < domain.hi), domain.hi])
    lo, hi = max(itertools.pairwise(points), key=lambda ends: ends[1] - ends[0])
    gap = 0.2 * (hi - lo)
    lo, hi = lo + gap, hi - gap
    found: Sym = ops.sin(x) * ((hi - lo) / 2) + (lo + hi) / 2
    return found


def tapes(max_rows: int = 10, n_inputs: int = 3, smooth: bool = True) -> Any:
    """Return a Hypothesis strategy of random well-formed tapes with inputs for them.

    Rows are drawn from the declarations of the primitives: elementwise functions of any shapes that
    broadcast, their operands brought into their domains; reductions, views, joins, products, maps.

    Parameters
    ----------
    max_rows : int
        The number of drawn rows, not counting those that bring operands into domains.
    n_inputs : int
        The largest number of inputs.
    smooth : bool
        Whether to leave out what has kinks, so that differences tell the derivative.

    Returns
    -------
    strategy
        Of pairs ``(tape, inputs)``, float64 all.

    Examples
    --------
    >>> from tapejit.testing import tapes
    >>> strategy = tapes(max_rows=5)
    """
    from hypothesis import assume
    from hypothesis import strategies as st

    prims = elementwise_primitives(smooth)
    makers = [*_MAKERS, *([_extreme, _select] if not smooth else [])]

    @st.composite
    def strategy(draw: Callable[..., Any]) -> tuple[Tape, list[Any]]:
        b = Builder(eager=True)
        inputs = []
        for _ in range(draw(st.integers(1, n_inputs))):
            inputs.append(draw(arrays(np.float64, shapes(max_dims=3, max_side=3))))
            b.input(Aval(_F64, inputs[-1].shape), inputs[-1][()])
        values = [Sym(b, k) for k in range(len(inputs))]
        made = 0
        for _ in range(draw(st.integers(1, max_rows))):
            with np.errstate(all="ignore"):
                if draw(st.integers(0, 2)):
                    new = _elementwise(draw, draw(st.sampled_from(prims)), values)
                else:
                    new = draw(st.sampled_from(makers))(draw, values)
            for x in new:
                value = b.known[x.id]
                if np.all(np.isfinite(value)) and np.max(np.abs(value), initial=0.0) < LARGEST:
                    values.append(x)
                    made += 1
        assume(made)
        outputs = values[-draw(st.integers(1, min(2, made))) :]
        return b.finish(outputs), inputs

    return strategy()


def _pick(draw: Callable[..., Any], values: list[Sym], test: Callable[[Sym], bool]) -> Sym | None:
    from hypothesis import strategies as st

    fitting = [x for x in values if test(x)]
    return draw(st.sampled_from(fitting)) if fitting else None


def _broadcasts(*xs: Sym) -> bool:
    try:
        return int(np.prod(np.broadcast_shapes(*[x.shape for x in xs]))) <= 64
    except ValueError:
        return False


def _elementwise(draw: Callable[..., Any], prim: Primitive, values: list[Sym]) -> list[Sym]:
    chosen: list[Sym] = []
    for domain in prim.domain:
        x = _pick(draw, values, lambda x: _broadcasts(*chosen, x))
        if x is None:
            return []
        chosen.append(x if prim.name in _TAME else into_domain(x, domain))
    return [prim(*chosen)]


def _sum(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    from hypothesis import strategies as st

    x = _pick(draw, values, lambda x: x.ndim > 0)
    if x is None:
        return []
    axes = draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))
    return [ops.sum(x, axis=tuple(sorted(axes)), keepdims=draw(st.booleans()))]


def _extreme(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    from hypothesis import strategies as st

    x = _pick(draw, values, lambda x: x.ndim > 0 and x.size > 0)
    if x is None:
        return []
    axis = (draw(st.integers(0, x.ndim - 1)),)
    return [draw(st.sampled_from([ops.max, ops.min]))(x, axis=axis, keepdims=draw(st.booleans()))]


def _select(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: True)
    assert x is not None
    y = _pick(draw, values, lambda y: _broadcasts(x, y))
    return [ops.where(x > 0.0, x, y), ops.where(x > 0.0, ops.log(x), y)]


def _reshape(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    from hypothesis import strategies as st

    x = _pick(draw, values, lambda x: True)
    assert x is not None
    shape = draw(st.sampled_from([(x.size,), (1, x.size), (x.size, 1), (1, *x.shape)]))
    return [ops.reshape(x, shape=shape)]


def _transpose(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    from hypothesis import strategies as st

    x = _pick(draw, values, lambda x: x.ndim > 1)
    return [] if x is None else [ops.transpose(x, axes=tuple(draw(st.permutations(range(x.ndim)))))]


def _broadcast(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    from hypothesis import strategies as st

    x = _pick(draw, values, lambda x: x.size <= 16)
    return [] if x is None else [ops.broadcast_to(x, shape=(draw(st.integers(1, 3)), *x.shape))]


def _slice(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    from hypothesis import strategies as st

    x = _pick(draw, values, lambda x: x.ndim > 0 and x.size > 0)
    if x is None:
        return []
    ranges = []
    for n in x.shape:
        start, step = draw(st.integers(0, n - 1)), draw(st.sampled_from([1, 2, -1]))
        room = len(range(start, n if step > 0 else -1, step))
        ranges.append((start, draw(st.integers(1, room)), step))
    return [ops.slice(x, ranges=tuple(ranges))]


def _update(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    found = _slice(draw, values)
    if not found:
        return []
    part = found[0]
    b = part.b
    base = Sym(b, b.arg[b.off[part.id]])
    ranges = PARAMS[b.param[part.id]]["ranges"]
    return [
        ops.set_slice(base, part * part, ranges=ranges),
        ops.add_slice(base, part, ranges=ranges),
    ]


def _join(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 0 and x.size <= 16)
    if x is None:
        return []
    y = _pick(draw, values, lambda y: y.shape[1:] == x.shape[1:] and y.ndim == x.ndim)
    return [ops.concatenate(x, y, axis=0)]


def _matmul(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim >= 2)
    if x is None:
        return []
    y = _pick(draw, values, lambda y: y.ndim == 2 and y.shape[0] == x.shape[-1])
    if y is None:
        y = ops.transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))
    return [ops.matmul(x, y)]


def _map(draw: Callable[..., Any], values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 0 and x.size > 0)
    if x is None:
        return []
    w = _pick(draw, values, lambda w: w.shape == x.shape[1:] or w.ndim == 0)
    inner = Builder()
    a = inner.input(Aval(_F64, x.shape[1:]))
    shared = [] if w is None else [w]
    c = ops.cos(a) if w is None else ops.cos(a) * inner.input(Aval(_F64, w.shape))
    body = inner.finish([c, ops.sin(c) * a])
    row = ops.map(
        x, *shared, body=body, mapped=(True, False)[: 1 + len(shared)], summed=(False, True)
    )
    return list(x.b.outs(row))


_MAKERS = [_sum, _reshape, _transpose, _broadcast, _slice, _update, _join, _matmul, _map]
