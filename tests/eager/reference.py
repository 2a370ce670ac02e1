"""Tensors evaluated at once with NumPy: what recorded programs are compared with.

Values live in NumPy memory, views are NumPy views and writes are NumPy's, so aliasing is NumPy's
own. Gradients are kept as a graph of closures: each memory has a node for its present contents, a
view reads it by a closure, and a write gives the memory a node that joins the old contents, where
they stay, with the new.
"""

from __future__ import annotations

import numpy as np


class Node:
    """A value in the graph: its parents, each with the map from its cotangent to theirs."""

    def __init__(self, shape, parents=(), leaf=None):
        self.shape, self.parents, self.leaf = shape, list(parents), leaf


class Memory:
    """An array that owns its data, and the node of its contents."""

    def __init__(self, data, node):
        self.data, self.node = data, node


def fold(ct, shape):
    """Sum a cotangent over broadcast axes."""
    while ct.ndim > len(shape):
        ct = ct.sum(0)
    for k, n in enumerate(shape):
        if n == 1 and ct.shape[k] != 1:
            ct = ct.sum(k, keepdims=True)
    return ct


class Ref:
    """A tensor: a memory, how it is seen (an index map), and whether a gradient flows."""

    def __init__(self, memory, data, where=None, detached=False):
        self.memory, self.data, self.where, self.detached = memory, data, where, detached
        self.grad = None

    @staticmethod
    def leaf(data, requires_grad):
        data = np.array(data, np.float64)
        t = Ref(Memory(data, None), data)
        if requires_grad:
            t.memory.node = Node(data.shape, leaf=t)
        return t

    @property
    def node(self):
        """The node of what is seen now."""
        base = self.memory.node
        if base is None or self.detached:
            return None
        if self.where is None:
            return base
        at = self.where

        def back(ct):
            full = np.zeros(base.shape)
            np.add.at(full.reshape(-1), at.reshape(-1), ct.reshape(-1))
            return full

        return Node(self.data.shape, [(base, back)])

    def view(self, see):
        """Return a NumPy view as a tensor of the same memory."""
        places = np.arange(self.memory.data.size).reshape(self.memory.data.shape)
        if self.where is not None:
            places = self.where
        return Ref(self.memory, see(self.data), see(places), self.detached)

    def detach(self):
        where = self.where
        if where is None:
            where = np.arange(self.memory.data.size).reshape(self.memory.data.shape)
        return Ref(self.memory, self.data, where, True)

    def write(self, data, node, graph):
        """Replace what is seen; `node` is the new values' node, `graph` whether it is recorded."""
        old, memory, where = self.memory.node, self.memory, self.where
        self.data[...] = data
        if not graph or self.detached or (old is None and node is None):
            return
        shape = memory.data.shape
        at = np.arange(memory.data.size).reshape(shape) if where is None else where
        parents = []
        if old is not None:

            def stay(ct):
                ct = ct.copy()
                ct.reshape(-1)[at.reshape(-1)] = 0
                return ct

            parents.append((old, stay))
        if node is not None:
            parents.append((node, lambda ct: ct.reshape(-1)[at]))
        memory.node = Node(shape, parents)


def result(data, parents, graph):
    """Return a new tensor with parents ``(tensor's node, map)``."""
    parents = [(n, f) for n, f in parents if n is not None] if graph else []
    data = np.array(data)
    return Ref(Memory(data, Node(data.shape, parents) if parents else None), data)


def binary(name, a, b, graph):
    x, y = a.data.copy(), b.data.copy() if isinstance(b, Ref) else b
    value = {"add": np.add, "sub": np.subtract, "mul": np.multiply}[name](x, y)
    left = {"add": lambda c: c, "sub": lambda c: c, "mul": lambda c: c * y}[name]
    right = {"add": lambda c: c, "sub": lambda c: -c, "mul": lambda c: c * x}[name]
    parents = [(a.node, lambda c: fold(left(c), x.shape))]
    if isinstance(b, Ref):
        parents.append((b.node, lambda c: fold(right(c), y.shape)))
    return result(value, parents, graph)


def unary(name, a, graph):
    x = a.data.copy()
    value = {"tanh": np.tanh, "sin": np.sin, "neg": np.negative}[name](x)
    slope = {"tanh": 1 - np.tanh(x) ** 2, "sin": np.cos(x), "neg": -np.ones_like(x)}[name]
    return result(value, [(a.node, lambda c: c * slope)], graph)


def backward(node, ct):
    """Add gradients to the leaves behind a node."""
    order, seen = [], set()

    def visit(n):
        if id(n) not in seen:
            seen.add(id(n))
            for parent, _ in n.parents:
                visit(parent)
            order.append(n)

    visit(node)
    cts = {id(node): np.array(ct)}
    for n in reversed(order):
        c = cts.pop(id(n), None)
        if c is None:
            continue
        if n.leaf is not None:
            n.leaf.grad = c if n.leaf.grad is None else n.leaf.grad + c
        for parent, f in n.parents:
            g = f(c)
            cts[id(parent)] = cts[id(parent)] + g if id(parent) in cts else g
