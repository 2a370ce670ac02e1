"""One thread count for everybody, and a record of what was measured on what.

`fix_threads` must run before NumPy, Numba, JAX or PyTorch is imported: each reads its variables
once. Importing this file imports none of them.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # the size of the thread pool of XLA's CPU client
)
LOAD_LIMIT = 0.5  # other work beyond this makes timings provisional
HEAVY = ("numpy", "numba", "jax", "torch")
PACKAGES = (
    "tapejit",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "jax",
    "jaxlib",
    "torch",
    "autograd",
    "casadi",
)


def fix_threads(threads: int) -> None:
    """Set every variable that limits threads; subprocesses inherit them.

    Raises
    ------
    RuntimeError
        If a library that reads them at import is already there.
    """
    loaded = [name for name in HEAVY if name in sys.modules]
    if loaded:
        raise RuntimeError(f"thread counts must be fixed before importing {', '.join(loaded)}")
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    eigen = "true" if threads > 1 else "false"
    os.environ["XLA_FLAGS"] = (
        f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    )
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "true"


def threads() -> int:
    """The thread count that `fix_threads` set (1 if it was never called)."""
    return int(os.environ.get(THREAD_VARIABLES[0], "1"))


def cpu_model() -> str:
    """The processor's name for itself."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """The installed version of a package, None where it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of this checkout, with "+" when files were changed after it."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=10", "HEAD"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")


def describe() -> dict[str, object]:
    """Everything a reader needs to judge the numbers."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := version(name))},
        "commit": commit(),
        "load_at_start": os.getloadavg()[0],
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
