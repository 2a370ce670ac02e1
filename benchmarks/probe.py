"""One measurement in a process of its own: ``python -m benchmarks.probe MODE CONTESTANT WORKLOAD``.

Prints one line of JSON. `first`: seconds to import, and seconds of the first call once imported.
`memory`: resident memory before the first call, and how far the first and later calls raise it.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.contestants import by_key
from benchmarks.workloads import by_name

MIB = 1024.0  # /proc counts in KiB
STEADY_CALLS = 5


def status(field: str) -> float:
    """A number of this process that the kernel gives in KiB, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / MIB
    raise OSError(f"/proc/self/status has no {field}")


def reset_peak() -> None:
    """Let the peak of resident memory begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def first(contestant_key: str, workload_name: str) -> dict[str, Any]:
    """Time to import, then to build and make the first call; later calls for comparison.

    NumPy and SciPy are loaded before either. Numba and the JAX backend count as imports. Inputs
    are made and converted outside both.
    """
    contestant = by_key(contestant_key)
    workload = by_name(workload_name)
    losses = {
        "jax": workload.jax_loss,
        "torch": workload.torch_loss,
        "torch-compile": workload.torch_loss,
        "autograd": workload.autograd_loss,
        "casadi": workload.casadi_loss,
    }
    start = perf_counter()
    contestant.load()
    if contestant_key == "tapejit":
        import numba  # noqa: F401
    if contestant_key in losses:
        losses[contestant_key]()  # imports the submodules that the loss needs
    imported = perf_counter() - start
    native = contestant.to_native(workload, workload.args())
    start = perf_counter()
    call = contestant.build(workload, native)
    call()
    first_call = perf_counter() - start
    start = perf_counter()
    call()
    return {
        "import_s": imported,
        "first_call_s": first_call,
        "second_call_s": perf_counter() - start,
    }


def memory(contestant_key: str, workload_name: str) -> dict[str, Any]:
    """Resident MiB before the first call and the rise of its peak in the first and later calls."""
    contestant = by_key(contestant_key)
    workload = by_name(workload_name)
    contestant.load()
    native = contestant.to_native(workload, workload.args())
    gc.collect()
    reset_peak()
    before = status("VmRSS")
    call = contestant.build(workload, native)
    call()
    first_peak = status("VmHWM")
    gc.collect()
    reset_peak()
    for _ in range(STEADY_CALLS):
        call()
    steady_peak = status("VmHWM")
    return {
        "before_mib": before,
        "first_rise_mib": first_peak - before,
        "steady_rise_mib": steady_peak - before,
        "peak_mib": max(first_peak, steady_peak),
    }


def main(argv: list[str]) -> int:
    """Run one probe and print its record."""
    mode, contestant_key, workload_name = argv
    measure = {"first": first, "memory": memory}[mode]
    print(json.dumps(measure(contestant_key, workload_name)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
