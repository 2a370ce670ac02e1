"""A rewritten function does what the original does: values, errors, lines, effects and their order."""

import copy
import inspect
import sys
import traceback

import pytest
import rewrite_samples
from plain_staging import Plain, Speculating, staged
from rewrite_samples import CASES

from tapejit.frontend.rewrite import is_rewritten, rewritten, why_not

SAMPLES = rewrite_samples.__file__


def places(error):
    """The user's frames of a traceback: function, line and columns."""
    out = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == SAMPLES:
            out.append((frame.name, frame.lineno, frame.end_lineno, frame.colno, frame.end_colno))
    return out


def outcome(function, args):
    """What a call gives or raises, and what it leaves in its arguments."""
    args = copy.deepcopy(args)
    cells = [(cell, cell.cell_contents) for cell in function.__closure__ or ()]
    try:
        value = function(*args)
    except Exception as error:
        cause = error.__cause__
        shown = type(error), str(error), type(cause), places(error)[-1:]
        return "raises", shown, args, places(error)
    finally:
        for cell, contents in cells:
            cell.cell_contents = contents
    return "gives", (type(value), value), args, []


PURE = [case for case in CASES if case[2] and not {"append", "pop"} & {*case[0].__code__.co_names}]


@pytest.mark.parametrize(
    ("staging", "case"),
    [(Plain, case) for case in CASES] + [(Speculating, case) for case in PURE],
    ids=lambda x: x.__name__ if isinstance(x, type) else x[0].__name__,
)
def test_same_as_plain_python(staging, case):
    function, calls, _ = case
    new = staged(function, staging())
    assert new is not None, why_not(function)
    assert new.__doc__ == function.__doc__
    for args in calls:
        *expected, plain_places = outcome(function, args)
        *found, new_places = outcome(new, args)
        assert repr(found) == repr(expected)
        assert {name for name, *_ in new_places} == {name for name, *_ in plain_places}


def test_the_traceback_shows_the_users_lines():
    function = rewrite_samples.error_deep_inside
    with pytest.raises(TypeError) as caught:
        staged(function, Plain())(3)
    frames = [f for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == SAMPLES]
    lines = [frame.line for frame in frames]
    assert {frame.name for frame in frames} == {"error_deep_inside"}
    assert lines[0].startswith("for i in range(n)")
    assert "None + total)" in lines[-1]
    assert "while total < 10:" in lines and "if total == 7:" in lines


def flow(x, n):
    s = 0.0
    last = None
    for i in range(n):
        t = x * i
        if t > 3:
            s = s + t
            last = i  # noqa: F841
    return s + n


def flags(xs, y):
    for x in xs:
        if x == y:
            return x
    return None


def notes(function, *args):
    staging = Plain()
    staged(function, staging)(*args)
    found = zip([c for c in staging.calls if c != "call"], staging.names, staging.reads)
    return dict.fromkeys(found)


def test_state_is_what_is_assigned_and_live_and_reads_are_the_rest():
    found = list(notes(flow, 2, 3))
    assert found == [
        ("for", ("s",), ("x",)),  # i and t have no value yet
        ("if", ("s",), ("i", "t")),
    ]


def test_flags_of_an_early_return():
    found = list(notes(flags, [1, 2], 2))
    assert found == [
        ("for", ("__tj_done__", "__tj_ret__"), ("y",)),
        ("if", ("__tj_done__", "__tj_ret__"), ("x",)),
        ("if", ("__tj_ret__",), ()),
    ]


def only_last_return(x, n):
    for i in range(n):
        if i % 2:
            continue
        if x > i:
            x -= i
        else:
            x += 1
    return x


def returns_in_tail_position(x):
    if x < 0:
        return -1
    if x == 0:
        return 0
    return 1


@pytest.mark.parametrize("function", [only_last_return, returns_in_tail_position])
def test_no_flags_where_the_structure_allows(function):
    names = {
        name for found in notes(function, *[3] * function.__code__.co_argcount) for name in found[1]
    }
    assert names in ({"x"}, {"__tj_ret__"})
    code = rewritten(function)
    assert {*code.co_cellvars, *code.co_varnames}.isdisjoint(FLAGS)


FLAGS = ("__tj_done__", "__tj_brk1__", "__tj_cnt1__")


class Careful(Plain):
    """Notes subscripts and looks at the functions that it is given."""

    def getitem(self, a, index):
        self.calls.append(index)
        return a[index]

    def and_(self, *operands):
        for operand in operands:
            assert not inspect.signature(operand).parameters
        return super().and_(*operands)


def subscripts(a, i):
    return a[i] and a[0] and a[-1] and a[0:2] and a[i:] and a[:-1] and a[i]


def test_constant_indices_and_operands_without_parameters():
    staging = Careful()
    assert staged(subscripts, staging)([1, 2, 3], 1) == 2
    assert staging.calls == [1, slice(1, None), 1]


def shares(x):
    t = x
    if x > 1:
        t = 2 * t
        y = t
    else:
        y = t + 1
    return y


def test_state_holds_what_the_other_branch_reads():
    assert list(notes(shares, 1)) == [("if", ("t", "y"), ())]


