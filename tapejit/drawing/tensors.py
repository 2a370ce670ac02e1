"""The graph behind a tensor, read through what every node shows: ``name`` and ``next_functions``."""

from __future__ import annotations

from typing import Any

from .graph import Box, Graph


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor: it has a graph and a shape."""
    return hasattr(type(obj), "grad_fn") and hasattr(obj, "shape")


def is_node(obj: Any) -> bool:
    """Whether an object is a node of such a graph."""
    return callable(getattr(obj, "name", None)) and hasattr(obj, "next_functions")


def of_tensor(t: Any) -> Graph:
    """Return the graph behind a tensor, with a box for the tensor itself at the bottom."""
    described = _described(t)
    node = t.grad_fn
    if node is None:
        said = "a leaf that requires grad" if t.requires_grad else "a leaf without a graph"
        return Graph((Box(("Tensor", described, said), "input", f"{said}: {described}"),), ())
    graph = of_node(node)
    result = Box(("Tensor", described), "result", f"the result of {node.name()}")
    return Graph((*graph.boxes, result), (*graph.edges, (0, len(graph.boxes))))


def of_node(root: Any) -> Graph:
    """Return the graph that ends in a node; the node is box 0."""
    number = {root: 0}
    found, edges = [root], []
    stack = [root]
    while stack:
        node = stack.pop()
        for operand, _ in reversed(node.next_functions):
            if operand is None:  # a number, or a tensor that needs no gradient
                continue
            if operand not in number:
                number[operand] = len(found)
                found.append(operand)
                stack.append(operand)
            edges.append((number[operand], number[node]))
    return Graph(tuple(_box(node) for node in found), tuple(edges))


def _box(node: Any) -> Box:
    name = node.name().rpartition("::")[2]
    place = "".join(getattr(node, "metadata", {}).get("traceback_", ()))
    variable = getattr(node, "variable", None) if name == "AccumulateGrad" else None
    if variable is None:
        return Box((name,), "step", "\n".join(filter(None, (name, place.rstrip()))))
    described = _described(variable)
    return Box((name, described), "input", f"collects the gradient of a leaf: {described}")


def _described(t: Any) -> str:
    shape = "scalar" if not tuple(t.shape) else str(tuple(t.shape))
    return f"{shape} {str(t.dtype).removeprefix('torch.')}"
