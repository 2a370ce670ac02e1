"""What is imported when: nothing before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILERS = {"numba", "llvmlite"}
LATER = {
    "numpy.random",
    "random",
    "platformdirs",
    "json",
    "pathlib",
    "tempfile",
    "urllib.parse",
    "importlib.metadata",
}
CALL = """
import numpy as np, tapejit as tj
f = tj.value_and_grad(lambda x: np.sum(x**3))
for _ in range({calls}):
    v, g = f(np.arange(4.0))
assert v == 36.0 and g[3] == 27.0
"""
COMPILED = """
import numpy as np, tapejit as tj
v, g = tj.value_and_grad(lambda x: np.sum(x * x), compile="always")(np.arange(4.0))
assert v == 14.0 and g[3] == 6.0
"""
LOOPS = {f"tapejit.passes.{m}" for m in ("looped", "rereads", "interiors", "carried_sums")}
PRODUCTS = {"glob", "tapejit.passes.row_blocks", "tapejit.codegen.steps", "tapejit.codegen.maps"}
CASES = {
    "tapejit": (
        "import tapejit",
        COMPILERS | LATER | {"scipy", "tapejit.torch", "tapejit.codegen"},
    ),
    "the first calls": (CALL.format(calls=2), COMPILERS | LATER | {"scipy", "tapejit.codegen"}),
    "a call that is interpreted": (CALL.format(calls=5), COMPILERS | {"scipy"}),
    "a first call that is compiled": (
        COMPILED,
        {"numba", "scipy", "tapejit.runtime.stages"} | LOOPS | PRODUCTS,
    ),
    "tapejit.torch": (
        "import tapejit.torch",
        COMPILERS | {"scipy", *(f"tapejit.torch.{m}" for m in ("nn.modules", "optim", "func"))},
    ),
    "a tensor": (
        "import tapejit.torch as t; x = t.ones(3, requires_grad=True); (x * x).sum().backward();"
        "assert x.grad.tolist() == [2.0] * 3",
        COMPILERS | {"scipy", "tapejit.torch.nn.modules", "tapejit.torch.optim"},
    ),
}


def loaded(code: str, folder: Path) -> set[str]:
    """Return the modules that a program loads beyond NumPy's."""
    script = folder / "program.py"
    first = "import sys, numpy; before = set(sys.modules)\n"
    last = "\nprint(*sorted(set(sys.modules) - before))"
    script.write_text(first + code + last)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    env["TAPEJIT_CACHE_DIR"] = str(folder / "cache")
    done = subprocess.run(
        [sys.executable, str(script)], env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_imported_before_it_is_needed(name: str, tmp_path: Path) -> None:
    code, unwanted = CASES[name]
    found = loaded(code, tmp_path)
    assert "tapejit.core.config" in found
    assert sorted(unwanted & found) == []


def test_names_that_are_imported_late_are_there() -> None:
    import tapejit.torch as torch

    assert {"nn", "optim", "func", "vmap", "load", "save", "to_dlpack"} <= set(dir(torch))
    assert {"Linear", "Module", "Parameter", "functional", "init"} <= set(dir(torch.nn))
    assert torch.vmap is torch.func.vmap and torch.nn.Linear is torch.nn.modules.Linear
    for module, name in ((torch, "no_such_name"), (torch.nn, "NoSuchName"), (torch.nn, "_hidden")):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)
