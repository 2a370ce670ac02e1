"""Dtype objects and their limits say what PyTorch's say; sizes and devices behave as PyTorch's."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from tapejit.torch import dtypes, sizes
from tapejit.torch.dtypes import dtype, from_numpy_dtype, get_default_dtype, set_default_dtype
from tapejit.torch.limits import finfo, iinfo
from tapejit.torch.sizes import Size, device

ANSWERS = json.loads((Path(__file__).parent / "answers" / "promotion_tables.json").read_text())
ALL = list(dtype.all.values())


@pytest.fixture(autouse=True)
def default_dtype():
    yield
    set_default_dtype(dtypes.float32)


# --- dtype


@pytest.mark.parametrize("of", ALL, ids=str)
def test_a_dtype_is_known_by_identity(of):
    for again in (copy.copy(of), copy.deepcopy(of), pickle.loads(pickle.dumps(of))):
        assert again is of
    assert from_numpy_dtype(of.numpy) is of
    assert repr(of) == f"torch.{of.numpy.name}"
    assert of.itemsize == np.empty((), of.numpy).nbytes


def test_what_the_names_mean():
    named = {
        "half": "float16", "double": "float64", "float_": "float32", "long": "int64",
        "int_": "int32", "short": "int16", "cfloat": "complex64", "cdouble": "complex128",
        "bool_": "bool",
    }  # fmt: skip
    for alias, name in named.items():
        assert getattr(dtypes, alias) is dtype.all[name]
    for name in set(dtype.all) - {"bool"}:
        assert getattr(dtypes, name) is dtype.all[name]


def test_kinds_of_numbers():
    floats = {of.name for of in ALL if of.is_floating_point}
    complexes = {of.name for of in ALL if of.is_complex}
    unsigned = {of.name for of in ALL if not of.is_signed}
    assert floats == {"float16", "float32", "float64"}
    assert complexes == {"complex64", "complex128"}
    assert unsigned == {"bool", "uint8", "uint16", "uint32", "uint64"}


def test_real_and_complex_partners():
    assert dtypes.float32.to_complex() is dtypes.complex64
    assert dtypes.complex128.to_complex() is dtypes.complex128
    assert dtypes.complex128.to_real() is dtypes.float64
    assert dtypes.int8.to_real() is dtypes.int8
    with pytest.raises(RuntimeError, match=r"torch.int64"):
        dtypes.int64.to_complex()


def test_a_dtype_cannot_be_made_or_changed():
    with pytest.raises(TypeError, match=r"cannot create 'torch.dtype' instances"):
        dtype("float32")
    with pytest.raises(
        AttributeError, match=r"'itemsize' of 'torch.dtype' objects is not writable"
    ):
        dtypes.float32.itemsize = 8
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        dtypes.float32.other = 8
    with pytest.raises(AttributeError, match="not writable"):
        del dtypes.float32.name
    with pytest.raises(TypeError, match="not supported between"):
        dtypes.float32 < dtypes.float64  # noqa: B015


def test_numpy_dtypes_without_a_tensor():
    with pytest.raises(
        TypeError, match=r"type numpy.str_. The only supported types are: .*and bool"
    ):
        from_numpy_dtype(np.dtype("U3"))
    with pytest.raises(TypeError, match="datetime64"):
        from_numpy_dtype(np.dtype("M8[s]"))
    with pytest.raises(TypeError, match=r"numpy.object_"):
        from_numpy_dtype(np.dtype(object))
    with pytest.raises(TypeError, match="longdouble"):
        from_numpy_dtype(np.dtype("g"))
    with pytest.raises(ValueError, match="byte order different"):
        from_numpy_dtype(np.dtype("f4").newbyteorder())


def test_default_dtype():
    assert get_default_dtype() is dtypes.float32
    set_default_dtype(dtypes.float64)
    assert get_default_dtype() is dtypes.float64
    for wrong in (dtypes.int32, dtypes.complex64, "float32", None, np.float32):
        with pytest.raises(TypeError, match="only floating-point types are supported"):
            set_default_dtype(wrong)
    assert get_default_dtype() is dtypes.float64


# --- finfo, iinfo


def test_limits_print_as_pytorch_prints_them():
    said = {name: repr(iinfo(of)) for name, of in dtype.all.items() if of.numpy.kind in "iu"}
    said |= {name: repr(finfo(of)) for name, of in dtype.all.items() if of.numpy.kind in "fc"}
    assert said == ANSWERS["limits"]


def test_limits_are_exact_python_numbers():
    assert (iinfo(dtypes.int64).min, iinfo(dtypes.int64).max) == (-(2**63), 2**63 - 1)
    assert finfo(dtypes.float32).eps == 2.0**-23
    assert finfo(dtypes.float32).resolution == 1e-6
    assert (finfo(dtypes.complex128).bits, finfo(dtypes.float16).bits) == (64, 16)
    assert type(finfo(dtypes.float16).max) is float
    assert type(iinfo(dtypes.uint8).max) is int
    assert finfo() == finfo(dtypes.complex64) != finfo(dtypes.float64)
    assert iinfo(dtypes.int8) == iinfo(dtypes.int8) != iinfo(dtypes.uint8)
    set_default_dtype(dtypes.float64)
    assert finfo().dtype == "float64"


def test_limits_refuse_the_other_category():
    for of in (dtypes.int32, dtypes.bool_):
        with pytest.raises(TypeError, match="requires a floating point input type"):
            finfo(of)
    for of in (dtypes.float32, dtypes.complex64):
        with pytest.raises(TypeError, match="requires an integer input type"):
            iinfo(of)
    with pytest.raises(TypeError, match=r"torch.bool is not supported"):
        iinfo(dtypes.bool_)
    with pytest.raises(TypeError, match=r"finfo\(\): argument 'type' .* not int"):
        finfo(3)


# --- Size


def test_size_is_a_tuple_that_stays_a_size():
    size = Size([2, 3])
    assert size == (2, 3) and hash(size) == hash((2, 3))
    kept = [
        size[1:],
        size[::-1],
        size + (4,),
        (4,) + size,
        size * 2,
        2 * size,
        size[:0],
        size + size,
    ]
    kept += [copy.copy(size), copy.deepcopy(size), pickle.loads(pickle.dumps(size))]
    assert all(type(k) is Size for k in kept)
    printed = "[3] [3, 2] [2, 3, 4] [4, 2, 3] [2, 3, 2, 3] [2, 3, 2, 3] [] [2, 3, 2, 3]".split(" [")
    printed = [f"torch.Size([{p.lstrip('[')})" for p in printed] + ["torch.Size([2, 3])"] * 3
    assert [repr(k) for k in kept] == printed
    assert type(size[0]) is int
    assert (size.numel(), Size().numel(), Size([0, 3]).numel()) == (6, 1, 0)
    assert repr(Size([np.int64(2), True])) == "torch.Size([2, 1])"
    assert type(Size([np.int64(2)])[0]) is int


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Size([2.5]), r"takes an iterable of 'int' \(item 0 is 'float'\)"),
        (lambda: Size([1]) + ("a",), r"takes an iterable of 'int' \(item 1 is 'str'\)"),
        (lambda: Size([1]) + [1], r"can only concatenate tuple \(not list\) to torch.Size"),
        (lambda: [1] + Size([1]), "can only concatenate list"),
        (lambda: Size(3), "not iterable"),
        (lambda: Size([1]) * 1.5, "non-int"),
    ],
)
def test_size_refuses(make, message):
    with pytest.raises(TypeError, match=message):
        make()


# --- device, layout, memory format


def test_devices():
    cpu, first = device("cpu"), device("cpu:0")
    assert (repr(cpu), str(cpu), cpu.type, cpu.index) == ("device(type='cpu')", "cpu", "cpu", None)
    assert (repr(first), str(first), first.index) == ("device(type='cpu', index=0)", "cpu:0", 0)
    assert cpu == device("cpu") != first == device("cpu", 0) == device(type="cpu", index=0)
    assert cpu != "cpu" and len({cpu, device("cpu"), first}) == 2
    assert device(first) == first
    for again in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert again == first
    with device("cpu") as entered:
        assert entered == cpu
    with pytest.raises(AttributeError, match="not writable"):
        cpu.index = 1


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("cuda",), RuntimeError, "tapejit has only the cpu device, not 'cuda'"),
        (("cuda:0",), RuntimeError, "only the cpu"),
        (("mps",), RuntimeError, "only the cpu"),
        (("meta",), RuntimeError, "only the cpu"),
        (("CPU",), RuntimeError, "only the cpu"),
        ((0,), RuntimeError, "only the cpu device: there is no accelerator"),
        (("",), RuntimeError, "must not be empty"),
        (("cpu:",), RuntimeError, "Invalid device string: 'cpu:'"),
        (("cpu:a",), RuntimeError, "Invalid device string"),
        (("cpu:-1",), RuntimeError, "Invalid device string"),
        (("cpu:00",), RuntimeError, "Invalid device string"),
        (("cpu", -1), RuntimeError, "must not be negative"),
        (("cpu:0", 0), RuntimeError, "must not include an index"),
        (("cpu", True), TypeError, "must be int, not bool"),
        (("cpu", 1.5), TypeError, "must be int, not float"),
        ((None,), TypeError, "not NoneType"),
        ((), TypeError, "type"),
    ],
)
def test_other_devices_are_refused_when_named(args, error, message):
    with pytest.raises(error, match=message):
        device(*args)


def test_layouts_and_memory_formats():
    names = "contiguous_format preserve_format channels_last channels_last_3d".split()
    for name in names:
        constant = getattr(sizes, name)
        assert type(constant) is sizes.memory_format and repr(constant) == f"torch.{name}"
    assert type(sizes.strided) is sizes.layout and str(sizes.strided) == "torch.strided"
    for constant in (sizes.strided, sizes.channels_last):
        assert copy.deepcopy(constant) is pickle.loads(pickle.dumps(constant)) is constant
    for kind in (sizes.layout, sizes.memory_format):
        with pytest.raises(TypeError, match=f"cannot create 'torch.{kind.__name__}' instances"):
            kind("strided")
