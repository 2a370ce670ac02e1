"""Control flow as rows: ``for``, ``while``, ``cond`` and ``call`` hold the tapes that they run.

``for`` runs its body n times. Operands: n, the *carried* values, the *shared* ones (the same in every
round), the *stacked* ones (arrays of which round i sees element i). The body takes
(i, carried, shared, elements) and gives (carried, elements of stacked results). With `reverse`, i
counts down from n - 1. `length` is n where it is static, -1 where it is a value. Then `most`, where
it is given, is a bound of n and the first dimension of stacks, whose elements from n on are never
read. Other stacks of a ``for`` of length -1, and those of a ``while``, have a first dimension of -1
and live between two loops only.

``while`` runs its body as long as the test, a tape of (carried, shared), gives True. Its body takes
(i, carried, shared); its results are the carried values, the number of rounds, the stacks.

``cond`` runs one of two tapes that take the same operands and give the same avals. ``call`` runs one
tape; it stands for rows that are to be computed again in the reverse sweep and not kept.

Derivatives are made by passes on the bodies, see `passes.loops`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval
from ..core.errors import ShapeError, TapejitError
from ..tape.ir import Builder, Tape
from ..tape.primitive import Emit, Params, primitive
from ..tape.replay import interpreter, spend
from .declare import general

INT = Aval(np.dtype(np.int64))
FLAG = Aval(np.dtype(bool))
ANY = -1
"""The length of a stack that is known only when the loop has run."""

Samples = Iterator[tuple[tuple[Any, ...], Params]]


def same(a: Aval, b: Aval) -> bool:
    """Whether two avals agree up to weakness."""
    return a.dtype == b.dtype and a.shape == b.shape


def takes(name: str, body: Tape, given: Sequence[Aval]) -> None:
    """Check that a body takes values of these avals."""
    wants = [body.value(k) for k in range(body.n_inputs)]
    if len(wants) != len(given) or not all(map(same, wants, given)):
        shown = ", ".join(map(str, given))
        raise ShapeError(f"{name}: the body takes ({', '.join(map(str, wants))}), not ({shown})")


def outputs_of(body: Tape) -> list[Aval]:
    """Return the avals of a tape's outputs."""
    return [body.value(o) for o in body.outputs]


def _carries(name: str, body: Tape, carried: Sequence[Aval]) -> None:
    found = outputs_of(body)[: len(carried)]
    if len(found) != len(carried) or not all(map(same, found, carried)):
        shown = ", ".join(map(str, carried))
        raise ShapeError(f"{name}: carried ({shown}) become ({', '.join(map(str, found))})")


def _strong(a: Aval) -> Aval:
    return Aval(a.dtype, a.shape)


# ---------------------------------------------------------------- for


def room(length: int, most: int = ANY) -> int:
    """Return the first dimension of a loop's stacks."""
    return most if length == ANY else length


def _for_infer(
    n: Aval, *xs: Aval, body: Tape, carry: int, shared: int, reverse: bool, length: int,
    most: int = ANY,
) -> TupleAval:  # fmt: skip
    carried, items = xs[:carry], []
    length = room(length, most)
    for a in xs[carry + shared :]:
        if not a.shape or a.shape[0] != length:
            raise ShapeError(f"for: {a} is no stack of {length}")
        items.append(Aval(a.dtype, a.shape[1:]))
    takes("for", body, [INT, *xs[: carry + shared], *items])
    _carries("for", body, carried)
    outs = outputs_of(body)[carry:]
    return TupleAval((*carried, *(Aval(o.dtype, (length, *o.shape)) for o in outs)))


class Stacks:
    """The stacked results of a loop as they grow: arrays when their length is known."""

    def __init__(self, avals: Sequence[Aval], length: int | None, reverse: bool = False) -> None:
        self.avals, self.reverse = avals, reverse
        self.items: list[Any] = [
            [] if length is None else np.zeros((length, *a.shape), a.dtype) for a in avals
        ]

    def put(self, i: int, values: Sequence[Any]) -> None:
        for stack, value in zip(self.items, values):
            if isinstance(stack, list):
                stack.append(np.array(value))
            else:
                stack[i] = value

    def done(self) -> tuple[Any, ...]:
        return tuple(
            np.array(s, dtype=a.dtype).reshape(len(s), *a.shape) if isinstance(s, list) else s
            for s, a in zip(self.items, self.avals)
        )


def owned(value: Any) -> Any:
    """Return a value that no later round can change."""
    return np.array(value) if isinstance(value, np.ndarray) else value


def _for_numpy(
    n: Any, *xs: Any, body: Tape, carry: int, shared: int, reverse: bool, length: int,
    most: int = ANY,
) -> tuple[Any, ...]:  # fmt: skip
    run = interpreter(body).run
    n = int(n)
    carried, fixed, stacks = list(xs[:carry]), xs[carry : carry + shared], xs[carry + shared :]
    if n > most != ANY:
        raise TapejitError(f"for: {n} rounds where there are at most {most}")
    made = Stacks(outputs_of(body)[carry:], n if most == ANY else most)
    for i in range(n - 1, -1, -1) if reverse else range(n):
        spend(body.rows)
        found = run([np.int64(i), *carried, *fixed, *[s[i] for s in stacks]])
        carried = found[:carry]
        made.put(i, found[carry:])
    return (*map(owned, carried), *made.done())


