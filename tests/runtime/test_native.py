"""Machine code called without Numba: what wrappers accept, what they refuse, how code is kept."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import CompileWarning
from tapejit.runtime.compile import compile_lock
from tapejit.runtime.images import FLAGS
from tapejit.runtime.native import layout, loader
from tapejit.runtime.native.compiled import image_of
from tapejit.runtime.native.image import Image, parse
from tapejit.runtime.native.wrapper import Argument

D = np.dtype


def made(fn: Any, *arguments: Any) -> tuple[Callable[..., Any], Image]:
    image = image_of(fn, [Argument(D(kind), *rest) for kind, *rest in arguments], FLAGS)
    again = parse(image.dump())
    assert again == image
    with compile_lock:
        return loader.link(image), image


@pytest.fixture(scope="module")
def total() -> Callable[..., Any]:
    def kernel(x: Any, y: Any) -> Any:  # type: ignore[no-untyped-def]
        if x.shape[0] != 3 or x.shape[1] != 2:
            return -1, 0.0
        s = 0.0
        for i in range(3):
            for j in range(2):
                s += x[i, j]
        y[0] = s
        return 0, s

    return made(kernel, ("f8", 2), ("f8", 1, True))[0]


GOOD = np.arange(6.0).reshape(3, 2)


def frozen(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


def test_arrays_that_fit(total: Any) -> None:
    out = np.empty(1)
    renamed = GOOD.view(np.dtype("f8", metadata={"unit": "m"}))
    for x in (GOOD, frozen(GOOD), renamed):
        assert total(x, out) == (0, 15.0) and out[0] == 15.0
    assert total(np.zeros((2, 3)), out)[0] == -1, "the kernel checks shapes"


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(GOOD.astype("f4"), id="dtype"),
        pytest.param(GOOD.astype("i8"), id="integers of the same size"),
        pytest.param(GOOD.astype(">f8"), id="byte order"),
        pytest.param(np.asfortranarray(GOOD), id="order in memory"),
        pytest.param(np.repeat(GOOD, 2, axis=1)[:, ::2], id="strides"),
        pytest.param(GOOD.reshape(-1), id="rank"),
        pytest.param(GOOD.view(np.recarray), id="subclass"),
        pytest.param(GOOD.tolist(), id="list"),
        pytest.param(1.0, id="number"),
        pytest.param(None, id="nothing"),
        pytest.param(np.zeros(49, "u1")[1:].view("f8").reshape(3, 2), id="alignment"),
    ],
)
def test_arrays_that_do_not_fit(total: Any, x: Any) -> None:
    out = np.full(1, 7.0)
    with pytest.raises(TypeError, match="another type or layout"):
        total(x, out)
    assert out[0] == 7.0


def test_arrays_that_are_written_must_be_writeable(total: Any) -> None:
    with pytest.raises(TypeError, match="another type or layout"):
        total(GOOD, frozen(np.empty(1)))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_number_of_arguments(total: Any, count: int) -> None:
    with pytest.raises(TypeError, match="another type or layout"):
        total(*[GOOD] * count)


KINDS = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16")
PLAIN = {"?": bool, "i8": int, "f8": float, "c16": complex}
EXTREME = {
    "?": (True, False), "i1": (-128, 127), "i2": (-(2**15), 2**15 - 1), "i4": (-(2**31), 7),
    "i8": (-(2**63), 2**63 - 1, -1), "u1": (255, 0), "u2": (65535, 0), "u4": (2**32 - 1, 0),
    "u8": (2**64 - 1, 0), "f4": (1.5, -np.inf), "f8": (1e300, 5e-324), "c8": (1.5 - 2.5j, 0j),
    "c16": (1e300 - 1e-300j, 3j),
}  # fmt: skip


def test_numbers_of_every_kind_go_in_and_come_back() -> None:
    def kernel(a, b, c, d, e, f, g, h, i, j, k, m, n):  # type: ignore[no-untyped-def]
        return 0, a, b, c, d, e, f, g, h, i, j, k, m, n

    call, image = made(kernel, *[(kind, 0) for kind in KINDS])
    assert set(image.scalars) == {f"{D(k).kind}{D(k).itemsize}" for k in KINDS}
    for row in range(2):
        given = [D(kind).type(EXTREME[kind][row]) for kind in KINDS]
        back = call(*given)
        assert back == (0, *[x.item() for x in given])
        assert [type(x) for x in back[1:]] == [type(x.item()) for x in given]
        plain = [PLAIN[k](x) if k in PLAIN else x for k, x in zip(KINDS, given)]
        assert call(*plain) == back
        for position, other in itertools.product(range(len(KINDS)), (None, "1", np.zeros(()))):
            wrong = [*given[:position], other, *given[position + 1 :]]
            with pytest.raises(TypeError, match="another type or layout"):
                call(*wrong)
    given[KINDS.index("i8")] = 2**63
    with pytest.raises(OverflowError):
        call(*given)
    given[KINDS.index("i8")] = -1
    assert call(*given)[1 + KINDS.index("i8")] == -1


def test_one_status_alone_and_equal_kinds() -> None:
    def alone(x):  # type: ignore[no-untyped-def]
        return 3

    def equal(x):  # type: ignore[no-untyped-def]
        return 1, x, x + 1

    assert made(alone, ("f8", 1))[0](np.zeros(2)) == 3
    assert made(equal, ("i8", 0))[0](5) == (1, 5, 6)


def test_errors_of_kernels_keep_their_type_and_message() -> None:
    def kernel(x):  # type: ignore[no-untyped-def]
        if x[0] > 0:
            raise np.linalg.LinAlgError("Singular matrix")
        return 0

    call, _ = made(kernel, ("f8", 1))
    assert call(np.zeros(1)) == 0
    for _ in range(3):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            call(np.ones(1))


def test_names_from_outside_are_found_or_named(total: Any) -> None:
    found = loader.resolve(["NRT_Allocate", "NRT_Free", "numba_xxgemm", "PyFloat_FromDouble"])
    assert all(address > 0 for address in found.values())
    with pytest.raises(RuntimeError, match="machine code needs no_such_name"):
        loader.resolve(["no_such_name"])


def test_code_goes_with_its_function() -> None:
    def kernel(x):  # type: ignore[no-untyped-def]
        return x + 1

    call, _ = made(kernel, ("i8", 0))
    keeper = weakref.ref(call.__self__)  # type: ignore[attr-defined]
    assert keeper() is not None and call(1) == 2
    del call
    gc.collect()
    assert keeper() is None


def test_an_unknown_layout_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(layout.ARRAY, "nd", layout.ARRAY["dims"])
    layout.verify.cache_clear()
    loader._session.cache_clear()
    try:
        f = tj.grad(lambda x: np.sum(x**3 / 7.0), compile="always")
        with pytest.warns(CompileWarning, match="keeps the fields of arrays elsewhere"):
            got = f(np.arange(3.0))
        np.testing.assert_allclose(got, 3 * np.arange(3.0) ** 2 / 7.0)
    finally:
        layout.verify.cache_clear()
        loader._session.cache_clear()


def test_the_lock_of_python_is_released() -> None:
    def kernel(x, rounds):  # type: ignore[no-untyped-def]
        s = x[0]
        for _ in range(rounds):
            s = s * 0.999 + 1e-3 / (1.0 + s)  # each round waits for the last
        x[0] = s
        return 0

    call, _ = made(kernel, ("f8", 1), ("i8", 0))
    thread = threading.Thread(target=call, args=(np.ones(1), 30_000_000))
    thread.start()
    time.sleep(0.001)
    running = thread.is_alive()  # a thread that kept the lock would be through by now
    thread.join()
    assert running