COUNTER = 0


def writes_global(n):
    global COUNTER
    for i in range(n):
        COUNTER = i
    if n:
        COUNTER = -1
    return COUNTER


def test_assigned_globals_are_named():
    assert [found[1] for found in notes(writes_global, 2)] == [("global COUNTER",)] * 2
    assert COUNTER == -1


def generator(n):
    yield from range(n)


async def coroutine(n):
    return n or 1


def looks_at_locals(x):
    return x and locals()


def looks_at_frame(x):
    return x and sys._getframe()


def leaves_finally(x):
    for _ in range(3):
        try:
            x += 1
        finally:
            break  # noqa: B012
    return x


def plain(x):
    return x + 1


def takes_the_rewriters_name(x):
    __tapejit__ = x
    return x and __tapejit__


REASONS = [
    (generator, "it is a generator function"),
    (coroutine, "it is asynchronous"),
    (looks_at_locals, "it calls locals()"),
    (looks_at_frame, "it looks at its frame, by _getframe"),
    (leaves_finally, "it jumps out of a finally block"),
    (plain, "nothing in it depends on values"),
    (takes_the_rewriters_name, "it uses the name '__tapejit__'"),
    (len, "it is not a Python function"),
]


@pytest.mark.parametrize(("function", "reason"), REASONS, ids=[f.__name__ for f, _ in REASONS])
def test_what_is_not_rewritten_says_why(function, reason):
    assert rewritten(function) is None
    assert why_not(function) == reason


def from_file(path, text, name="f"):
    path.write_text(text)
    space = {"__name__": "made"}
    exec(compile(text, str(path), "exec"), space)
    return space[name]


def test_no_source():
    space = {}
    exec("def f(x):\n    return x and 1\n", space)
    assert rewritten(space["f"]) is None
    assert why_not(space["f"]) == "its source cannot be had"


@pytest.mark.parametrize(
    "edited",
    [
        "def f(x):\n    return x and 2\n",
        "def f(x):\n    return x or 1\n",
        "def f(y):\n    return y and 1\n",
        "def f(x, y=1):\n    return x and 1\n",
        "def f(x):\n    return x  and 1\n",
        "\ndef f(x):\n    return x and 1\n",
        "def f(x:\n",
    ],
)
def test_an_edited_file_is_never_taken(tmp_path, edited):
    path = tmp_path / "edited.py"
    f = from_file(path, "def f(x):\n    return x and 1\n")
    path.write_text(edited)
    assert rewritten(f) is None
    assert why_not(f) in ("its source does not match its bytecode", "its source cannot be parsed")
    path.write_text("def f(x):\n    return x and 1\n")


def test_lambdas_on_one_line_are_told_apart(tmp_path):
    text = "f = [lambda x: x and 1, lambda x: x and 2, lambda x: x and 1.0, lambda x: x and 1]\n"
    found = from_file(tmp_path / "lambdas.py", text)
    results = [staged(function, Plain())(5) for function in found]
    assert results == [1, 2, 1.0, 1] and type(results[2]) is float


HIDDEN = '''
import functools as f_tools
found = []
match found:
    case []:
        import ast
try:
    pass
except ValueError:
    import json
wrapped = lambda _: (lambda function: function)

def keep(function):
    found.append(function)
    return object

@wrapped(
    keep(lambda x: x and 1)
)
@keep
def decorated(x, *, y=keep(lambda x: x and 2)) -> keep(lambda x: x and 3):
    return x and 4

@(lambda made: made)
class Inside(keep(
    lambda x: x.__private and 5)
):
    found.append(lambda x:
        x and f_tools.reduce(x) and json.dumps(x) and ast.dump(x) and 6)

    class __Deeper:
        def method(self, __x=7):
            return self and __x
    found.append(__Deeper.method)

match [keep(lambda x: x and 8)]:
    case [y] if keep(lambda x: x and 9):
        f"""
        {
            keep(lambda x: x and 10)}"""
'''


def test_functions_are_found_wherever_they_stand(tmp_path):
    functions = from_file(tmp_path / "hidden.py", HIDDEN, "found")
    assert [why_not(function) for function in functions] == [None] * 10


def test_results_are_kept_and_known():
    code = rewritten(flow)
    assert rewritten(flow) is code
    assert is_rewritten(code) and not is_rewritten(flow.__code__)
    new = staged(flow, Plain())
    assert rewritten(new) is None and why_not(new) == "it is rewritten already"


def test_functions_inside_are_rewritten_with_their_parent():
    make = rewrite_samples.closures
    inner = [c for c in rewritten(make).co_consts if getattr(c, "co_name", "") == "add"]
    assert inner and all(map(is_rewritten, inner))


def test_free_variables_are_those_of_the_function():
    function = rewrite_samples.makes(3)
    code = rewritten(function)
    assert set(code.co_freevars) <= set(function.__code__.co_freevars)
    assert code.co_varnames[: code.co_argcount] == ("x",)
    assert code.co_qualname == "makes.<locals>.inner"
    assert code.co_filename == SAMPLES and code.co_firstlineno == function.__code__.co_firstlineno
