"""Programs that nobody wrote, recorded lazily and evaluated at once by NumPy: the same values.

They mix recording, looking, views, writes in place, ``no_grad``, detached names, NumPy memory,
backward passes, accumulation and updates of leaves, in any order.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Ref

import tapejit.torch as torch
from tapejit.core.config import config

VIEWS = {
    "first": (lambda t: t[0], lambda a: a[0, ...]),
    "tail": (lambda t: t[..., 1:], lambda a: a[..., 1:]),
    "turned": (lambda t: t.t(), lambda a: a.T),
    "flat": (lambda t: t.view(-1), lambda a: a.reshape(-1)),
    "mirror": (lambda t: t.unsqueeze(0), lambda a: a[None]),
}
KINDS = ["binary", "number", "unary", "view", "write", "writeop", "look", "backward", "update",
         "clear", "detach", "numpy", "clone"]  # fmt: skip


class Pair:
    """The same tensor twice: recorded, and evaluated."""

    def __init__(self, lazy, ref, leaf=False):
        self.lazy, self.ref, self.leaf = lazy, ref, leaf


class Machine:
    """Runs steps on both sides."""

    def __init__(self, draw):
        self.draw = draw
        self.pool: list[Pair] = []
        for shape, grad in (((2, 3), True), ((3,), True), ((3,), False), ((2, 3), False)):
            data = np.linspace(-0.9, 0.7, int(np.prod(shape))).reshape(shape) * (1 + len(self.pool))
            lazy = torch.tensor(data, requires_grad=grad)
            self.pool.append(Pair(lazy, Ref.leaf(data, grad), grad))

    def pick(self, which=lambda p: True):
        found = [p for p in self.pool if which(p)]
        return found[self.draw(st.integers(0, len(found) - 1))] if found else None

    def add(self, lazy, ref):
        if ref.data.size <= 64:
            self.pool.append(Pair(lazy, ref))

    def step(self):
        kind = self.draw(st.sampled_from(KINDS))
        graph = self.draw(st.integers(0, 4)) > 0
        with nullcontext() if graph else torch.no_grad():
            getattr(self, kind)(graph)

    def binary(self, graph):
        a = self.pick()
        b = self.pick(lambda p: fits(p.ref.data.shape, a.ref.data.shape))
        name = self.draw(st.sampled_from(["add", "sub", "mul"]))
        self.add(getattr(torch, name)(a.lazy, b.lazy), reference.binary(name, a.ref, b.ref, graph))

    def number(self, graph):
        a, n = self.pick(), self.draw(st.sampled_from([2.0, -0.5, 3]))
        name = self.draw(st.sampled_from(["add", "sub", "mul"]))
        self.add(getattr(a.lazy, name)(n), reference.binary(name, a.ref, n, graph))

    def unary(self, graph):
        a, name = self.pick(), self.draw(st.sampled_from(["tanh", "sin", "neg"]))
        self.add(getattr(torch, name)(a.lazy), reference.unary(name, a.ref, graph))

    def clone(self, graph):
        a = self.pick()
        made = reference.result(a.ref.data, [(a.ref.node, lambda c: c)], graph)
        self.add(a.lazy.clone(), made)

    def view(self, graph):
        if not graph:
            return  # views made without gradients have rules of their own
        a = self.pick()
        name = self.draw(st.sampled_from(sorted(VIEWS)))
        if (name in ("first", "tail") and not a.ref.data.ndim) or (
            name == "turned" and a.ref.data.ndim != 2
        ):
            return
        if name == "flat" and not a.lazy.is_contiguous():
            return
        lazy, see = VIEWS[name]
        self.add(lazy(a.lazy), a.ref.view(see))

    def detach(self, graph):
        a = self.pick()
        self.add(a.lazy.detach(), a.ref.detach())

    def write(self, graph):
        a = self.pick(lambda p: writable(p, graph))
        if a is None:
            return
        b = self.pick(lambda p: fits(p.ref.data.shape, a.ref.data.shape, into=True))
        if b is None or b.ref.memory is a.ref.memory or starts_graph(a, b, graph):
            return
        value, node = b.ref.data.copy(), b.ref.node
        shape, small = a.ref.data.shape, value.shape
        joined = node and reference.Node(shape, [(node, lambda c: reference.fold(c, small))])
        a.lazy.copy_(b.lazy)
        a.ref.write(value, joined, graph)

    def writeop(self, graph):
        a = self.pick(lambda p: writable(p, graph))
        if a is None:
            return
        name = self.draw(st.sampled_from(["add", "mul", "sub"]))
        b = self.pick(lambda p: fits(p.ref.data.shape, a.ref.data.shape, into=True))
        if b is None or self.draw(st.booleans()):
            n = self.draw(st.sampled_from([0.5, 2.0]))
            made = reference.binary(name, a.ref, n, graph)
            getattr(a.lazy, name + "_")(n)
        else:
            if b.ref.memory is a.ref.memory or starts_graph(a, b, graph):
                return
            made = reference.binary(name, a.ref, b.ref, graph)
            getattr(a.lazy, name + "_")(b.lazy)
        a.ref.write(made.data, made.node, graph)

    def look(self, graph):
        same(self.pick())

    def backward(self, graph):
        a = self.pick(lambda p: p.ref.node is not None and p.lazy.requires_grad)
        if a is None:
            return
        ct = np.cos(np.arange(a.ref.data.size)).reshape(a.ref.data.shape)
        before = [(p, None if p.lazy.grad is None else p.lazy.grad.clone()) for p in self.leaves()]
        try:
            a.lazy.backward(torch.tensor(ct), retain_graph=True)
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(error)
            for p, g in before:
                p.lazy.grad = g
            return
        reference.backward(a.ref.node, ct)

    def leaves(self):
        return [p for p in self.pool if p.leaf]

    def update(self, graph):
        p = self.pick(lambda p: p.leaf)
        if p.lazy.grad is None:
            return
        with torch.no_grad():
            p.lazy -= 0.1 * p.lazy.grad
        p.ref.data -= 0.1 * p.ref.grad

    def clear(self, graph):
        p = self.pick(lambda p: p.leaf)
        p.lazy.grad = p.ref.grad = None

    def numpy(self, graph):
        p = self.pick(lambda p: p.ref.memory.node is None and p.ref.data.size > 0)
        if p is None:
            return
        array = p.lazy.numpy()
        array[...] = array * 0.5 + 1
        p.ref.data[...] = p.ref.data * 0.5 + 1


def fits(small, large, into=False):
    try:
        shape = np.broadcast_shapes(small, large)
    except ValueError:
        return False
    return shape == large if into else True


def writable(p, graph):
    leaf = p.ref.memory.node is not None and p.ref.memory.node.leaf is not None
    if p.ref.detached:
        return p.ref.memory.node is None
    if graph:
        return not leaf
    return p.ref.memory.node is None


def starts_graph(a, b, graph):
    """Whether a detached name would get a graph of its own: see test_names_of_memory."""
    return graph and a.ref.detached and b.ref.node is not None


def same(p):
    np.testing.assert_allclose(p.lazy.detach().tolist(), p.ref.data, rtol=1e-9, atol=1e-12)
    assert p.lazy.requires_grad == (p.ref.node is not None)


@pytest.mark.parametrize("policy", ["never", "auto", "in Python"])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_lazy_is_immediate(policy, data):
    before = config.compile, config.native
    config.compile = "auto" if policy == "in Python" else policy
    config.native = policy != "in Python"
    eager = data.draw(st.integers(0, 5)) == 0
    torch.set_eager(eager)
    try:
        machine = Machine(data.draw)
        for _ in range(data.draw(st.integers(3, 14))):
            machine.step()
        for p in machine.pool:
            same(p)
        for p in machine.leaves():
            if p.ref.grad is None:
                assert p.lazy.grad is None
            else:
                np.testing.assert_allclose(p.lazy.grad.tolist(), p.ref.grad, rtol=1e-9, atol=1e-12)
    finally:
        torch.set_eager(False)
        config.compile, config.native = before
