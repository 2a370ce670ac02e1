"""custom_vjp: a function with its own reverse-mode rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import ArgumentError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..frontend.tracer import Tracer
from ..tape.ir import Sym
from .custom import Custom, fitting, live_rows
from .inner import run_inside
from .leaves import leaves_like, results
from .names import global_name
from .order import differentiating


class custom_vjp(Custom):
    """A function with its own reverse-mode rule.

    Parameters
    ----------
    fn : callable
        The function, with positional arguments: arrays, numbers, containers of them.
    nondiff_argnums : sequence of int
        Arguments without derivatives (functions, options); `bwd` receives them first.

    Raises
    ------
    ArgumentError
        When it is differentiated before `defvjp`, or the rule returns another structure.
    ShapeError, DtypeError
        When a cotangent does not fit its argument.
    UnsupportedError
        In forward mode, when `bwd` is not linear in the cotangent; else its transpose serves.

    Notes
    -----
    Second derivatives differentiate `bwd`, through the residuals that `fwd` computed. The rule is
    captured together with the function, before the cotangent is known: `bwd` cannot branch on it.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> @tj.custom_vjp
    ... def clip_gradient(x):
    ...     return x
    >>> def fwd(x):
    ...     return x, None
    >>> def bwd(residuals, ct):
    ...     return (np.clip(ct, -1.0, 1.0),)
    >>> clip_gradient.defvjp(fwd, bwd)
    >>> tj.grad(lambda x: 10.0 * clip_gradient(x))(1.0)
    np.float64(1.0)
    """

    kind = "custom_vjp"

    def __init__(self, fn: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        super().__init__(fn, nondiff_argnums)
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule.

        Parameters
        ----------
        fwd : callable
            Takes the arguments of the function; returns ``(out, residuals)``.
        bwd : callable
            ``bwd(*nondiff, residuals, ct)`` returns a tuple with one cotangent for each other
            argument, None being zero.
        """
        self.fwd, self.bwd = fwd, bwd

    def __tapejit_rebind__(self, rebind: Callable[[Any], Any]) -> Any:
        made = custom_vjp(rebind(self.fn), self.static)
        made.name = self.name
        if self.fwd is not None and self.bwd is not None:
            made.defvjp(rebind(self.fwd), rebind(self.bwd))
        return made

    def _record(self, cap: Capture, args: Any, static: list[Any], moving: list[int]) -> Any:
        fwd, bwd = self.fwd, self.bwd
        if fwd is None or bwd is None:
            raise ArgumentError(
                f"the custom_vjp {self.name} has no rule: call {self.name}.defvjp(fwd, bwd) before "
                f"differentiating it ({where()})"
            )
        given = tuple(args[k] for k in moving)
        leaves, tree = flatten(given)
        with differentiating(-1):
            pair = fwd(*args)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ArgumentError(
                f"the forward rule of {self.name} must return (out, residuals), got "
                f"{type(pair).__name__} ({where()})"
            )
        out = results(cap, pair[0])
        rows = live_rows(cap, leaves)
        xs = [r for r in rows if r is not None]
        if not out.live:
            return unflatten(out.tree, out.leaves)
        what = f"the cotangent that the backward rule of {self.name} returns"

        def run(inner: Capture, tracers: list[Tracer]) -> list[Sym | None]:
            cts = iter(tracers)
            ct = unflatten(out.tree, [None if y is None else next(cts) for y in out.rows])
            with differentiating(-1):
                back = bwd(*static, pair[1], ct)
            if not isinstance(back, (tuple, list)) or len(back) != len(given):
                shown = f"{len(back)}" if isinstance(back, (tuple, list)) else type(back).__name__
                raise ArgumentError(
                    f"the backward rule of {self.name} must return a tuple of {len(given)} "
                    f"cotangents, got {shown} ({where()})"
                )
            found: list[Sym | None] = []
            for row, leaf in zip(rows, leaves_like(tree, tuple(back), what)):
                if row is not None:
                    found.append(None if leaf is None else fitting(inner, leaf, row, what))
            return found

        avals = [Aval(y.dtype, y.shape) for y in out.live]
        cut = run_inside(cap, avals, [np.ones(a.shape, a.dtype)[()] for a in avals], run)
        return self._row(cap, xs, out, cut, forward=False)

    def __reduce__(self) -> Any:
        return global_name(self) or (_restored, (self.fn, self.static, self.fwd, self.bwd))


def _restored(fn: Any, static: tuple[int, ...], fwd: Any, bwd: Any) -> custom_vjp:
    made = custom_vjp(fn, static)
    made.fwd, made.bwd = fwd, bwd
    return made
