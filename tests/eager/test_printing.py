"""Tensors are printed as PyTorch 2.13 prints them, character by character.

The answers are PyTorch's own, stored by ``tools/torch_answers_printing.py``.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from printing_cases import our_text

from tapejit.torch.dtypes import float32, float64, from_numpy_dtype, int64
from tapejit.torch.print_options import PROFILES, PrintOptions, get_printoptions, set_printoptions
from tapejit.torch.printing import parameter_str, tensor_str

CASES = json.loads((Path(__file__).parent / "answers" / "printing.json").read_text())


@pytest.fixture(autouse=True)
def default_options():
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


def plain(array, **said):
    said = {"requires_grad": False, "grad_fn": None} | said
    return tensor_str(array, from_numpy_dtype(array.dtype), **said)


@pytest.mark.parametrize("dtype", sorted({case["dtype"] for case in CASES}))
def test_every_stored_case(dtype):
    cases = [case for case in CASES if case["dtype"] == dtype]
    wrong = [case for case in cases if our_text(case) != case["text"]]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n{wrong[0]['text']}\n{our_text(wrong[0])}"


def test_the_stored_cases_vary():
    assert len(CASES) > 700
    assert len({case["text"] for case in CASES}) > 600
    traits = Counter()
    for case in CASES:
        text = case["text"]
        traits["summary"] += "..." in text
        traits["scientific"] += "e+0" in text or "e-0" in text
        traits["wrapped suffix"] += (
            text.splitlines()[-1].lstrip().startswith(("grad", "requ", "dt"))
        )
        traits["two blocks"] += "\n\n" in text
        traits["nan"] += "nan" in text
        traits["size"] += "size=" in text
        traits["options"] += "options" in case
        traits["default"] += "default" in case
        traits["name"] += "name" in case
        traits["node"] += "grad_fn=" in text
        traits["leaf"] += "requires_grad=" in text
        traits["0-d"] += case["shape"] == []
    assert min(traits.values()) >= 10, traits


@given(
    hnp.arrays(
        st.sampled_from([np.dtype("f8"), np.dtype("i8"), np.dtype("?")]),
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements=None,
    )
)
def test_the_text_reads_back(array):
    """Without a summary the elements stand in order, as near as four decimals can say."""
    set_printoptions(precision=17, sci_mode=True, threshold=math.inf)
    text = plain(array)
    brackets = text[len("tensor(") : text.rindex("]") + 1]
    read = eval(brackets, {"nan": math.nan, "inf": math.inf})
    np.testing.assert_array_equal(np.array(read, dtype=array.dtype), array)


def test_views_print_as_their_copies():
    array = np.arange(24, dtype="f4").reshape(4, 6)
    for view in (array.T, array[::-1, ::2], np.broadcast_to(array[:1], (5, 6)), array[:, 1]):
        assert plain(view) == plain(view.copy())


def test_a_summary_looks_at_what_it_shows():
    array = np.ones(2000, "f4")
    array[1000] = 1e30
    assert plain(array) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"
    array[-1] = 1.5
    assert plain(array) == ("tensor([1.0000, 1.0000, 1.0000,  ..., 1.0000, 1.0000, 1.5000])")


def test_a_signalling_nan_prints_quietly():
    single = np.array([0x7F800001, 0x3FC00000], "u4").view("f4")
    half = np.array([0x7C01, 0x3E00], "u2").view("f2")
    assert plain(single) == "tensor([   nan, 1.5000])"
    assert plain(half) == "tensor([   nan, 1.5000], dtype=torch.float16)"


def test_size_said_always():
    array = np.zeros((1, 2), "f4")
    assert plain(array, size_always=True) == "tensor([[0., 0.]], size=(1, 2))"
    assert plain(array[0, :0], size_always=True) == "tensor([], size=(0,))"


def test_a_node_hides_requires_grad():
    one = np.float32(1).reshape(())
    assert plain(one, requires_grad=True) == "tensor(1., requires_grad=True)"
    both = plain(one, requires_grad=True, grad_fn="MeanBackward0")
    assert both == "tensor(1., grad_fn=<MeanBackward0>)"


def test_parameter():
    text = plain(np.zeros(2, "f4"), requires_grad=True)
    assert parameter_str(text) == "Parameter containing:\ntensor([0., 0.], requires_grad=True)"


def test_an_array_of_another_dtype_is_refused():
    with pytest.raises(ValueError, match=r"array of float32.*tensor of torch.float64"):
        tensor_str(np.zeros(2, "f4"), float64, requires_grad=False, grad_fn=None)
    with pytest.raises(ValueError, match="array of >f4"):
        tensor_str(np.zeros(2, ">f4"), float32, requires_grad=False, grad_fn=None)
    with pytest.raises(ValueError, match=r"int32.*int64"):
        tensor_str(np.zeros(2, "i4"), int64, requires_grad=False, grad_fn=None)


# --- set_printoptions


def test_profiles():
    assert get_printoptions() == PrintOptions(4, 1000, 3, 80, None)
    set_printoptions(profile="short")
    assert get_printoptions() == PrintOptions(2, 1000, 2, 80, None)
    set_printoptions(profile="full")
    assert get_printoptions() == PrintOptions(4, math.inf, 3, 80, None)
    set_printoptions(profile="Default", linewidth=40)
    assert get_printoptions() == PrintOptions(4, 1000, 3, 40, None)
    assert PROFILES["default"] == PrintOptions()


def test_a_setting_stays_except_sci_mode():
    set_printoptions(precision=2, sci_mode=True)
    set_printoptions(edgeitems=1)
    assert get_printoptions() == PrintOptions(2, 1000, 1, 80, None)


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        ({"precision": -1}, ValueError, "precision must not be negative"),
        ({"edgeitems": -1}, ValueError, "edgeitems must not be negative"),
        ({"threshold": math.nan}, ValueError, "threshold must not be negative"),
        ({"linewidth": 2.5}, TypeError, "linewidth must be an int"),
        ({"precision": "a"}, TypeError, "precision must be an int"),
        ({"precision": True}, TypeError, "precision must be an int"),
        ({"sci_mode": "yes"}, TypeError, "sci_mode must be"),
        ({"profile": "tall"}, ValueError, "default, short, full"),
        ({"profile": 3}, TypeError, "profile must be a str"),
    ],
)
def test_what_no_printing_could_follow_is_refused_at_once(said, error, message):
    set_printoptions(precision=7)
    before = get_printoptions()
    with pytest.raises(error, match=message):
        set_printoptions(linewidth=said.pop("linewidth", 50), **said)
    assert get_printoptions() == before


def test_threads_share_the_options():
    set_printoptions(precision=1)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(plain(np.array([0.25], "f4"))))
    thread.start()
    thread.join()
    assert seen == ["tensor([0.2])"]
