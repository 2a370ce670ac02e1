"""A rewritten function does what the original does: values, errors, lines, effects and their order."""

import copy
import sys
import traceback

import pytest
import rewrite_samples
from plain_staging import Plain, Speculating, staged
from rewrite_samples import CASES

from tapejit.frontend.rewrite import is_rewritten, rewritten, why_not

SAMPLES = rewrite_samples.__file__


def places(error):
    """The user's frames of a traceback: function, line and columns."""
    out = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == SAMPLES:
            out.append((frame.name, frame.lineno, frame.end_lineno, frame.colno, frame.end_colno))
    return out


def outcome(function, args):
    """What a call gives or raises, and what it leaves in its arguments."""
    args = copy.deepcopy(args)
    try:
        value = function(*args)
    except Exception as error:
        cause = error.__cause__
        shown = type(error), str(error), type(cause), places(error)[-1:]
        return "raises", shown, args, places(error)
    return "gives", (type(value), value), args, []


@pytest.mark.parametrize("staging", [Plain, Speculating])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_same_as_plain_python(case, staging):
    function, calls, pure = case
    if staging is Speculating and not pure:
        staging = Plain
    new = staged(function, staging())
    assert new is not None, why_not(function)
    assert new.__doc__ == function.__doc__
    for args in calls:
        *expected, plain_places = outcome(function, args)
        *found, new_places = outcome(new, args)
        assert repr(found) == repr(expected)
        assert {name for name, *_ in new_places} == {name for name, *_ in plain_places}
