"""Loops and branches made ready for code: sums and elements carried as numbers, stacks that go.

One step of `legalise`, apart so that tapes without bodies need none of these passes.
"""

from __future__ import annotations

from ..tape.ir import Tape
from .carried_elements import carried_elements
from .carried_sums import carried_sums
from .dce import dce
from .rereads import rereads
from .trim import trim


def looped(tape: Tape) -> Tape:
    """Return the tape with bodies as codegen wants them."""
    return carried_elements(_reread(_trimmed(carried_sums(tape))))


def _trimmed(tape: Tape) -> Tape:
    made = trim(tape)
    return made if made is tape else dce(made)


def _reread(tape: Tape) -> Tape:
    made = rereads(tape)
    # first the reverse loops drop what they no longer read, then the forward ones what nobody reads
    return made if made is tape else _trimmed(_trimmed(made))
