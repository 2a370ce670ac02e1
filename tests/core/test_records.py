"""A record does what a dataclass with the same fields does, and is declared without compiling."""

import copy
import dataclasses
import inspect
import pickle
import threading

import numpy as np
import pytest

from tapejit.core import records
from tapejit.core.pytree import flatten
from tapejit.core.records import changed, record


def plain(cls):
    return type(cls.__name__, (), {k: v for k, v in vars(cls).items() if k != "__dict__"})


def pair(**options):
    """The same declaration twice: as a record, and as a dataclass."""

    class Point:
        x: float
        y: float = 0.0
        label: str = "none"

        @property
        def total(self):
            return self.x + self.y

    return record(**options)(plain(Point)), dataclasses.dataclass(**options)(plain(Point))


CALLS = [((1.0,), {}), ((1.0, 2.0), {}), ((), {"x": 3.0, "label": "a"}), ((1, 2, "b"), {})]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("eq", [False, True])
def test_as_a_dataclass(frozen, eq):
    ours, theirs = pair(frozen=frozen, eq=eq)
    for args, kwargs in CALLS:
        a, b = ours(*args, **kwargs), theirs(*args, **kwargs)
        assert vars(a) == vars(b) and repr(a) == repr(b) and a.total == b.total
    a, b, c = ours(1.0, 2.0), ours(1.0, 2.0), ours(1.0, 2.5)
    assert (a == b, a == c, a == (1.0, 2.0, "none")) == (eq, False, False)
    assert (a != b, a != c) == (not eq, True)
    if not eq:
        assert hash(a) == object.__hash__(a)
    elif frozen:
        assert hash(a) == hash(b) == hash(theirs(1.0, 2.0)) and len({a, b, c}) == 2
    else:
        with pytest.raises(TypeError, match="unhashable"):
            hash(a)


def test_wrong_arguments_are_those_of_a_function():
    Point, _ = pair()
    for _ in range(2):  # before and after the first record
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
            Point()
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            Point(1.0, z=2)
    assert list(inspect.signature(Point).parameters) == ["x", "y", "label"]


def test_frozen_fields_stay():
    Point, _ = pair(frozen=True)
    p = Point(1.0)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        p.x = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError, match="'y'"):
        del p.y
    q = changed(p, y=4.0)
    assert vars(q) == {"x": 1.0, "y": 4.0, "label": "none"} and p.y == 0.0
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        changed(p, z=1)


def test_a_factory_makes_each_record_its_own():
    @record
    class Held:
        name: str
        items: list = dataclasses.field(default_factory=list)
        memo: dict = dataclasses.field(default_factory=dict, repr=False)

    a, b = Held("a"), Held("a")
    a.items.append(1)
    a.memo[1] = 2
    assert b.items == [] and b.memo == {} and a != b
    assert Held("c", [3]).items == [3] and "memo" not in repr(a)
    assert not hasattr(Held, "items")
    with pytest.raises(TypeError, match="no default_factory"):
        record(
            type("Wrong", (), {"__annotations__": {"x": int}, "x": dataclasses.field(repr=False)})
        )


def test_methods_of_the_class_are_kept():
    @record(frozen=True)
    class Named:
        x: int

        def __eq__(self, other):
            return isinstance(other, Named)

        def __hash__(self):
            return 7

        def __repr__(self):
            return "named"

    assert Named(1) == Named(2) and hash(Named(1)) == 7 and repr(Named(1)) == "named"


@record(frozen=True)
class Kept:
    x: int
    y: tuple = ()


def test_copies_and_pickles():
    k = Kept(1, (2, 3))
    for other in (copy.copy(k), copy.deepcopy(k), pickle.loads(pickle.dumps(k))):
        assert other == k and type(other) is Kept


def test_a_record_is_a_leaf():
    assert flatten(Kept(1))[0] == [Kept(1)]


def test_nothing_is_compiled_before_the_first_record(monkeypatch):
    made = []
    init = records._init
    monkeypatch.setattr(records, "_init", lambda *a: made.append(a[0]) or init(*a))
    Point, _ = pair(frozen=True)
    assert made == []
    Point(1.0), Point(2.0)
    assert made == [Point]


def test_threads_that_make_the_first_record_together():
    Point, _ = pair()
    barrier, found = threading.Barrier(8), []

    def make(k):
        barrier.wait()
        found.append(Point(float(k)))

    threads = [threading.Thread(target=make, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert np.sort([p.x for p in found]).tolist() == list(range(8))
