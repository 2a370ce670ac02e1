"""The adjoints of ``for`` and ``while``, entered into their primitives when this is imported.

The adjoint of a loop is a loop that runs the other way. Let a round be (c, o) = f(i, c, w, x_i) for
carried c, shared w, stacked x. The reverse round takes the cotangent of the new c and gives that of
the old one, adds to the cotangent of w, which it carries along, and stacks that of x_i:

    (dc, dx_i) = vjp(dc', do_i),    dw += vjp(dc', do_i)

so a read x[k] of a shared array adds one element to a carried array, in place. What the reverse
round reads of the forward one comes from residual stacks: `Builder.revise` gives the forward loop
further results, chosen by `residuals.choose`. Which carried values have a cotangent, and which
cotangents may be exactly zero by selection, is found by iterating to a fixpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.avals import AVALS, Aval, TupleAval
from ..rules.declare import zeros_like
from ..rules.loops import ANY, for_, room, while_
from ..tape.ir import PARAMS, Builder, Sym, Tape
from ..tape.pieces import extract, load
from ..tape.primitive import PRIMITIVES
from . import branches as _branches  # noqa: F401  (enters derivatives)
from . import loop_tangents as _tangents  # noqa: F401  (enters derivatives)
from .adjoint import adjoint
from .bodies_common import Maybe, dense, row_of, strong, syms, wants
from .latency import late_terms_last
from .peel import mark_first
from .residuals import choose, inputs_read, read_by
from .trim import optimised
from .undrawn import dependents


class _Reverse:
    """The reverse round of a loop body, found by iteration.

    Attributes
    ----------
    s : Builder
        The body's rows, then those of the reverse round.
    stop : int
        The number of the body's rows.
    bare : bool
        Whether cotangents that are zero in the first round alone count as if they were given.
    ct_in : dict
        For each carried value with a cotangent, the input that stands for that of the new value.
    stack_in : dict
        For each stacked result with a cotangent, the input that stands for it.
    sums : dict
        For each shared input, the cotangent as it has come in.
    ct_out, sums_out, items_out : dict
        What the round gives back: for carried values, shared inputs, stacked operands.
    """

    def __init__(
        self, body: Tape, carry: int, shared: int, cts: Maybe, masks: Sequence[bool],
        wants: Sequence[bool], bare: bool = False,
    ) -> None:  # fmt: skip
        self.body, self.carry, self.shared = body, carry, shared
        varying = self._varying(wants)
        active = {k for k in range(carry) if cts[k] is not None and k in varying}
        masked = {k for k, m in enumerate(masks) if m}
        while True:
            more, gates = self._round(active, masked, cts, wants, varying)
            if more <= active and gates <= masked:
                break
            zero = set() if bare else more - active
            active, masked = active | more, masked | gates | zero
        self.masked = masked

    def _varying(self, wants: Sequence[bool]) -> set[int]:
        """Return the carried values that depend on something to be differentiated."""
        body, carry = self.body, self.carry
        s = load(body)
        found = {k for k in range(carry) if wants[k]}
        while True:
            sources = [k + 1 for k in range(body.n_inputs - 1) if k in found]
            sources += [k + 1 for k in range(carry, body.n_inputs - 1) if wants[k]]
            live = dependents(s, syms(s, sources), len(s))
            more = {k for k in range(carry) if body.outputs[k] in live}
            if more <= found:
                return found
            found |= more

    def _round(
        self, active: set[int], masked: set[int], cts: Maybe, wants: Sequence[bool],
        varying: set[int],
    ) -> tuple[set[int], set[int]]:  # fmt: skip
        """Append the reverse round; return carried values that turn out to have a cotangent.

        The second result are those whose cotangent turns out to be possibly zero by selection.
        """
        body, carry, shared = self.body, self.carry, self.shared
        self.s = s = load(body)
        self.stop = len(s)
        ins = syms(s, range(body.n_inputs))
        outs = syms(s, body.outputs)
        self.ct_in = {k: s.input(strong(outs[k].aval)) for k in sorted(active)}
        self.stack_in = {
            k: s.input(strong(outs[k].aval))
            for k in range(carry, len(outs))
            if k < len(cts) and cts[k] is not None
        }
        for k, ct in (*self.ct_in.items(), *self.stack_in.items()):
            if k in masked:
                s.masked.add(ct.id)
        moving = [k for k in range(carry) if k in varying]
        fixed = [k for k in range(carry, carry + shared) if wants[k]]
        items = [k for k in range(carry + shared, body.n_inputs - 1) if wants[k]]
        self.sums = {k: s.input(strong(ins[k + 1].aval)) for k in fixed}
        ys = [ins[k + 1] for k in fixed]
        given: list[Sym | None] = [self.sums[k] for k in fixed]
        # the same row may be several outputs: adjoint adds their cotangents up
        for k, ct in (*self.ct_in.items(), *self.stack_in.items()):
            ys.append(outs[k])
            given.append(ct)
        asked = [*moving, *fixed, *items]
        back = dict(zip(asked, adjoint(s, ys, given, [ins[k + 1] for k in asked])))
        found = {k for k in moving if back[k] is not None}
        gates = {k for k in found if back[k].id in s.masked}  # type: ignore[union-attr]
        self.ct_out = {k: dense(back[k], ins[k + 1]) for k in sorted(active)}
        self.sums_out = {
            k: t for k in fixed if (t := back[k]) is not None and t.id != self.sums[k].id
        }
        self.items_out = {k: t for k in items if (t := back[k]) is not None}
        return found, gates

    def share(self) -> None:
        """Let reverse rows read an equal row that stands before them, of the forward round above all.

        The derivative of y = 1 / (1 + e) by e has the factor 1 / (1 + e) again: it reads y, which
        then is one value to keep and not two.
        """
        s = self.s
        seen: dict[tuple[Any, ...], int] = {}
        place: list[int] = []
        for k in range(len(s)):
            first, end = s.off[k], s.off[k + 1]
            args = [place[a] for a in s.arg[first:end]]
            if k >= self.stop:
                for j, a in enumerate(args):
                    s.arg[first + j] = a
            prim = PRIMITIVES[s.op[k]]
            lone = prim.name == "input" or prim.effect
            key = (s.op[k], *args, s.avals[k], s.param[k])
            place.append(k if lone else seen.setdefault(key, k))
        for found in (self.ct_out, self.sums_out, self.items_out):
            for at, t in found.items():
                found[at] = Sym(s, place[t.id])

    def regroup(self) -> None:
        """Let products of the reverse round be grouped as they cost least."""
        free = {0, *range(1 + self.carry, self.body.n_inputs)}
        from .chains import regrouped

        made = iter(regrouped(self.s, self.stop, self.outputs, free))
        for found in (self.ct_out, self.sums_out, self.items_out):
            for at in found:
                found[at] = Sym(self.s, next(made))

    @property
    def outputs(self) -> list[int]:
        made = [*self.ct_out.values(), *self.sums_out.values(), *self.items_out.values()]
        return [t.id for t in made]


def _keep(b: Builder, i: int, r: _Reverse, count: int) -> tuple[list[int], list[Sym], list[int]]:
    """Make the forward loop keep what the reverse round reads.

    Returns the kept rows of the body, their stacks, and the body's inputs that are read besides.
    """
    s, body = r.s, r.body
    free = {0, *range(1 + r.carry, body.n_inputs)}
    reads = read_by(s, r.stop, r.outputs)
    kept = choose(s, reads, free)
    aval = AVALS[b.avals[i]]
    assert isinstance(aval, TupleAval)
    params = dict(PARAMS[b.param[i]])
    at = {o: k for k, o in enumerate(body.outputs) if k >= r.carry}
    new = [k for k in kept if k not in at]
    length = room(params.get("length", ANY), params.get("most", ANY))
    if new:
        more = extract(s, range(body.n_inputs), [*body.outputs, *new])
        params["body"] = more
        stacks = tuple(Aval(s.aval(k).dtype, (length, *s.aval(k).shape)) for k in new)
        b.revise(i, params, TupleAval((*aval.items, *stacks)))
    first = len(aval.items)
    whole = Sym(b, i)
    rows = []
    for k in kept:
        place = at[k] + count if k in at else first + new.index(k)
        rows.append(b.out(whole, place))
    return kept, rows, [k for k in inputs_read(s, r.outputs, kept) if k in free]


def _back(
    b: Builder, i: int, r: _Reverse, n: Sym, xs: Sequence[Sym], cts: Maybe,
    reverse: bool, length: int, most: int, count: int,
) -> list[Sym | None]:  # fmt: skip
    """Append the reverse loop; return the cotangents of the operands behind n."""
    r.share()
    r.regroup()
    s, carry, shared = r.s, r.carry, r.shared
    kept, stacks, read = _keep(b, i, r, count)
    reads_fixed = [k for k in read if 1 <= k <= carry + shared]
    reads_items = [k for k in read if k > carry + shared]
    sums = list(r.sums_out)
    first = [dense(cts[k], xs[k]) for k in r.ct_in]
    first += [zeros_like(xs[k]) for k in sums]
    fixed = [xs[k - 1] for k in reads_fixed]
    given = [cts[k] for k in r.stack_in]
    items = [*(xs[k - 1] for k in reads_items), *given, *stacks]
    order = [0, *(t.id for t in r.ct_in.values()), *(r.sums[k].id for k in sums)]
    order += [*reads_fixed, *reads_items, *(t.id for t in r.stack_in.values()), *kept]
    whole = extract(s, order, r.outputs)
    forward = len(order) + _forward_rows(r, order)
    body = optimised(late_terms_last(whole, len(first), forward))
    params = {
        "body": body, "carry": len(first), "shared": len(fixed), "reverse": not reverse,
        "length": length, **({} if most == ANY else {"most": most}),
    }  # fmt: skip
    rows = b.outs(for_.on(b, n, *first, *fixed, *items, **params))
    found: list[Sym | None] = [None] * len(xs)
    for k, row in zip([*r.ct_in, *sums, *r.items_out], rows):
        found[k] = row
        if k in r.masked or k >= carry:
            b.masked.add(row.id)
    return found


def _forward_rows(r: _Reverse, given: Sequence[int]) -> int:
    """Return how many rows of the forward round the reverse one computes again, given some values."""
    s, cut = r.s, set(given)
    need = set(r.outputs)
    for k in range(len(s) - 1, -1, -1):
        if k in need and k not in cut:
            need.update(s.arg[s.off[k] : s.off[k + 1]])
    return sum(k < r.stop for k in need - cut)


def _masks(b: Builder, cts: Maybe) -> list[bool]:
    """Whether each cotangent may be zero by selection; a missing one is zero."""
    return [ct is None or ct.id in b.masked for ct in cts]


def _for_vjp(
    cts: Maybe, results: Sequence[Sym], n: Sym, *xs: Sym,
    body: Tape, carry: int, shared: int, reverse: bool, length: int, most: int = ANY,
) -> list[Sym | None]:  # fmt: skip
    b = n.b
    masks = _masks(b, cts)
    r = _Reverse(body, carry, shared, cts, masks, wants(xs))
    if length > 1 and not reverse and not r.items_out and any(ct is None for ct in cts[:carry]):
        given = [m and ct is not None for m, ct in zip(masks, cts)]
        bare = _Reverse(body, carry, shared, cts, given, wants(xs), bare=True)
        mark_first(r.s, bare.s, r.stop)
    return [None, *_back(b, row_of(results), r, n, xs, cts, reverse, length, most, 0)]


def _while_vjp(
    cts: Maybe, results: Sequence[Sym], *xs: Sym, test: Tape, body: Tape, carry: int
) -> list[Sym | None]:
    b = xs[0].b
    count = results[carry]
    smooth = [*cts[:carry], *cts[carry + 1 :]]
    r = _Reverse(body, carry, len(xs) - carry, smooth, _masks(b, smooth), wants(xs))
    return _back(b, row_of(results), r, count, xs, smooth, False, ANY, ANY, 1)


for_.vjp, while_.vjp = _for_vjp, _while_vjp
