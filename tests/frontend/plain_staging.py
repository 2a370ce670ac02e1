"""Staging objects for tests: one that does the ordinary Python thing, one that also speculates.

`Plain` is the meaning of the calls that the rewriter makes. `Speculating` also runs the branch not
taken, and a loop's body once too often, and puts the state back: what the rewriter calls the state
of a statement must then be enough to hide it, as it must for a tracer that looks at both branches.
"""

import contextlib
import operator
from types import FunctionType

from tapejit.frontend.rewrite import rewritten

_OPS = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv,
    "//": operator.ifloordiv, "%": operator.imod, "**": operator.ipow, "@": operator.imatmul,
    "<<": operator.ilshift, ">>": operator.irshift, "&": operator.iand, "|": operator.ior,
    "^": operator.ixor,
}  # fmt: skip
_COMPARE = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "is": operator.is_, "is not": operator.is_not,
    "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


class Plain:
    """Does the ordinary thing; checks the shape of what it is given."""

    class UNBOUND:
        pass

    slice = slice

    def __init__(self):
        self.calls = []
        self.names = []
        self.reads = []

    def _note(self, what, get, set, names, reads, line):
        assert isinstance(names, tuple) and len(set_of(names)) == len(names)
        assert isinstance(line, int)
        values = get()
        assert isinstance(values, tuple) and len(values) == len(names)
        set(values)
        assert all(a is b for a, b in zip(get(), values))
        found = reads()
        assert not set_of(found) & set_of(names)
        assert self.UNBOUND not in found.values()
        self.calls.append(what)
        self.names.append(names)
        self.reads.append(tuple(found))

    def if_(self, test, then, other, get, set, names, reads, line):
        self._note("if", get, set, names, reads, line)
        if test:
            assert then() is None
        else:
            assert other() is None

    def for_(self, items, body, test, get, set, names, reads, line):
        items = iter(items)
        self._note("for", get, set, names, reads, line)
        while test is None or test():
            try:
                item = next(items)
            except StopIteration:
                return
            assert body(item) is None

    def while_(self, test, body, get, set, names, reads, line):
        self._note("while", get, set, names, reads, line)
        while test():
            assert body() is None

    def and_(self, first, *others):
        value = first()
        for other in others:
            if not value:
                return value
            value = other()
        return value

    def or_(self, first, *others):
        value = first()
        for other in others:
            if value:
                return value
            value = other()
        return value

    def not_(self, value):
        return not value

    def ifexp(self, test, then, other, line):
        assert isinstance(line, int)
        return then() if test else other()

    def compare(self, left, *rest):
        for op, operand in zip(rest[::2], rest[1::2]):
            right = operand()
            value = _COMPARE[op](left, right)
            if operand is not rest[-1] and not value:
                return value
            left = right
        return value

    def call(self, function):
        self.calls.append("call")
        return function

    def getitem(self, a, index):
        return a[index]

    def setitem(self, a, index, value):
        a[index] = value

    def augitem(self, a, index, op, value):
        a[index] = _OPS[op](a[index], value)

    def augload(self, a, index):
        return a, index, a[index]

    def augstore(self, loaded, op, value):
        a, index, old = loaded
        a[index] = _OPS[op](old, value)

    def pile(self, items):
        return items

    def own(self, value):
        return value

    owned = own

    def assert_(self, test, message):
        if not test:
            raise AssertionError if message is None else AssertionError(message())

    def local(self, name, read):
        try:
            return read()
        except NameError:
            text = f"cannot access local variable {name!r} where it is not associated with a value"
            raise UnboundLocalError(text) from None


def set_of(names):
    return {*names}


class Speculating(Plain):
    """Looks at both branches first, and at one more turn of each loop; undoes what it saw.

    Only for functions without effects, whose loops end from any state.
    """

    def _aside(self, run, get, set):
        before = get()
        with contextlib.suppress(Exception):  # what would have happened there does not matter
            run()
        set(before)

    def if_(self, test, then, other, get, set, names, reads, line):
        self._aside(other if test else then, get, set)
        super().if_(test, then, other, get, set, names, reads, line)

    def for_(self, items, body, test, get, set, names, reads, line):
        items = list(items)
        self._aside(lambda: body(items[0] if items else 7), get, set)

        def once(item):
            body(item)
            self._aside(lambda: body(item), get, set)

        super().for_(items, once, test, get, set, names, reads, line)

    def while_(self, test, body, get, set, names, reads, line):
        self._aside(body, get, set)

        def once():
            body()
            self._aside(body, get, set)

        super().while_(test, once, get, set, names, reads, line)


def staged(function, staging):
    """The rewritten function, running on a staging object; None if it is not rewritten."""
    code = rewritten(function)
    if code is None:
        return None
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    closure = tuple(cells[name] for name in code.co_freevars)
    world = function.__globals__
    world["__tapejit__"] = staging
    new = FunctionType(code, world, function.__name__, function.__defaults__, closure)
    new.__kwdefaults__ = function.__kwdefaults__
    new.__qualname__ = function.__qualname__
    return new
