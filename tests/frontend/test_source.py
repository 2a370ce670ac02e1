"""A function of a module is found without parsing its file, and is the one that its file has."""

import ast
import linecache

import pytest

from tapejit.frontend.rewrite import source

TEXT = '''"""A module."""
import numpy as np
from math import (
    sin,
    cos as other,
)


def keep(*args):
    return lambda f: f


def plain(x):
    """Says what it does."""
    return np.sin(x) + sin(x)
# a comment in the first column

    # and one inside

@keep(
    1,
)
@keep()
def decorated(
    x,
    y=(1, 2),
):
    total = other.real if x else 0
# in the middle
    return np.dot(x, y) + total


def text(x):
    y = """
first column
"""
    return x, y


def last(x): return np.sum(x)
'''


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "functions.py"
    path.write_text(TEXT)
    space = {"__name__": "functions"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    return space, str(path)


@pytest.mark.parametrize("name", ["keep", "plain", "decorated", "text", "last"])
def test_a_function_alone_is_that_of_its_file(module, name):
    space, path = module
    code = space[name].__code__
    lines = linecache.getlines(path)
    tree = ast.parse("".join(lines))
    (node,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    alone = source._alone(lines, code)
    assert (alone is None) == (name == "text")  # it goes on in the first column
    found = source.find(space[name])
    assert ast.dump(found.node, include_attributes=True) == ast.dump(node, include_attributes=True)
    if alone is not None:
        assert ast.dump(alone.node, include_attributes=True) == ast.dump(
            node, include_attributes=True
        )
        assert alone.imported == {"np", "sin", "other"}
    assert (path in source._files) == (name in ("text", "last"))


def test_another_function_in_its_place_is_not_taken(tmp_path):
    path = tmp_path / "edited.py"
    path.write_text("def f(x):\n    return x + 1\n")
    space = {"__name__": "edited"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    path.write_text("def f(x):\n    return x + 2\n")
    linecache.checkcache(str(path))
    with pytest.raises(source.NotStageable, match="does not match"):
        source.find(space["f"])
