"""First steps in fresh processes: with an empty disk cache, with a filled one, and by default."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence

from benchmarks import processes
from benchmarks.processes import Record


def first_steps(
    program: str, libraries: Sequence[str], *, runs: int, log: Callable[[str], None]
) -> dict[str, Record]:
    """Records by library; of tapejit also on a filled cache and under the default policy."""
    found: dict[str, list[Record]] = {}
    for turn in range(runs):
        for library in libraries:
            log(f"first steps of {library} on {program}, {turn + 1} of {runs}")
            command = ["-m", "benchmarks.torch.probe", "first", library, program]
            with tempfile.TemporaryDirectory() as cache:
                os.chmod(cache, 0o700)
                variants = [(library, "always")]
                if library == "tapejit":
                    variants.append(("tapejit-cached", "always"))
                for key, policy in variants:
                    record = processes.run(command, TAPEJIT_CACHE_DIR=cache, TAPEJIT_COMPILE=policy)
                    found.setdefault(key, []).append(record)
            if library == "tapejit":
                with tempfile.TemporaryDirectory() as cache:
                    os.chmod(cache, 0o700)
                    record = processes.run(command, TAPEJIT_CACHE_DIR=cache, TAPEJIT_COMPILE="auto")
                    found.setdefault("tapejit-auto", []).append(record)
    return {key: processes.median(records) for key, records in found.items()}
