"""Random programs that make arrays of numbers, give them several names and holders, and write to them.

The text is that of ``def f(x)`` for a number x. It ends with a weighted sum of every variable, of
all that lists, dicts and objects hold, so that a write which one of them should see and does not
shows in the result.
"""

from __future__ import annotations

import linecache
import random
from typing import Any

import numpy as np

NAMES = "abcd"
MADE = (
    "np.array([1.0, 2.0, 3.0, 4.0])",
    "np.arange(4.0)",
    "np.linspace(0.0, 1.0, 4)",
    "np.arange(8.0)[::2]",
    "np.arange(8.0).reshape(4, 2)[:, 1]",
    "np.tile([1.0, 2.0], 2)",
    "np.sqrt(np.array([1.0, 4.0, 9.0, 2.0]))",
    "np.array([1, 2, 3, 4])",
    "np.zeros(4)",
    "make()",
    "pair()[1]",
)
SAME = ("{m}", "{m}[:]", "{m}[::-1]", "np.asarray({m})", "same({m})", "box.keep({m})",
        "{m}.reshape(2, 2).T.reshape(4)", "({m} if len(box.held) else {m}[:])")  # fmt: skip
OTHER = ("{m}.copy()", "np.array({m})", "{m} + 1.0", "-{m}", "{m}[[0, 1, 2, 3]]")
HOLD = ("L.append({m})", "D['k'] = {m}", "box.z = {m}", "box.held.append({m})",
        "pairs = ({m}, {n})", "L.append({made})", "D['k'] = {made}", "box.z = {made}",
        "L += [{made}, {m}]", "{n}, {m} = pair()", "{n} = {m} = {made}",
        "{n}, {m} = {m}, {n}", "box = Box(z={made})")  # fmt: skip
TAKE = ("L[-1]", "D['k']", "box.z", "L[0][::-1]", "box.held[0]", "pairs[0]")
WRITE = ("{n}[{i}] = {c} * x", "{n} += 0.5 * x", "{n}[1:3] = {m}[0:2]", "{n}[:] = x * {m}",
         "D['k'][{i}] = x", "L[0][1:] *= x", "box.z += x", "box.z[{i}] = {m}[0] * x",
         "fill({n}, x)", "np.add.at({n}, [0, 0, 2], x)", "{n}.fill(x)", "{n}[{i}] = {c}",
         "np.multiply({n}, x, out={n})", "{n}[2:][0] = x", "L[-1][{i}] -= x",
         "for v in L: v[0] = v[1] * x")  # fmt: skip

HEAD = """\
class Box:
    def __init__(self, z=None):
        self.z = np.arange(4.0) if z is None else z
        self.held = [self.z]
    def keep(self, array):
        self.held.append(array)
        return array

def make():
    return np.array([0.5, 1.5, 2.5, 3.5])

def pair():
    both = np.arange(8.0).reshape(2, 4)
    return both[0], np.array([4.0, 3.0, 2.0, 1.0])

def same(array):
    return array

def fill(array, value):
    array[1:] = value

"""


def statement(r: random.Random, depth: int = 0) -> list[str]:
    """Return one random statement as lines."""
    words = {"n": r.choice(NAMES), "m": r.choice(NAMES), "i": r.randrange(4),
             "c": r.choice((0.5, 2.0, -1.0)), "made": r.choice(MADE)}  # fmt: skip
    kind = r.random()
    if kind < 0.14 and depth < 2:
        test = r.choice(("x > 0.7", "{m}[0] > 0.6 * x", "len(L) > 2")).format(**words)
        inner = [f"    {s}" for s in statement(r, depth + 1)]
        other = [f"    {s}" for s in statement(r, depth + 1)]
        return [f"if {test}:", *inner, *(["else:", *other] if r.random() < 0.6 else [])]
    if kind < 0.26 and depth < 2:
        inner = [s for _ in range(r.randrange(1, 3)) for s in statement(r, depth + 1)]
        if r.random() < 0.5:
            inner.append("{n}[k % 4] += 0.1 * x * {m}[(k + 1) % 4]".format(**words))
        return [f"for k in range({r.choice((2, 9))}):", *(f"    {s}" for s in inner)]
    if kind < 0.42:
        return ["{n} = {made}".format(**words)]
    if kind < 0.54:
        return [f"{words['n']} = {r.choice(SAME).format(**words)}"]
    if kind < 0.58:
        return [f"{words['n']} = {r.choice(OTHER).format(**words)}"]
    if kind < 0.70:
        return [r.choice(HOLD).format(**words)]
    if kind < 0.78:
        return [f"{words['n']} = {r.choice(TAKE)}"]
    return [r.choice(WRITE).format(**words)]


def written(seed: int) -> str:
    """Return the text of a random program."""
    r = random.Random(seed)
    lines = ["L, D, box = [np.arange(4.0)], {'k': np.array([2.0, 0.0, 1.0, 0.0])}, Box()"]
    lines += [f"{name} = {r.choice(MADE)}" for name in NAMES]
    lines += [f"pairs = (a, {r.choice(MADE)})"]
    for _ in range(r.randrange(3, 11)):
        lines += statement(r)
    lines += [
        "w = 0.0",
        "for k, v in enumerate([a, b, c, d, D['k'], box.z, *pairs, *L[-5:], *box.held[-5:]]):",
        "    w = w + (k + 1) * (v[0] + 2.0 * v[1] + 4.0 * v[2] + 8.0 * v[3])",
        "return w * 1.0",
    ]
    return HEAD + "def f(x):\n" + "".join(f"    {line}\n" for line in lines)


def function_of(text: str, seed: int) -> Any:
    """Return the function of a text."""
    name = f"made_{seed}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"np": np, "__name__": f"made_{seed}"}
    exec(compile(text, name, "exec"), space)
    return space["f"]
