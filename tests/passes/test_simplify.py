"""Every rule of simplify fires on its cases, stays away from near misses, and keeps values.

The cases stand in ``simplify_cases.txt`` as tapes before and after.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings

import tapejit.passes.bodies  # noqa: F401  (enters a rule of its own)
from tapejit.passes import simplify as module
from tapejit.passes.dce import dce
from tapejit.passes.simplify import RULES, simplify
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text, to_text
from tapejit.tape.verify import verify
from tapejit.testing import tapes

GENERAL = ("fold", "scalar_row", "implicit_broadcasts")
SPECIAL = (0.0, -0.0, 1.0, -1.5, 2.0, np.inf, -np.inf, np.nan, 1e300, -5e-324)


class Case(NamedTuple):
    """A tape, what simplify makes of it, and the rule that does it or just misses."""

    title: str
    before: str
    after: str

    @property
    def fires(self) -> bool:
        return not self.title.startswith("not ")

    @property
    def rule(self) -> tuple[str, str]:
        name, prim = self.title.removeprefix("not ").split(":")[0].split()[:2]
        return name, prim


def read_cases() -> list[Case]:
    """Read the file of cases."""
    text = (Path(__file__).parent / "simplify_cases.txt").read_text()
    cases = []
    for part in re.split(r"^== ", text, flags=re.M)[1:]:
        title, tapes = part.split("\n", 1)
        before, _, after = tapes.partition("=>")
        cases.append(Case(title, before.strip(), (after or before).strip()))
    return cases


CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.title)
def test_text_in_text_out(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    fired: set[tuple[str, str]] = set()
    if case.rule[0] not in GENERAL:
        for prim, rules in RULES.items():
            monkeypatch.setitem(RULES, prim, [watched(r, prim, fired) for r in rules])
    tape = verify(from_text(case.before))
    made = to_text(dce(verify(simplify(tape))))
    assert made == case.after
    assert (made != case.before) == case.fires
    if case.rule[0] not in GENERAL:
        assert (case.rule in fired) == case.fires


def watched(rule: module.Rule, prim: str, fired: set[tuple[str, str]]) -> module.Rule:
    """A rule that notes that it fired."""

    def watch(b: Any, row: Any, args: Any) -> int | None:
        found = rule(b, row, args)
        if found is not None:
            fired.add((rule.__name__, prim))
        return found

    return watch


def test_every_rule_has_a_case_and_most_a_near_miss() -> None:
    rules = {(fn.__name__, prim) for prim, fns in RULES.items() for fn in fns}
    general = {(name, "*") for name in GENERAL}
    assert {c.rule for c in CASES if c.fires} == rules | general
    near = {c.rule[0] for c in CASES if not c.fires}
    # _alias has no way to miss; the others have one case a rule.
    assert near == {name for name, _ in rules | general} - {"_alias"}


def inputs_of(tape: Tape, shift: int) -> list[Any]:
    """Inputs made of special values, others for every `shift`."""
    made = []
    for k in range(tape.n_inputs):
        aval = tape.value(k)
        chosen = itertools.islice(itertools.cycle(SPECIAL), shift * (2 * k + 1), None)
        x = np.array(list(itertools.islice(chosen, aval.size)))
        if aval.dtype.kind in "iub":
            x = np.nan_to_num(x, posinf=5, neginf=-7)
            x = np.clip(x, -9, 9)
        made.append(x.astype(aval.dtype).reshape(aval.shape)[()])
    return made


@pytest.mark.parametrize("case", [c for c in CASES if c.fires], ids=lambda c: c.title)
def test_values_stay_signed_zeros_and_all(case: Case) -> None:
    tape = from_text(case.before)
    made = simplify(tape)
    for shift in range(len(SPECIAL) + 1):
        with np.errstate(all="ignore"):
            inputs = inputs_of(tape, shift)
        for want, have in zip(interpret(tape, inputs), interpret(made, inputs), strict=True):
            want, have = np.asarray(want), np.asarray(have)
            assert (want.dtype, want.shape) == (have.dtype, have.shape)
            np.testing.assert_array_max_ulp(have, want, 1) if want.dtype.kind == "f" else None
            np.testing.assert_array_equal(np.isnan(have), np.isnan(want))
            if want.dtype.kind != "f":
                np.testing.assert_array_equal(have, want)
            elif "(zero)" not in case.title:
                real = ~np.isnan(want)
                np.testing.assert_array_equal(np.signbit(have)[real], np.signbit(want)[real])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tapes(smooth=False))
def test_simplify_changes_neither_values_nor_avals(sample: Any) -> None:
    tape, inputs = sample
    made = verify(simplify(tape))
    for o, p in zip(tape.outputs, made.outputs, strict=True):
        assert made.value(p).shape == tape.value(o).shape
        assert made.value(p).dtype == tape.value(o).dtype
    inputs = [x[()] for x in inputs]
    for have, want in zip(interpret(made, inputs), interpret(tape, inputs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tapes(smooth=False))
def test_simplify_comes_to_an_end(sample: Any) -> None:
    tape, _ = sample
    for _ in range(6):
        before, tape = to_text(tape), dce(simplify(tape))
    assert to_text(tape) == before


def test_lines_are_kept() -> None:
    text = "tape(%0: f64[3]) -> (%2)\n"
    text += "  %1 = lit {value=2.0} : f64[]  ; model.py:3\n"
    text += "  %2 = power %0 %1 : f64[3]  ; model.py:4"
    assert "square %0 : f64[3]  ; model.py:4" in to_text(simplify(from_text(text)))
