"""Random whole programs: loops, branches, in-place writes, views, reductions, products, helpers.

A program is grown statement by statement, and each is run with plain NumPy at several sizes before
it is kept: what a program means is never in doubt, and the tables below may hold anything. A
statement that raises, writes to an argument or makes large arrays is thrown away.

Invariant: a seed gives one text, on every machine that computes the same floats.
"""

from __future__ import annotations

import itertools
import linecache
import math
import random
import types
from typing import Any

import numpy as np

SIZES = ((5, 3), (7, 4), (9, 2))
"""(n, m) at which a program runs: vectors have n elements, the matrix A is (m, n)."""
ARGUMENTS = ("x", "y", "A", "s", "k", "b", "q")
FLOATING = ("x", "y", "A", "s")
_numbers = itertools.count()

UNARY = """np.sin({0}); np.tanh({0}); np.exp(-np.abs({0})); np.abs({0}); (-{0}); ({0})**2; np.cos({0})
np.sqrt(np.abs({0})); np.floor({0}); np.sign({0}); np.log1p(np.abs({0})); 1.0/({0}); np.arctan({0})
np.cumsum({0}); np.cumsum({0}, axis=-1); np.cumprod({0}); np.flip({0}); ({0})[::-1]; ({0}).T
np.roll({0}, 1); np.roll({0}, -2); np.diff({0}); np.sort({0}); np.ravel({0}); ({0})[None]
({0})[..., None]; ({0})[1:]; ({0})[:-1]; ({0})[::2]; ({0})[::-2]; ({0})[-3:]; ({0})[k % 3]; ({0})[b]
({0})[:, 1]; ({0})[:, ::-1]; ({0})[-1]; np.clip({0}, -0.5, 0.7); np.isfinite({0}); np.triu({0})
np.diag({0}); np.pad({0}, 1); np.repeat({0}, 2, axis=0); np.tile({0}, 2); np.argsort({0})
np.maximum.accumulate({0}); np.swapaxes({0}, 0, -1); np.broadcast_to({0}, (3,)+np.shape({0}))
helper({0}); helper({0}, w=s); twice(helper, {0}); ({0}).astype(np.float32); ({0}).astype(float)
np.convolve(np.ravel({0}), [1.0, -2.0, 1.0], 'same'); np.round({0}, 1); np.copy({0})"""
REDUCING = """np.sum({0}); np.mean({0}); np.max({0}); np.min({0}); np.prod({0}); np.sum({0}, axis=0)
np.sum({0}, axis=-1); np.mean({0}, axis=-1, keepdims=True); np.max({0}, axis=0); np.min({0}, axis=-1)
np.var({0}); np.std({0}, axis=0); np.linalg.norm({0}); np.argmax({0}); np.any({0}); np.trace({0})
np.median({0}); np.ptp({0}); np.sum({0}, axis=0, keepdims=True); np.prod({0}, axis=-1); len({0})"""
BINARY = """({0} + {1}); ({0} - {1}); ({0} * {1}); ({0} * {1}); ({0} / {1}); ({0} @ {1}); ({0} @ {1})
np.maximum({0}, {1}); np.minimum({0}, {1}); np.hypot({0}, {1}); np.arctan2({0}, {1}); ({0} < {1})
np.where({0} > 0, {1}, 0.5); np.concatenate([{0}, {1}]); np.stack([{0}, {1}]); np.outer({0}, {1})
np.dot({0}, {1}); ({0} % {1}); ({0} // {1}); np.power(np.abs({0}), {1}); np.logaddexp({0}, {1})
np.einsum('...i,...i', {0}, {1}); np.interp({0}, np.arange(4.0), {1}); ({0} == {1}); ({0} & {1})
np.tensordot({0}, {1}, 1); np.vstack([{0}, {1}]); np.copysign({0}, {1}); mixed({0}, {1})"""
CONSTANTS = "0.5 2.0 -1.5 3 1 -2 0 1e-3 True np.float32(0.3) np.ones(2) np.eye(3) 0.0".split()
SLICES = ": 1: :-1 1:-1 ::2 ::-1 2: :2 -2: ::-2 1::2 -1 0 1 ... b [0,1,0] [1,-1] 0,: 1:,:-1".split()
SLICES += ["k % 3", ":, 0", "-1, -1", "::-1, 1:", ":, [0, 1, 1]", "None, 1", "q % 2", "-q:"]
RANGES = """len(x); 1, len(x); len(x) - 1, 0, -1; 0, len(x), 2; q; 3; q, 12; -3, 3; 20""".split(
    "; "
)
ITEMS = """a_ in x; a_ in A; a_ in A.T; i, a_ in enumerate(y); a_, c_ in zip(x, y); a_ in x[1:]
a_, c_ in zip(A, A[::-1]); i, (a_, c_) in enumerate(zip(x, y)); a_ in reversed(x); a_ in k"""
INDICES = (
    "{0}; {0} - 1; -{0}; {0} % 2; {0}:; :{0}; {0}:{0} + 2; {0} // 2; {0}, 0; {0}::-1; ({0}-2)//2"
)
HEAD = """\
def helper(v, w=0.5):
    if np.sum(v) > w:
        return v * w
    v = np.array(v) * 1.0
    v[...] = np.sin(v) + 0.25
    return v

def twice(g, v):
    return g(g(v))

def mixed(v, w):
    total = 0.0
    for r in range(3):
        total = total + v * w ** r
    return total

"""


