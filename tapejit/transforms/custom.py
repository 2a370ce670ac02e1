"""custom_vjp and custom_jvp: functions that bring their own derivative.

Under a derivative transformation the user's rule is captured into a tape, linear in the cotangents
or tangents, and the results of the function pass through a ``custom`` row that carries it. Without
one, the function just runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..frontend.capture import Capture, current
from ..frontend.tracer import Root, Tracer, sym_of
from ..passes.split import Split, inline
from ..rules.control import custom
from ..rules.declare import broadcast
from ..tape.ir import Builder, Sym, Tape
from .inner import run_inside
from .leaves import Results, leaves_like, results
from .names import function_name
from .order import differentiating, order


def rule_tape(cut: Split, given: Sequence[Sym], like: Sequence[Sym]) -> tuple[Tape, list[Sym]]:
    """Return a split rule as a tape whose linear inputs are like `given`, and what it shares.

    Its outputs have the shapes and dtypes of `like`, zero where the rule gave None.
    """
    made = Builder()
    linear = [made.input(Aval(x.dtype, x.shape)) for x in given]
    shared = list(cut.shared)
    inputs = [made.input(s.aval) for s in shared]
    outs = inline(cut.body, made, [*(linear[k] for k in cut.moving), *inputs])
    ready = []
    for r, x in zip(cut.results, like):
        if isinstance(r, int):
            ready.append(outs[r])
        elif r is None:
            zero = made.lit(np.zeros((), x.dtype).item(), Aval(x.dtype))
            ready.append(broadcast(zero, x.shape))
        else:
            shared.append(r)
            ready.append(made.input(r.aval))
    return made.finish(ready), shared


class _Custom:
    """What both kinds share: arguments, static positions, running without derivatives."""

    kind = ""

    def __init__(self, fn: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        if not callable(fn):
            raise ArgumentError(
                f"{self.kind} takes a function, not {type(fn).__name__} ({where()})"
            )
        functools.update_wrapper(self, fn, updated=())
        self.fn = fn
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else nondiff_argnums
        self.static = tuple(int(n) for n in numbers)
        self.name = function_name(fn)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<tapejit {self.kind} {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = self._positional(args, kwargs)
        cap = current()
        static = {n % len(args) for n in self.static} if args else set()
        moving = [k for k in range(len(args)) if k not in static]
        if cap is None or order() == 0 or not any(_is_live(cap, args[k]) for k in moving):
            return self.fn(*args)
        return self._record(cap, args, [args[k] for k in sorted(static)], moving)

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        try:
            bound = inspect.signature(self.fn).bind(*args, **kwargs)
        except ValueError:
            raise ArgumentError(
                f"{self.name} has no signature: pass its arguments by position ({where()})"
            ) from None
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentError(
                f"{self.name} under {self.kind} cannot take keyword-only arguments ({where()})"
            )
        return bound.args

    def _record(self, cap: Capture, args: Any, static: list[Any], moving: list[int]) -> Any:
        raise NotImplementedError

    def _row(self, cap: Capture, xs: list[Sym], out: Results, cut: Split, forward: bool) -> Any:
        """Append the custom row and return the result that passes through it."""
        ys = out.live
        rule, shared = rule_tape(cut, xs, ys) if forward else rule_tape(cut, ys, xs)
        row = custom.on(
            cap.b, *xs, *ys, *shared,
            rule=rule, n_in=len(xs), n_out=len(ys), forward=forward, name=self.name,
        )  # fmt: skip
        through = iter(cap.b.outs(row))
        made = [
            leaf if y is None else Tracer(cap, Root(next(through)))
            for leaf, y in zip(out.leaves, out.rows)
        ]
        return unflatten(out.tree, made)


def _is_live(cap: Capture, value: Any) -> bool:
    return any(isinstance(x, Tracer) and x.aval.inexact for x in flatten(value)[0])


def _live_rows(cap: Capture, leaves: list[Any]) -> list[Sym | None]:
    """Return the rows of traced leaves; other leaves are constants."""
    return [sym_of(cap, x) if isinstance(x, Tracer) and x.aval.inexact else None for x in leaves]


def _fitting(cap: Capture, value: Any, like: Sym, what: str) -> Sym:
    """Return a derivative that a rule gave as a row, or say why it does not fit."""
    row = sym_of(cap, value)
    if row.shape != like.shape:
        raise ShapeError(f"{what} must have shape {like.shape}, got {row.shape} ({where()})")
    if row.dtype.kind == "c" and like.dtype.kind != "c":
        raise DtypeError(f"{what} must be real like its value, got {row.dtype} ({where()})")
    if not row.aval.inexact and not row.aval.weak:
        raise DtypeError(f"{what} must have dtype {like.dtype}, got {row.dtype} ({where()})")
    return cap.b.cast(row, like.dtype)


class custom_vjp(_Custom):
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
        rows = _live_rows(cap, leaves)
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
                    found.append(None if leaf is None else _fitting(inner, leaf, row, what))
            return found

        avals = [Aval(y.dtype, y.shape) for y in out.live]
        cut = run_inside(cap, avals, [np.ones(a.shape, a.dtype)[()] for a in avals], run)
        return self._row(cap, xs, out, cut, forward=False)

    def __reduce__(self) -> Any:
        return (_restored, (custom_vjp, self.fn, self.static, (self.fwd, self.bwd)))


class custom_jvp(_Custom):
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
        rows = _live_rows(cap, leaves)
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
                    found.append(None if t is None else _fitting(inner, t, y, what))
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
        return (_restored, (custom_jvp, self.fn, self.static, (self.rule, self.parts)))


def _zero(x: Any) -> Any:
    """The tangent of a constant argument."""
    if isinstance(x, Tracer):
        return np.zeros(x.shape, x.dtype)
    if isinstance(x, (np.ndarray, np.generic, float, complex)):
        return np.zeros_like(x)[()]
    return None


def _restored(kind: Any, fn: Any, static: tuple[int, ...], rules: tuple[Any, Any]) -> Any:
    made = kind(fn, static)
    if kind is custom_vjp:
        made.fwd, made.bwd = rules
    else:
        made.rule, made.parts = rules
    return made
