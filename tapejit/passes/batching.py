"""Rows of a loop's body for all rounds at once: arrays with a first axis that counts the rounds.

`Batch.can` says whether a row and all that it is computed from can be written so; `Batch.value`
writes them. Values that differ from round to round come from stacked operands, from the number of
the round, from reads of a shared array at the round's place (a slice of it), and from rows that the
loop stacks.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..rules.declare import ops
from ..tape.ir import Builder, Sym, Tape

_VIEWS = frozenset(["reshape", "transpose", "broadcast_to", "slice"])


class Batch:
    """The rows of one body, over `n` rounds.

    Attributes
    ----------
    known : dict
        The batched values written so far, and the unbatched ones of shared inputs.
    stops : set of int
        Rows that are not computed again: the loop stacks them.
    """

    def __init__(self, b: Builder, body: Tape, n: int) -> None:
        self.b, self.body, self.n = b, body, n
        self.known: dict[int, Sym] = {}
        self.stops: set[int] = set()
        self._fixed: set[int] = set()
        self._can: dict[tuple[int, bool], bool] = {}

    def given(self, i: int, value: Sym, stacked: bool) -> None:
        """Say what stands for an input of the body."""
        self.known[i] = value
        if not stacked:
            self._fixed.add(i)

    # ------------------------------------------------------------ questions

    def fixed(self, i: int) -> bool:
        """Whether a value is the same in every round."""
        if i in self._fixed:
            return True
        if i < self.body.n_inputs:
            return False
        args = self.body.args(i)
        found = all(map(self.fixed, args)) and self.body.prim(i).name != "out"
        if found:
            self._fixed.add(i)
        return found

    def behind(self, i: int) -> list[int]:
        """Return the rows that `i` is computed from, itself included, down to the stops."""
        found: dict[int, None] = {}
        todo = [i]
        while todo:
            k = todo.pop()
            if k in found or k in self.stops or k < self.body.n_inputs:
                continue
            found[k] = None
            todo += self.body.args(k)
        return list(found)

    def stacked_from(self, i: int) -> list[int]:
        """Return the stops that `i` is computed from."""
        found: dict[int, None] = {}
        seen: set[int] = set()
        todo = [i]
        while todo:
            k = todo.pop()
            if self.fixed(k):
                continue
            if k in self.stops:
                found[k] = None
            elif k not in seen and k not in self.known:
                seen.add(k)
                if not self._is_read(k):
                    todo += self.body.args(k)
        return list(found)

    def can(self, i: int, products: bool = False) -> bool:
        """Whether row `i` can be had for all rounds; with `products` as a term of a sum."""
        found = self._can.get((i, products))
        if found is None:
            found = self._can[i, products] = self._look(i, products)
        return found

    def _look(self, i: int, products: bool) -> bool:
        body = self.body
        if i in self.stops or i in self.known:
            return True
        if i == 0:
            return True
        if i < body.n_inputs:
            return False
        prim, aval = body.prim(i), body.any_aval(i)
        if not isinstance(aval, Aval):
            return False
        args = body.args(i)
        if prim.emit.kind == "lit":
            return True
        if prim.name == "dynamic_slice":
            return self._place_of(i) is not None
        if prim.name == "matmul":
            x, y = (body.value(a) for a in args)
            if x.ndim != 2 or y.ndim != 2 or not all(map(self.can, args)):
                return False
            one = self.fixed(args[0]) or self.fixed(args[1])
            return one or products
        if prim.name == "reshape" and products:
            return self.can(args[0], True)
        good = prim.emit.kind == "elementwise" and prim.name not in ("wrap_index", "window_start")
        if prim.emit.kind == "reduce" and "axis" in body.params(i):
            good = True
        if prim.name == "broadcast_to" or prim.name in _VIEWS:
            good = True
        return good and all(map(self.can, args))

    def _place_of(self, i: int) -> tuple[int, int] | None:
        """Return (axis, offset) of a read of a shared array at place offset + round, or None."""
        body = self.body
        x, *starts = body.args(i)
        if not self.fixed(x):
            return None
        sizes, found = body.params(i)["sizes"], None
        for axis, start in enumerate(starts):
            if body.prim(start).emit.kind == "lit":
                continue
            offset = self._offset(start)
            if offset is None or found is not None or sizes[axis] != 1:
                return None
            found = (axis, offset)
        if found is None or not 0 <= found[1] <= body.value(x).shape[found[0]] - self.n:
            return None
        return found

    def _offset(self, i: int) -> int | None:
        """Return c when row `i` is the number of the round plus c."""
        body = self.body
        if i == 0:
            return 0
        name = body.prim(i).name
        if name in ("wrap_index", "cast", "copy"):
            return self._offset(body.args(i)[0])
        if name in ("add", "subtract"):
            one, other = body.args(i)
            if body.prim(other).emit.kind == "lit":
                base, c = self._offset(one), body.params(other)["value"]
                if base is not None and isinstance(c, int):
                    return base + c if name == "add" else base - c
            if name == "add" and body.prim(one).emit.kind == "lit":
                base, c = self._offset(other), body.params(one)["value"]
                if base is not None and isinstance(c, int):
                    return base + c
        return None

    def _is_read(self, i: int) -> bool:
        return i >= self.body.n_inputs and self.body.prim(i).name == "dynamic_slice"

    # ------------------------------------------------------------ rows

    def value(self, i: int) -> Sym:
        """Return row `i` over all rounds, or as it is when it is the same in each."""
        found = self.known.get(i)
        if found is None:
            found = self.known[i] = self._made(i)
        return found

    def _made(self, i: int) -> Sym:
        body, b, n = self.body, self.b, self.n
        aval = body.value(i)
        if i == 0:
            made: Sym = ops.arange.on(b, n=n, dtype="int64")
            return made
        prim, params, args = body.prim(i), body.params(i), body.args(i)
        b.line = body.line[i]
        if prim.emit.kind == "lit":
            return b.lit(params["value"], aval)
        if self.fixed(i):
            return prim.on(b, *map(self.value, args), **params)
        if prim.name == "dynamic_slice":
            return self._read(i)
        if prim.name == "matmul":
            return self._product(i)
        xs = [self._lifted(a, aval.ndim if prim.emit.kind == "elementwise" else None) for a in args]
        if prim.name == "cast":
            return b.cast(xs[0], aval.dtype)
        if prim.name == "reshape":
            return _reshaped(xs[0], (n, *params["shape"]))
        if prim.name == "transpose":
            return ops.transpose(xs[0], axes=(0, *(k + 1 for k in params["axes"])))
        if prim.name == "broadcast_to":
            shape = (n, *params["shape"])
            lead = len(shape) - xs[0].ndim
            x = _reshaped(xs[0], (n, *(1,) * lead, *xs[0].shape[1:]))
            return x if x.shape == shape else ops.broadcast_to(x, shape=shape)
        if prim.name == "slice":
            return ops.slice(xs[0], ranges=((0, n, 1), *params["ranges"]))
        if prim.emit.kind == "reduce":
            axis = tuple(k + 1 for k in params["axis"])
            return prim.on(b, xs[0], **{**params, "axis": axis})
        return prim.on(b, *xs, **params)

    def _lifted(self, a: int, ndim: int | None) -> Sym:
        """Return operand `a` with the axis of rounds where it differs, aligned for broadcasting."""
        x = self.value(a)
        if self.fixed(a) or self.body.prim(a).emit.kind == "lit":
            if ndim is None:
                return ops.broadcast_to(x, shape=(self.n, *x.shape))
            return x
        if ndim is not None and x.ndim - 1 < ndim:
            x = _reshaped(x, (self.n, *(1,) * (ndim - x.ndim + 1), *x.shape[1:]))
        return x

    def _read(self, i: int) -> Sym:
        body = self.body
        found = self._place_of(i)
        assert found is not None
        axis, offset = found
        x, *starts = body.args(i)
        sizes = body.params(i)["sizes"]
        ranges = []
        for k, (start, size) in enumerate(zip(starts, sizes)):
            if k == axis:
                ranges.append((offset, self.n, 1))
            else:
                ranges.append((body.params(start)["value"], size, 1))
        made = self.value(x)
        if tuple(ranges) != tuple((0, m, 1) for m in made.shape):
            made = ops.slice(made, ranges=tuple(ranges))
        if axis:
            axes = (axis, *(k for k in range(made.ndim) if k != axis))
            made = ops.transpose(made, axes=axes)
        return _reshaped(made, (self.n, *sizes))

    def _product(self, i: int) -> Sym:
        """A product with one operand that is the same in every round."""
        a, c = self.body.args(i)
        (m, k), p = self.body.value(a).shape, self.body.value(c).shape[1]
        x, y = self.value(a), self.value(c)
        if self.fixed(c):
            flat = ops.matmul(_reshaped(x, (self.n * m, k)), y)
            return _reshaped(flat, (self.n, m, p))
        if p == 1:
            flat = ops.matmul(_reshaped(y, (self.n, k)), ops.transpose(x, axes=(1, 0)))
            return _reshaped(flat, (self.n, m, 1))
        return ops.matmul(ops.broadcast_to(x, shape=(self.n, m, k)), y)

    def total(self, i: int) -> Sym:
        """Return the sum of row `i` over all rounds."""
        body, n = self.body, self.n
        shape = body.value(i).shape
        at = i
        while body.prim(at).name == "reshape" and at not in self.stops and at not in self.known:
            at = body.args(at)[0]
        both = body.prim(at).name == "matmul" and at not in self.stops and at not in self.known
        if both and not any(map(self.fixed, body.args(at))):
            a, c = body.args(at)
            (m, k), p = body.value(a).shape, body.value(c).shape[1]
            x, y = self.value(a), self.value(c)
            left = ops.transpose(x, axes=(1, 0, 2)) if k > 1 else None
            left = (
                ops.transpose(_reshaped(x, (n, m)), axes=(1, 0))
                if left is None
                else _reshaped(left, (m, n * k))
            )
            return _reshaped(ops.matmul(left, _reshaped(y, (n * k, p))), shape)
        if self.fixed(i):
            return self.value(i) * (n * 1.0)
        return ops.sum(self.value(i), axis=(0,), keepdims=False)


def _reshaped(x: Sym, shape: tuple[int, ...]) -> Sym:
    return x if x.shape == shape else ops.reshape(x, shape=shape)
