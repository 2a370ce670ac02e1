"""Print versions, the processor, BLAS, threads, the kernel cache and the settings in force."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
from typing import Any

from .layout import facts, size

SUMMARY = "versions, processor, BLAS, threads, cache and settings"
PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "platformdirs", "tqdm", "matplotlib")
VARIABLES = (
    "TAPEJIT_CACHE_DIR",
    "TAPEJIT_CACHE",
    "TAPEJIT_COMPILE",
    "TAPEJIT_DIRECT",
    "TAPEJIT_NATIVE",
    "TAPEJIT_CHECKED",
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def arguments(parser: argparse.ArgumentParser) -> None:
    """This command has no options."""


def run(options: argparse.Namespace) -> int:
    """Print everything."""
    print("versions")
    print(facts(versions()))
    print("\nmachine")
    print(facts(machine()))
    print("\nkernel cache")
    print(facts(cached()))
    print("\nsettings")
    print(facts(settings()))
    return 0


def versions() -> list[tuple[str, str]]:
    """Return the versions of Python and of the packages that matter."""
    from .. import __version__

    rows = [("tapejit", __version__), ("python", platform.python_version())]
    for name in PACKAGES:
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return rows


def machine() -> list[tuple[str, str]]:
    """Return the processor, the libraries of linear algebra and the threads."""
    affinity = getattr(os, "sched_getaffinity", None)
    usable = len(affinity(0)) if affinity else os.cpu_count()
    rows = [
        ("system", f"{platform.system()} {platform.machine()}"),
        ("processor", processor()),
        ("compiled for", _llvm_target()),
        ("cores", f"{usable} usable of {os.cpu_count()}"),
        ("BLAS of NumPy", blas("numpy")),
        ("BLAS of SciPy", f"{blas('scipy')} (the one that kernels call)"),
    ]
    rows += [(name, os.environ[name]) for name in THREADS if name in os.environ]
    return rows


def processor() -> str:
    """Return the processor's own name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _llvm_target() -> str:
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        return f"nothing: {error}"
    return str(llvm.get_host_cpu_name())


def blas(package: str) -> str:
    """Return which BLAS a package was built with."""
    module: Any = importlib.import_module(package)
    try:
        found = module.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (TypeError, KeyError):
        return "unknown"
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def cached() -> list[tuple[str, str]]:
    """Return where kernels are kept and how much they take."""
    from ..core.config import config
    from ..runtime import cache

    found = cache.entries()
    return [
        ("directory", os.path.join(config.cache_dir, "kernels")),
        ("in use", "yes" if config.cache else "no (TAPEJIT_CACHE=0)"),
        ("kernels", f"{len(found)}, {size(sum(e.size for e in found))}"),
    ]


def settings() -> list[tuple[str, str]]:
    """Return the settings in force and the variables that were given."""
    from dataclasses import fields

    from ..core.config import config

    rows = [(f.name, str(getattr(config, f.name))) for f in fields(config)]
    rows = [row for row in rows if row[0] != "cache_dir"]
    return rows + [(name, os.environ[name]) for name in VARIABLES if name in os.environ]
