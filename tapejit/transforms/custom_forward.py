"""custom_jvp: a function with its own forward-mode rule, transposed for reverse mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import ArgumentError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.split import Split
from ..tape.ir import Sym
from .custom import Custom, fitting, live_rows
from .inner import run_inside
from .leaves import Results, leaves_like, results
from .names import global_name
from .order import differentiating


class custom_jvp(Custom):
    """A function with its own forward-mode rule, which serves reverse mode by transposition.

    Parameters
    ----------
    fn : callable
        The function, with positional arguments: arrays, numbers, containers of them.
    nondiff_argnums : sequence of int
        Arguments without derivatives; the rule receives them first.

    Raises
    ------
    ArgumentError
        When it is differentiated without a rule, or the rule returns another structure.
    ShapeError, DtypeError
        When a tangent does not fit its result.

    Examples
    --------
    >>> import numpy as np, tapejit as tj
    >>> @tj.custom_jvp
    ... def log1pexp(x):
    ...     return np.log(1.0 + np.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t / (1.0 + np.exp(-x))
    >>> tj.grad(log1pexp)(0.0)
    np.float64(0.5)
    """

    kind = "custom_jvp"

    def __init__(self, fn: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        super().__init__(fn, nondiff_argnums)
        self.rule: Callable[..., Any] | None = None
        self.parts: tuple[Callable[..., Any] | None, ...] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule, and return it, so that this can be used as a decorator.

        Parameters
        ----------
        rule : callable
            ``rule(*nondiff, primals, tangents)`` returns ``(out, tangent_out)``, the tangent being
            linear in the tangents.
        """
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set one rule for each argument.

        Parameters
        ----------
        *rules : callable or None
            ``rule(tangent, out, *arguments)`` returns what this argument contributes to the
            tangent of the result; None contributes nothing.
        """
        if self.static:
            raise ArgumentError(
                f"defjvps of {self.name}: use defjvp with nondiff_argnums ({where()})"
            )
        self.parts = rules

    def __tapejit_rebind__(self, rebind: Callable[[Any], Any]) -> Any:
        made = custom_jvp(rebind(self.fn), self.static)
        made.name = self.name
        made.rule = None if self.rule is None else rebind(self.rule)
        if self.parts is not None:
            made.parts = tuple(None if p is None else rebind(p) for p in self.parts)
        return made

    def _apply(self, static: list[Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        if self.rule is not None:
            return self.rule(*static, primals, tangents)
        if self.parts is None:
            raise ArgumentError(
                f"the custom_jvp {self.name} has no rule: call {self.name}.defjvp(rule) before "
                f"differentiating it ({where()})"
            )
        if len(self.parts) != len(primals):
            raise ArgumentError(
                f"{self.name} has {len(primals)} arguments but {len(self.parts)} rules ({where()})"
            )
        out = self(*primals)
        total: Any = None
        for part, t in zip(self.parts, tangents):
            if part is not None:
                term = part(t, out, *primals)
                total = term if total is None else total + term
        return out, total

    def _record(self, cap: Capture, args: Any, static: list[Any], moving: list[int]) -> Any:
        given = tuple(args[k] for k in moving)
        leaves, tree = flatten(given)
        rows = live_rows(cap, leaves)
        xs = [r for r in rows if r is not None]
        inside: list[Results] = []

        def run(inner: Capture, tracers: list[Tracer]) -> list[Sym | None]:
            ready = iter(tracers)
            tangents = [_zero(x) if r is None else next(ready) for r, x in zip(rows, leaves)]
            with differentiating(-1):
                pair = self._apply(static, given, unflatten(tree, tangents))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ArgumentError(
                    f"the rule of {self.name} must return (out, tangent_out), got "
                    f"{type(pair).__name__} ({where()})"
                )
            out = results(inner, pair[0])
            what = f"the tangent that the rule of {self.name} returns"
            found: list[Sym | None] = []
            for y, t in zip(out.rows, leaves_like(out.tree, pair[1], what)):
                if y is not None:
                    found.append(None if t is None else fitting(inner, t, y, what))
            inside.append(out)
            kept = [sym_of(inner, x) if isinstance(x, Tracer) else None for x in out.leaves]
            return [*found, *kept]

        avals = [Aval(x.dtype, x.shape) for x in xs]
        cut = run_inside(cap, avals, [np.ones(a.shape, a.dtype)[()] for a in avals], run)
        out = inside[0]
        n = len(out.live)
        made: list[Any] = []
        for leaf, kept in zip(out.leaves, cut.results[n:]):
            if isinstance(kept, int):
                raise ArgumentError(
                    f"the rule of {self.name} returns an out that depends on the tangents "
                    f"({where()})"
                )
            made.append(leaf if kept is None else Tracer(cap, Root(kept)))
        outer = results(cap, unflatten(out.tree, made))
        if not outer.live:
            return unflatten(outer.tree, outer.leaves)
        cut = Split(cut.body, cut.moving, cut.shared, cut.results[:n], cut.masked[:n])
        return self._row(cap, xs, outer, cut, forward=True)

    def __reduce__(self) -> Any:
        return global_name(self) or (_restored, (self.fn, self.static, self.rule, self.parts))


def _zero(x: Any) -> Any:
    """The tangent of a constant argument."""
    if isinstance(x, Tracer):
        return np.zeros(x.shape, x.dtype)
    if isinstance(x, (np.ndarray, np.generic, float, complex)):
        return np.zeros_like(x)[()]
    return None


def _restored(fn: Any, static: tuple[int, ...], rule: Any, parts: Any) -> custom_jvp:
    made = custom_jvp(fn, static)
    made.rule, made.parts = rule, parts
    return made
