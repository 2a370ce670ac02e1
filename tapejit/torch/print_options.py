"""What `set_printoptions` sets: how many elements, digits and columns a printed tensor has.

The options are one frozen value, replaced as a whole, so that a thread that prints sees either all
of a change or none of it. A value that no printing could follow is refused when it is set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PrintOptions:
    """The options in force; `sci_mode` None lets the elements decide."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

_options = PROFILES["default"]


def get_printoptions() -> PrintOptions:
    """Return the options in force."""
    return _options


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed.

    Parameters
    ----------
    precision : int, optional
        Digits after the point (4).
    threshold : int or inf, optional
        The number of elements from which on only the edges are shown (1000).
    edgeitems : int, optional
        How many are shown at either end of each dimension then (3).
    linewidth : int, optional
        Columns in a line (80).
    profile : {"default", "short", "full"}, optional
        Start from these settings; the other arguments change them.
    sci_mode : bool, optional
        Whether to write floats in scientific notation. Every call that does not say so leaves the
        choice to the elements again.

    Raises
    ------
    ValueError
        If a number is negative or the profile is unknown.
    TypeError
        If an argument is not of its type.

    Examples
    --------
    >>> from tapejit.torch.print_options import get_printoptions, set_printoptions
    >>> set_printoptions(precision=2)
    >>> get_printoptions().precision
    2
    >>> set_printoptions(profile="default")
    """
    global _options
    options = _options
    if profile is not None:
        if not isinstance(profile, str):
            raise TypeError(f"profile must be a str, not {type(profile).__name__}")
        if profile.lower() not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
        options = PROFILES[profile.lower()]
    if sci_mode not in (None, True, False):
        raise TypeError(f"sci_mode must be True, False or None, not {sci_mode!r}")
    for name, value in (
        ("precision", precision),
        ("threshold", threshold),
        ("edgeitems", edgeitems),
        ("linewidth", linewidth),
    ):
        if value is not None:
            options = replace(options, **{name: _count(name, value)})  # type: ignore[arg-type]
    _options = replace(options, sci_mode=sci_mode)


def _count(name: str, value: float) -> float:
    """Return an option that counts something; inf is a number of elements only."""
    if isinstance(value, bool) or not (
        isinstance(value, int) or (name == "threshold" and isinstance(value, float))
    ):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, not {value}")
    return value
