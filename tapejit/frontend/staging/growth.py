"""Python's ints do not overflow; carried in a loop they are 64 bits. Which may pass them?

``k += step`` adds what the rounds before do not multiply: after n rounds k is below n times the
largest step, which fits as long as a loop can end. ``k *= 3`` and ``a, b = b, a + b`` grow like
powers and pass 64 bits after a few dozen rounds. An int of a round is written as a sum of carried
ones, ``{k: 3}`` for the first of those two; a choice has several such sums.

Invariant: of ints that depend on each other, a round makes none that adds more than one of them
once, so the largest of them grows by what does not depend on them. (A polynomial in the number of
rounds, as ``total += k``, is let through.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...core.avals import TupleAval
from ...tape.ir import Tape
from ..capture import Unstageable

Sum = dict[int, float]
"""How often each carried value is added, at most."""
Form = tuple[Sum, ...]
"""The sums that a value may be."""

_SAME = frozenset({"cast", "copy", "negative", "absolute", "reshape", "broadcast_to", "trunc"})
_CHOICES = frozenset({"where", "maximum", "minimum", "concatenate", "clip"})
_SMALL = frozenset({"wrap_index", "window_start", "sign", "argmax", "argmin", "guard"})
_MOST = 16


def check_ints(body: Tape, carry: int) -> None:
    """Refuse the body of a loop whose carried Python ints may grow like powers.

    Parameters
    ----------
    carry : int
        How many values are carried: inputs 1, 2, ..., outputs 0, 1, ...

    Raises
    ------
    Unstageable
        When one does.
    """
    ints = [k for k in range(carry) if _is_int(body, body.outputs[k])]
    if ints:
        ends = forms_of(body, {1 + k: ({k: 1.0},) for k in ints})
        edges = {k: _names(ends[k]) for k in ints}
        for k in ints:
            around = {j for j in edges[k] if k in _reached(edges, j)}
            if any(sum(c for j, c in one.items() if j in around) > 1 for one in ends[k]):
                raise Unstageable("an int that it carries may grow beyond 64 bits")


def _is_int(tape: Tape, i: int) -> bool:
    aval = tape.value(i)
    return aval.dtype.kind == "i" and aval.weak and not aval.shape


def _names(form: Iterable[Sum]) -> set[int]:
    return set().union(*form)


def _reached(edges: dict[int, set[int]], start: int) -> set[int]:
    found: set[int] = set()
    todo = [start]
    while todo:
        k = todo.pop()
        if k not in found:
            found.add(k)
            todo += edges.get(k, ())
    return found


def forms_of(tape: Tape, given: dict[int, Form]) -> list[Form]:
    """Return the forms of a tape's outputs, those of its inputs given."""
    known: dict[int, Form] = dict(given)
    several: dict[int, list[Form]] = {}
    for i in range(tape.n_inputs, tape.rows):
        prim, args, params = tape.prim(i).name, tape.args(i), tape.params(i)
        forms = [known.get(a, ()) for a in args]
        if prim == "out":
            known[i] = several[args[0]][params["k"]] if args[0] in several else ()
        elif not any(forms):
            continue
        elif prim == "cond":
            sides = [forms_of(params[s], dict(enumerate(forms[1:]))) for s in ("then", "orelse")]
            several[i] = [_few((*a, *b)) for a, b in zip(*sides)]
        elif prim == "for":
            several[i] = _after(params["body"], forms[1:], params["carry"])
        elif prim == "while":
            found, carry = _after(params["body"], forms, params["carry"]), params["carry"]
            several[i] = [*found[:carry], (), *found[carry:]]
        elif prim == "call":
            several[i] = forms_of(params["body"], dict(enumerate(forms)))
        elif isinstance(tape.any_aval(i), TupleAval):
            continue  # several results that are no integers of a round
        elif tape.value(i).dtype.kind != "b":
            known[i] = _form(tape, prim, args, forms)
    return [known.get(o, ()) for o in tape.outputs]


def _after(body: Tape, forms: list[Form], carry: int) -> list[Form]:
    """What a loop gives: what it starts from, and what rounds add any number of times."""
    own = forms_of(body, {1 + k: ({k: 1.0},) for k in range(len(forms))})
    edges = {k: _names(own[k]) for k in range(carry)}
    found = []
    for k in range(len(own)):
        others = set().union(*(_reached(edges, j) for j in _names(own[k]))) - {k}
        added = dict.fromkeys(set().union(*(_names(forms[j]) for j in others)), math.inf)
        starts = forms[k] if k < carry else ()
        found.append(tuple({**one, **added} for one in starts or ({},)))
    return found


def _form(tape: Tape, prim: str, args: tuple[int, ...], forms: list[Form]) -> Form:
    number = _number(tape, args[-1])
    if prim in _SAME:
        return forms[0]
    if prim in _SMALL or (prim == "remainder" and number):
        return ()
    if prim in _CHOICES:
        return _few(one for form in forms for one in form)
    if prim in ("add", "subtract"):
        a, b = (form or ({},) for form in forms)
        return _few({k: x.get(k, 0.0) + y.get(k, 0.0) for k in {*x, *y}} for x in a for y in b)
    if prim == "floor_divide" and number:
        return tuple({k: c / max(1.0, abs(number)) for k, c in one.items()} for one in forms[0])
    if prim == "multiply":
        for form, other in zip(forms, reversed(args)):
            factor = _number(tape, other)
            if factor is not None:
                return tuple({k: c * abs(factor) for k, c in one.items()} for one in form)
    return (dict.fromkeys(_names(one for form in forms for one in form), math.inf),)


def _few(sums: Iterable[Sum]) -> Form:
    """Return the sums, merged into the largest of each where there are many."""
    found = tuple({tuple(sorted(one.items())): one for one in sums}.values())
    if len(found) <= _MOST:
        return found
    return ({k: max(one.get(k, 0.0) for one in found) for k in _names(found)},)


def _number(tape: Tape, i: int) -> float | None:
    while i >= tape.n_inputs and tape.prim(i).name in ("cast", "copy"):
        i = tape.args(i)[0]
    if i < tape.n_inputs or tape.prim(i).name != "lit":
        return None
    value = tape.params(i)["value"]
    return float(value) if isinstance(value, (bool, int, float)) else None
