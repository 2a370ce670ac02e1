"""Python text of what Dims and Reals are made of: one function of the sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .dims import Symbols, Term
from .polynomials import Poly


class Formulas:
    """Python text that computes terms from the sizes of another call."""

    def __init__(self, run: Symbols) -> None:
        self.run = run
        self.lines: list[str] = []
        self._done: set[str] = set()

    def poly(self, poly: Poly) -> str:
        """Return an expression for a polynomial."""
        parts = []
        for monomial, c in poly:
            names = [self._atom(k) for k in monomial]
            if c != 1 or not names:
                names = [str(c) if c >= 0 else f"({c})", *names]
            parts.append("*".join(names))
        return "(" + " + ".join(parts or ["0"]) + ")"

    def term(self, term: Term) -> str:
        """Return an expression for a polynomial, a node or a float."""
        if isinstance(term, float):
            return f"float({str(term)!r})" if term - term != 0 else repr(term)
        if term and term[0] == "real":
            return self._real(term[1])
        return self.poly(term)

    def condition(self, note: Any) -> str:
        """Return an expression that is true where a note holds."""
        if note[0] == "real":
            _, op, a, b = note
            shown = f"{self.term(a)} {op.removeprefix('not ')} {self.term(b)}"
            return f"not {shown}" if op.startswith("not ") else shown
        poly, relation = note
        return f"{self.poly(poly)} {relation} 0"

    def _atom(self, k: int) -> str:
        name = f"n{k}"
        if k >= len(self.run.values) and name not in self._done:
            op, *terms = self.run.atoms[k]
            line = f"{name} = " + f" {op} ".join(self.term(t) for t in terms)
            self.lines.append(line)
            self._done.add(name)
        return name

    def _real(self, k: int) -> str:
        name = f"x{k}"
        if name not in self._done:
            op, *terms = self.run.reals[k]
            shown = [self.term(t) for t in terms]
            if len(shown) == 2:
                text = f" {op} ".join(shown)
            else:
                text = f"-{shown[0]}" if op == "neg" else f"float({op}({shown[0]}))"
            self.lines.append(f"{name} = {text}")
            self._done.add(name)
        return name


def compiled(run: Symbols, conditions: Sequence[Any], results: Sequence[Term]) -> Any:
    """Return ``f(n0, n1, ..)``: None where a condition fails, else the results in a tuple.

    Raises
    ------
    ZeroDivisionError
        From the function, at sizes that a formula is not made for.
    """
    w = Formulas(run)
    for note in conditions:
        shown = w.condition(note)
        w.lines.append(f"if not ({shown}): return None")
    made = [w.term(t) for t in results]
    w.lines.append(f"return ({', '.join(made)}{',' if made else ''})")
    names = ", ".join(f"n{k}" for k in range(len(run.values)))
    body = "\n    ".join(w.lines)
    space: dict[str, Any] = {"float32": np.float32, "float16": np.float16}
    exec(f"def formulas({names}):\n    {body}\n", space)
    return space["formulas"]
