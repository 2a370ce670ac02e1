"""What interpreting has cost, for all sizes of a program together, and when to compile.

Renting until the rent paid equals the price is never worse than twice the optimum. One compilation
serves tapes that differ in sizes only, so these share an account: five batch sizes that are each
interpreted for a fifth of the price have paid it.
"""

from __future__ import annotations

from ..core.records import record
from ..tape.ir import Tape
from .families import family

_MOST = 256
_WITNESSES = 2


@record(eq=False)
class Account:
    """The rent of the tapes of one family.

    Attributes
    ----------
    spent : float
        Seconds of interpreting since the last purchase.
    purchases : int
        How often something has been compiled from it: a reason to look again at what is there.
    tapes : tuple of Tape
        The tapes that were interpreted last.
    """

    spent: float = 0.0
    purchases: int = 0
    tapes: tuple[Tape, ...] = ()

    def pay(self, tape: Tape, seconds: float) -> None:
        """Note that a tape has been interpreted."""
        self.spent += seconds
        if all(t.hash != tape.hash for t in self.tapes):
            self.tapes = (*self.tapes, tape)[-_WITNESSES:]

    def others(self, tape: Tape) -> list[Tape]:
        """Return tapes of other sizes that have been interpreted."""
        return [t for t in self.tapes if t.hash != tape.hash]

    def buy(self) -> None:
        """Note that code has been compiled."""
        self.spent = 0.0
        self.purchases += 1


class Accounts:
    """The accounts of one function, by family; the oldest go first."""

    def __init__(self) -> None:
        self._found: dict[str, Account] = {}

    def of(self, tape: Tape) -> Account:
        """Return the account of an optimised tape."""
        name = family(tape)
        found = self._found.get(name)
        if found is None:
            for old in list(self._found)[: len(self._found) - _MOST]:
                self._found.pop(old, None)
            found = self._found[name] = Account()
        return found
