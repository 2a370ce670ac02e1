"""Inputs are never modified and never aliased by a result, whatever their layout or dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import TapejitError, UnsupportedError

POLICIES = ["never", "always"]
BASE = np.arange(1.0, 25.0).reshape(4, 6)


def unaligned(x: Any) -> Any:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    found = raw[1:].view(x.dtype).reshape(x.shape)
    found[...] = x
    assert not found.flags.aligned
    return found


def read_only(x: Any) -> Any:
    found = x.copy()
    found.flags.writeable = False
    return found


LAYOUTS: dict[str, Any] = {
    "contiguous": lambda: BASE[:, :3].copy(),
    "strided": lambda: BASE[:, ::2],
    "reversed": lambda: BASE[::-1, 2::-1],
    "fortran": lambda: np.asfortranarray(BASE[:, :3]),
    "transposed": lambda: BASE[:3, :4].T,
    "stride zero": lambda: np.broadcast_to(BASE[0, :3], (4, 3)),
    "swapped": lambda: BASE[:, :3].astype(">f8"),
    "read only": lambda: read_only(BASE[:, :3]),
    "unaligned": lambda: unaligned(BASE[:, :3]),
    "foreign": lambda: np.frombuffer(BASE[:, :3].tobytes()).reshape(4, 3),
    "sliced": lambda: np.arange(100.0)[5:17].reshape(4, 3),
    "overlapping": lambda: np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3),
}


@pytest.fixture(scope="module", params=POLICIES)
def f(request: Any) -> Any:
    return tj.value_and_grad(lambda x: np.sum(np.sin(x[1:]) * x[:-1] ** 2), compile=request.param)


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_layouts(f: Any, layout: str) -> None:
    x = LAYOUTS[layout]()
    before = x.copy()
    plain = np.ascontiguousarray(x, dtype=np.float64)
    value = np.sum(np.sin(plain[1:]) * plain[:-1] ** 2)
    g = np.zeros_like(plain)
    g[1:] += np.cos(plain[1:]) * plain[:-1] ** 2
    g[:-1] += np.sin(plain[1:]) * 2 * plain[:-1]
    for _ in range(4):
        found, gradient = f(x)
        assert np.isclose(found, value) and np.allclose(gradient, g)
        assert gradient.dtype == np.float64 and gradient.flags.writeable
        assert not np.shares_memory(gradient, x)
        gradient[...] = np.nan
    assert np.array_equal(x, before)


@pytest.mark.parametrize("policy", POLICIES)
def test_captured_arrays_of_any_layout(policy: str) -> None:
    kept = {"w": BASE[:, ::2]}
    g = tj.value_and_grad(lambda x: np.sum(x * kept["w"]), compile=policy)
    x = np.ones((4, 3))
    for name in LAYOUTS:
        kept["w"] = LAYOUTS[name]()
        for _ in range(2):
            value, gradient = g(x)
            assert np.isclose(value, np.sum(kept["w"])), name
            assert np.allclose(gradient, kept["w"]), name
            assert not np.shares_memory(gradient, kept["w"])


@pytest.mark.parametrize("policy", POLICIES)
def test_outputs_alias_nothing(policy: str) -> None:
    constant = np.ones(3)

    def fn(x: Any) -> Any:
        return (
            x,
            x[1:],
            x,
            x.T,
            constant,
            constant[:2],
            np.arange(3),
            np.broadcast_to(x, (2, 3)),
            x[0:1],
        )

    g = tj.jit(fn, compile=policy)
    x = np.array([1.0, 2.0, 3.0])
    for _ in range(4):
        found = g(x)
        expected = fn(x)
        for a, b in zip(found, expected):
            assert np.array_equal(a, b)
        for k, a in enumerate(found):
            assert not np.shares_memory(a, x) and not np.shares_memory(a, constant)
            assert all(not np.shares_memory(a, b) for b in found[:k])
            a[...] = -7
    assert np.array_equal(x, [1.0, 2.0, 3.0]) and np.array_equal(constant, np.ones(3))


@pytest.mark.parametrize("policy", POLICIES)
def test_gradient_with_respect_to_the_same_array_twice(policy: str) -> None:
    g = tj.grad(lambda x, y: np.sum(x * y), argnums=(0, 1), compile=policy)
    x = np.array([1.0, 2.0, 3.0])
    for _ in range(3):
        a, b = g(x, x)
        assert np.array_equal(a, x) and np.array_equal(b, x) and not np.shares_memory(a, b)
        a[...] = 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (1,), (1, 1, 1)])
def test_small_shapes(shape: tuple[int, ...], policy: str) -> None:
    g = tj.value_and_grad(lambda x: np.sum(x * x + 1.0), compile=policy)
    x = np.full(shape, 2.0)
    for _ in range(3):
        v, d = g(x)
        assert v == 5.0 * x.size and np.shape(d) == shape and np.all(d == 4.0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, np.complex64, np.clongdouble])
def test_uncommon_dtypes(dtype: Any, policy: str) -> None:
    x = np.array([1.0, 2.0, 3.0], dtype=dtype)
    g = tj.jit(lambda x: (x * 2 + 1, np.sum(x), np.exp(x)), compile=policy)
    for _ in range(3):
        for a, b in zip(g(x), (x * 2 + 1, np.sum(x), np.exp(x))):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=float(8 * np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", ["b1", "i1", "u2", "i4", "u8"])
def test_integer_inputs(dtype: str) -> None:
    x = np.array([1, 0, 1], dtype=dtype)
    g = tj.jit(lambda x: (x + x, x * 2.5, ~x if x.dtype.kind != "f" else x), compile="never")
    for _ in range(3):
        for a, b in zip(g(x), (x + x, x * 2.5, ~x)):
            assert a.dtype == b.dtype and np.array_equal(a, b)
    with pytest.raises(TypeError, match=dtype_of(dtype)):
        tj.grad(lambda x: np.sum(x * 1.0), compile="never")(x)


def dtype_of(name: str) -> str:
    return str(np.dtype(name))


@pytest.mark.parametrize(
    "x",
    [np.ones((2, 2)).view(np.matrix), np.ma.array([1.0, 2.0], mask=[0, 1])],
    ids=["matrix", "masked"],
)
def test_subclasses_with_another_meaning_are_refused(x: Any) -> None:
    for call in (tj.grad(lambda x: np.sum(x * x)), tj.jit(lambda x: x * x)):
        with pytest.raises(UnsupportedError, match=r"np\.asarray"):
            call(x)
    with pytest.raises(TapejitError):
        tj.grad(lambda y: np.sum(y * x), compile="never")(np.ones(2))


def test_memory_maps_and_plain_subclasses(tmp_path: Any) -> None:
    m = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=(3,))
    m[:] = [1.0, 2.0, 3.0]
    g = tj.grad(lambda x: np.sum(x**2), compile="never")
    for _ in range(3):
        d = g(m)
        assert type(d) is np.ndarray and np.array_equal(d, [2.0, 4.0, 6.0])


@pytest.mark.parametrize(
    "bad", [np.array(["a"]), np.array([object()]), np.array(["2020"], "M8[D]")]
)
def test_arrays_that_hold_no_numbers(bad: Any) -> None:
    g = tj.grad(lambda x, y: np.sum(x) * len(y), compile="never")
    for _ in range(2):
        try:
            assert np.array_equal(g(np.ones(2), bad), np.ones(2))
        except (TapejitError, UserWarning):
            assert bad.dtype == object
    with pytest.raises(TypeError):
        tj.grad(lambda y: np.sum(y), compile="never")(bad)


@pytest.mark.parametrize("policy", POLICIES)
def test_other_arguments(policy: str) -> None:
    def fn(x: Any, n: int, flag: bool, name: str | None, act: Any, *rest: Any, k: Any = 1) -> Any:
        y = act(x) * n if flag else x
        if name == "double":
            y = y * 2
        return np.sum(y) * k + len(rest)

    g = tj.value_and_grad(fn, compile=policy)
    x = np.array([0.1, 0.2])
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((2, True, "double", np.sin), {}),
        ((2, False, None, np.cos), {"k": 3}),
        ((2, True, "double", np.tanh, 5, "x"), {}),
    ]
    for args, kwargs in calls * (3 if policy == "never" else 1):
        assert np.isclose(g(x, *args, **kwargs)[0], fn(x, *args, **kwargs))
    for bad in (3, True, "text", None, np.sin, [1, 2], np.int64(3)):
        with pytest.raises(TypeError):
            tj.grad(lambda a: 1.0 * np.sum(a) if a is not None else 1.0, compile="never")(bad)


def test_static_arguments_that_are_equal_but_differ() -> None:
    g = tj.jit(lambda x, n: x * n, compile="never")
    x = np.array([1, 2])
    for n in (1, 1.0, True, 1 + 0j, np.int8(1), np.float32(1)):
        for _ in range(3):
            assert g(x, n).dtype == (x * n).dtype, n


def test_mutable_static_arguments_are_looked_at() -> None:
    class Holder:
        def __init__(self) -> None:
            self.w, self.n = np.ones(2), 2.0

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Holder)

        def __hash__(self) -> int:
            return 1

    g = tj.value_and_grad(lambda x, h, s: np.sum(x * h.w) * h.n + len(s), compile="never")
    x, h, s = np.ones(2), Holder(), {1}
    for change in [
        lambda: None,
        lambda: setattr(h, "n", 3.0),
        lambda: h.w.__setitem__(0, 4.0),
        lambda: s.add(7),
    ]:
        change()
        for _ in range(3):
            assert g(x, h, s)[0] == np.sum(x * h.w) * h.n + len(s)
    other = Holder()
    other.n = 9.0
    assert g(x, other, s)[0] == 18.0 + len(s)
