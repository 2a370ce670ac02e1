"""Containers, tables, errors: the small things that everything else stands on."""

from __future__ import annotations

import dataclasses
import os
import pickle
import threading
import time
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapejit.core import errors
from tapejit.core.avals import AVALS, Aval, aval_id, aval_of
from tapejit.core.errors import TapejitError
from tapejit.core.pytree import LEAF, flatten, tree_map, unflatten
from tapejit.core.tables import Table, freeze

Point = namedtuple("Point", "x y")
Empty = namedtuple("Empty", "")


@dataclasses.dataclass
class Layer:
    """A mutable container."""

    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Checked:
    """A frozen container that refuses some contents when it is made by hand."""

    value: Any

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            raise ValueError("no text")


few = settings(max_examples=200, deadline=None, derandomize=True)
leaves = st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.builds(object)
keys = st.text(max_size=2) | st.integers(0, 5)
trees = st.recursive(
    leaves | st.none(),
    lambda t: (
        st.lists(t, max_size=3)
        | st.lists(t, max_size=3).map(tuple)
        | st.dictionaries(keys, t, max_size=3)
        | st.builds(Point, t, t)
        | st.builds(Empty)
        | st.builds(Layer, t, t)
        | st.builds(Checked, t.filter(lambda v: not isinstance(v, str)))
    ),
    max_leaves=10,
)