def _step(stacked: bool = True) -> Tape:
    """A body: (i, x, w, u) -> (x sin w + u i, x w) for vectors x, w and an element u."""
    b = Builder()
    i = b.input(INT)
    x, w = (b.input(Aval(np.dtype(float), (3,))) for _ in range(2))
    new = x * primitive("sin")(w)
    if stacked:
        u = b.input(Aval(np.dtype(float)))
        new = new + u * i
    return b.finish([new, x * w])


def _for_samples(rng: np.random.Generator) -> Samples:
    xs = (np.int64(4), rng.normal(size=3), rng.normal(size=3), rng.normal(size=4))
    for reverse in (False, True):
        yield (
            xs,
            {"body": _step(), "carry": 1, "shared": 1, "reverse": reverse, "length": 4},
        )
    yield (
        (np.int64(0), rng.normal(size=3), rng.normal(size=3), rng.normal(size=0)),
        {"body": _step(), "carry": 1, "shared": 1, "reverse": False, "length": 0},
    )


for_ = general("for", _for_infer, _for_numpy, emit=Emit("for"), samples=_for_samples)


# ---------------------------------------------------------------- while


def _while_infer(*xs: Aval, test: Tape, body: Tape, carry: int) -> TupleAval:
    takes("while", test, xs)
    if not same(test.value(test.outputs[0]), FLAG):
        raise TapejitError("while: the test gives one truth value")
    takes("while", body, [INT, *xs])
    _carries("while", body, xs[:carry])
    outs = outputs_of(body)[carry:]
    return TupleAval((*xs[:carry], INT, *(Aval(o.dtype, (ANY, *o.shape)) for o in outs)))


def _while_numpy(*xs: Any, test: Tape, body: Tape, carry: int) -> tuple[Any, ...]:
    go, run = interpreter(test).run, interpreter(body).run
    carried, fixed = list(xs[:carry]), xs[carry:]
    made = Stacks(outputs_of(body)[carry:], None)
    i = 0
    while go([*carried, *fixed])[0]:
        spend(body.rows)
        found = run([np.int64(i), *carried, *fixed])
        carried = found[:carry]
        made.put(i, found[carry:])
        i += 1
    return (*map(owned, carried), np.int64(i), *made.done())


def _while_samples(rng: np.random.Generator) -> Samples:
    t = Builder()
    x = t.input(Aval(np.dtype(float)))
    t.input(Aval(np.dtype(float)))
    test = t.finish([x > 1.0])
    b = Builder()
    b.input(INT)
    x, w = (b.input(Aval(np.dtype(float))) for _ in range(2))
    body = b.finish([x * primitive("tanh")(w)])
    yield (np.float64(5.3), np.float64(0.8)), {"test": test, "body": body, "carry": 1}
    yield (np.float64(0.3), np.float64(0.8)), {"test": test, "body": body, "carry": 1}


while_ = general("while", _while_infer, _while_numpy, emit=Emit("while"), samples=_while_samples)


# ---------------------------------------------------------------- cond


def _cond_infer(flag: Aval, *xs: Aval, then: Tape, orelse: Tape) -> TupleAval:
    if not same(flag, FLAG):
        raise TapejitError(f"cond: {flag} is no truth value")
    for body in (then, orelse):
        takes("cond", body, xs)
    outs, others = outputs_of(then), outputs_of(orelse)
    if len(outs) != len(others) or not all(map(same, outs, others)):
        shown = ", ".join(map(str, outs)), ", ".join(map(str, others))
        raise ShapeError(f"cond: one branch gives ({shown[0]}), the other ({shown[1]})")
    return TupleAval(tuple(Aval(a.dtype, a.shape, a.weak and b.weak) for a, b in zip(outs, others)))


def _cond_numpy(flag: Any, *xs: Any, then: Tape, orelse: Tape) -> tuple[Any, ...]:
    return tuple(interpreter(then if flag else orelse).run(xs))


def _branch(name: str) -> Tape:
    b = Builder()
    x, w = (b.input(Aval(np.dtype(float), (3,))) for _ in range(2))
    y = primitive(name)(x) * w
    return b.finish([y, x] if name == "sin" else [w, y])


def _cond_samples(rng: np.random.Generator) -> Samples:
    for flag in (True, False):
        yield (
            (np.bool_(flag), rng.normal(size=3), rng.normal(size=3)),
            {"then": _branch("sin"), "orelse": _branch("exp")},
        )


cond = general("cond", _cond_infer, _cond_numpy, emit=Emit("cond"), samples=_cond_samples)


# ---------------------------------------------------------------- call


def _call_infer(*xs: Aval, body: Tape) -> TupleAval:
    takes("call", body, xs)
    return TupleAval(tuple(outputs_of(body)))


def _call_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=3), rng.normal(size=3)), {"body": _branch("sin")}


call = general(
    "call",
    _call_infer,
    lambda *xs, body: tuple(interpreter(body).run(xs)),
    emit=Emit("body"),
    samples=_call_samples,
)
