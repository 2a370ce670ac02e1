"""The one tree of errors. Every message names the function or primitive and the user's line."""

from __future__ import annotations


class TapejitError(Exception):
    """Base class of every error that tapejit raises on purpose."""


class CaptureError(TapejitError, TypeError):
    """Code that tracing cannot follow, such as ``float(x)`` of a traced value."""


class UnsupportedError(TapejitError, NotImplementedError):
    """A NumPy or SciPy function, option or dtype that has no rule."""


class UnrollError(TapejitError):
    """A tape that became too long because a Python loop was unrolled."""

    named = False


class ShapeError(TapejitError, ValueError):
    """Operands whose shapes do not fit, as NumPy would refuse them."""


class DtypeError(TapejitError, TypeError):
    """A dtype without meaning here: the gradient of an integer, a complex output of ``grad``."""


class ArgumentError(TapejitError, TypeError):
    """Arguments, results or containers whose number or structure does not fit a transformation."""


class MutationError(TapejitError, ValueError):
    """A write into something that must not change: an argument or a captured array."""


class IndexingError(TapejitError, IndexError):
    """An index out of bounds or of a kind that cannot be used."""


class RangeError(TapejitError, OverflowError):
    """A Python integer beyond the range of the integer dtype that it meets."""


class VerifyError(TapejitError):
    """A tape that breaks an invariant of the representation: a defect of tapejit itself."""


class CacheError(TapejitError, OSError):
    """A cache directory that cannot be used safely."""


class ReplayWarning(UserWarning):
    """A function that cannot be replayed from its tape and is run by Python at every call."""


class CacheWarning(UserWarning):
    """A cache entry that was unusable and has been rebuilt."""


class CompileWarning(UserWarning):
    """A program that could not be compiled and is interpreted: a defect of tapejit itself."""
