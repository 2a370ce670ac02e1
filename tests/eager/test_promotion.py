"""Result dtypes are PyTorch's, for every pair of dtypes and kinds of operand.

The tables are PyTorch 2.13's own, stored by ``tools/torch_answers_printing.py``. PyTorch's complex32
does not exist here: where its table says so, RuntimeError is expected.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tapejit.torch import dtypes
from tapejit.torch.promotion import can_cast, number_dtype, promote, promote_types

ANSWERS = json.loads((Path(__file__).parent / "answers" / "promotion_tables.json").read_text())
NUMBERS = {"bool": True, "int": 2, "float": 2.5, "complex": 2j}
NAMES = ANSWERS["dtypes"]
LABELS = ANSWERS["labels"]


@pytest.fixture(autouse=True)
def default_dtype():
    yield
    dtypes.set_default_dtype(dtypes.float32)


def operand(label):
    kind, name = label.split()
    return (number_dtype(NUMBERS[name]) if kind == "number" else dtypes.dtype.all[name]), kind


def name_or_error(function, *args):
    try:
        return function(*args).name
    except RuntimeError:
        return "RuntimeError"


def expected(answer):
    return "RuntimeError" if answer == "complex32" else answer


def test_the_tables_are_whole():
    assert sorted(NAMES) == sorted(dtypes.dtype.all)
    assert len(LABELS) == 2 * 14 + 4
    assert len(ANSWERS["triples"]) > 800


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_pairs(default):
    dtypes.set_default_dtype(dtypes.dtype.all[default])
    table = ANSWERS[f"result_type {default}"]
    wrong = []
    for (a, row), (b, column) in itertools.product(enumerate(LABELS), repeat=2):
        got = name_or_error(promote, [operand(row), operand(column)])
        if got != expected(table[a][b]):
            wrong.append((row, column, got, table[a][b]))
    assert not wrong


def test_triples_in_every_order():
    wrong = []
    for *labels, answer in ANSWERS["triples"]:
        for order in set(itertools.permutations(labels)):
            got = name_or_error(promote, map(operand, order))
            if got != expected(answer):
                wrong.append((order, got, answer))
    assert not wrong


def test_promote_types_and_can_cast():
    for (i, a), (j, b) in itertools.product(enumerate(NAMES), repeat=2):
        one, other = dtypes.dtype.all[a], dtypes.dtype.all[b]
        got = name_or_error(promote_types, one, other)
        assert got == ANSWERS["promote_types"][i][j], (a, b)
        assert can_cast(one, other) is ANSWERS["can_cast"][i][j], (a, b)


def test_one_operand_keeps_its_dtype():
    for label in LABELS:
        assert promote([operand(label)]) is operand(label)[0]


def test_a_zero_d_tensor_hears_the_numbers_first():
    bools, byte, number = (dtypes.bool_, "tensor"), (dtypes.int8, "zero"), operand("number int")
    assert promote([bools, byte, number]) is dtypes.int8
    assert promote([bools, number]) is dtypes.int64


def test_a_new_default_dtype_is_heard_at_once():
    operands = lambda: [(dtypes.int64, "tensor"), (number_dtype(0.5), "number")]
    assert promote(operands()) is dtypes.float32
    dtypes.set_default_dtype(dtypes.float64)
    assert promote(operands()) is dtypes.float64


def test_numbers():
    assert [
        number_dtype(n).name for n in (True, 1, 1.0, 1j)
    ] == "bool int64 float32 complex64".split()
    with pytest.raises(TypeError, match="not str"):
        number_dtype("1")
    dtypes.set_default_dtype(dtypes.float16)
    with pytest.raises(RuntimeError, match=r"no complex dtype with parts of torch.float16"):
        number_dtype(1j)


def test_messages():
    with pytest.raises(RuntimeError, match=r"attempted to promote UInt16 and Int$"):
        promote_types(dtypes.uint16, dtypes.int32)
    with pytest.raises(RuntimeError, match=r"attempted to promote ComplexDouble and UInt64$"):
        promote_types(dtypes.complex128, dtypes.uint64)
    with pytest.raises(TypeError, match=r"promote_types\(\): argument 'type1' \(position 1\)"):
        promote_types(1, dtypes.int32)
    with pytest.raises(
        TypeError, match=r"argument 'to' \(position 2\) must be torch.dtype, not str"
    ):
        can_cast(dtypes.int32, "int8")
    with pytest.raises(ValueError, match="no operands"):
        promote([])
    with pytest.raises(ValueError, match="not 'scalar'"):
        promote([(dtypes.int8, "scalar")])
