"""The rows of the table, in the order in which they are printed."""

from __future__ import annotations

from benchmarks.workloads import (
    black_scholes,
    dispatch,
    gmm,
    logistic,
    loop_dtw,
    loop_garch,
    loop_heat,
    loop_kalman,
    loop_nbody,
    loop_rnn,
    lstm,
    mlp,
    rosenbrock,
    softmax,
    sums,
)
from benchmarks.workloads.base import Workload

__all__ = ["SUMS", "WORKLOADS", "Workload", "by_name", "select"]

WORKLOADS: tuple[Workload, ...] = (
    *dispatch.WORKLOADS,
    *rosenbrock.WORKLOADS,
    *rosenbrock.DERIVATIVES,
    *logistic.WORKLOADS,
    *softmax.WORKLOADS,
    *mlp.WORKLOADS,
    *gmm.WORKLOADS,
    *black_scholes.WORKLOADS,
    *loop_garch.WORKLOADS,
    *loop_rnn.WORKLOADS,
    *lstm.WORKLOADS,
    *loop_heat.WORKLOADS,
    *loop_dtw.WORKLOADS,
    *loop_nbody.WORKLOADS,
    *loop_kalman.WORKLOADS,
)
SUMS: tuple[Workload, ...] = tuple(sums.workload(n) for n in sums.SIZES)  # the curve over n


def by_name(name: str) -> Workload:
    """The workload with this name, those of the curve over n included."""
    return next(w for w in (*WORKLOADS, *SUMS) if w.name == name)


def select(patterns: list[str], *, quick: bool) -> list[Workload]:
    """The workloads whose name contains one of `patterns` (all when empty).

    Naming a workload runs it even when `quick` would leave it out.
    """
    if patterns:
        return [w for w in WORKLOADS if any(p in w.name for p in patterns)]
    return [w for w in WORKLOADS if w.quick or not quick]
