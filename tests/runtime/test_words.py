"""Functions of machine words do what their text says, and nothing else is translated."""

import ctypes
import sys

import pytest

from tapejit.runtime.native.capi import append, int_of, list_new
from tapejit.runtime.native.loader import library_of, resolve
from tapejit.runtime.native.words import (
    TABLE,
    External,
    NotWords,
    address_of,
    load,
    object_of,
    room,
    store,
    translate,
)

THREE = 3
WHERE = address_of("tapejit_where")


def helped(a: int, b: int) -> int:
    """Both, weighed."""
    return a * THREE - b


def arithmetic(entry: int, a: int, b: int) -> int:
    x, y = b, a
    x -= 1
    return helped(x << 2, y) + ((a & 6) | (b ^ 1)) + (a >> 1) + -5


def choices(entry: int, a: int, b: int) -> int:
    found = 0
    if a > 1 and (b < 5 or not (a == 7 and b)):
        found = 1
    elif a in (0, -3) or b >= 9:
        found = 2
    else:
        return 40 + (a != b) + (a <= b and b <= 8)
    return found + 10 * (a is b) + 100 * (a not in (0, b))


def sums(entry: int, a: int, b: int) -> int:
    near = room(4)
    k = 0
    while k < 4:
        store(near, k << 3, a + k)
        k += 1
    total = 0
    while k > 0:
        k -= 1
        total += load(near, k << 3) * b
    store(WHERE, 8, total)
    return load(WHERE, 0) + total


def told(entry: int, a: int, b: int) -> int:
    return load(entry, 0) + a


def listed(entry: int, a: int, b: int) -> int:
    made = list_new(0)
    append(made, int_of(a))
    append(made, int_of(b))
    return made


PAIRS = [(a, b) for a in (-3, 0, 1, 2, 7, 100) for b in (-9, 0, 2, 5, 8, 9)]


@pytest.fixture(scope="module")
def code():
    functions = (arithmetic, choices, sums, told, listed)
    entries = {f"f_{f.__name__}": (f, 8 * k) for k, f in enumerate(functions)}
    symbols, data = object_of(translate((), entries))
    where = (ctypes.c_int64 * 2)(1000, 0)
    table = (ctypes.c_int64 * len(functions))(*range(100, 100 + len(functions)))
    addresses = {"tapejit_where": ctypes.addressof(where), TABLE: ctypes.addressof(table)}
    addresses |= resolve(s for s in symbols if s not in addresses)
    library = library_of((data,), addresses, tuple(entries))
    made = {}
    for f in functions:
        result = ctypes.py_object if f is listed else ctypes.c_int64
        made[f.__name__] = ctypes.PYFUNCTYPE(result, ctypes.c_int64, ctypes.c_int64)(
            library[f"f_{f.__name__}"]
        )
    yield made, where
    del library


@pytest.mark.parametrize("fn", [arithmetic, choices])
def test_a_function_of_words_is_what_python_makes_of_it(code, fn):
    made, _ = code
    for a, b in PAIRS:
        assert made[fn.__name__](a, b) == fn(0, a, b), (a, b)


def test_memory(code):
    made, where = code
    assert made["sums"](5, 2) == 1000 + 2 * (5 + 6 + 7 + 8)
    assert list(where) == [1000, 52]
    assert made["told"](7, 0) == 103 + 7


def test_functions_of_python(code):
    made, _ = code
    found = made["listed"](3, -4)
    assert found == [3, -4]
    assert sys.getrefcount(found) == 2


def test_nothing_else_is_translated():
    def divided(entry: int, a: int) -> int:
        return a // 2

    def attribute(entry: int, a: int) -> int:
        return a.real

    def unknown(entry: int, a: int) -> int:
        return len(a)

    def floating(entry: int, a: int) -> int:
        return a + 0.5

    def looped(entry: int, a: int) -> int:
        for k in range(a):
            a += k
        return a

    def miscounted(entry: int, a: int) -> int:
        return helped(a)

    for fn in (divided, attribute, unknown, floating, looped, miscounted):
        with pytest.raises(NotWords, match=fn.__name__):
            translate((), {"entry": (fn, 0)})


def test_what_machine_code_calls_is_not_called_by_python():
    for called in (External("abs"), load, store):
        with pytest.raises(TypeError, match="machine code only"):
            called(1, 2)
