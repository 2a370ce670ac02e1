"""Chains of products in a reverse round, grouped anew: fewer multiplications, fewer residuals.

The adjoint of ``y = (K H) P`` is ``dK = (ct P') H'`` and ``dP = (K H)' ct``. Products are associative
in exact arithmetic, and each grouping of a chain has the same bound of its rounding error, some
eps |K| |H| |P| element by element; cotangents are grouped as is best. Three rules:

- *shared*: (x y) z is x (y z) where that multiplies less. It does where the forward round has
  computed y z, or its transpose: ``(ct P') H' = ct (H P)'`` in a filter, whose innovation reads H P.
- *opened*: (x y) z is x (y z) where x y is a product of the forward round that nothing else asks
  for, x and y are had anyway, and no more is multiplied: ``(K H)' ct = H' (K' ct)``. Then x y is not
  kept.
- *factored*: x y + x z is x (y + z), and y x + z x is (y + z) x.

Invariant: rows of the forward round stay as they are, so the value is what the program says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..core.avals import AnyAval, Aval
from ..rules.declare import ops
from ..tape.ir import PARAMS, Builder, Sym
from ..tape.primitive import BY_NAME
from .simplify import name_of

ROUNDS = 4
"""How often the rows are visited at most: one rule may prepare another."""


class Factor(NamedTuple):
    """A matrix: the value of row `base`, transposed if `turned`. A vector counts as a column."""

    base: int
    turned: bool

    @property
    def other(self) -> Factor:
        """The transposed matrix."""
        return Factor(self.base, not self.turned)


class Chain(NamedTuple):
    """A product whose first factor is one: (a b) c, or its transpose if `turned`."""

    a: Factor
    b: Factor
    c: Factor
    inner: int
    turned: bool


def regrouped(s: Builder, stop: int, outputs: Sequence[int], free: set[int]) -> list[int]:
    """Append the rows of a reverse round with its products grouped anew; return its outputs.

    Parameters
    ----------
    s : Builder
        The rows of a loop's body, then from `stop` on those of its reverse round.
    outputs : sequence of int
        What the reverse round gives.
    free : set of int
        The inputs of the body that the reverse round has anyway.
    """
    line, made = s.line, list(outputs)
    if BY_NAME["matmul"].index in s.op[stop:]:
        for _ in range(ROUNDS):
            before, made = made, _Visit(s, stop, made, free).outputs()
            if made == before:
                break
    s.line = line
    return made


class _Visit:
    """One visit of the rows that `wanted` reads.

    Attributes
    ----------
    rows : list of int
        The reverse rows that are read.
    uses : dict
        How often each row is read by reverse rows, through views of it; an output counts twice.
    there : dict
        The products that are computed anyway, by their factors.
    parts : set of int
        The sums that are read by one sum only, whose terms are theirs.
    place : dict
        The row that stands for a reverse row from now on, where that is another one.
    """

    def __init__(self, s: Builder, stop: int, wanted: Sequence[int], free: set[int]) -> None:
        self.s, self.stop, self.wanted, self.free = s, stop, wanted, free
        need = set(wanted)
        for k in range(max(need, default=-1), stop - 1, -1):
            if k in need:
                need.update(self._args(k))
        self.rows = sorted(k for k in need if k >= stop)
        self.uses: dict[int, int] = {}
        for k in wanted:
            self._count(k, 2)
        for k in self.rows:
            if self._behind(k) is None:
                for a in self._args(k):
                    self._count(a, 1)
        self.parts = {
            a for k in self.rows if self._name(k) == "add" for a in self._args(k)
            if self._name(a) == "add" and a >= stop and self.uses[a] == 1
            and s.avals[a] == s.avals[k]
        }  # fmt: skip
        self.there: dict[tuple[Factor, Factor], Factor] = {}
        for k in range(stop):
            self._enter(k)
        self.place: dict[int, int] = {}

    def outputs(self) -> list[int]:
        """Append what changes; return the rows that stand for the outputs."""
        s = self.s
        for k in self.rows:
            s.line = s.lines[k]
            found = None
            if self._name(k) == "matmul":
                found = self._grouped(k)
                self._enter(k)
            elif self._name(k) == "add" and k not in self.parts:
                found = self._factored(k)
            if found is None:
                args = self._args(k)
                new = [self.place.get(a, a) for a in args]
                if new != args:
                    found = s.append(s.op[k], new, s.avals[k], s.param[k])
            if found is not None:
                self.place[k] = found
        return [self.place.get(k, k) for k in self.wanted]

    # ---------------------------------------------------------------- the rules

    def _grouped(self, k: int) -> int | None:
        """Return row `k`, a chain (a b) c, as a (b c) where that pays."""
        for a, b, c, inner, turned in self._chains(k):
            if self._pays(a, b, c, inner):
                found = self._times(a, self._times(b, c))
                return self._shaped(found.other if turned else found, k)
        return None

    def _chains(self, k: int) -> list[Chain]:
        """Return the ways in which a product is one of three: x y is (y' x')' too."""
        pair = self._pair(Factor(k, False))
        if pair is None:
            return []
        x, y = pair
        found = []
        for one, two, turned in ((x, y, False), (y.other, x.other, True)):
            inner = self._pair(one)
            if inner is not None and self.uses.get(one.base) == 1:
                found.append(Chain(*inner, two, one.base, turned))
        return found

    def _pays(self, a: Factor, b: Factor, c: Factor, inner: int) -> bool:
        """Whether a (b c) costs less than (a b) c, where `inner` is the row of a b."""
        (m, i), (n, p) = self._size(a), self._size(c)
        cost, then = m * n * p, i * n * p + m * i * p
        if inner < self.stop:
            return then <= cost and self._had(a.base) and self._had(b.base)
        if (b, c) in self.there and i * p <= max(i * n, n * p):
            then = m * i * p
        return then < cost + m * i * n

    def _had(self, k: int) -> bool:
        """Whether the reverse round has a forward row even if no product is opened."""
        return k in self.free or self.uses.get(k, 0) > 0

    def _factored(self, k: int) -> int | None:
        """Return a sum with two products that share a factor made one, None without such."""
        s = self.s
        terms: list[int] = []
        todo = list(reversed(self._args(k)))
        while todo:  # no recursion: sums may have thousands of terms
            a = todo.pop()
            if a in self.parts:
                todo += reversed(self._args(a))
            else:
                terms.append(a)
        seen: dict[tuple[bool, Factor], tuple[int, Factor]] = {}
        for second, a in enumerate(terms):
            x, y = self._term(a, k) or (None, None)
            if x is None or y is None:
                continue
            for left, same, other in ((True, x, y), (False, y, x)):
                if (left, same) not in seen:
                    seen[left, same] = second, other
                    continue
                first, before = seen[left, same]
                both = self._plus(before, other)
                whole = self._times(same, both) if left else self._times(both, same)
                rows = [self.place.get(a, a) for a in terms]
                rows[second] = self._shaped(whole, k)
                del rows[first]
                total = Sym(s, rows[0])
                for row in rows[1:]:
                    total = total + Sym(s, row)
                return total.id
        return None

    def _term(self, a: int, k: int) -> tuple[Factor, Factor] | None:
        """Return the factors of a term of sum `k` that is a reverse product of its own."""
        whole = self._factor(a)
        lone = whole.base >= self.stop and self.uses.get(whole.base) == 1
        return self._pair(whole) if lone and self.s.avals[a] == self.s.avals[k] else None

    # ---------------------------------------------------------------- reading rows

    def _args(self, k: int) -> list[int]:
        return list(self.s.arg[self.s.off[k] : self.s.off[k + 1]])

    def _name(self, k: int) -> str:
        return name_of(self.s, k)

    def _count(self, k: int, times: int) -> None:
        base = self._factor(k).base
        self.uses[base] = self.uses.get(base, 0) + times

    def _behind(self, k: int) -> int | None:
        """Return the matrix or vector that a row shows, transposed or shaped as another vector."""
        s, name = self.s, self._name(k)
        if name == "transpose":
            two = len(s.aval(k).shape) == 2 and PARAMS[s.param[k]]["axes"] == (1, 0)
            return self._args(k)[0] if two else None
        if name == "reshape":
            a = self._args(k)[0]
            return a if _is_vector(s.aval(k)) and _is_vector(s.aval(a)) else None
        return None

    def _factor(self, k: int) -> Factor:
        """Return what a row shows, as a column where it is a vector of one axis."""
        lies, turned, at = _is_row(self.s.aval(k)), False, k
        vector = _is_vector(self.s.aval(k))
        while (a := self._behind(at)) is not None:
            turned, at = not turned, a
        return Factor(at, lies != _is_row(self.s.aval(at)) if vector else turned)

    def _pair(self, whole: Factor) -> tuple[Factor, Factor] | None:
        """Return the factors of a product of two matrices, None for other rows."""
        s, k = self.s, whole.base
        if self._name(k) != "matmul" or any(len(s.aval(a).shape) != 2 for a in self._args(k)):
            return None
        x, y = (self._factor(a) for a in self._args(k))
        return (y.other, x.other) if whole.turned else (x, y)

    def _enter(self, k: int) -> None:
        whole = Factor(k, False)
        pair = self._pair(whole)
        if pair is not None:
            self.there.setdefault(pair, whole)
            self.there.setdefault((pair[1].other, pair[0].other), whole.other)

    def _size(self, x: Factor) -> tuple[int, int]:
        shape = self.s.aval(x.base).shape
        m, n = shape if len(shape) == 2 else (shape[0], 1)
        return (n, m) if x.turned else (m, n)

    # ---------------------------------------------------------------- writing rows

    def _sym(self, x: Factor) -> Sym:
        """Return a factor as a matrix of the new rows."""
        return Sym(self.s, self._view(x, self._size(x)))

    def _view(self, x: Factor, shape: tuple[int, ...]) -> int:
        found = Sym(self.s, self.place.get(x.base, x.base))
        if _is_vector(found.aval):
            return (found if found.shape == shape else ops.reshape(found, shape=shape)).id
        return (ops.transpose(found, axes=(1, 0)) if x.turned else found).id

    def _shaped(self, x: Factor, k: int) -> int:
        """Return a factor as a row that stands for row `k`."""
        return self._view(x, self.s.aval(k).shape)

    def _times(self, x: Factor, y: Factor) -> Factor:
        known = self.there.get((x, y))
        return known or Factor(ops.matmul(self._sym(x), self._sym(y)).id, False)

    def _plus(self, x: Factor, y: Factor) -> Factor:
        return Factor((self._sym(x) + self._sym(y)).id, False)


def _is_vector(aval: AnyAval) -> bool:
    """Whether a value is a vector, or a matrix of one column or one row."""
    return isinstance(aval, Aval) and 1 <= aval.ndim <= 2 and max(aval.shape) == aval.size


def _is_row(aval: AnyAval) -> bool:
    return isinstance(aval, Aval) and aval.ndim == 2 and aval.shape[0] == 1 and aval.shape[1] != 1
