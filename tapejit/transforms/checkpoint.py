"""checkpoint: less memory for the reverse sweep, for computing parts of the forward one again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.sources import here
from ..frontend.capture import Unstageable, current
from ..frontend.staging.calls_again import again
from ..frontend.staging.segments import budget as within


class Checkpoint:
    """A function of which nothing but its arguments is kept for the reverse sweep."""

    def __init__(self, fn: Callable[..., Any], budget: float | None) -> None:
        functools.update_wrapper(self, fn)
        self.fn, self.budget = fn, budget

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        cap = current()
        if cap is None:
            return self.fn(*args, **kwargs)
        if self.budget is not None:
            with within(self.budget):
                return self.fn(*args, **kwargs)
        line = here()
        try:
            return again(cap, self.fn, args, kwargs)
        except Unstageable as error:
            if cap.abstract:
                raise
            cap.note(line, f"not checkpointed: {error}")
            return self.fn(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __tapejit_rebind__(self, rebind: Callable[[Any], Any]) -> Checkpoint:
        return Checkpoint(rebind(self.fn), self.budget)

    def __repr__(self) -> str:
        return f"<checkpoint of {getattr(self.fn, '__name__', self.fn)}>"


def checkpoint(fn: Callable[..., Any] | None = None, *, budget: float | None = None) -> Any:
    """Trade memory of the reverse sweep for computing again.

    Parameters
    ----------
    fn : callable
        A function of arrays, numbers and containers of them: a layer, a time step, a loop's body.
        The reverse sweep keeps its arguments and nothing that it computes: that is computed a
        second time. Without `fn`, a decorator is returned.
    budget : float, optional
        Bytes. With a budget the function itself is not computed again; instead every ``for`` loop
        of a known number of rounds that is rolled inside it may keep about this much for its
        reverse sweep (a ``while``, or a loop with ``break``, keeps what it needs). A longer loop is
        cut into segments: the carried values where they begin are kept, their rounds are computed
        again. A loop of n rounds then needs memory in proportion to the square root of n, or to a
        smaller power when the budget demands it, and one more run of its rounds for each level of
        segments.

    Returns
    -------
    callable
        A function with the arguments, results and derivatives of `fn`. Outside a transformation it
        is `fn`.

    Raises
    ------
    ArgumentError
        When the budget is not a positive number.

    Notes
    -----
    A function that needs the values of a call in Python (for a branch that cannot be staged) is not
    checkpointed; ``explain`` says so. Segments of two levels are those of Griewank and Walther
    (2000), algorithm 799, with equal lengths in place of binomial ones.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> step = tj.checkpoint(lambda h, w: np.tanh(w * h))
    >>> def f(w):
    ...     h = 1.0
    ...     for _ in range(20):
    ...         h = step(h, w)
    ...     return h
    >>> round(float(tj.grad(f)(1.2)), 6)
    1.160772
    >>> g = tj.grad(tj.checkpoint(f, budget=100))
    >>> round(float(g(1.2)), 6)
    1.160772
    """
    if budget is not None and (isinstance(budget, bool) or not budget > 0):
        raise ArgumentError(
            f"checkpoint: budget must be a positive number of bytes, not {budget!r}"
        )

    def make(f: Callable[..., Any]) -> Checkpoint:
        return Checkpoint(f, budget)

    return make if fn is None else make(fn)
