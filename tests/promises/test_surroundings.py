"""What a function reads besides its arguments is seen at the next call, or Python runs it."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import os
import random
import time
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import ReplayWarning

X = np.array([1.0, 2.0, 3.0])
POLICIES = ["never", "always"]


def value(fn: Any, x: Any = X) -> float:
    return float(fn(x))


def follows(fn: Any, *changes: Any, policy: str = "never", quiet: bool = True) -> Any:
    """Check that the compiled or interpreted function answers like Python after each change."""
    f = tj.value_and_grad(fn, compile=policy)
    for _ in range(3):
        assert np.isclose(f(X)[0], value(fn), rtol=1e-12)
    for change in changes:
        change()
        for _ in range(3):
            expected = value(fn)
            assert np.isclose(f(X)[0], expected, rtol=1e-12), change
    if quiet:
        assert f.stats()["python"] == 0
    return f


# ---------------------------------------------------------------- names and cells

TABLE = np.array([1.0, 2.0, 3.0])
RATE = 0.5
HELPED = np.array([3.0, 3.0, 1.0])


def helper(x: Any) -> Any:
    return x * HELPED * RATE


def set_global(name: str, new: Any) -> Any:
    return lambda: globals().__setitem__(name, new)


@pytest.fixture(autouse=True)
def _restore_globals() -> Iterator[None]:
    kept = {k: globals()[k] for k in ("TABLE", "RATE", "HELPED", "helper")}
    arrays = {k: v.copy() for k, v in kept.items() if isinstance(v, np.ndarray)}
    yield
    globals().update(kept)
    for k, v in arrays.items():
        kept[k][:] = v


@pytest.mark.parametrize("policy", POLICIES)
def test_global_array_is_read_at_every_call(policy: str) -> None:
    follows(
        lambda x: np.sum(x * TABLE),
        lambda: TABLE.__setitem__(0, 50.0),
        set_global("TABLE", np.array([9.0, 8.0, 7.0])),
        set_global("TABLE", np.array([9, 8, 7])),
        set_global("TABLE", np.float64(4.0)),
        set_global("TABLE", 4.0),
        set_global("TABLE", 4),
        policy=policy,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_helper_functions_and_what_they_read(policy: str) -> None:
    follows(
        lambda x: np.sum(helper(x)),
        lambda: HELPED.__setitem__(slice(None), 2.0),
        set_global("RATE", 0.25),
        set_global("HELPED", np.array([1.0, 0.0, 2.0])),
        set_global("helper", lambda x: x + 1),
        policy=policy,
    )


def test_closure_variables() -> None:
    w, k = np.ones(3), 2.0

    def fn(x: Any) -> Any:
        return np.sum(x * w) * k

    def change_w() -> None:
        nonlocal w
        w = np.full(3, 7.0)

    def change_k() -> None:
        nonlocal k
        k = -1.5

    follows(fn, lambda: w.__setitem__(1, 4.0), change_w, change_k)


def test_defaults_partial_and_keyword_defaults() -> None:
    w, v = np.ones(3), np.ones(3)

    def fn(x: Any, w: Any = w, *, v: Any = v, k: float = 2.0) -> Any:
        return np.sum(x * w * v) * k

    follows(fn, lambda: w.__setitem__(0, 3.0), lambda: v.__setitem__(2, 5.0))
    follows(functools.partial(fn, v=v), lambda: v.__setitem__(1, 5.0))

    def new_defaults() -> None:
        fn.__defaults__ = (np.full(3, 11.0),)
        fn.__kwdefaults__ = {"v": v, "k": 3.0}

    follows(lambda x: fn(x), new_defaults)


# ---------------------------------------------------------------- containers and objects


class Model:
    scale = 2.0
    offset = np.array([1.0, 1.0, 1.0])

    def __init__(self) -> None:
        self.w = np.ones(3)
        self.k = 1.0
        self.layers = [np.ones(3), {"b": np.zeros(3)}]
        self.unread = 0
        self.inner = types.SimpleNamespace(v=np.ones(3), n=2)

    @property
    def doubled(self) -> Any:
        return 2 * self.w

    @staticmethod
    def act(x: Any) -> Any:
        return x + TABLE

    def forward(self, x: Any) -> Any:
        h = self.act(x) * self.w * self.k * self.scale + self.offset
        h = h * self.layers[0] + self.layers[1]["b"]
        return np.sum(h * self.inner.v) * self.inner.n + np.sum(self.doubled * RATE)

    def __call__(self, x: Any) -> Any:
        return self.forward(x) + np.sum(x * TABLE) * RATE


def model_changes(m: Model) -> list[Any]:
    return [
        lambda: m.w.__setitem__(0, 5.0),
        lambda: setattr(m, "w", np.full(3, 3.0)),
        lambda: setattr(m, "k", 4.0),
        lambda: m.layers[0].__setitem__(0, 9.0),
        lambda: m.layers.__setitem__(0, np.full(3, 0.5)),
        lambda: m.layers[1].__setitem__("b", np.full(3, 8.0)),
        lambda: setattr(m, "layers", [np.ones(3), {"b": np.ones(3)}]),
        lambda: setattr(m.inner, "v", np.full(3, 2.0)),
        lambda: setattr(m.inner, "n", 3),
        lambda: setattr(m, "inner", types.SimpleNamespace(v=np.ones(3), n=1)),
        lambda: setattr(Model, "scale", 3.0),
        lambda: setattr(m, "scale", 5.0),
        lambda: setattr(m, "offset", np.zeros(3)),
        set_global("TABLE", np.zeros(3)),
        set_global("RATE", 2.0),
        lambda: setattr(Model, "act", staticmethod(lambda x: x - 1)),
        lambda: setattr(m, "act", lambda x: x * 2),
    ]


@pytest.fixture
def _class_restored() -> Iterator[None]:
    kept = dict(vars(Model))
    yield
    for name in ("scale", "act", "forward", "offset"):
        setattr(Model, name, kept[name])


@pytest.mark.usefixtures("_class_restored")
@pytest.mark.parametrize("how", ["closure", "bound", "callable", "list", "argument"])
def test_objects(how: str) -> None:
    m = Model()
    models = [m]
    fns = {
        "closure": lambda x: m.forward(x),
        "bound": m.forward,
        "callable": m,
        "list": lambda x: models[0](x),
    }
    if how == "argument":
        f = tj.value_and_grad(lambda x, model: model.forward(x), compile="never")
        for change in [lambda: None, *model_changes(m)]:
            change()
            for _ in range(3):
                assert np.isclose(f(X, m)[0], m.forward(X), rtol=1e-12)
        return
    follows(fns[how], *model_changes(m))


@pytest.mark.usefixtures("_class_restored")
def test_objects_compiled() -> None:
    m = Model()
    changes = [model_changes(m)[i] for i in (0, 1, 4, 7, 13)]
    f = follows(lambda x: m.forward(x), *changes, policy="always")
    assert f.stats()["kernels"] == 1


def test_unread_fields_do_not_matter() -> None:
    m = Model()
    f = tj.grad(lambda x: np.sum(x * m.w), compile="never")
    for i in range(20):
        m.unread = i
        f(X)
    assert f.stats()["captures"] == 2


class Slotted:
    __slots__ = ("n", "w")

    def __init__(self) -> None:
        self.w, self.n = np.ones(3), 1.0


class Base:
    __slots__ = ("__hidden",)

    def __init__(self) -> None:
        self.__hidden = np.ones(3)

    def put(self, new: Any) -> None:
        self.__hidden = new

    def get(self) -> Any:
        return self.__hidden


def test_slots_properties_and_dunder_methods() -> None:
    s = Slotted()
    follows(
        lambda x: np.sum(x * s.w) * s.n,
        lambda: s.w.__setitem__(0, 4.0),
        lambda: setattr(s, "w", np.full(3, 2.0)),
        lambda: setattr(s, "n", 7.0),
    )
    b = Base()
    follows(lambda x: np.sum(x * b.get()), lambda: b.put(np.full(3, 6.0)))

    class Lazy:
        def __init__(self) -> None:
            self.hidden = 3.0
            self.table = [1.0, 2.0]

        def __getattr__(self, name: str) -> Any:
            return self.hidden * RATE * self.table[0]

        def __mul__(self, other: Any) -> Any:
            return other * np.sum(TABLE) * self.hidden

    z = Lazy()
    follows(
        lambda x: np.sum(x) * z.anything + (z * np.sum(x)),
        lambda: setattr(z, "hidden", 4.0),
        set_global("RATE", 0.125),
        lambda: z.table.__setitem__(0, 9.0),
        lambda: TABLE.__setitem__(0, 77.0),
    )


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: Any
    k: float


Pair = collections.namedtuple("Pair", "a b")


def test_containers() -> None:
    frozen = Frozen(np.ones(3), 2.0)
    pair = Pair(np.ones(3), [1.0, np.ones(3)])
    ordered = collections.OrderedDict(a=np.ones(3), n=2)
    queue = collections.deque([np.ones(3), 3.0])
    numbers = [1.0, 2.0, [3.0, {"k": 4.0}]]
    chosen = {1.0, 2.0}
    config = {"lr": 0.1, "deep": {"n": 3}}

    def fn(x: Any) -> Any:
        total = np.sum(x * frozen.w) * frozen.k + np.sum(x * pair.a * pair.b[1]) * pair.b[0]
        total = total + np.sum(x * ordered["a"]) * ordered["n"] + np.sum(x * queue[0]) * queue[1]
        total = (
            total + numbers[2][1]["k"] * numbers[0] + len(chosen) + (2.0 if 5.0 in chosen else 0)
        )
        return total * config["lr"] * config["deep"]["n"]

    follows(
        fn,
        lambda: frozen.w.__setitem__(0, 4.0),
        lambda: object.__setattr__(frozen, "k", 3.0),
        lambda: pair.a.__setitem__(0, 2.0),
        lambda: pair.b.__setitem__(1, np.full(3, 9.0)),
        lambda: pair.b.__setitem__(0, 0.5),
        lambda: ordered.__setitem__("a", np.zeros(3)),
        lambda: ordered.__setitem__("n", 5),
        lambda: queue.__setitem__(1, 8.0),
        lambda: numbers[2][1].__setitem__("k", 5.0),
        lambda: numbers.__setitem__(0, -0.0),
        lambda: chosen.add(5.0),
        lambda: config.__setitem__("lr", 0.2),
        lambda: config["deep"].__setitem__("n", 4.0),
    )


def test_values_that_compare_equal_are_told_apart() -> None:
    box = [1]
    f = tj.grad(
        lambda x: np.sum(x * np.array([box[0], 1])[0] / np.copysign(1.0, box[0])), compile="never"
    )
    for _ in range(3):
        assert np.array_equal(f(X), [1.0, 1.0, 1.0])
    box[0] = -1
    assert np.array_equal(f(X), [1.0, 1.0, 1.0])
    zero = [0.0]
    g = tj.value_and_grad(lambda x: np.sum(x) * np.copysign(1.0, zero[0]), compile="never")
    for _ in range(3):
        assert g(X)[0] == 6.0
    zero[0] = -0.0
    assert g(X)[0] == -6.0
    bare: Any = 0.0
    h = tj.jit(
        lambda x: np.sum(x.astype(np.float32)) * np.copysign(bare, 1) + np.copysign(1.0, bare),
        compile="never",
    )
    for bare in (0.0, -0.0, np.nan, 0, np.float64(0.0), np.float64(-0.0)):
        for _ in range(3):
            v = h(X)
            expected = np.sum(X.astype(np.float32)) * np.copysign(bare, 1) + np.copysign(1.0, bare)
            np.testing.assert_equal(v, expected)
            assert v.dtype == expected.dtype
    assert h.stats()["captures"] <= 14


def test_plain_arrays_steer_python_branches() -> None:
    m = types.SimpleNamespace(w=np.array([1.0, 2.0]))
    follows(
        lambda x: np.sum(x) * (2.0 if m.w[0] > 1 else 3.0) * float(m.w.shape[0]),
        lambda: m.w.__setitem__(0, 5.0),
        lambda: setattr(m, "w", np.ones(3)),
    )


# ---------------------------------------------------------------- modules


def test_modules_and_functions_in_them() -> None:
    import sys

    mod = types.ModuleType("user_module_of_test")
    sub = types.ModuleType("user_module_of_test.sub")
    exec(
        "import numpy as np\nW = np.ones(3)\nK = 2.0\n"
        "def f(x):\n    return np.sum(x * W) * K\n"
        "class C:\n    k = 1.0\n    def g(self, x):\n        return x * W * K * self.k\n"
        "import functools\n@functools.lru_cache\ndef nodes(n):\n    return np.arange(n) * K\n",
        mod.__dict__,
    )
    exec("A = 3.0\ndef h(x):\n    return x * A", sub.__dict__)
    mod.sub = sub  # type: ignore[attr-defined]
    sys.modules["user_module_of_test"] = mod
    c = mod.C()

    def clear(k: float) -> None:
        mod.K = k
        mod.nodes.cache_clear()

    try:
        follows(
            lambda x: (
                mod.f(x) * mod.K + mod.sub.h(np.sum(x)) + np.sum(c.g(x)) + np.sum(mod.nodes(3) * x)
            ),
            lambda: mod.W.__setitem__(0, 3.0),
            lambda: setattr(mod, "W", np.full(3, 2.0)),
            lambda: setattr(mod, "K", 5.0),
            lambda: clear(7.0),
            lambda: setattr(sub, "A", 4.0),
            lambda: setattr(mod.C, "k", 4.0),
            lambda: setattr(mod, "f", lambda x: np.sum(x)),
            lambda: mod.nodes(3).__setitem__(0, 10.0),
        )
    finally:
        del sys.modules["user_module_of_test"]


# ---------------------------------------------------------------- what cannot be replayed


@contextlib.contextmanager
def one_warning(match: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert len(caught) == 1, [str(c.message) for c in caught]
    assert issubclass(caught[0].category, ReplayWarning)
    assert match in str(caught[0].message), caught[0].message
    assert caught[0].filename == __file__


def make_effects() -> dict[str, tuple[Any, str]]:
    log: list[Any] = []
    count = 0
    ticks = itertools.count(1)
    rng = np.random.default_rng(0)
    state = types.SimpleNamespace(n=0)

    def nonlocal_counter(x: Any) -> Any:
        nonlocal count
        count += 1
        return np.sum(x) * count

    def global_counter(x: Any) -> Any:
        global RATE
        RATE = RATE + 1.0
        return np.sum(x) * RATE

    def attribute(x: Any) -> Any:
        state.n += 1
        return np.sum(x) * state.n

    def appended(x: Any) -> Any:
        log.append(1.0)
        return np.sum(x) * len(log)

    class Counter:
        calls = 0.0

        def __call__(self, x: Any) -> Any:
            type(self).calls += 1.0
            return np.sum(x) * type(self).calls

    def environ(x: Any) -> Any:
        return np.sum(x) * float(os.environ.get("TAPEJIT_NOWHERE", "2.0"))

    class Raw:
        def __len__(self) -> int:
            np.random.rand(3)
            return 2

    raw = Raw()

    def rvs(x: Any) -> Any:
        from scipy import stats

        stats.norm.rvs(size=2)
        return np.sum(x)

    return {
        "raw code": (lambda x: np.sum(x) * len(raw), "random"),
        "scipy": (rvs, "random"),
        "nonlocal": (nonlocal_counter, "closure variable count"),
        "global": (global_counter, "global RATE"),
        "attribute": (attribute, "n"),
        "list": (appended, "log"),
        "class": (Counter(), "calls"),
        "iterator": (lambda x: np.sum(x) * next(ticks), "count"),
        "np.random": (lambda x: np.sum(x * np.random.rand(3)), "random"),
        "generator": (lambda x: np.sum(x * rng.normal(size=3)), "Generator"),
        "random": (lambda x: np.sum(x) * random.random(), "random"),
        "time": (lambda x: np.sum(x) * (time.time() > 0), "time"),
        "print": (lambda x: (print("seen"), np.sum(x))[1], "print"),
        "environ": (environ, "environ"),
        "eval": (lambda x: np.sum(x) * eval("2.0"), "eval"),
        "unseeded": (lambda x: np.sum(x) * np.random.default_rng().random(), "seed"),
    }


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", list(make_effects()))
def test_effects_are_run_by_python_at_every_call(name: str, policy: str, capsys: Any) -> None:
    def run(fn: Any) -> list[float]:
        np.random.seed(3)
        random.seed(3)
        globals()["RATE"] = 0.5
        return [float(fn(X)) for _ in range(6)]

    fn, match = make_effects()[name]
    expected = run(fn)
    printed = capsys.readouterr().out
    fn, match = make_effects()[name]
    f = tj.value_and_grad(fn, compile=policy)
    with one_warning(match):
        found = run(lambda x: f(x)[0])
    if name != "unseeded":
        assert np.allclose(found, expected, rtol=1e-14)
    assert capsys.readouterr().out == printed
    assert f.stats()["compiled"] == f.stats()["interpreted"] == 0


def test_seeded_generator_inside_is_replayed() -> None:
    follows(lambda x: np.sum(x * np.random.default_rng(7).normal(size=3)))


def test_effects_not_taken_cost_nothing(capsys: Any) -> None:
    verbose = False

    def fn(x: Any) -> Any:
        if verbose:
            print("x")
        return np.sum(x)

    follows(fn)


def test_values_written_outside_are_plain() -> None:
    kept = types.SimpleNamespace(last=None, w=np.ones(3))
    log: list[Any] = []

    def fn(x: Any) -> Any:
        y = np.sum(x * kept.w)
        kept.last = y
        log.append(x * 2)
        return y

    f = tj.grad(fn, compile="never")
    with one_warning("changes"):
        for _ in range(4):
            f(X)
    assert type(kept.last) is np.float64 and kept.last == 6.0
    assert len(log) == 4 and type(log[0]) is np.ndarray and np.array_equal(log[0], 2 * X)


def test_a_cache_filled_at_the_first_call_is_fine() -> None:
    cache: dict[int, Any] = {}

    def fn(x: Any) -> Any:
        if 3 not in cache:
            cache[3] = np.arange(3.0)
        return np.sum(x * cache[3])

    f = tj.value_and_grad(fn, compile="never")
    for _ in range(4):
        assert f(X)[0] == value(fn)
    cache[3][0] = 10.0
    assert f(X)[0] == value(fn)
    assert f.stats()["python"] == 0


def test_an_object_of_unknown_kind_is_not_trusted() -> None:
    import array

    numbers = array.array("d", [1.0, 2.0])
    f = tj.value_and_grad(lambda x: np.sum(x) * numbers[0], compile="never")
    with one_warning("numbers"):
        for k in range(4):
            numbers[0] = k
            assert f(X)[0] == 6.0 * k


# ---------------------------------------------------------------- harder to see


class Parent:
    def forward(self, x: Any) -> Any:
        return np.sum(x * TABLE) * RATE + self.bias()

    def bias(self) -> Any:
        return RATE


class Child(Parent):
    def __init__(self) -> None:
        self.w = np.ones(3)

    def forward(self, x: Any) -> Any:
        return super().forward(x * self.w) + Parent.bias(self)

    @classmethod
    def rate(cls) -> float:
        return RATE * 2

    @functools.cached_property
    def cached(self) -> Any:
        return self.w * 2


def test_inherited_and_class_methods() -> None:
    c = Child()
    follows(
        lambda x: c.forward(x) + c.rate() + np.sum(c.cached),
        lambda: TABLE.__setitem__(0, 5.0),
        set_global("RATE", 3.0),
        set_global("TABLE", np.zeros(3)),
        lambda: c.w.__setitem__(0, 2.0),
        lambda: c.cached.__setitem__(0, 5.0),
    )


class Elder:
    def forward(self, x: Any) -> Any:
        return np.sum(x * TABLE) * RATE


class Younger(Elder):
    def __init__(self) -> None:
        self.w = np.ones(3)

    def forward(self, x: Any) -> Any:
        return super().forward(x * self.w)


def test_methods_reached_through_super_alone() -> None:
    m = Younger()
    follows(
        lambda x: m.forward(x),
        set_global("RATE", 3.0),
        lambda: TABLE.__setitem__(0, 5.0),
        lambda: setattr(Elder, "forward", lambda self, x: np.sum(x)),
    )


def test_arrays_kept_where_no_one_can_look_are_not_trusted() -> None:
    import itertools
    import operator

    w = np.ones(3)
    fetch = operator.itemgetter(0)
    cell = itertools.repeat(w)
    f = tj.value_and_grad(
        lambda x: np.sum(x * fetch(list(itertools.islice(cell, 1)))), compile="never"
    )
    with one_warning("it can advance"):
        for k in range(4):
            w[0] = k
            assert f(X)[0] == value(lambda x: np.sum(x * w))

    hidden = {"w": np.ones(3)}

    class Meta(type):
        @property
        def secret(cls) -> Any:
            return vault[0]()

    class Behind(metaclass=Meta):
        pass

    vault = [lambda: hidden["w"]]
    g = tj.value_and_grad(lambda x: np.sum(x * Behind.secret), compile="never")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplayWarning)
        for k in range(5):
            hidden["w"][0] = k
            assert g(X)[0] == value(lambda x: np.sum(x * hidden["w"]))


def test_interpreter_state_is_not_read_silently() -> None:
    import sys

    f = tj.value_and_grad(lambda x: np.sum(x) * sys.modules[__name__].RATE, compile="never")
    with one_warning("sys.modules"):
        for k in range(4):
            globals()["RATE"] = float(k)
            assert f(X)[0] == 6.0 * k
    follows(lambda x: np.sum(x) * sys.float_info.epsilon)


def test_code_classes_and_fields_replaced_as_a_whole() -> None:
    def h(x: Any) -> Any:
        return x * 2

    m, y = Model(), Younger()
    follows(
        lambda x: np.sum(h(x) * m.w) * m.k + y.forward(x),
        lambda: setattr(h, "__code__", (lambda x: x * 5).__code__),
        lambda: setattr(m, "__dict__", {"w": np.full(3, 5.0), "k": 1.0}),
        lambda: setattr(y, "__class__", Elder),
    )


def scaled(x: Any) -> Any:
    return x * scaled.factor  # type: ignore[attr-defined]


def test_attributes_of_functions() -> None:
    scaled.factor = 2.0  # type: ignore[attr-defined]
    follows(
        lambda x: np.sum(scaled(x)),
        lambda: setattr(scaled, "factor", 3.0),
        lambda: setattr(scaled, "factor", np.full(3, 0.5)),
    )

    def counted(x: Any) -> Any:
        counted.calls += 1  # type: ignore[attr-defined]
        return np.sum(x)

    counted.calls = 0  # type: ignore[attr-defined]
    f = tj.grad(counted, compile="never")
    with one_warning("an attribute of counted"):
        for _ in range(5):
            f(X)
    assert counted.calls == 5  # type: ignore[attr-defined]


SHARED = 1.0


def bump() -> None:
    global SHARED
    SHARED += 1.0


def read_shared() -> float:
    return SHARED


def test_functions_share_their_globals_and_cells_during_a_capture() -> None:
    n = 1.0

    def inc() -> None:
        nonlocal n
        n += 1.0

    def get() -> float:
        return n

    def fn(x: Any) -> Any:
        inc()
        bump()
        return np.sum(x) * get() + read_shared()

    f = tj.value_and_grad(fn, compile="never")
    with one_warning("changes"):
        for k in range(1, 5):
            assert f(X)[0] == 6.0 * (1 + k) + SHARED == 6.0 * n + (1.0 + k)
    globals()["SHARED"] = 1.0


def test_imports_inside() -> None:
    import sys

    mod = types.ModuleType("user_module_imported_inside")
    exec(
        "import numpy as np\nW = np.ones(3)\nK = 2.0\ndef f(x):\n    return np.sum(x * W) * K\n",
        mod.__dict__,
    )
    sys.modules["user_module_imported_inside"] = mod

    def fn(x: Any) -> Any:
        import numpy as anything
        import user_module_imported_inside as m  # type: ignore[import-not-found]
        from user_module_imported_inside import K, f

        a = anything.zeros(3)
        a[0] = x[0]
        return f(x) + m.K * K * np.sum(x * m.W) + np.sum(a)

    class Holder:
        def __call__(self, x: Any) -> Any:
            from user_module_imported_inside import K, W

            return np.sum(x * W) * K

    changes = [
        lambda: setattr(mod, "K", 3.0),
        lambda: mod.W.__setitem__(0, 4.0),
        lambda: setattr(mod, "W", np.full(3, 2.0)),
        lambda: setattr(mod, "f", lambda x: np.sum(x)),
    ]
    try:
        follows(fn, *changes)
        h = Holder()
        follows(lambda x: h(x), *changes[:3])

        def timed(x: Any) -> Any:
            import time

            return np.sum(x) * (time.perf_counter() > 0)

        f = tj.grad(timed, compile="never")
        with one_warning("time"):
            f(X), f(X)
    finally:
        del sys.modules["user_module_imported_inside"]


def test_bound_builtins_views_and_weak_references() -> None:
    import weakref

    table = {"a": 1.0}
    look = table.get
    w = np.ones(3)
    total = w.sum
    follows(
        lambda x: np.sum(x) * look("a", 0.0) * total(),
        lambda: table.__setitem__("a", 3.0),
        lambda: w.__setitem__(0, 5.0),
    )
    view = types.MappingProxyType(table)
    ref = weakref.ref(Model)
    local = __import__("threading").local()
    local.n = 1.0
    for fn in (
        lambda x: np.sum(x) * view["a"],
        lambda x: np.sum(x) * ref().scale,
        lambda x: np.sum(x) * local.n,
    ):
        f = tj.value_and_grad(fn, compile="never")
        with one_warning("it can read"):
            for k in range(4):
                table["a"] = local.n = float(k)
                assert f(X)[0] == value(fn)


def test_class_attributes_by_class_name_and_type() -> None:
    class Config:
        lr = 0.5
        w = np.ones(3)
        deep: dict[str, Any] = {"w": np.ones(3)}  # noqa: RUF012

        class Inner:
            k = 2.0

    holder = Config()
    follows(
        lambda x: np.sum(x * Config.w) * Config.lr * Config.Inner.k + np.sum(x * Config.deep["w"])
        + type(holder).lr + holder.__class__.lr,
        lambda: setattr(Config, "lr", 0.25),
        lambda: Config.w.__setitem__(0, 3.0),
        lambda: setattr(Config, "w", np.zeros(3)),
        lambda: setattr(Config.Inner, "k", 5.0),
        lambda: Config.deep["w"].__setitem__(0, 4.0),
    )  # fmt: skip


def test_getattr_and_dynamic_names() -> None:
    m = Model()
    name = ["w"]
    follows(
        lambda x: np.sum(x * getattr(m, name[0])) * getattr(m, "k"),  # noqa: B009
        lambda: m.w.__setitem__(0, 3.0),
        lambda: setattr(m, "k", 5.0),
        lambda: name.__setitem__(0, "offset"),
        lambda: m.__dict__.update(offset=np.full(3, 9.0)),
    )


def test_isinstance_sees_what_the_tracer_stands_for() -> None:
    def fn(x: Any, s: Any, n: Any) -> Any:
        assert isinstance(x, np.ndarray) and not isinstance(x, (list, float))
        assert isinstance(s, float) and isinstance(x[0], np.float64) and isinstance(n, int)
        return np.sum(x) * s * n if isinstance(np.sum(x), np.floating) else 0.0

    f = tj.value_and_grad(fn, compile="never")
    for n in range(8):
        assert f(X, 2.0, n)[0] == fn(X, 2.0, n)


def test_generators_comprehensions_and_decorators() -> None:
    layers = [np.ones(3), np.ones(3) * 2]

    def twice(fn: Any) -> Any:
        @functools.wraps(fn)
        def call(*args: Any) -> Any:
            return 2 * fn(*args) * RATE

        return call

    @twice
    def inner(x: Any) -> Any:
        return sum(np.sum(x * w) for w in layers) + sum([np.sum(w) for w in layers])

    def gen(x: Any) -> Any:
        for w in layers:
            yield np.sum(x * w)

    follows(
        lambda x: (
            inner(x) + sum(gen(x)) + functools.reduce(lambda a, b: a + np.sum(b * x), layers, 0.0)
        ),
        lambda: layers[0].__setitem__(0, 9.0),
        lambda: layers.append(np.full(3, 5.0)),
        set_global("RATE", 2.5),
        lambda: layers.pop(0),
    )


def test_structured_and_object_arrays() -> None:
    rec = np.zeros(3, dtype=[("a", float), ("n", int)])
    rec["a"] = 1.0
    follows(
        lambda x: np.sum(x * rec["a"]),
        lambda: rec["a"].__setitem__(0, 5.0),
        lambda: rec.__setitem__(1, (7.0, 1)),
    )
    objects = np.array([1.0, None], dtype=object)
    f = tj.value_and_grad(lambda x: np.sum(x) * objects[0], compile="never")
    with one_warning("objects"):
        for k in range(3):
            objects[0] = k
            assert f(X)[0] == 6.0 * k
