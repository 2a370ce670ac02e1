"""The page of names is current, and says what is true."""

from __future__ import annotations

import importlib.util
import json
import re
import types
from pathlib import Path
from types import ModuleType

import pytest

import tapejit.torch as torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("torch_names", ROOT / "tools" / "torch_names.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed(text, title):
    """Return the names of the list of a section of the page."""
    found = re.search(rf"^{title} \(\d+\): (.*?)(?:\n\n|\Z)", text, re.S | re.M)
    return set() if found is None else set(re.findall(r"`(\w+)`", found.group(1)))


def test_the_page_is_current(tool, capsys):
    assert tool.main(["--check"]) == 0, capsys.readouterr().out


def test_an_old_page_is_noticed(tool, capsys, tmp_path, monkeypatch):
    old = tmp_path / "torch-names.md"
    old.write_text(tool.PAGE.read_text(encoding="utf-8").replace("`matmul`", "`matmult`"))
    monkeypatch.setattr(tool, "PAGE", old)
    assert tool.main(["--check"]) == 1
    assert "torch-names.md is out of date" in capsys.readouterr().out
    assert tool.main([]) == 0 and tool.main(["--check"]) == 0


def test_every_name_of_pytorch_is_counted_once(tool):
    stored = json.loads(tool.STORED.read_text(encoding="utf-8"))["names"]
    text = tool.page()
    for namespace, row in re.findall(r"^\| \[`([\w.]+)`\]\(#\w+\) \| ([\d |]+) \|$", text, re.M):
        assert sum(map(int, row.split(" | "))) == len(stored.pop(namespace)), namespace
    assert not stored


def test_what_the_page_says_is_there_is_there_and_the_rest_is_not(tool):
    for namespace, section in re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", tool.page(), re.S | re.M):
        place = tool._find("tapejit.torch", namespace)
        there, absent = listed(section, "There"), listed(section, "Not there")
        assert all(hasattr(place, n) for n in there), namespace
        assert all(isinstance(getattr(place, n, types), ModuleType) for n in absent), namespace
    names = listed(tool.page().split("## torch.Tensor")[0], "There")
    assert {"matmul", "zeros", "no_grad", "float32"} <= names
    assert hasattr(torch.Tensor, "backward")


def test_names_are_left_out_with_a_reason_only(tool):
    assert tool.reason("torch", "cudnn_convolution") == "other devices and their libraries"
    assert tool.reason("torch", "FloatStorage").startswith("TorchScript")
    assert tool.reason("torch", "sparse_coo_tensor") == "sparse and nested tensors"
    for name in ("matmul", "conv2d", "Generator", "cov", "index_copy", "bernoulli", "FloatTensor"):
        assert tool.reason("torch", name) is None
    assert tool.reason("torch.nn", "DataParallel") is None
