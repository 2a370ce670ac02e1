"""The SVG text: boxes, smooth edges, titles.

Boxes fill bands, one for each layer; edges bend in the space between bands only and cross a band
straight, at a joint that has been kept clear of boxes. Hence no edge runs through a box.
"""

from __future__ import annotations

import os
from collections import defaultdict
from html import escape

from .graph import Box, Graph
from .layers import layered
from .order import ordered
from .place import columns

MARGIN = 16.0
CHARACTER = 7.9  # the width of a character of the first line: 0.6 em of 13 px, and a little
SMALL = 6.7  # and of the others, of 11 px
LEADING, PADDING = 17.0, 7.0
LONGEST = 44
PORT = 12.0
COLOURS = {
    "input": ("#dcecf7", "#0072b2"),
    "step": ("#ffffff", "#6b6b6b"),
    "constant": ("#f3f3f3", "#a0a0a0"),
    "body": ("#efe3ee", "#8c5a86"),
    "result": ("#fbe6d4", "#d55e00"),
}
STYLE = (
    "text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;"
    "text-anchor:middle;fill:#1c1c1c;font-size:13px}"
    ".s{font-size:11px;fill:#505050}.e{fill:none;stroke:#6b6b6b;stroke-width:1.2}"
)


class Drawing(str):
    """The text of an SVG file, which notebooks show as a picture.

    Examples
    --------
    >>> Drawing('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    <drawing, 46 characters of SVG>
    """

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<drawing, {len(self)} characters of SVG>"

    def __str__(self) -> str:
        return str.__str__(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self)


def drawn(graph: Graph) -> Drawing:
    """Lay a graph out and write it."""
    boxes = [_shortened(box) for box in graph.boxes]
    found = layered(graph)
    layers = ordered(found)
    n = found.n
    count = sum(len(layer) for layer in layers)
    width = [_width(box) for box in boxes] + [2.0] * (count - n)
    height = [2 * PADDING + LEADING * len(box.lines) for box in boxes]
    x = [MARGIN + c for c in columns(layers, found.segments, width, n)]
    top, bottom, y = [0.0] * count, [0.0] * count, MARGIN
    for d, layer in enumerate(layers):
        tall = max((height[v] for v in layer if v < n), default=0.0)
        for v in layer:
            top[v], bottom[v] = y, y + tall
        y += tall + (_between(layer, found.segments, x) if d + 1 < len(layers) else 0.0)
    wide = max((x[v] + width[v] / 2 for v in range(count)), default=0.0) + MARGIN
    body = _edges(found.segments, x, top, bottom, width, height, n)
    body += [_box(b, x[v], (top[v] + bottom[v]) / 2, width[v]) for v, b in enumerate(boxes)]
    size = f"{wide:.0f} {y + MARGIN:.0f}"
    w, h = size.split()
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {size}">'
    paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return Drawing("\n".join([head, f"<style>{STYLE}</style>", paper, *body, "</svg>", ""]))


def _between(layer: list[int], segments: list[tuple[int, int]], x: list[float]) -> float:
    """Return the space below a layer: more where its edges go far to the side."""
    inside = set(layer)
    far = max((abs(x[a] - x[b]) for a, b in segments if a in inside), default=0.0)
    return 30.0 + min(60.0, far / 8.0)


def _shortened(box: Box) -> Box:
    return Box(tuple(_plain(t) for t in box.lines), box.kind, box.title)


def _plain(text: str) -> str:
    """Return one line of text without control characters, cut where it is too long for a box."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _width(box: Box) -> float:
    first, *rest = box.lines
    return 2 * PADDING + 4 + max([len(first) * CHARACTER, *(len(t) * SMALL for t in rest)])


def _box(box: Box, x: float, y: float, width: float) -> str:
    fill, line = COLOURS[box.kind]
    height = 2 * PADDING + LEADING * len(box.lines)
    up = y - height / 2
    parts = [f'<g class="{box.kind}">']
    if box.title:
        kept = "".join(c if c.isprintable() or c in "\n\t" else " " for c in box.title)
        parts.append(f"<title>{escape(kept)}</title>")
    parts.append(
        f'<rect x="{x - width / 2:.1f}" y="{up:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="5" fill="{fill}" stroke="{line}"/>'
    )
    for k, text in enumerate(box.lines):
        small = ' class="s"' if k else ""
        base = up + PADDING + LEADING * (k + 0.75)
        parts.append(f'<text x="{x:.1f}" y="{base:.1f}"{small}>{escape(text)}</text>')
    return "".join([*parts, "</g>"])


def _edges(
    segments: list[tuple[int, int]],
    x: list[float],
    top: list[float],
    bottom: list[float],
    width: list[float],
    height: list[float],
    n: int,
) -> list[str]:
    """Return the paths; edges into a box end side by side, in the order in which they arrive."""
    into: dict[int, list[int]] = defaultdict(list)
    for a, b in segments:
        into[b].append(a)
    made = []
    for b, sources in into.items():
        sources.sort(key=x.__getitem__)
        port = min(PORT, (width[b] - 10.0) / len(sources)) if b < n else 0.0
        slack = (bottom[b] - top[b] - height[b]) / 2 if b < n else 0.0
        for k, a in enumerate(sources):
            end = x[b] + (k - (len(sources) - 1) / 2) * port
            high = (bottom[a] - top[a] - height[a]) / 2 if a < n else bottom[a] - top[a]
            y0, y1 = bottom[a] - high, bottom[a]
            tip = 5.0 if b < n else 0.0
            y2, y3 = top[b], top[b] + slack
            mid = (y1 + y2) / 2
            path = (
                f"M{x[a]:.1f} {y0:.1f}V{y1:.1f}"
                f"C{x[a]:.1f} {mid:.1f} {end:.1f} {mid:.1f} {end:.1f} {y2 - tip:.1f}"
                f"V{y3 - tip / 2:.1f}"
            )
            made.append(f'<path class="e" d="{path}"/>')
            if b < n:
                head = f"M{end - 3.5:.1f} {y3 - 7:.1f}h7L{end:.1f} {y3:.1f}z"
                made.append(f'<path d="{head}" fill="#6b6b6b"/>')
    return made