def alike(a: Any, b: Any) -> bool:
    """Equal containers of equal types, dicts in equal order, with the very same leaves."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(alike, a, b))
    if dataclasses.is_dataclass(a):
        return all(alike(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return a is b


# ---------------------------------------------------------------- containers


@few
@given(trees)
def test_a_container_is_rebuilt_from_its_leaves(tree: Any) -> None:
    found, structure = flatten(tree)
    made = unflatten(structure, found)
    assert alike(made, tree) and structure.size == len(found)
    assert flatten(made)[1] == structure and hash(flatten(made)[1]) == hash(structure)
    assert alike(tree_map(lambda x: x, tree), tree)


@few
@given(trees)
def test_leaves_change_and_the_structure_stays(tree: Any) -> None:
    found, structure = flatten(tree)
    made = unflatten(structure, [("leaf", k) for k in range(len(found))])
    # The new leaves are tuples, so they are told from the old by their contents.
    numbers = [x[1] for x in _leaves(made)]
    assert numbers == list(range(len(found)))


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, tuple) and len(tree) == 2 and tree[0] == "leaf":
        return [tree]
    if tree is None:
        return []
    if isinstance(tree, dict):
        parts: Any = tree.values()
    elif isinstance(tree, (tuple, list)):
        parts = tree
    else:
        parts = [getattr(tree, f.name) for f in dataclasses.fields(tree)]
    return [x for part in parts for x in _leaves(part)]


@few
@given(trees, trees)
def test_structures_are_equal_exactly_when_trees_are_alike_but_for_leaves(a: Any, b: Any) -> None:
    (la, sa), (lb, sb) = flatten(a), flatten(b)
    if sa == sb:
        assert alike(unflatten(sa, lb), b) and len(la) == len(lb)
    else:
        assert len(la) != len(lb) or not alike(unflatten(sa, lb), b)
        with pytest.raises(TapejitError, match="differ in structure"):
            tree_map(lambda x, y: x, a, b)


def test_kinds_of_containers() -> None:
    assert flatten({"b": 1, "a": 2})[0] == [1, 2]  # as the dict has them, not sorted
    assert flatten({"b": 1, "a": 2})[1] != flatten({"a": 2, "b": 1})[1]
    assert flatten(None)[0] == [] and flatten(3)[1] is LEAF
    assert flatten([1, 2])[1] != flatten((1, 2))[1] != flatten(Point(1, 2))[1]
    assert str(flatten({"a": [1, None]})[1]) == "dict(a=list(0=*, 1=NoneType()))"
    assert flatten("text")[0] == ["text"] and len(flatten(np.zeros((2, 2)))[0]) == 1
    for leaf in ({1, 2}, OrderedDict(a=1), np.zeros(2), Layer, Point):
        assert flatten(leaf)[0][0] is leaf  # sets, subclasses of dict and types are leaves
    made = unflatten(flatten(Checked(1))[1], ["text"])  # as a gradient may be anything
    assert made.value == "text" and type(made) is Checked


def test_wrong_numbers_of_leaves() -> None:
    structure = flatten((1, 2))[1]
    for given_ in ([], [1], [1, 2, 3]):
        with pytest.raises(TapejitError, match="has 2 leaves"):
            unflatten(structure, given_)


# ---------------------------------------------------------------- tables


class Yielding:
    """A key that lets other threads run whenever it is looked up."""

    def __init__(self, key: int) -> None:
        self.key = key

    def __hash__(self) -> int:
        time.sleep(0)
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Yielding) and self.key == other.key


def test_a_table_gives_one_index_to_one_key_under_threads() -> None:
    table: Table[int] = Table()
    n, workers = 100, 8
    found: list[list[int]] = [[] for _ in range(workers)]
    wrong: list[int] = []
    gate = threading.Barrier(workers)

    def work(k: int) -> None:
        gate.wait()
        for key in range(n):
            i = table.intern(Yielding(key), key)
            if table[i] != key:  # an index is given out only when its entry is there
                wrong.append(i)
            found[k].append(i)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and len(table) == n
    assert all(f == found[0] for f in found) and sorted(found[0]) == list(range(n))
    assert table.find(Yielding(3)) == found[0][3] and table.find("no") is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_a_table_is_locked_leaves_the_child_able_to_write() -> None:
    table: Table[int] = Table()
    with table._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if table.intern("new", 1) == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_avals_are_interned() -> None:
    one = aval_id(Aval(np.dtype("f8"), (2, 3)))
    assert aval_id(aval_of(np.ones((2, 3)))) == one and AVALS[one].shape == (2, 3)
    assert aval_id(aval_of(np.ones((2, 3), ">f8"))) == one and AVALS[one].dtype.isnative
    assert aval_id(Aval(np.dtype("f8"), (2, 3), True)) != one
    for wrong in ("text", None, [1.0], np.array(["a"]), np.array([None]), np.datetime64("2020")):
        with pytest.raises(TapejitError, match="cannot stand on a tape"):
            aval_of(wrong)


def test_keys() -> None:
    different = [
        1, 1.0, True, 1 + 0j, 0, 0.0, -0.0, False, None, "1", "", (), [], (1,), [1], (1.0,),
        {}, {"a": 1}, {"a": 1.0}, slice(1), slice(1.0), np.float32(1), np.float64(1), np.int64(1),
        np.bool_(True), float("nan"), complex(0, -0.0), complex(0, 0.0), len,
    ]  # fmt: skip
    assert len({freeze(v) for v in different}) == len(different)
    assert freeze(float("nan")) == freeze(float("nan"))


# ---------------------------------------------------------------- errors

ERRORS = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: e.__name__)
def test_errors_form_one_tree_and_are_what_python_would_raise(error: type[Exception]) -> None:
    if issubclass(error, Warning):
        assert issubclass(error, UserWarning)
        return
    assert issubclass(error, TapejitError)
    builtin = {
        "CaptureError": TypeError,
        "UnsupportedError": NotImplementedError,
        "ShapeError": ValueError,
        "DtypeError": TypeError,
        "ArgumentError": TypeError,
        "MutationError": ValueError,
        "IndexingError": IndexError,
        "CacheError": OSError,
        "RangeError": OverflowError,
    }
    assert issubclass(error, builtin.get(error.__name__, TapejitError))
    made = pickle.loads(pickle.dumps(error("words")))
    assert type(made) is error and str(made) == "words"


def test_errors_are_public_and_documented() -> None:
    import tapejit

    assert tapejit.errors is errors
    assert all(e.__doc__ for e in ERRORS) and len(ERRORS) >= 10
