"""Every case gives through `tapejit.torch` the transcript that PyTorch gave."""

from __future__ import annotations

import pytest
from case_files import answers_of, cases_of, modules
from known_differences import DIFFERENCES, ROUNDING
from transcript_differences import SLACK, transcript_differences
from transcripts import transcript

import tapejit.torch as torch

ALL = {f"{module}.{name}": (module, case) for module in modules()
       for name, case in cases_of(module).items()}  # fmt: skip


@pytest.mark.parametrize("key", ALL)
def test_answer_is_pytorchs(key):
    module, case = ALL[key]
    found, stored = transcript(case, torch), answers_of(module)[case.__name__]
    SLACK[0] = 30.0 if key in ROUNDING else 1.0
    try:
        lines = transcript_differences(found, stored)
    finally:
        SLACK[0] = 1.0
    if key in DIFFERENCES:
        assert lines, f"{key} agrees with PyTorch: take it out of DIFFERENCES"
    else:
        assert not lines, "\n".join([f"{key} differs from PyTorch:", *lines])


def test_differences_name_cases():
    assert not (DIFFERENCES.keys() | ROUNDING.keys()) - ALL.keys()
    assert not DIFFERENCES.keys() & ROUNDING.keys()
