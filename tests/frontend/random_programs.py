"""Random Python functions of an array and an int: branches, loops and writes over smooth values.

Values stay small (every assignment damps), every loop ends, indices stay in bounds, and variables
have a value wherever they are read, so a program means something for every argument. Its text is
known to `linecache`, which is where the rewriter reads it.
"""

from __future__ import annotations

import itertools
import linecache
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Pick = Callable[[Sequence[Any]], Any]
"""Chooses one of some options."""

SIZE = 5
FLOATS = ("a", "b", "c")
_numbers = itertools.count()


class Writer:
    """Writes one program.

    Attributes
    ----------
    ints : list of str
        Expressions of ints between 0 and SIZE - 1 that may be read here.
    loops : int
        How many loops are around; at most three, so that a program ends soon.
    """

    def __init__(self, pick: Pick, arrays: bool) -> None:
        self.pick, self.arrays = pick, arrays
        self.ints = ["0", "1", f"{SIZE - 1}", "-1", "n % 4"]
        self.values: list[str] = []
        self.loops = 0
        self.names = itertools.count()

    def index(self) -> str:
        return str(self.pick(self.ints))

    def atom(self) -> str:
        kind = self.pick(["variable", "variable", "entry", "item", "number", "value"])
        if kind == "entry":
            return f"u[{self.index()}]"
        if kind == "item":
            return f"x[{self.index()}]"
        if kind == "value" and self.values:
            return str(self.pick(self.values))
        if kind == "number":
            return str(self.pick(["0.5", "1.25", "-0.75", "2", "k"]))
        return str(self.pick(FLOATS))

    def expression(self, depth: int = 2) -> str:
        if not depth:
            return self.atom()
        kind = self.pick(["atom", "+", "-", "*", "call", "call", "choice", "pick", "logic"])
        one = self.expression(depth - 1)
        if kind == "atom":
            return one
        if kind == "call":
            name = self.pick(["np.sin", "np.tanh", "math.cos", "np.exp(-1.0 * {0} ** 2)", "helper"])
            return f"{name}({one})" if "{" not in name else name.format(f"({one})")
        other = self.expression(depth - 1)
        if kind == "choice":
            return f"({one} if {self.condition()} else {other})"
        if kind == "pick":
            return f"{self.pick(['min', 'max', 'np.maximum'])}({one}, {other})"
        if kind == "logic":
            return f"({one} {self.pick(['and', 'or'])} {other})"
        return f"({one} {kind} {other})"

    def condition(self, depth: int = 1) -> str:
        kind = self.pick(["compare", "compare", "and", "or", "not", "chain", "int"])
        sign = self.pick(["<", ">", "<=", ">="])
        if kind == "int":
            return f"{self.index()} {sign} {self.index()}"
        if kind == "chain":
            return f"{self.atom()} {sign} {self.expression(1)} < {self.atom()}"
        if kind in ("and", "or") and depth:
            return f"({self.condition(0)} {kind} {self.condition(0)})"
        if kind == "not" and depth:
            return f"not {self.condition(0)}"
        return f"{self.expression(1)} {sign} {self.atom()}"

    def block(self, depth: int) -> list[str]:
        lines = []
        for _ in range(self.pick([1, 1, 2, 2, 3])):
            lines += self.statement(depth)
        return [f"    {line}" for line in lines]

    def statement(self, depth: int) -> list[str]:
        kinds = ["assign", "augment", "write", "write", "swap", "slice", "count"]
        kinds += ["append", "array", "array", "array"] if self.arrays else ["append"]
        if self.loops:
            kinds += ["break", "continue"]
        if depth:
            kinds += ["if", "if", "if", "for", "for", "for", "while", "return", "nested"]
        kind = self.pick(kinds)
        value = self.expression()
        name = self.pick(FLOATS)
        if kind == "assign":
            return [f"{name} = np.tanh({value})"]
        if kind == "augment":
            return [f"{name} = 0.5 * {name}", f"{name} {self.pick(['+=', '-='])} np.sin({value})"]
        if kind == "write":
            if self.pick([True, False]):
                return [f"u[{self.index()}] = np.sin({value})"]
            op, factor = self.pick([("*", "0.9 * np.cos"), ("+", "0.1 * np.sin")])
            return [f"u[{self.index()}] {op}= {factor}({value})"]
        if kind == "swap":
            i, j = self.index(), self.index()
            pairs = [f"u[{i}], u[{j}] = u[{j}], u[{i}]", "a, b = b, a", f"{name}, u[{i}] = u[{i}], b"]
            return [str(self.pick(pairs))]
        if kind == "slice":
            part = self.pick(["1:4", ":3", "::2", "::-1", "n % 3 : n % 3 + 2", "-2:"])
            wide = self.pick([value, f"u[{part}] * 0.7", f"x[{part}]", f"u[{part}][::-1]"])
            return [f"u[{part}] = np.tanh({wide})"]
        if kind == "array":
            return [self.array(value)]
        if kind == "append":
            return [f"ys.append({value})"]
        if kind == "count":
            return ["k += 1"]
        if kind in ("break", "continue"):
            return [f"if {self.condition()}:", f"    {kind}"]
        if kind == "return":
            return [f"if {self.condition()}:", f"    return {value} + {name}"]
        if kind == "nested":
            inner, around = f"step{next(self.names)}", self.loops
            self.loops = 0
            lines = [
                f"def {inner}(v):",
                f"    nonlocal a, b, c, k, u{', w' * self.arrays}",
                *self.block(0),
                f"    {name} = np.tanh({name} - v)",
                f"    return {name} * v",
                f"{self.pick(FLOATS)} = {inner}({value})",
            ]
            self.loops = around
            return lines
        if kind == "if":
            lines = [f"if {self.condition()}:", *self.block(depth - 1)]
            if self.pick([True, False]):
                lines += [f"elif {self.condition()}:", *self.block(depth - 1)]
            return lines + (["else:", *self.block(depth - 1)] if self.pick([True, False]) else [])
        return self.loop(kind, depth)

    def array(self, value: str) -> str:
        """A statement about whole arrays, whose names may stand for the same one."""
        one, other = self.pick(["u", "w", "d['p']"]), self.pick(["u", "w", "d['p']"])
        texts = [
            f"{one} = {other}",
            f"{one}, {other} = {other}, {one}",
            f"{one} = {other} if {self.condition()} else {one}",
            f"{one} = np.sin({other} * 0.9 + {value})",
            f"{one} = {other}[::-1]",
            f"{one} *= 0.9 * np.cos({value})",
            f"{one}[{self.index()}] = np.sin({value})",
            f"{one} = {other}.copy()",
            f"rows.append({one})",
            f"rows.append({one} * 0.5)",
            f"d['p'] = np.tanh({one} + {other})",
        ]
        return str(self.pick(texts))

    def loop(self, kind: str, depth: int) -> list[str]:
        if self.loops == 2:
            return ["k += 1"]
        number = next(self.names)
        i, v = f"i{number}", f"v{number}"
        kept = (list(self.ints), list(self.values))
        if kind == "while":
            head = [f"{i} = 0", f"while {self.condition()} and {i} < {self.pick([3, 11])}:"]
            first = [f"    {i} += 1"]
            self.ints.append(f"{i} % {SIZE}")
        else:
            first = []
            items, target, inside, more = self.pick(
                [
                    ("range(9)", i, f"{i} % {SIZE}", []),
                    ("range(n)", i, f"{i} % {SIZE}", []),
                    (f"range({SIZE})", i, i, []),
                    ("range(n + 8, 0, -1)", i, f"{i} % {SIZE}", []),
                    ("range(10, -9, -2)", i, f"{i} % 3", []),
                    ("big", v, None, [v]),
                    ("u", v, None, [v]),
                    ("enumerate(big)", f"{i}, {v}", f"{i} % {SIZE}", [v]),
                    ("zip(big, big[::-1])", f"{i}, {v}", None, [i, v]),
                    ("reversed(range(9))", i, f"{i} % {SIZE}", []),
                ]
            )
            head = [f"for {target} in {items}:"]
            self.ints += [] if inside is None else [inside]
            self.values += more
        self.loops += 1
        body = [*first, *self.block(depth - 1)]
        self.loops -= 1
        self.ints, self.values = kept
        orelse = ["else:", *self.block(0)] if self.pick([True, False, False]) else []
        return [*head, *body, *orelse]


