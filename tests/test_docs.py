"""What is documented runs: README, docs, docstrings, examples; generated blocks are current."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from documented import OPTIONS, run

import tapejit
import tapejit.torch as torch

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(tapejit.__file__).resolve().parent
EXAMPLES = sorted(ROOT.glob("examples/*.py"))


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    return [p for p in found if "\n```python\n" in p.read_text(encoding="utf-8")]


def modules_with_examples() -> list[str]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            found.append(".".join(parts).removesuffix(".__init__"))
    return found


def program(argv: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run(
        [sys.executable, "-W", "error", *argv], cwd=cwd, env=env, capture_output=True, text=True
    )


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_page(page: Path, tmp_path: Path) -> None:
    done = program([str(ROOT / "tests" / "documented.py"), str(page)], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    space: dict[str, Any] = {**vars(module), "__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    for made in doctest.DocTestFinder().find(module, globs=space):
        runner.run(made)
    assert runner.tries and not runner.failures


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example(path: Path, tmp_path: Path) -> None:
    done = program([str(path)], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_examples_are_there() -> None:
    assert {p.name for p in EXAMPLES} >= {"fit.py", "jacobian.py", "train.py"}


def test_generated_blocks_are_current() -> None:
    done = program([str(ROOT / "tools" / "generated_docs.py"), "--check"], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_is_documented() -> None:
    missing = [n for n in tapejit.__all__ if not (getattr(tapejit, n).__doc__ or "").strip()]
    assert not missing


def undocumented(space: Any) -> list[str]:
    """Public functions, classes and properties of a namespace or class that have no docstring."""
    if not isinstance(space, type):
        for name in dir(space):
            getattr(space, name)  # some are imported when they are named
    names = dir(space) if isinstance(space, type) else vars(space)
    found = [(n, inspect.getattr_static(space, n)) for n in names if not n.startswith("_")]
    return [
        n
        for n, o in found
        if (callable(o) or isinstance(o, property | staticmethod | classmethod))
        and getattr(o, "__module__", "") != "collections.abc"
        and not (o.__doc__ or "").strip()
    ]


def test_every_name_of_the_torch_front_end_is_documented() -> None:
    spaces = [
        torch, torch.Tensor, torch.autograd, torch.autograd.functional, torch.fft, torch.func,
        torch.linalg, torch.nn, torch.nn.functional, torch.nn.init, torch.nn.Module, torch.nn.utils,
        torch.optim, torch.optim.Optimizer, torch.optim.lr_scheduler, torch.special,
        torch.utils.data,
    ]  # fmt: skip
    missing = {s.__name__: undocumented(s) for s in spaces}
    assert not {name: found for name, found in missing.items() if found}


def test_a_missing_docstring_is_noticed() -> None:
    space = types.SimpleNamespace(f=lambda: 0, g=test_page.__class__, _hidden=lambda: 0)
    assert undocumented(space) == ["f"]


def test_the_runner_notices_a_wrong_example(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# x\n\n```python\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(SystemExit):
        run(page)
    page.write_text("# x\n\n```python\nassert 1 + 1 == 3\n```\n")
    with pytest.raises(AssertionError):
        run(page)


def test_links_lead_somewhere() -> None:
    found = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), PACKAGE / "data" / "README.md"]
    broken = []
    for page in found:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not link.startswith("http") and not (page.parent / link).exists():
                broken.append(f"{page.name}: {link}")
    assert not broken
