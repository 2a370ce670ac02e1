"""Where the rewriter asks for arrays that are written to: source in, source out."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tapejit.frontend.rewrite.asked import mark_written
from tapejit.frontend.rewrite.written import Callee, field_writes

CALLEES = {"fill": Callee(("array", "value"), frozenset(["array"])),
           "Grid": Callee(("nodes", "name"), keeps=True)}  # fmt: skip


def asked(text: str, *, field: bool = False) -> list[str]:
    """Return the expressions of a function body that are asked for."""
    tree = ast.parse("def f(x, n, obj):\n" + textwrap.indent(textwrap.dedent(text), "    "))
    fields = field_writes(tree) if field else frozenset[str]()
    mark_written(tree.body[0], fields, lambda func: CALLEES.get(ast.unparse(func)))
    compile(ast.fix_missing_locations(tree), "asked", "exec")
    return [
        ast.unparse(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("__tapejit__.own")
    ]


CASES = {
    "a = make()\na[0] = x": ["make()"],
    "a = b = make()\nb[0] = x": ["make()"],
    "a = make()\nreturn a": [],
    "a = make()\na += x": ["make()"],
    "a = 0.0\na += x": [],
    "a, b = make(), other()\nb[0] = x": ["other()"],
    "a, b = pair()\nb[0] = x": ["b"],
    "a = make().T\na[0] = x": ["make().T"],
    "a = x * 2\na[:] += n": ["x * 2"],
    "a: object = make()\na[0] = x": ["make()"],
    "if (a := make()).size:\n    a[0] = x": ["make()"],
    "a = make() if n else obj\na[0] = x": ["make()"],
    # views and entries
    "a = make()\nv = a[1:]\nv[0] = x": ["make()", "a[1:]"],
    "a = make()\nv = a.reshape(2, 2).T\nv[0] = x": ["make()", "a.reshape(2, 2).T"],
    "a = make()\nfor row in a:\n    row[0] = x": ["make()"],
    "rows = [make() for _ in n]\nfor k, row in enumerate(rows):\n    row[k] = x": ["make()"],
    "rows = [make()] * 3\nrows[0][1] = x": ["make()"],
    "rows = []\nrows.append(make())\nrows[0][1] = x": ["make()"],
    "rows = [make()]\nrows[0] = x": [],
    "rows = []\na = make()\nrows += [a, make2()]\nrows[0][1] = x": ["make()", "make2()"],
    "rows = []\nrows.extend([make()])\nrows[0][1] = x": ["make()"],
    "d = {'k': make()}\nd['k'] += x": ["make()"],
    "d = dict(k=make())\nd['k'][0] = x": ["make()"],
    "d = {}\nd['k'] = make()\nd['k'][0] = x": ["make()"],
    "a = make()\nd = {'k': a}\nd['k'][0] = x": ["make()"],
    "q = deque([make()])\na = q.popleft()\na[0] = x": ["make()", "q.popleft()"],
    # functions that write
    "a = make()\nnp.add.at(a, 0, x)": ["make()"],
    "a = make()\nnp.copyto(a, x)": ["make()"],
    "a = make()\nnp.exp(x, out=a)": ["make()"],
    "a = make()\na.fill(x)": ["make()"],
    "a = make()\na.mean(x)": [],
    "a = make()\nfill(a, x)": ["make()"],
    "a = make()\nfill(value=a, array=x)": [],
    "fill(make(), make2())": ["make()"],
    "def put(b):\n    b[0] = x\na = make()\nput(a)": ["make()"],
    "def put():\n    a[0] = x\na = make()\nput()": ["make()"],
    # what cannot be traced
    "a = make()\na[0] = 1.0": [],
    "a = make()\na[1:-1:2] *= 4.0": [],
    "a = np.ones(3)\na /= np.sum(a)": [],
    "a = np.ones(5)\nfor k in range(5):\n    a[k] = k": [],
    "a = make()\nfor k in range(5):\n    a[k] = 0.0\n    x = x * 2": ["make()"],
    "a = make()\nif n > 0:\n    a[0] = 1.0": ["make()"],
    "a = make()\nwhile x > 0:\n    a[0] = 1.0": ["make()"],
    "a = make()\na[n] = 1.0": ["make()"],
    "a = make()\nm = len(x)\na[m - 1] = x.shape[0]": [],
    "a = make()\na[0] = np.random.normal()": ["make()"],
    "a = make()\nb = np.pi * 2\na[0] = b": [],
}


@pytest.mark.parametrize("text", CASES)
def test_asked_for(text: str) -> None:
    assert sorted(asked(text)) == sorted(CASES[text])


def test_fields() -> None:
    assert asked("obj.a = make()\nobj.b = make2()\nobj.a[0] = x") == ["make()"]
    assert asked("obj.a = make()") == []
    assert asked("obj.a = make()\nn.a[0][1] = x", field=True) == ["make()"]
    assert asked("obj.a = make()\nn.a += x", field=True) == ["make()"]
    assert asked("g = Grid(make(), 'a')\ng.nodes[0] = x") == ["make()"]
    assert asked("g = Grid(make(), 'a')\ng.nodes = x") == []
