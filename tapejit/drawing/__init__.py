"""Pictures of graphs: what is behind a tensor, and the rows of a tape, as SVG text.

A graph is read into boxes and edges (`tensors`, `tapes`), boxes are put into layers (`layers`),
ordered in them (`order`), given coordinates (`place`) and written (`svg`). No stage knows where the
graph came from, and none needs anything but Python.
"""

from __future__ import annotations

import os
from typing import Any

from .graph import Graph
from .svg import Drawing, drawn

__all__ = ["Drawing", "draw"]


def draw(graph: Any, path: str | os.PathLike[str] | None = None) -> Drawing:
    """Return a picture of the graph behind a tensor, or of a tape, as the text of an SVG file.

    Inputs are above what reads them and results are at the bottom. A leaf tensor is an
    ``AccumulateGrad`` box with its shape; a loop or branch of a tape is one box for its whole body.
    Resting the mouse on a box shows more: the row, its parameters, the source line. The lines of
    tensors are known when they were recorded under ``autograd.detect_anomaly()``.

    Parameters
    ----------
    graph : Tensor, graph node, or Tape
        A tensor of `tapejit.torch`, its ``grad_fn``, or what ``f.tape(*args)`` returns.
    path : str or path, optional
        A file to write the picture to.

    Returns
    -------
    Drawing
        A ``str``; notebooks show it as a picture, and ``.save(path)`` writes it.

    Raises
    ------
    TypeError
        If `graph` is none of these.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> picture = tj.draw(tj.grad(lambda x: np.sum(x * x)).tape(np.ones(3)))
    >>> picture.startswith("<svg")
    True

    >>> import tapejit.torch as torch
    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> "AccumulateGrad" in tj.draw((x * 2).sum())
    True
    """
    picture = drawn(_read(graph))
    if path is not None:
        picture.save(path)
    return picture


def _read(graph: Any) -> Graph:
    from ..tape.ir import Tape

    if isinstance(graph, Tape):
        from .tapes import of_tape

        return of_tape(graph)
    from .tensors import is_node, is_tensor, of_node, of_tensor

    if is_tensor(graph):
        return of_tensor(graph)
    if is_node(graph):
        return of_node(graph)
    raise TypeError(
        f"draw() takes a tensor, its grad_fn or a tape, not {type(graph).__name__}; the tape of a "
        f"transformed function f is f.tape(*args)"
    )
