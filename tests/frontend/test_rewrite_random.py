"""Random programs over integers, with branches, loops and jumps: rewritten = original.

Variables may be unbound, divisions may fail, a function inside assigns a variable of the program's.
Run as plain Python, and speculating: both branches and superfluous turns of loops are run, and
undone by putting the state back, so a variable missing in a state shows as a wrong result.
"""

import itertools
import linecache
import traceback
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_staging import Plain, Speculating, staged

from tapejit.frontend.rewrite import why_not

_numbers = itertools.count()
VARIABLES = ("a", "b", "c", "d", "e")

atoms = st.sampled_from(VARIABLES + ("0", "1", "2", "-3"))


def _wider(inner):
    return st.one_of(
        st.tuples(inner, st.sampled_from("+ - * // %".split()), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        ),
        st.tuples(inner, st.sampled_from(["and", "or", "<", "==", "!="]), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        ),
        st.tuples(inner, inner, inner).map("({0[0]} < {0[1]} <= {0[2]})".format),
        st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
        inner.map("(not {0})".format),
        inner.map("g({0})".format),
        inner.map("sum([z * {0} for z in range(3)])".format),
        st.tuples(st.sampled_from(VARIABLES), inner).map("({0[0]} := {0[1]})".format),
        inner.map("(lambda d: d or {0})(0)".format),
    )


expressions = st.recursive(atoms, _wider, max_leaves=4)


@st.composite
def statements(draw, depth, loop):
    """Lines of one statement; ``loop`` says whether jumps of loops are allowed."""
    kinds = ["assign", "augment", "assign", "swap", "del", "return", "raise", "def"]
    if loop:
        kinds += ["break", "continue"] * 2
    if depth:
        kinds += ["if", "for", "while", "try", "with"] * 2 + ["if"] * 4
    kind = draw(st.sampled_from(kinds))
    name, value = draw(st.sampled_from(VARIABLES)), draw(expressions)
    if kind == "assign":
        return [f"{name} = ({value}) % 97"]
    if kind == "augment":
        return [f"{name} {draw(st.sampled_from(['+=', '-=', '//=']))} {value}"]
    if kind == "swap":
        return [f"{name}, (b, *_) = {value}, ({name}, 1)"]
    if kind == "del":
        return [f"del {name}"] if draw(st.booleans()) else ["pass"]
    if kind == "return":
        return [f"return {value}, {name}"]
    if kind == "raise":
        return [f"assert {value}, {name}"]
    if kind == "def":
        return [f"def h({name}, k={value}):", f"    if {name}: return k", f"    return {name}"]
    if kind in ("break", "continue"):
        return [kind]
    block = blocks(depth - 1, loop or kind in ("for", "while"))
    if kind == "if":
        out = [f"if {value}:", *draw(block)]
        if draw(st.booleans()):
            out += [f"elif {draw(expressions)}:", *draw(block)]
        return out + (["else:", *draw(block)] if draw(st.booleans()) else [])
    orelse = ["else:", *draw(blocks(depth - 1, loop))] if draw(st.booleans()) else []
    if kind == "for":
        return [f"for {name} in range({draw(st.sampled_from('0123'))}):", *draw(block), *orelse]
    if kind == "while":
        k = f"k{depth}"
        head = draw(st.sampled_from([f"{k} < 3 and {value}", f"{k} < 2", "True"]))
        body = [f"    {k} += 1", f"    if {k} > 4: break", *draw(block)]
        return [f"{k} = 0", f"while {head}:", *body, *orelse]
    if kind == "with":
        return ["with suppress(ZeroDivisionError):", *draw(block)]
    out = ["try:", *draw(block)]
    errors = draw(st.sampled_from(["ZeroDivisionError", "UnboundLocalError", "Exception as e"]))
    out += [f"except {errors}:", *draw(block)]
    out += orelse
    return out + (
        ["finally:", *draw(blocks(depth - 1, False, jumps=False))] if draw(st.booleans()) else []
    )


@st.composite
def blocks(draw, depth, loop, jumps=True):
    lines = []
    for statement in draw(st.lists(statements(depth, loop), min_size=1, max_size=3)):
        if jumps or not any("return" in line for line in statement):
            lines += statement
    return ["    " + line for line in lines or ["pass"]]


@st.composite
def programs(draw):
    body = draw(blocks(2, False)) + draw(blocks(2, False))
    head = [
        "    a = a and +a",
        "    def g(x):",
        "        nonlocal c",
        "        c = x % 7",
        "        return c + b",
    ]
    tail = ["    c = 0", f"    return g(a), {draw(expressions)}"]
    first = ["    c = 2"] if draw(st.booleans()) else []
    return "\n".join(["def f(a, b):", *first, *head, *body, *tail, ""])


def compiled(text):
    file = f"<random program {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {"suppress": suppress}
    exec(compile(text, file, "exec"), space)
    return space["f"]


def outcome(function, args):
    try:
        return repr(function(*args))
    except Exception as error:
        file = function.__code__.co_filename
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        return type(error), str(error), frames[-1].lineno, frames[-1].name


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(text):
    original = compiled(text)
    for staging in (Plain, Speculating):
        new = staged(original, staging())
        assert new is not None, why_not(original)
        for args in ((0, 1), (3, -2), (1, 0)):
            assert outcome(new, args) == outcome(original, args), text
    linecache.cache.pop(original.__code__.co_filename)
