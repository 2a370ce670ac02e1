"""LBFGS: quasi-Newton steps from the last few changes of parameters and gradients.

The direction is -H g, where H is built from pairs (s, y) of changes by the two-loop recursion
(Nocedal, 1980), starting from H = (s.y / y.y) I. Every iteration looks at values, so this method
works on NumPy vectors; only the closure is recorded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nn.draws import constant
from ..surface import put
from ..tensor import Tensor
from .checks import check, number
from .line_search import Point, slope_of, strong_wolfe
from .optimizer import Closure, Optimizer, closed, no_recording


class LBFGS(Optimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno.

    Parameters
    ----------
    params : iterable
        One group only.
    lr : float
        The length of a step, or its first trial.
    max_iter : int
        Iterations per step.
    max_eval : int, optional
        Evaluations per step; a quarter more than iterations if not given.
    tolerance_grad : float
        The largest entry of the gradient at which to stop.
    tolerance_change : float
        The change of the loss, or of the parameters, at which to stop.
    history_size : int
        How many pairs are kept.
    line_search_fn : {None, "strong_wolfe"}

    Raises
    ------
    ValueError
        If there are several groups.

    Notes
    -----
    `step` takes a closure that clears the gradients, computes the loss, calls backward and returns
    the loss; it is called several times.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check(lr=lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """Take one step; return the first loss that the closure gave.

        Parameters
        ----------
        closure : callable
            Computes the loss anew and its gradients.
        """
        with no_recording():
            return self._step(closure)

    def _step(self, closure: Closure) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closed(closure)
        loss, evaluations = _scalar(first), 1
        state["func_evals"] += 1
        g = self._gradient()
        if not np.abs(g).max(initial=0.0) > group["tolerance_grad"]:
            return first
        lr, smallest = number(group["lr"]), group["tolerance_change"]
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = _direction(state, g, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = constant(g.copy()), loss
            start = Point(0.0, loss, g, slope_of(g, d))
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            state["d"], state["t"] = constant(d), t
            if start.slope > -smallest:
                break
            calls = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                loss, g, t, calls = self._searched(closure, start, t, d)
                state["t"] = t
            else:
                self._move(self._values(), t, d)
                if iteration != group["max_iter"]:
                    loss = _scalar(closed(closure))
                    g, calls = self._gradient(), 1
            evaluations += calls
            state["func_evals"] += calls
            if (
                evaluations >= group["max_eval"]
                or np.abs(g).max() <= group["tolerance_grad"]
                or np.abs(d * d.dtype.type(t)).max() <= smallest
                or abs(loss - state["prev_loss"]) < smallest
            ):
                break
        return first

    def _searched(
        self, closure: Closure, start: Point, t: float, d: Any
    ) -> tuple[float, Any, float, int]:
        x = self._values()

        def evaluate(t: float) -> Point:
            self._move(x, t, d)
            f = _scalar(closed(closure))
            g = self._gradient()
            self._assign(x)
            return Point(t, f, g, slope_of(g, d))

        found, calls = strong_wolfe(evaluate, start, t, float(np.abs(d).max()))
        self._move(x, found.t, d)
        return found.f, found.g, found.t, calls

    # ------------------------------------------------------------ vectors

    def _gradient(self) -> Any:
        """Return the gradients of all parameters, one after the other."""
        return np.concatenate(
            [
                np.zeros(p._spec.numel, p._spec.np)
                if p._grad is None
                else np.array(p._grad._value()).reshape(-1)
                for p in self._params
            ]
        )

    def _values(self) -> list[Any]:
        return [np.array(p._value()) for p in self._params]

    def _move(self, x: list[Any], t: float, d: Any) -> None:
        """Set the parameters to ``x + t d``."""
        at, moved = 0, []
        for a in x:
            part = d[at : at + a.size].reshape(a.shape).astype(a.dtype)
            moved.append(np.asarray(a + part * a.dtype.type(t)))
            at += a.size
        self._assign(moved)

    def _assign(self, arrays: list[Any]) -> None:
        for p, a in zip(self._params, arrays):
            put(p, constant(np.array(a, order="C")))


def _direction(state: dict[str, Any], g: Any, most: int) -> Any:
    """Remember the last change, and return -H g."""
    if state["n_iter"] == 1:
        state["old_dirs"], state["old_stps"], state["ro"] = [], [], []
        state["H_diag"] = 1.0
        return -g
    y = g - _vector(state["prev_flat_grad"])
    s = _vector(state["d"]) * g.dtype.type(state["t"])
    ys = float(np.dot(y, s))
    ys_kept: list[Any] = state["old_dirs"]
    s_kept, ro = state["old_stps"], state["ro"]
    if ys > 1e-10:
        if len(ys_kept) == most:
            ys_kept.pop(0)
            s_kept.pop(0)
            ro.pop(0)
        ys_kept.append(constant(y))
        s_kept.append(constant(s))
        ro.append(1.0 / ys)
        state["H_diag"] = ys / float(np.dot(y, y))
    kind = g.dtype.type
    q = -g
    shares = []
    for y_old, s_old, r in zip(reversed(ys_kept), reversed(s_kept), reversed(ro)):
        share = kind(np.dot(_vector(s_old), q) * kind(r))
        shares.append(share)
        q = q - _vector(y_old) * share
    q = q * kind(state["H_diag"])
    for y_old, s_old, r, share in zip(ys_kept, s_kept, ro, reversed(shares)):
        q = q + _vector(s_old) * (share - kind(np.dot(_vector(y_old), q) * kind(r)))
    return q


def _vector(t: Tensor) -> Any:
    return np.asarray(t._value())


def _scalar(loss: Any) -> float:
    return float(loss.item() if isinstance(loss, Tensor) else loss)
