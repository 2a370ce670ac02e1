"""The inputs are what `nn_formulas` says, and the stored answers of its tables pin something down."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from case_files import answers_of, cases_of, modules
from nn_formulas import cases_of as table
from nn_formulas import constant, positive, real, unit, wave, weights

OURS = [m for m in modules() if m.startswith(("nn_", "optim_"))]
TABLES = [m for m in OURS if any(name.endswith("_float64") for name in cases_of(m))]
# Just enough of a tensor library to make an array.
ARRAYS = SimpleNamespace(
    float32=np.float32, tensor=lambda entries, dtype: np.array(entries, dtype).view(Leaf)
)


class Leaf(np.ndarray):
    """An array that takes `requires_grad_` and `numel`."""

    requires_grad = False

    def requires_grad_(self):
        self.requires_grad = True
        return self

    def detach(self):
        return np.array(self).view(Leaf)

    def numel(self):
        return self.size


@pytest.mark.parametrize("phase", [0.4, 1.0, 2.0, 2.5])
def test_entries_are_distinct_and_of_both_signs(phase):
    x = wave(ARRAYS, 4, 5, phase=phase)
    assert x.shape == (4, 5) and x.dtype == np.float32
    assert len(set(x.flat)) == 20
    assert x.min() < -0.9 and x.max() > 0.9
    assert abs(x).min() > 1e-3


def test_kinds_of_inputs_keep_their_promises():
    x = real(3, 4)(ARRAYS, np.float64)
    assert x.requires_grad and x.min() < 0 < x.max()
    p, u = positive(3, 4)(ARRAYS, np.float64), unit(3, 4)(ARRAYS, np.float64)
    assert p.min() >= 0.3 and u.min() >= 0.1 and u.max() <= 0.9
    assert not constant(real(3))(ARRAYS, np.float64).requires_grad


def test_cotangents_are_not_uniform():
    w = weights(ARRAYS, wave(ARRAYS, 3, 3))
    assert len(set(w.flat)) == 9 and abs(w.sum()) > 0.1


def test_a_name_stands_once():
    row = ("once", "x", {"x": real(2)})
    made = table([row], "here")
    assert list(made) == ["case_once_float32", "case_once_float64"]
    assert made["case_once_float32"].__module__ == "here"
    with pytest.raises(AssertionError, match="case_once_float32"):
        table([row, row], "here")


def numbers(value):
    """All numbers in the values of a stored description, at any depth."""
    if isinstance(value, dict):
        return [n for key, v in value.items() if key != "shape" for n in numbers(v)]
    if isinstance(value, list):
        return [n for v in value for n in numbers(v)]
    return [value] if isinstance(value, float) else []


def tensors(value):
    """All described tensors, at any depth."""
    if isinstance(value, list):
        return [t for v in value for t in tensors(v)]
    if not isinstance(value, dict):
        return []
    if "tensor" in value:
        return [value]
    return [t for v in value.values() for t in tensors(v)]


@pytest.mark.parametrize("module", TABLES)
def test_some_gradient_of_every_row_is_not_zero(module):
    """A row whose gradients all vanish would not see a reverse rule that is missing."""
    for name, steps in answers_of(module).items():
        if name.endswith("_float64"):
            gradients = [n for step in steps[1:] for n in numbers(step)]
            assert any(gradients) or module == "optim_steps", name


@pytest.mark.parametrize("module", OURS)
def test_no_answer_is_rounding_noise(module):
    """A sum that cancels to 1e-9 is another number on another machine, and prints in another form."""
    for name, steps in answers_of(module).items():
        for tensor in tensors(steps):
            size = np.abs([n for n in numbers(tensor["values"]) if np.isfinite(n)])
            if size.size and "far_out" not in name:
                least = {"torch.float32": 3e-6, "torch.float64": 1e-14}.get(tensor["tensor"], 0)
                assert not ((size > 0) & (size < least * max(size.max(), 1e-3))).any(), name


@pytest.mark.parametrize("module", OURS)
def test_what_is_to_raise_raises_under_pytorch(module):
    for name, steps in answers_of(module).items():
        assert '"raises": None' not in str(steps).replace("'", '"'), name