def table(text: str) -> list[str]:
    return [entry for line in text.split("\n") for entry in line.split("; ")]


UN, RED, BI, IT = map(table, (UNARY, REDUCING, BINARY, ITEMS))


def arguments(rng: Any, n: int, m: int) -> dict[str, Any]:
    """Return arguments of these sizes, by name."""
    return {
        "x": rng.normal(size=n),
        "y": rng.normal(size=n),
        "A": rng.normal(size=(m, n)),
        "s": np.float64(rng.normal()),
        "k": rng.integers(-7, 8, size=n),
        "b": rng.random(n) > 0.5,
        "q": int(rng.integers(2, 5)),
    }


def function_of(text: str, name: str = "f") -> types.FunctionType:
    """Return a function that a text defines; the text is known to `linecache`, as a file's is."""
    file = f"<whole program {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space: dict[str, Any] = {"np": np, "math": math, "__name__": "whole_programs_made"}
    exec(compile(text, file, "exec"), space)
    return space[name]


class Writer:
    """Writes statements that mean something where the variables are as `env` says.

    Attributes
    ----------
    names : list of str
        The program's own variables.
    """

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.names: list[str] = []
        self.count = itertools.count()
        self.looping = False

    def expression(self, env: dict[str, Any], depth: int) -> str:
        for _ in range(6):
            text = self._expression(env, depth)
            if self._fine(text, env):
                return text
        return self._variable(env)

    def _variable(self, env: dict[str, Any]) -> str:
        own = [v for v in self.names if v in env]
        if own and self.r.random() < 0.6:
            return self.r.choice(own)
        return self.r.choice([*ARGUMENTS, *FLOATING, "x", "y", "A"])

    def _expression(self, env: dict[str, Any], depth: int) -> str:
        r, t = self.r, self.r.random()
        if depth == 0 or t < 0.12:
            return r.choice(CONSTANTS) if r.random() < 0.2 else self._variable(env)
        if t < 0.5:
            return r.choice(UN).format(self.expression(env, depth - 1))
        if t < 0.58:
            return r.choice(RED).format(self.expression(env, depth - 1))
        if t < 0.66:
            return f"{self._variable(env)}[{r.choice(SLICES)}]"
        return r.choice(BI).format(self.expression(env, depth - 1), self.expression(env, depth - 1))

    @staticmethod
    def _fine(text: str, env: dict[str, Any]) -> bool:
        try:
            value = eval(text, env)
        except Exception:
            return False
        if isinstance(value, np.ndarray):
            return value.size <= 400 and value.ndim <= 3 and value.dtype.kind in "fiub"
        return len(text) <= 200 and isinstance(value, (np.generic, int, float))

    def scalar(self, env: dict[str, Any]) -> str:
        for _ in range(8):
            text = self.expression(env, 2)
            if self._fine(text, env) and np.ndim(eval(text, env)) == 0:
                return text
        return f"np.sum({self._variable(env)})"

    def condition(self, env: dict[str, Any]) -> str:
        r = self.r
        other = r.choice(["0.0", "0.3", "-0.4", "1", self.scalar(env)])
        text = f"{self.scalar(env)} {r.choice(['<', '>', '>=', '!='])} {other}"
        if r.random() < 0.15:
            text = f"({text}) and {self.scalar(env)} < 0.5"
        return f"not ({text})" if r.random() < 0.1 else text

    def simple(self, env: dict[str, Any], inside: bool) -> list[str]:
        """Lines of a statement without a block."""
        r, t = self.r, self.r.random()
        arrays = [v for v in self.names if isinstance(env.get(v), np.ndarray) and env[v].ndim]
        if t < 0.35 or not arrays:
            if inside and self.names:
                v = r.choice(self.names)
                kept = r.choice(["", f"0.5 * {v} + "])
                return [f"{v} = {kept}{self.expression(env, 2)}"]
            v = self._new()
            return [f"{v} = {r.choice(['np.array({})', '{} * 1']).format(self.expression(env, 3))}"]
        v = r.choice(arrays)
        if t < 0.45:
            return [f"{v} {r.choice(['+=', '-=', '*=', '/='])} {self.expression(env, 2)}"]
        if t < 0.5:
            return [f"{self._new()} = {v}[{r.choice(SLICES)}]"]  # often a view
        if t < 0.53:
            return [
                f"np.add.at({v}, {r.choice(['k % 3', '[0, 0, 1]'])}, {self.expression(env, 1)})"
            ]
        if t < 0.56:
            name, one, other = r.choice(["add", "multiply"]), *self._two(env)
            return [f"np.{name}({one}, {other}, out={v})"]
        at = r.choice(
            SLICES + [e for i in "ijt" if i in env for e in INDICES.format(i).split("; ")]
        )
        return [
            f"{v}[{at}] {r.choice(['=', '=', '=', '+=', '*=', '-='])} {self.expression(env, 2)}"
        ]

    def _two(self, env: dict[str, Any]) -> tuple[str, str]:
        return self.expression(env, 1), self.expression(env, 1)

    def _new(self) -> str:
        self.names.append(f"v{next(self.count)}")
        return self.names[-1]

    def block(self, env: dict[str, Any], most: int, depth: int) -> list[str]:
        lines = [self.statement(env, depth, True) for _ in range(self.r.randint(1, most))]
        return ["    " + line for statement in lines for line in statement]

    def statement(self, env: dict[str, Any], depth: int = 2, inside: bool = False) -> list[str]:
        r, t = self.r, self.r.random()
        if depth == 0 or t < (0.7 if inside else 0.5):
            return self.simple(env, inside)
        if t < (0.8 if inside else 0.62):
            lines = [f"if {self.condition(env)}:", *self.block(env, 2, depth - 1)]
            if self.looping and r.random() < 0.2:
                lines[-1] = "    " + r.choice(["break", "continue"])
            if r.random() < 0.5:
                lines += ["else:", *self.block(env, 1, depth - 1)]
            return lines
        i = next((c for c in "ijt" if c not in env), None)
        return self.simple(env, True) if i is None else self._loop(env, i, depth)

    def _loop(self, env: dict[str, Any], i: str, depth: int) -> list[str]:
        r, kind, around = self.r, self.r.random(), self.looping
        env, self.looping, first = {**env, i: 1}, True, []
        if kind < 0.45:
            head = [f"for {i} in range({r.choice(RANGES)}):"]
        elif kind < 0.65:
            head = [f"for {r.choice(IT)}:"]
            target, items = head[0][4:-1].split(" in ")
            exec(f"{target} = next(iter({items}))", env)
            self.names += [v for v in ("a_", "c_") if v in target]
        elif r.random() < 0.6:
            end = r.choice(["5", "q", "len(x)"])
            head = [f"{i} = 0", f"while {i} < {end} and {self.condition(env)}:"]
            first = [f"    {i} += 1"]
        else:
            head, first = [f"{i} = 9", f"while {i} > 0:"], [f"    {i} -= {r.choice([1, 2])}"]
        body = self.block(env, 3, depth - 1)
        if r.random() < 0.25:
            body += [f"    if {self.condition(env)}:", "        " + r.choice(["break", "continue"])]
        self.looping = around
        self.names = [v for v in self.names if v not in ("a_", "c_")]
        return head + first + body


