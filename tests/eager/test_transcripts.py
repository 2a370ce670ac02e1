"""The comparison of transcripts sees what it must, and lets pass only what it may."""

from __future__ import annotations

import copy
import math
import types
import warnings

import numpy as np
import pytest
from case_files import answers_of, cases_of, modules
from known_differences import DIFFERENCES
from transcript_differences import differences, same, same_text, transcript_differences
from transcripts import describe_error, raising, transcript

TENSOR = {
    "tensor": "torch.float32", "shape": [2], "requires_grad": True, "is_leaf": False,
    "grad_fn": "MulBackward0", "repr": "tensor([1.2500, 3.3333], grad_fn=<MulBackward0>)",
    "values": [1.25, 3.3333333],
}  # fmt: skip
STEP = {"yields": {"tuple": [TENSOR, 3, "text", 0.1, True, None]}, "warns": ["UserWarning: one"]}


def changed(key, value):
    return TENSOR | {key: value}


@pytest.mark.parametrize(
    "other",
    [
        changed("tensor", "torch.float64"),
        changed("shape", [1, 2]),
        changed("requires_grad", False),
        changed("is_leaf", True),
        changed("grad_fn", "MulBackward1"),
        changed("grad_fn", None),
        changed("values", [1.25, 3.3334]),
        changed("values", [1.25, {"float": "nan"}]),
        changed("values", [1.25]),
        changed("values", [True, 3.3333333]),
        changed("repr", TENSOR["repr"].replace(", grad", ",  grad")),
        changed("repr", TENSOR["repr"].replace("1.2500", "1.25")),
        changed("repr", TENSOR["repr"].replace("3.3333", "3.3353")),
        changed("repr", TENSOR["repr"].replace("Mul", "Add")),
        {"array": "float32", "shape": [2], "values": [1.25, 3.3333333]},
        None,
        {"raises": "RuntimeError", "bases": [], "message": ""},
    ],
)
def test_a_changed_tensor_is_seen_and_said(other):
    lines = differences(other, TENSOR)
    assert lines
    assert all(line.startswith("value") for line in lines)


@pytest.mark.parametrize(
    "other",
    [
        changed("values", [1.25, 3.33333331]),
        changed("repr", TENSOR["repr"].replace("3.3333", "3.3334")),
    ],
)
def test_rounding_is_let_pass(other):
    assert differences(other, TENSOR) == []


def test_an_answer_is_the_same_as_itself():
    assert same([copy.deepcopy(STEP)], [STEP])
    for module in modules():
        for steps in answers_of(module).values():
            assert same(copy.deepcopy(steps), steps)


@pytest.mark.parametrize("place, value", [(1, 4), (2, "texts"), (3, 0.1000001), (4, 1), (5, 0)])
def test_a_changed_item_is_seen(place, value):
    other = copy.deepcopy(STEP)
    other["yields"]["tuple"][place] = value
    (line,) = transcript_differences([other], [STEP])
    assert line.startswith(f"step 0.yields.tuple[{place}]:")


def test_warnings_count_by_category():
    assert same([STEP | {"warns": ["UserWarning: two"]}], [STEP])
    assert not same([STEP | {"warns": ["DeprecationWarning: one"]}], [STEP])
    assert not same([{"yields": STEP["yields"]}], [STEP])
    assert not same([STEP], [{"yields": STEP["yields"]}])


def test_missing_and_surplus_steps_are_said():
    assert transcript_differences([STEP], [STEP, STEP])[0].startswith("step 1: the end")
    assert transcript_differences([STEP, STEP], [STEP])[0].endswith("expected the end")


def test_float_tells_its_precision():
    single = 0.10000000149011612
    assert differences(single * (1 + 1e-7), single) == []
    assert differences(0.1 * (1 + 1e-7), 0.1)
    assert differences({"float": "inf"}, {"float": "-inf"})
    assert differences(1, 1.0)


def test_nan_equals_nan_only():
    nan = changed("values", [1.25, {"float": "nan"}])
    assert differences(nan, nan) == []
    assert differences(changed("values", [1.25, {"float": "inf"}]), nan)


@pytest.mark.parametrize(
    "found, stored, fits",
    [
        ("tensor([ 9.9999, 10.0000])", "tensor([10.0000, 10.0000])", True),
        ("tensor([ 9.9999,  10.0000])", "tensor([ 9.9999, 10.0000])", False),
        ("tensor([9.9999e-05])", "tensor([1.0000e-04])", True),
        ("tensor([9.9999e-05])", "tensor([9.9999e-04])", False),
        ("tensor([nan, inf])", "tensor([nan, -inf])", False),
        ("tensor(16777217)", "tensor(16777216)", False),
        ("tensor([0.3333], dtype=torch.float64)", "tensor([0.3333])", False),
        ("<AddBackward0>", "<AddBackward1>", False),
        ("torch.float32", "torch.float64", False),
    ],
)
def test_printed_forms(found, stored, fits):
    assert same_text(found, stored) is fits


