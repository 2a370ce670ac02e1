"""The rows become the programs that they say; see table.py."""

from __future__ import annotations

import json

import pytest
from case_files import answers_of, brief, cases_of, filled, modules
from table import cases, expr, exprs, full, ints, nested, op, span, split, spread

OPERATIONS = [m for m in modules() if m.startswith(("ops_", "creation", "promotion"))]


def test_inputs_are_in_their_range_and_all_different():
    for make in (span, spread):
        flat = make(-2, 3, 2, 3, 4).flat
        assert len(set(flat)) == 24
        assert min(flat) > -2 and max(flat) < 3
    assert set(ints(-3, 4, 30).flat) == set(range(-3, 4))


def test_nested_lists_have_the_shape():
    assert nested([1, 2, 3, 4, 5, 6], (3, 2)) == [[1, 2], [3, 4], [5, 6]]
    assert nested([7], ()) == 7
    with pytest.raises(AssertionError):
        full((2,), 1.0)


def test_forms_of_an_operation():
    rows = op("addcmul", "x, y, value=2", "fmio", tag="twice", x=span(0, 1, 2), y=span(0, 1, 2))
    texts = {name: case.__doc__ for name, case in rows.items()}
    assert texts["addcmul_twice"] == "torch.addcmul(x, y, value=2)"
    assert texts["addcmul_twice_method"] == "x.addcmul(y, value=2)"
    assert texts["addcmul_twice_inplace"] == "x.clone().addcmul_(y, value=2)"
    assert texts["addcmul_twice_out"].endswith("torch.addcmul(x, y, value=2, out=o) is o]")


def test_two_rows_of_one_name_are_refused():
    row = expr("twice", "x + x", x=span(0, 1, 2))
    with pytest.raises(AssertionError, match="two rows are called twice"):
        cases(row, row)


def test_an_expression_that_is_no_python_is_refused_at_once():
    with pytest.raises(SyntaxError):
        exprs("broken", "x +; x", x=span(0, 1, 2))


def test_expressions_are_split_at_semicolons():
    assert split(("x + 1; x[0];\n   x", "y")) == ["x + 1", "x[0]", "x", "y"]


def test_stored_answers_leave_out_usual_flags_only():
    words = {"words": {"tensor": True}}
    leaf = {
        "tensor": "torch.float32",
        "shape": [2],
        "requires_grad": False,
        "is_leaf": True,
        "grad_fn": None,
    }
    made = leaf | {"requires_grad": True, "is_leaf": False, "grad_fn": "MulBackward0"}
    parameter = leaf | {"requires_grad": True}
    no_node = leaf | {"is_leaf": False}
    steps = [
        {"yields": {"list": [leaf, made, None, words]}},
        {"yields": parameter},
        {"yields": no_node},
    ]
    assert brief(leaf) == {"tensor": "torch.float32", "shape": [2]}
    assert brief(made) == brief(leaf) | {"grad_fn": "MulBackward0"}
    assert brief(parameter) == parameter and brief(no_node) == no_node
    assert filled(brief(steps)) == steps


@pytest.mark.parametrize("module", OPERATIONS)
def test_every_row_that_fails_fails_under_pytorch(module):
    """A row of `fails` that PyTorch accepts, or that has a misspelt name, pins down nothing."""
    answers = answers_of(module)
    for name, case in cases_of(module).items():
        if getattr(case, "must_fail", False):
            text = json.dumps(answers[name])
            assert '"no error"' not in text, name
            assert "NameError" not in text and "AttributeError" not in text, name


@pytest.mark.parametrize("module", OPERATIONS)
def test_differentiated_rows_have_gradients(module):
    """The answer of a row whose result requires grad goes on with the gradients."""
    for name, steps in answers_of(module).items():
        doc = cases_of(module)[name].__doc__ or ""
        first = steps[0].get("yields")
        if doc.startswith("torch.") and isinstance(first, dict) and first.get("requires_grad"):
            assert "list" in steps[1]["yields"], name
