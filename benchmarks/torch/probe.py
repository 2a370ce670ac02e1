"""One measurement in a process of its own: ``python -m benchmarks.torch.probe first LIBRARY PROGRAM``.

Prints one line of JSON; the parent process has fixed the thread counts.
`first`: seconds to import, of the first step once imported, of the second, and of what the first
ten cost beyond ten steady ones.
`memory`: resident memory and objects at even distances of a long loop.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
from time import perf_counter
from typing import Any

from benchmarks.probe import reset_peak, status

WARM_UP = 10
STEADY = 30
LOOKS = 10
BEFORE = 2_000  # steps until every trace is compiled and every table has its size


def first(library: str, name: str) -> dict[str, Any]:
    """The first steps of a program, tapejit under the policy of ``$TAPEJIT_COMPILE``.

    Numba counts as an import.
    """
    from benchmarks.torch import libraries, programs

    start = perf_counter()
    torch = libraries.by_key(library).load()
    if library == libraries.TAPEJIT.key:
        import numba  # noqa: F401
    imported = perf_counter() - start
    program = programs.by_name(name)
    times = []
    start = perf_counter()
    training = program.build(torch)
    built = perf_counter() - start
    for _ in range(WARM_UP + STEADY):
        start = perf_counter()
        training.step()
        times.append(perf_counter() - start)
    steady = statistics.median(times[WARM_UP:])
    return {
        "import_s": imported,
        "setup_s": built,
        "first_step_s": times[0],
        "second_step_s": times[1],
        "extra_s": max(sum(times[:WARM_UP]) - WARM_UP * steady, 0.0),
        "steady_step_s": steady,
    }


def memory(library: str, name: str, steps: int) -> dict[str, Any]:
    """What a process holds while a loop of `steps` steps runs.

    Returns
    -------
    dict
        ``at``: the steps made at each look; ``resident_mib``, ``objects`` (those that the collector
        knows) and ``blocks`` (of Python's allocator) at each; ``peak_rise_mib``: the peak of
        resident memory over the first look.
    """
    from benchmarks.torch import libraries, programs

    torch = libraries.by_key(library).load()
    training = programs.by_name(name).build(torch)
    every = max((steps - min(BEFORE, steps // 2)) // LOOKS, 1)
    made = steps - LOOKS * every
    for _ in range(made):
        training.step()
    at, resident, objects, blocks = [], [], [], []
    for look in range(LOOKS + 1):
        if look:
            for _ in range(every):
                training.step()
            made += every
        peak = status("VmHWM")
        gc.collect()
        if not look:
            reset_peak()
        at.append(made)
        resident.append(status("VmRSS"))
        objects.append(len(gc.get_objects()))
        blocks.append(sys.getallocatedblocks())
    return {
        "at": at,
        "resident_mib": resident,
        "objects": objects,
        "blocks": blocks,
        "peak_rise_mib": peak - resident[0],
    }


def main(argv: list[str]) -> int:
    """Run one probe and print its record."""
    mode, *rest = argv
    record = first(*rest) if mode == "first" else memory(rest[0], rest[1], int(rest[2]))
    print(json.dumps(record))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
