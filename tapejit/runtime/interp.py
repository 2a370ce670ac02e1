"""The replay of a tape with NumPy, which stands below so that rules may use it."""

from ..tape.replay import GuardFailure, Interpreter, interpret, interpreter, literal

__all__ = ["GuardFailure", "Interpreter", "interpret", "interpreter", "literal"]
