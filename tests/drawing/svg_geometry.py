"""What can be read off a picture: its boxes, and points along its edges."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import NamedTuple

import numpy as np

NAMES = "{http://www.w3.org/2000/svg}"
PATH = re.compile(r"M(\S+) (\S+)V(\S+)C(\S+) (\S+) (\S+) (\S+) (\S+) (\S+)V(\S+)")


class Seen(NamedTuple):
    """A box as it is drawn."""

    left: float
    top: float
    right: float
    bottom: float
    lines: tuple[str, ...]
    kind: str
    title: str
    texts: list[ET.Element]


def root_of(picture: str) -> ET.Element:
    return ET.fromstring(picture)


def boxes(picture: str) -> list[Seen]:
    """Return the boxes, in the order in which they are drawn."""
    found = []
    for group in root_of(picture).iter(f"{NAMES}g"):
        rect = group.find(f"{NAMES}rect")
        title = group.find(f"{NAMES}title")
        texts = group.findall(f"{NAMES}text")
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        lines = tuple(t.text or "" for t in texts)
        kind = group.get("class")
        found.append(
            Seen(x, y, x + w, y + h, lines, kind, "" if title is None else title.text, texts)
        )
    return found


def edges(picture: str) -> list[np.ndarray]:
    """Return points along every piece of an edge, from its upper end to its lower."""
    found = []
    for path in root_of(picture).iter(f"{NAMES}path"):
        if path.get("class") != "e":
            continue
        x0, y0, y1, *c, y3 = map(float, PATH.fullmatch(path.get("d")).groups())
        corners = np.array([[x0, y1], c[:2], c[2:4], c[4:]])
        t = np.linspace(0.0, 1.0, 60)[:, None]
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        curve = sum(w * p for w, p in zip(weights, corners))
        before = np.linspace([x0, y0], [x0, y1], 20)
        after = np.linspace(corners[3], [corners[3][0], y3], 20)
        found.append(np.concatenate([before, curve, after]))
    return found


def overlaps(picture: str, gap: float = 0.0) -> list[tuple[Seen, Seen]]:
    """Return the pairs of boxes that are nearer than `gap` in both directions."""
    seen = boxes(picture)
    return [
        (a, b)
        for k, a in enumerate(seen)
        for b in seen[:k]
        if a.left < b.right + gap
        and b.left < a.right + gap
        and a.top < b.bottom + gap
        and b.top < a.bottom + gap
    ]


def crossed(picture: str) -> list[tuple[Seen, np.ndarray]]:
    """Return the boxes that an edge runs through, with points of the edge inside."""
    found = []
    for points in edges(picture):
        for b in boxes(picture):
            x, y = points.T
            inside = (x > b.left + 1) & (x < b.right - 1) & (y > b.top + 1) & (y < b.bottom - 1)
            if inside.any():
                found.append((b, points[inside]))
    return found