TAIL = """\
    total = a + 2.0 * b - c + 0.1 * k
    for w in ys:
        total = np.tanh(total + 0.3 * w)
    return total + np.sum(u * np.arange(1.0, {size}))
"""
ARRAYS = """\
    for p in rows:
        u = np.sin(u * 0.7 + p)
    u = u + 0.3 * w[::-1] + d["p"] * np.arange({size})
"""


def written(pick: Pick, depth: int = 3, arrays: bool = False) -> str:
    """Return the text of a random program; with `arrays`, of one that names arrays anew."""
    writer = Writer(pick, arrays)
    body = [line for _ in range(pick([2, 3, 4])) for line in writer.statement(depth)]
    head = [
        "def f(x, n):",
        "    def helper(v):",
        "        if v > 0.2:",
        "            return v * x[1]",
        "        return 0.5 * v",
        "",
        "    a, b, c, k = x[0], x[1] * x[2], 0.25, 0",
        f"    u = {pick(['x * 0.5', f'np.zeros({SIZE})', 'x.copy()', f'np.array([*x[:{SIZE}]])'])}",
        "    big = np.concatenate([x, np.sin(x)])",
        "    ys = []",
        *(["    rows, w, d = [], u * 0.5, {'p': np.cos(x)}"] if arrays else []),
    ]
    lines = [*head, *(f"    {line}" for line in body)]
    tail = ARRAYS.format(size=SIZE) * arrays + TAIL.format(size=SIZE + 1)
    return "\n".join(lines) + "\n" + tail


def function_of(text: str) -> types.FunctionType:
    """Return the function that a text defines."""
    import math

    name = f"<program {next(_numbers)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"np": np, "math": math, "__name__": "random_programs_made"}
    exec(compile(text, name, "exec"), space)
    fn = space["f"]
    assert isinstance(fn, types.FunctionType)
    return fn
