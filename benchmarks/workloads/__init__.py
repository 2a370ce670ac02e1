"""The rows of the table, in the order in which they are printed."""

from __future__ import annotations

from benchmarks.workloads import (
    black_scholes,
    dispatch,
    logistic,
    loop_dtw,
    loop_garch,
    loop_heat,
    loop_kalman,
    loop_nbody,
    loop_rnn,
    mlp,
    rosenbrock,
)
from benchmarks.workloads.base import Workload

__all__ = ["WORKLOADS", "Workload", "select"]

WORKLOADS: tuple[Workload, ...] = (
    *dispatch.WORKLOADS,
    *rosenbrock.WORKLOADS,
    *logistic.WORKLOADS,
    *mlp.WORKLOADS,
    *black_scholes.WORKLOADS,
    *loop_garch.WORKLOADS,
    *loop_rnn.WORKLOADS,
    *loop_heat.WORKLOADS,
    *loop_dtw.WORKLOADS,
    *loop_nbody.WORKLOADS,
    *loop_kalman.WORKLOADS,
)


def select(patterns: list[str], *, quick: bool) -> list[Workload]:
    """The workloads whose name contains one of `patterns` (all when empty).

    Naming a workload runs it even when `quick` would leave it out.
    """
    if patterns:
        return [w for w in WORKLOADS if any(p in w.name for p in patterns)]
    return [w for w in WORKLOADS if w.quick or not quick]
