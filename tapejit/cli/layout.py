"""Plain text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable

WIDTH = 80


def facts(rows: Iterable[tuple[str, str]], indent: int = 2) -> str:
    """Return names and values in two columns; long values go on in the second."""
    import textwrap

    listed = list(rows)
    left = max((len(name) for name, _ in listed), default=0) + 2
    lines = []
    for name, value in listed:
        room = WIDTH - indent - left
        parts = textwrap.wrap(value, room, break_long_words=False, break_on_hyphens=False) or [""]
        lines.append(" " * indent + name.ljust(left) + parts[0])
        lines += [" " * (indent + left) + part for part in parts[1:]]
    return "\n".join(lines)


def seconds(t: float) -> str:
    """Return a duration with three significant digits.

    Examples
    --------
    >>> seconds(1.2345), seconds(0.0123), seconds(42e-6)
    ('1.23 s', '12.3 ms', '42.0 us')
    """
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if t >= scale or unit == "us":
            n = t / scale
            digits = 2 if n < 10 else 1 if n < 100 else 0
            return f"{n:.{digits}f} {unit}"
    raise AssertionError


def size(n: float) -> str:
    """Return a number of bytes.

    Examples
    --------
    >>> size(80), size(81_920), size(3_200_000)
    ('80 B', '81.9 kB', '3.2 MB')
    """
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"
