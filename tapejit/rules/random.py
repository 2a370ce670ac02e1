"""Random draws as rows: ``draw`` takes a token and gives a sample and the next token.

A draw is a call of the generator's own method, so its stream is NumPy's. Its meaning is a function
all the same: one token, one sample (see `core.streams`). ``generator`` makes a generator from a seed.

A sample has no derivative with respect to parameters that the method itself takes; location, scale
and the like never get here as traced values, since they are applied to a standard variate by
ordinary rows. Asking for what is left is an error and not zero: the distribution does move.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval, aval_of
from ..core.errors import TapejitError, UnsupportedError
from ..core.sources import LINES
from ..core.streams import GENERATOR, Stream, Token
from ..tape.ir import Sym
from ..tape.primitive import Emit
from .declare import general

Names = tuple[str, ...]

# Values at which every method accepts its parameters: they tell the shape and dtype of a sample.
_VALID = {"n": 3, "p": 0.5, "low": 0, "high": 2, "left": 0.0, "mode": 0.5, "right": 1.0, "a": 2.0}
_VALID |= {"ngood": 3, "nbad": 3, "nsample": 2}


def _valid(name: str, aval: Aval, method: str) -> Any:
    """Return an operand that a method accepts."""
    if name == "pvals" or (name == "p" and method == "choice"):
        return np.full(aval.shape, 1.0 / max(aval.shape[-1], 1))
    if name == "cov":
        return np.eye(aval.shape[-1])
    value = np.full(aval.shape, _VALID.get(name, 1.0))
    return value.astype(aval.dtype) if aval.dtype.kind not in "iub" or name != "p" else value


def call_method(rng: Any, method: str, names: Names, operands: Sequence[Any], options: Any) -> Any:
    """Draw once; seeding gives 0."""
    if method == "seed":
        rng.seed(**dict(options))
        return np.int64(0)
    given = {n: v[()] if isinstance(v, np.ndarray) else v for n, v in zip(names, operands)}
    return getattr(rng, method)(**given, **dict(options))


def _draw_infer(
    token: Aval, *avals: Aval, method: str, names: Names, legacy: bool, options: Any
) -> TupleAval:
    if token.dtype != GENERATOR.dtype:
        raise TapejitError(f"draw: {token} is no generator")
    if method == "seed":
        return TupleAval((Aval(np.dtype(np.int64)), GENERATOR))
    rng: Any = np.random.RandomState(0) if legacy else np.random.default_rng(0)
    large = dict(options).get("size")
    if large is not None and not avals:
        # nothing is drawn to learn a shape that is given
        shape = (large,) if isinstance(large, int) else tuple(large)
        small = tuple((k, (1,) if k == "size" else v) for k, v in options)
        one = call_method(rng, method, names, (), small)
        return TupleAval((Aval(one.dtype, (*shape, *one.shape[1:])), GENERATOR))
    operands = [_valid(n, a, method) for n, a in zip(names, avals)]
    return TupleAval((aval_of(call_method(rng, method, names, operands, options)), GENERATOR))


def _draw_numpy(
    token: Token, *operands: Any, method: str, names: Names, legacy: bool, options: Any
) -> tuple[Any, Token]:
    found, after = token.draw(lambda rng: call_method(rng, method, names, operands, options))
    return np.asarray(found)[()], after


def refusal(method: str, names: Sequence[str], line: int) -> UnsupportedError:
    """Return the error of a derivative through a parameter of a draw."""
    what = " and ".join(names)
    return UnsupportedError(
        f"{method}: a sample is no smooth function of {what}, so it has no derivative with respect "
        f"to {what} ({LINES[line]}); take tj.stop_gradient of the parameter if that is meant, or "
        "differentiate the log density of the sample instead"
    )


def _draw_jvp(
    ts: Sequence[Sym | None], y: Any, token: Sym, *xs: Sym,
    method: str, names: Names, legacy: bool, options: Any,
) -> tuple[None, None]:  # fmt: skip
    moving = [n for n, t in zip(names, ts[1:]) if t is not None]
    if moving:
        raise refusal(method, moving, token.b.line)
    return None, None


def _draw_vjp(
    ct: Any, y: Any, token: Sym, *xs: Sym,
    method: str, names: Names, legacy: bool, options: Any,
) -> list[None]:  # fmt: skip
    from .declare import wanted

    moving = [n for n, x in zip(names, xs) if x.aval.inexact and wanted(x)]
    if ct[0] is not None and moving:
        raise refusal(method, moving, token.b.line)
    return [None] * (1 + len(xs))


draw = general(
    "draw",
    _draw_infer,
    _draw_numpy,
    jvp=_draw_jvp,
    vjp=_draw_vjp,
    emit=Emit("draw"),
)


# ---------------------------------------------------------------- draws of several kinds in turn


def draw_in_turn(rng: Any, rounds: int, sites: Any) -> tuple[Any, ...]:
    """Return the samples of `rounds` rounds, each of which draws at all sites in their order."""
    methods = [functools.partial(getattr(rng, m), **dict(options)) for m, options, _, _ in sites]
    made = [np.empty((rounds, *shape), dtype) for _, _, dtype, shape in sites]
    for i in range(rounds):
        for method, stack in zip(methods, made):
            stack[i] = method()
    return tuple(made)


def _draws_infer(token: Aval, *, rounds: int, sites: Any) -> TupleAval:
    stacks = (Aval(np.dtype(dtype), (rounds, *shape)) for _, _, dtype, shape in sites)
    return TupleAval((*stacks, GENERATOR))


def _draws_numpy(token: Token, *, rounds: int, sites: Any) -> tuple[Any, ...]:
    found, after = token.draw(lambda rng: draw_in_turn(rng, rounds, sites))
    return (*found, after)


draws_in_turn = general("draws_in_turn", _draws_infer, _draws_numpy, emit=Emit("draw"))


# ---------------------------------------------------------------- generators made on the way


def make_generator(kind: str, seed: Any) -> Any:
    """Return a new generator of a seed: ``default_rng``, ``RandomState``, or on bits of that name."""
    if kind in ("default_rng", "RandomState"):
        return getattr(np.random, kind)(seed)
    return np.random.Generator(getattr(np.random, kind)(seed))


def _generator_numpy(*, kind: str, seed: Any) -> Token:
    return Token(Stream(make_generator(kind, seed), marks=False))


generator = general(
    "generator",
    lambda *, kind, seed: GENERATOR,
    _generator_numpy,
    emit=Emit("draw"),
)
