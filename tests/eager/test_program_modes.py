"""Programs give PyTorch's transcript in every mode: row by row at once, and compiled from the start."""

from __future__ import annotations

import pytest
from case_files import answers_of, cases_of
from known_differences import DIFFERENCES, ROUNDING
from transcript_differences import SLACK, transcript_differences
from transcripts import transcript

import tapejit.torch as torch
from tapejit.core.config import config

AT_ONCE = [
    "autograd_functional", "autograd_hooks", "autograd_inplace", "nn_normalisation", "optim_steps",
    "programs_generative", "programs_learning", "programs_mechanics", "training_loops",
]  # fmt: skip
"""Modules whose cases are run with `set_eager`."""

COMPILED = [
    "programs_generative.case_physics_informed_net",
    "programs_mechanics.case_average_of_weights",
    "programs_mechanics.case_reversed_gradients_and_frozen_layers",
]
"""Cases that are compiled from the start; all others have been tried, and take minutes."""


def _cases(modules):
    return [(m, name) for m in modules for name in cases_of(m)]


@pytest.fixture
def at_once():
    torch.set_eager(True)
    yield
    torch.set_eager(False)
    SLACK[0] = 1.0


@pytest.mark.parametrize(("module", "name"), _cases(AT_ONCE))
def test_row_by_row(at_once, module, name):
    key = f"{module}.{name}"
    SLACK[0] = 30.0 if key in ROUNDING else 1.0
    lines = transcript_differences(
        transcript(cases_of(module)[name], torch), answers_of(module)[name]
    )
    assert bool(lines) == (key in DIFFERENCES), "\n".join(lines)


@pytest.mark.parametrize("key", COMPILED)
def test_compiled_from_the_start(key, monkeypatch):
    monkeypatch.setattr(config, "compile", "always")
    module, name = key.split(".")
    lines = transcript_differences(
        transcript(cases_of(module)[name], torch), answers_of(module)[name]
    )
    assert not lines, "\n".join(lines)
