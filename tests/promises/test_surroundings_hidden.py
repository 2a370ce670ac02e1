"""What a function reads by ways that are harder to see is seen all the same."""

from __future__ import annotations

import functools
import itertools
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from following import X, follows, rebinds, restored, value, warned_once

import tapejit as tj
from tapejit.core.errors import ReplayWarning

TABLE = np.array([1.0, 2.0, 3.0])
RATE = 0.5
one_warning = functools.partial(warned_once, __file__)
set_global = functools.partial(rebinds, globals())


@pytest.fixture(autouse=True)
def _restore_globals() -> Iterator[None]:
    yield from restored(globals(), "TABLE", "RATE")


class Model:
    scale = 2.0
    offset = np.array([1.0, 1.0, 1.0])

    def __init__(self) -> None:
        self.w = np.ones(3)
        self.k = 1.0


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
