"""check_grads: derivatives of any order against central differences in random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, TapejitError
from ..core.pytree import flatten, unflatten
from ..core.sources import where
from ..transforms.forward import jvp, vjp
from ..transforms.names import function_name


class GradientMismatch(TapejitError, AssertionError):
    """A derivative that differs from the numerical one."""


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    *,
    seed: int = 0,
    compile: str = "never",
) -> None:
    """Compare the derivatives of a function with central differences.

    For a random direction v, the derivative is compared with (f(x + eps v) - f(x - eps v)) / 2 eps
    in forward mode, and the inner products <w, J v> and <J* w, v> in reverse mode, for a random w.
    For higher orders the derivatives that were just checked are checked in the same way.

    Parameters
    ----------
    f : callable
        A function of arrays, numbers and containers of them, giving the same, smooth near `args`.
    args : sequence
        Its arguments. Leaves that are not float or complex are held fixed.
    order : int
        The highest order to check.
    modes : sequence of {"fwd", "rev"}
        Forward mode, reverse mode or both; for higher orders in all combinations.
    eps : float, optional
        The step; by default the cube root of the rounding error of the least precise leaf.
    atol, rtol : float, optional
        Tolerances; by default 1e-6 for float64 and 3e-3 for float32, ten times more for each
        order above the first.
    seed : int
        Seed of the random directions.
    compile : {"never", "auto", "always"}
        How the derivatives are computed.

    Raises
    ------
    GradientMismatch
        An `AssertionError` with both numbers.
    ArgumentError
        When no leaf is float or complex, or a mode is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tapejit.testing import check_grads
    >>> check_grads(lambda x: np.sin(x) * x, (np.array([0.1, 0.7]),), order=3)
    """
    for mode in modes:
        if mode not in ("fwd", "rev"):
            raise ArgumentError(f'check_grads: modes are "fwd" and "rev", not {mode!r} ({where()})')
    leaves, tree = flatten(tuple(args))
    free = [k for k, leaf in enumerate(leaves) if _inexact(leaf)]
    if not free:
        raise ArgumentError(
            f"check_grads of {function_name(f)}: no argument is float or complex ({where()})"
        )

    def on_leaves(*values: Any) -> Any:
        given = list(leaves)
        for k, value in zip(free, values):
            given[k] = value
        found = flatten(f(*unflatten(tree, given)))[0]
        return [y for y in found if _inexact(y)]

    xs = [np.asarray(leaves[k]) for k in free]
    worst = max((x.dtype for x in xs), key=lambda d: float(np.finfo(d).eps))
    rounding = float(np.finfo(worst).eps)
    default = 1e-6 if rounding < 1e-12 else 3e-3
    checker = _Checker(
        function_name(f),
        eps or rounding ** (1 / 3),
        default if atol is None else atol,
        default if rtol is None else rtol,
        np.random.default_rng(seed),
        tuple(modes),
        compile,
    )
    checker.check(on_leaves, xs, order, "")


def _inexact(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)
    return type(leaf) in (float, complex) if dtype is None else dtype.kind in "fc"


class _Checker:
    def __init__(
        self,
        name: str,
        eps: float,
        atol: float,
        rtol: float,
        rng: np.random.Generator,
        modes: tuple[str, ...],
        compile: str,
    ) -> None:
        self.name, self.eps, self.atol, self.rtol = name, eps, atol, rtol
        self.rng, self.modes, self.compile = rng, modes, compile

    def direction(self, like: Any) -> Any:
        """Draw a random direction of the shape and dtype of an array."""
        like = np.asarray(like)
        v: Any = self.rng.normal(size=like.shape)
        if like.dtype.kind == "c":
            v = v + 1j * self.rng.normal(size=like.shape)
        return np.asarray(v).astype(like.dtype)

    def check(self, f: Callable[..., Any], xs: list[Any], order: int, path: str) -> None:
        """Check `f` at `xs`; `path` names the modes applied already."""
        if order < 1:
            return
        policy = self.compile  # the functions made below must not reach this object
        vs = [self.direction(x) for x in xs]
        ys = [np.asarray(y) for y in f(*xs)]
        numeric = self.differences(f, xs, vs)
        if "fwd" in self.modes:
            out, ts = jvp(f, tuple(xs), tuple(vs), compile=self.compile)
            label = f"{path}fwd"
            for k, (y, again, t, d) in enumerate(zip(ys, out, ts, numeric)):
                self.compare(np.asarray(again), y, f"the value under {label}, result {k}", "f(x)")
                self.compare(
                    np.asarray(t), d, f"the {label} derivative of result {k}", "differences"
                )
            self.check(
                lambda *x: jvp(f, x, tuple(vs), compile=policy)[1], xs, order - 1, f"{label}-"
            )
        if "rev" in self.modes:
            ws = [self.direction(y) for y in ys]
            out, pullback = vjp(f, *xs, compile=self.compile)
            back = pullback(list(ws))
            label = f"{path}rev"
            for k, (y, again) in enumerate(zip(ys, out)):
                self.compare(np.asarray(again), y, f"the value under {label}, result {k}", "f(x)")
            for x, ct in zip(xs, back):
                if np.shape(ct) != x.shape or np.asarray(ct).dtype != x.dtype:
                    raise GradientMismatch(
                        f"{self.name}: the {label} cotangent of an argument of {x.dtype}{x.shape} "
                        f"is {np.asarray(ct).dtype}{np.shape(ct)} ({where()})"
                    )
            self.compare(
                _inner(back, vs),
                _inner(ws, numeric),
                f"the {label} derivative, <J* w, v>",
                "<w, differences>",
                scale=_scale(ws, numeric),
            )
            self.check(
                lambda *x: list(vjp(f, *x, compile=policy)[1](list(ws))),
                xs,
                order - 1,
                f"{label}-",
            )

    def differences(self, f: Callable[..., Any], xs: list[Any], vs: list[Any]) -> list[Any]:
        """Return the central difference of every result in direction `vs`."""
        longest = max(float(np.max(np.abs(v), initial=0.0)) for v in vs) or 1.0
        step = self.eps / longest
        ahead = f(*[(x + step * v).astype(x.dtype) for x, v in zip(xs, vs)])
        behind = f(*[(x - step * v).astype(x.dtype) for x, v in zip(xs, vs)])
        return [(_wide(a) - _wide(b)) / (2 * step) for a, b in zip(ahead, behind)]

    def compare(self, found: Any, want: Any, what: str, by: str, scale: float = 0.0) -> None:
        """Compare two arrays; `scale` is the size of the terms whose sum they are."""
        where_from = f"({where()})"
        if np.shape(found) != np.shape(want):
            raise GradientMismatch(
                f"{self.name}: {what} has shape {np.shape(found)}, {by} give {np.shape(want)} "
                f"{where_from}"
            )
        level = 10.0 ** what.count("-")
        error = np.abs(_wide(found) - _wide(want))
        bound = level * (self.atol + self.rtol * np.maximum(np.abs(_wide(want)), scale))
        same = (_wide(found) == _wide(want)) | (np.isnan(found) & np.isnan(want))
        bad = ~((error <= bound) | same)
        if np.any(bad):
            i = tuple(int(k) for k in np.argwhere(bad)[0])
            at = f" at {list(i)}" if i else ""
            raise GradientMismatch(
                f"{self.name}: {what}{at} is {np.asarray(found)[i]}, {by} give "
                f"{np.asarray(want)[i]} (error {np.asarray(error)[i]:.3g}, allowed "
                f"{np.asarray(np.broadcast_to(bound, np.shape(error)))[i]:.3g}) {where_from}"
            )


def _wide(x: Any) -> Any:
    x = np.asarray(x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _inner(a: Sequence[Any], b: Sequence[Any]) -> float:
    """The real inner product of two lists of arrays, Re(conj(a) b)."""
    return float(sum(np.sum(np.real(np.conj(_wide(x)) * _wide(y))) for x, y in zip(a, b)))


def _scale(a: Sequence[Any], b: Sequence[Any]) -> float:
    return float(sum(np.sum(np.abs(_wide(x) * _wide(y))) for x, y in zip(a, b)))