def _ran(text: str, given: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the variables at the end, for each of the arguments; None where a text is no good."""
    fn, found = function_of(text), []
    for args in given:
        copies = {name: np.copy(v) if isinstance(v, np.ndarray) else v for name, v in args.items()}
        try:
            found.append(fn(**copies))
        except Exception:
            return None
        if any(np.asarray(copies[v]).tobytes() != np.asarray(args[v]).tobytes() for v in args):
            return None
    values = [v for each in found for v in each.values()]
    if any(
        isinstance(v, np.ndarray) and (v.size > 2000 or v.dtype.kind not in "fiub") for v in values
    ):
        return None
    if any(type(v) is int and abs(v) > 2**40 for v in values):
        return None
    return found


def program(seed: int, statements: int | None = None) -> tuple[str, str] | None:
    """Return the texts of a function ``f`` of `ARGUMENTS` and of a number ``loss`` made of its results."""
    rng = np.random.default_rng(seed)
    given = [arguments(rng, *size) for size in SIZES]
    w, lines = Writer(seed), []
    head = HEAD + f"def f({', '.join(ARGUMENTS)}):\n"
    modules = {"np": np, **{v: function_of(HEAD, v) for v in ("helper", "twice", "mixed")}}
    env: dict[str, Any] = {**modules, **given[0]}
    wanted = w.r.randint(2, 5) if statements is None else statements
    for _ in range(12 * wanted):
        names = list(w.names)
        new = w.statement(env)
        body = "".join(f"    {line}\n" for line in [*lines, *new])
        found = _ran(f"{head}{body}    return dict(locals())\n", given)
        if found is None:
            w.names = names
            continue
        env = {**modules, **found[0]}
        for v in ("i", "j", "t", "a_", "c_"):
            env.pop(v, None)
        w.names = [v for v in dict.fromkeys(w.names) if all(v in each for each in found)]
        lines += new
        wanted -= 1
        if not wanted:
            break
    if not w.names:
        return None
    results = w.names[-5:]
    body = head + "".join(f"    {line}\n" for line in lines)
    terms = [
        f"np.sum(np.cos({k}.0 + np.arange(np.size({v}))) * np.ravel({v}))"
        for k, v in enumerate(results)
    ]
    loss = body.replace("def f(", "def loss(") + f"    return {' + '.join(terms)}\n"
    return f"{body}    return ({', '.join(results)},)\n", loss
