"""Methods that count steps: parameters of one count are one row.

All of Adam's kind share the frame: states made at the first step, a count for each parameter, then
one row for all parameters with the same count. What differs is the formula and the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codes import Op
from ..tensor import Tensor
from .optimizer import Optimizer, closed, no_recording, with_gradients
from .updates import counted, counted_together, number_state, record_update, zeros_like


class Counting(Optimizer):
    """A method whose numbers depend on how many steps a parameter has made."""

    _op: Op
    _real = True  # whether complex parameters are refused

    def step(self, closure: Any = None) -> Any:
        """Take one step; with a closure, compute the loss first and return it."""
        with no_recording():
            loss = closed(closure)
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        """Return the names of the states that have one number per entry."""
        raise NotImplementedError

    def _numbers(
        self, group: dict[str, Any], step: float
    ) -> tuple[Sequence[float], dict[str, Any]]:
        """Return the operands of the row and what is static, after so many steps."""
        raise NotImplementedError

    def _begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """Return the state of a parameter before its first step."""
        return {"step": number_state(0.0), **{n: zeros_like(p) for n in self._names(group)}}

    def _step_group(self, group: dict[str, Any]) -> None:
        params = with_gradients(group)
        if not params:
            return
        state = self.state
        mine_of_all = [state[p] for p in params]
        count = counted_together(mine_of_all)
        if count is not None:
            self._step_counted(group, count, params, mine_of_all)
            return
        by_count: dict[float, tuple[list[Tensor], list[dict[str, Any]]]] = {}
        last: tuple[Any, Any, float] = (None, None, 0.0)
        for p in params:
            mine = state[p]
            if not mine:
                if self._real and p._spec.np.kind == "c":
                    raise NotImplementedError(
                        f"{type(self).__name__}: complex parameters are not implemented"
                    )
                mine.update(self._begin(p, group))
            last = counted(mine["step"], last)
            count = last[2]
            found = by_count.get(count)
            if found is None:
                found = by_count[count] = ([], [])
            found[0].append(p)
            found[1].append(mine)
        for count, (some, states) in by_count.items():
            self._step_counted(group, count, some, states)

    def _step_counted(
        self,
        group: dict[str, Any],
        count: float,
        params: list[Tensor],
        states: list[dict[str, Any]],
    ) -> None:
        """Record the step of parameters that have made the same number of them."""
        numbers, static = self._numbers(group, count)
        grads: list[Any] = [p._grad for p in params]
        columns = [[mine[name] for mine in states] for name in self._names(group)]
        record_update(self._op, params, grads, columns, numbers, **static)
