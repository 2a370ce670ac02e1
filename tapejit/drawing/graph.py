"""What is drawn: boxes with a few lines of text, and edges from an operand to what reads it."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("input", "step", "constant", "body", "result")


@dataclass(frozen=True)
class Box:
    """A box.

    Attributes
    ----------
    lines : tuple of str
        The text; the first line is the name.
    kind : str
        One of `KINDS`: what it is decides its colour.
    title : str
        What is shown when the mouse rests on it.
    """

    lines: tuple[str, ...]
    kind: str = "step"
    title: str = ""


@dataclass(frozen=True)
class Graph:
    """Boxes and edges ``(from, to)``, an edge for every operand: ``x * x`` has two."""

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
