"""Derivatives of rows that hold tapes, entered into their primitives when this is imported.

The derivative of a map is a map of the body's derivative. What the new body computes from shared
values alone is computed once, outside the map. A custom row is differentiated by its rule, or by
the transpose of its rule, which exists because rules are linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..core.avals import Aval
from ..core.errors import UnsupportedError
from ..core.sources import where as user_line
from ..rules.control import custom, length_of, map_
from ..rules.declare import broadcast, wanted, zeros_like
from ..tape.ir import Builder, Row, Sym, Tape
from ..tape.pieces import inline, load
from .adjoint import adjoint
from .pushforward import pushforward
from .simplify import name_of, operands, params_of, rule, scalar_behind
from .split import Split, split

Flags = tuple[bool, ...]


# ---------------------------------------------------------------- map


def run_map(b: Builder, cut: Split, operands: Sequence[Sym], n: int, summed: Flags) -> list[Any]:
    """Append a map of a body over `n` indices; return one row for each result of the split.

    Parameters
    ----------
    operands : sequence of Sym
        The stacked values for the moving inputs of the split, in use or not.
    summed : tuple of bool
        For each result of the split, whether it is summed over the index.
    """
    moving = [operands[k] for k in cut.moving]
    flags = tuple(s for s, r in zip(summed, cut.results) if isinstance(r, int))
    results: tuple[Sym, ...] = ()
    if flags:
        mapped = (True,) * len(moving) + (False,) * len(cut.shared)
        results = b.outs(
            map_.on(b, *moving, *cut.shared, body=cut.body, mapped=mapped, summed=flags)
        )
    found: list[Any] = []
    for r, s, masked in zip(cut.results, summed, cut.masked):
        if isinstance(r, int):
            made: Any = results[r]
        elif r is None:
            made = None
        elif s:
            made = r * (n * 1.0)
        else:
            made = broadcast(r, (n, *r.shape))
        if masked and made is not None:
            b.masked.add(made.id)
        found.append(made)
    return found


def _map_jvp(
    ts: Sequence[Sym | None], results: Sequence[Sym], *xs: Sym,
    body: Tape, mapped: Flags, summed: Flags,
) -> list[Sym | None]:  # fmt: skip
    b = xs[0].b
    s = load(body)
    ins = [Sym(s, k) for k in range(body.n_inputs)]
    moving = [x for x, m in zip(ins, mapped) if m]
    operands = [x for x, m in zip(xs, mapped) if m]
    place = {k: x.id for k, (x, m) in enumerate(zip(xs, mapped)) if not m}
    tangents: list[Sym | None] = []
    for k, t in enumerate(ts):
        if t is None:
            tangents.append(None)
            continue
        inner = s.input(Aval(t.dtype, ins[k].shape))
        tangents.append(inner)
        if t.id in b.masked:
            s.masked.add(inner.id)
        if mapped[k]:
            moving.append(inner)
            operands.append(t)
        else:
            place[inner.id] = t.id
    outs = pushforward(s, ins, tangents, [Sym(s, o) for o in body.outputs])
    cut = split(s, 0, moving, outs, b, place)
    return run_map(b, cut, operands, length_of([x.aval for x in xs], mapped), summed)


def _map_vjp(
    cts: Sequence[Sym | None], results: Sequence[Sym], *xs: Sym,
    body: Tape, mapped: Flags, summed: Flags,
) -> list[Sym | None]:  # fmt: skip
    b = xs[0].b
    s = load(body)
    ins = [Sym(s, k) for k in range(body.n_inputs)]
    moving = [x for x, m in zip(ins, mapped) if m]
    operands = [x for x, m in zip(xs, mapped) if m]
    place = {k: x.id for k, (x, m) in enumerate(zip(xs, mapped)) if not m}
    outs = [Sym(s, o) for o in body.outputs]
    given: list[Sym | None] = []
    for y, ct, whole in zip(outs, cts, summed):
        if ct is None:
            given.append(None)
            continue
        inner = s.input(Aval(ct.dtype, y.shape))
        given.append(inner)
        if ct.id in b.masked:
            s.masked.add(inner.id)
        if whole:
            place[inner.id] = ct.id
        else:
            moving.append(inner)
            operands.append(ct)
    asked = [k for k, x in enumerate(xs) if x.aval.inexact and wanted(x)]
    back = adjoint(s, outs, given, [ins[k] for k in asked])
    cut = split(s, 0, moving, back, b, place)
    n = length_of([x.aval for x in xs], mapped)
    made = run_map(b, cut, operands, n, tuple(not mapped[k] for k in asked))
    found: list[Sym | None] = [None] * len(xs)
    for k, ct in zip(asked, made):
        found[k] = ct
    return found


map_.jvp, map_.vjp = _map_jvp, _map_vjp


@rule("map")
def fewer_operands(b: Builder, row: Row, args: list[int]) -> int | None:
    """A shared operand that repeats one number is that number; one given twice is given once.

    Products with a number, and sums into zeros, are then seen in the body to be such.
    """
    mapped, body = row.params["mapped"], row.params["body"]
    sources = [a if m else scalar_behind(b, a) for a, m in zip(args, mapped)]
    numbers = any(name_of(b, a) == "lit" for a in sources)
    if sources == args and not numbers and len(set(zip(args, mapped))) == len(args):
        return None
    inner = Builder()
    left: list[Sym] = []
    flags: list[bool] = []
    given: list[Sym] = []
    known: dict[tuple[int, Aval], Sym] = {}
    for k, (a, m) in enumerate(zip(sources, mapped)):
        aval = body.value(k)
        own = aval if m else Aval(aval.dtype, b.aval(a).shape, aval.weak)
        if name_of(b, a) == "lit":
            known[a, own] = inner.lit(params_of(b, a)["value"], own)
        elif (a, own) not in known:
            left.append(Sym(b, a))
            flags.append(m)
            known[a, own] = inner.input(own)
        given.append(broadcast(known[a, own], aval.shape))
    params = {
        "body": inner.finish(inline(body, inner, given)),
        "mapped": tuple(flags),
        "summed": row.params["summed"],
    }
    return map_.on(b, *left, **params).id


# ---------------------------------------------------------------- custom


@lru_cache(maxsize=512)
def transposed(rule: Tape, n: int, name: str) -> tuple[Tape, tuple[int, ...]]:
    """Return the transpose of a tape that is linear in its first `n` inputs.

    It takes one cotangent for each output, then the shared values, and gives a cotangent for each
    of the `n` inputs listed with it. The adjoint of a linear function does not depend on where it
    is taken: when it does, the rule was not linear.
    """
    s = load(rule)
    ins = [Sym(s, k) for k in range(rule.n_inputs)]
    outs = [Sym(s, o) for o in rule.outputs]
    cts = [s.input(y.aval) for y in outs]
    back = adjoint(s, outs, cts, ins[:n])
    into = Builder()
    given = [into.input(y.aval) for y in outs]
    place = {x.id: into.input(x.aval).id for x in ins[n:]}
    cut = split(s, 0, [*ins[:n], *cts], back, into, place)
    if any(k < n for k in cut.moving):
        raise UnsupportedError(
            f"the derivative rule of {name} is not linear in its tangents or cotangents, so it "
            "cannot serve the other direction: a custom_vjp rule is made for grad, vjp and jacrev, "
            f"a custom_jvp rule for jvp and jacfwd ({user_line()})"
        )
    made = inline(cut.body, into, [*(given[k - n] for k in cut.moving), *cut.shared])
    ready = [made[r] if isinstance(r, int) else r for r in cut.results if r is not None]
    return into.finish(ready), tuple(k for k, r in enumerate(cut.results) if r is not None)


def _custom_jvp(
    ts: Sequence[Sym | None], results: Sequence[Sym], *xs: Sym,
    rule: Tape, n_in: int, n_out: int, forward: bool, name: str,
) -> list[Sym | None]:  # fmt: skip
    inputs, shared = xs[:n_in], xs[n_in + n_out :]
    if all(t is None for t in ts[:n_in]):
        return [None] * n_out
    ready = [zeros_like(x) if t is None else t for t, x in zip(ts, inputs)]
    b = xs[0].b
    if forward:
        return list(inline(rule, b, [*ready, *shared]))
    back, which = transposed(rule, n_out, name)
    found: list[Sym | None] = [None] * n_out
    for k, t in zip(which, inline(back, b, [*ready, *shared])):
        found[k] = t
    return found


def _custom_vjp(
    cts: Sequence[Sym | None], results: Sequence[Sym], *xs: Sym,
    rule: Tape, n_in: int, n_out: int, forward: bool, name: str,
) -> list[Sym | None]:  # fmt: skip
    shared = xs[n_in + n_out :]
    ready = [zeros_like(y) if ct is None else ct for ct, y in zip(cts, results)]
    b = xs[0].b
    found: list[Sym | None] = [None] * len(xs)
    if forward:
        back, which = transposed(rule, n_in, name)
        for k, ct in zip(which, inline(back, b, [*ready, *shared])):
            found[k] = ct
    else:
        found[:n_in] = inline(rule, b, [*ready, *shared])
    return found


custom.jvp, custom.vjp = _custom_jvp, _custom_vjp


@rule("out")
def hand_through(b: Builder, row: Row, args: list[int]) -> int | None:
    """A result of a custom row is the operand it equals: only derivative passes read the rule."""
    if name_of(b, args[0]) != "custom":
        return None
    n_in: int = params_of(b, args[0])["n_in"]
    found: int = operands(b, args[0])[n_in + row.params["k"]]
    return found