def error(make, *words):
    def call():
        raise make

    return describe_error(make) | {"words": raising(None, call, *words).words}


class Finer(ValueError):
    pass


@pytest.mark.parametrize(
    "found, stored, fits",
    [
        (error(RuntimeError("a leaf"), "leaf"), error(RuntimeError("Leaf!"), "leaf"), True),
        (error(RuntimeError("a node"), "leaf"), error(RuntimeError("leaf"), "leaf"), False),
        (error(NotImplementedError("a")), error(RuntimeError("a")), False),
        (error(Finer("a")), error(ValueError("a")), True),
        (error(ValueError("a")), error(Finer("a")), False),
        ({"raises": None, "words": {}}, error(ValueError("a")), False),
        (error(ValueError("a")), {"raises": None, "words": {}}, False),
        (1, error(ValueError("a")), False),
        (error(ValueError("a")), 1, False),
        (error(ValueError("a")) | {"warns": ["UserWarning: b"]}, error(ValueError("a")), False),
        ({"raises": None, "words": {}}, {"raises": None, "words": {}}, True),
    ],
)
def test_errors(found, stored, fits):
    assert (differences(found, stored) == []) is fits


@pytest.mark.parametrize("module", modules())
def test_every_case_has_its_answer_and_every_answer_its_case(module):
    assert list(answers_of(module)) == list(cases_of(module))


def test_every_decided_difference_names_a_case():
    names = {f"{module}.{name}" for module in modules() for name in cases_of(module)}
    assert set(DIFFERENCES) <= names
    assert all(DIFFERENCES.values())


class Vector:
    """As much of a tensor as a transcript asks for."""

    dtype, requires_grad, is_leaf, grad_fn = "toy.float64", False, True, None

    def __init__(self, *values):
        self.values = list(values)
        self.shape = (len(values),)

    def detach(self):
        return self

    def tolist(self):
        return list(self.values)

    def __repr__(self):
        return f"vector({self.values})"


def toy():
    """A library of vectors, with the switches that a transcript puts back."""
    put_back = []
    switch = lambda name: lambda *a, **k: put_back.append(name)
    names = ("manual_seed", "set_grad_enabled", "set_default_dtype", "set_printoptions")
    return types.SimpleNamespace(
        Tensor=Vector, Size=type("Size", (tuple,), {}), dtype=bytes, device=bytes, float32=b"",
        autograd=types.SimpleNamespace(set_detect_anomaly=switch("anomaly")), put_back=put_back,
        **{name: switch(name) for name in names},
    )  # fmt: skip


def test_values_are_described_when_they_are_yielded():
    def case(torch):
        v = torch.Tensor(1.0, math.nan)
        yield v
        v.values[0] = 2.0
        yield [v, (1, None), {"k": 2.5}, np.float32(0.5), np.arange(2), 1j]

    first, second = transcript(case, toy())
    assert first["yields"]["values"] == [1.0, {"float": "nan"}]
    assert first["yields"]["repr"] == "vector([1.0, nan])"
    listed = second["yields"]["list"]
    assert listed[0]["values"][0] == 2.0
    assert listed[1:3] == [{"tuple": [1, None]}, {"dict": [["k", 2.5]]}]
    assert listed[3:] == [
        {"scalar": "float32", "values": 0.5},
        {"array": "int64", "shape": [2], "values": [0, 1]},
        {"complex": [0.0, 1.0]},
    ]


def test_warnings_and_the_end_are_recorded():
    def case(torch):
        yield 1
        warnings.warn("first", UserWarning, stacklevel=1)
        warnings.warn("first", UserWarning, stacklevel=1)
        yield raising(torch, lambda: {}["key"], "key")
        raise Finer("the end")

    library = toy()
    assert transcript(case, library) == [
        {"yields": 1},
        {
            "yields": {
                "raises": "KeyError", "bases": ["LookupError"], "message": "'key'",
                "words": {"key": True},
            },
            "warns": ["UserWarning: first"],
        },
        {"raises": "Finer", "bases": ["ValueError"], "message": "the end"},
    ]  # fmt: skip
    assert library.put_back == 2 * library.put_back[:5]


def test_a_value_without_description_is_refused():
    def case(torch):
        yield object()

    with pytest.raises(TypeError, match="yielded a object"):
        transcript(case, toy())
