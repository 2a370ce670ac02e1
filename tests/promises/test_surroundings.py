"""What a function reads besides its arguments is seen at the next call."""

from __future__ import annotations

import collections
import dataclasses
import functools
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from following import POLICIES, X, follows, rebinds, restored

import tapejit as tj

# ---------------------------------------------------------------- names and cells

TABLE = np.array([1.0, 2.0, 3.0])
RATE = 0.5
HELPED = np.array([3.0, 3.0, 1.0])


def helper(x: Any) -> Any:
    return x * HELPED * RATE


set_global = functools.partial(rebinds, globals())


@pytest.fixture(autouse=True)
def _restore_globals() -> Iterator[None]:
    yield from restored(globals(), "TABLE", "RATE", "HELPED", "helper")


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
