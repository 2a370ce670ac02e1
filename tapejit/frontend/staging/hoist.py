"""Draws of a counted loop are made in front of it, and round i sees row i of the samples.

That is possible when the draws of a round are unconditional and have static parameters and shapes.
The loop then holds no random numbers: it is compiled and differentiated like any other.

n rounds that each draw k numbers in one way take from the stream what one draw of n k numbers takes:
NumPy fills arrays element by element, with the routine that draws a single number. This is not so
for two kinds in turn (a normal and a uniform take different amounts of the stream), nor for integers
below 32 bits, of which NumPy makes several from one word when it fills arrays: those are drawn in
front of the loop call by call, which costs what the calls cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.avals import Aval
from ...core.records import record
from ...core.streams import GENERATOR
from ...tape.ir import Builder, Sym, Tape
from ...tape.pieces import extract, load
from ...tape.primitive import BY_NAME
from ..capture import Capture

FILLS = frozenset(
    """
    beta binomial chisquare exponential f gamma geometric gumbel hypergeometric integers laplace
    logistic lognormal logseries negative_binomial noncentral_chisquare noncentral_f normal pareto
    poisson power randint random random_sample rayleigh standard_cauchy standard_exponential
    standard_gamma standard_normal standard_t triangular uniform vonmises wald weibull zipf
    """.split()
)
"""Methods that fill an array with what as many single calls give; see the tests."""

MOST = 1 << 28
"""Bytes that are drawn ahead at most."""


@record
class Site:
    """A draw in a round: the row, its sample if that is used, and the sample's aval."""

    row: int
    sample: int | None
    aval: Aval


def sites_of(body: Tape, carried: int) -> list[Site] | None:
    """Return the draws of a round from a carried generator, None when they cannot go in front."""
    token = carried + 1
    found: list[Site] = []
    while True:
        readers = [i for i in range(body.n_inputs, body.rows) if token in body.args(i)]
        if body.outputs[carried] == token:
            return found if not readers and body.outputs.count(token) == 1 else None
        if len(readers) != 1 or token in body.outputs:
            return None
        row = body.row(readers[0])
        if row.prim.name != "draw" or len(row.args) != 1 or row.params["method"] == "seed":
            return None
        outs = [i for i in range(row.id + 1, body.rows) if body.args(i) == (row.id,)]
        at = {body.params(i)["k"]: i for i in outs}
        if len(at) < len(outs) or 1 not in at:
            return None
        found.append(Site(row.id, at.get(0), row.aval.items[0]))  # type: ignore[union-attr]
        token = at[1]


def _fills(params: dict[str, Any]) -> bool:
    dtype = dict(params["options"]).get("dtype")
    wide = dtype is None or np.dtype(dtype).itemsize >= 4
    return params["method"] in FILLS and wide


def _rest(params: dict[str, Any]) -> Any:
    return params["method"], [(k, v) for k, v in params["options"] if k != "size"]


def _at_once(body: Tape, sites: list[Site]) -> bool:
    """Whether one array holds what all sites draw."""
    given = [body.params(s.row) for s in sites]
    return _fills(given[0]) and all(_rest(p) == _rest(given[0]) for p in given)


def drawn_ahead(
    cap: Capture, body: Tape, n: int, carried: list[Sym]
) -> tuple[Tape, list[Sym], dict[int, Sym]]:
    """Take draws out of a round.

    Returns
    -------
    body : Tape
        The round without the generators whose draws could be taken out, with samples as its last
        inputs.
    stacks : list of Sym
        The samples of all rounds.
    ends : dict
        For the generators that are no longer carried, by position, where they stand afterwards.
    """
    b = load(body)
    ends: dict[int, Sym] = {}
    cuts: list[int] = []
    stacks: list[Sym] = []
    for k, start in enumerate(carried):
        if start.aval != GENERATOR:
            continue
        sites = sites_of(body, k)
        if not sites or n * sum(s.aval.size for s in sites) * 8 > MOST:
            continue
        made, ends[k] = _draw(cap.b, start, body, sites, n)
        for site, stack in zip(sites, made):
            if site.sample is not None:
                cuts.append(site.sample)
                stacks.append(stack)
    if not ends:
        return body, [], {}
    ins = [k for k in range(body.n_inputs) if k - 1 not in ends]
    outs = [o for k, o in enumerate(body.outputs) if k not in ends]
    return extract(b, [*ins, *cuts], outs), stacks, ends


def _draw(b: Builder, token: Sym, body: Tape, sites: list[Site], n: int) -> tuple[list[Sym], Sym]:
    """Record one draw for all rounds; return the samples of each site, and the token behind."""
    if not _at_once(body, sites):
        turn = []
        for site in sites:
            each = body.params(site.row)
            dtype, shape = site.aval.dtype.name, site.aval.shape
            turn.append((each["method"], each["options"], dtype, shape))
        *found, after = b.outs(BY_NAME["draws_in_turn"].on(b, token, rounds=n, sites=tuple(turn)))
        return found, after
    params = dict(body.params(sites[0].row))
    fixed = [(k, v) for k, v in params["options"] if k != "size"]
    sizes = [s.aval.size for s in sites]
    shape = (n, *sites[0].aval.shape) if len(sites) == 1 else (n, sum(sizes))
    params["options"] = tuple(sorted([*fixed, ("size", shape)]))
    whole, after = b.outs(BY_NAME["draw"].on(b, token, **params))
    if len(sites) == 1:
        return [whole], after
    found = []
    start = 0
    for site, size in zip(sites, sizes):
        ranges = ((0, n, 1), (start, size, 1))
        part = BY_NAME["slice"](whole, ranges=ranges)
        found.append(BY_NAME["reshape"](part, shape=(n, *site.aval.shape)))
        start += size
    return found, after
