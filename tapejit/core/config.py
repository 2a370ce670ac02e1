"""Settings, read from the environment once and changeable at run time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def _cache_dir() -> str:
    given = os.environ.get("TAPEJIT_CACHE_DIR")
    if given:
        return os.path.abspath(given)
    import platformdirs

    return platformdirs.user_cache_dir("tapejit", appauthor=False)


def _threads() -> int:
    """Return how many threads a kernel may use: the processors, or what the environment says."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    return min([cores or 1, *[int(n) for n in said if n.isdigit() and int(n)]])


@dataclass
class Config:
    """Run-time settings.

    Attributes
    ----------
    compile : str
        Default policy of every transformation: ``"auto"``, ``"always"`` or ``"never"``.
    max_variants : int
        How many outcomes of Python branches are captured for one signature before the function
        is run by Python at every call.
    max_signatures : int
        How many signatures (shapes, dtypes, static values) of one function are remembered.
    max_unroll : int
        The number of rows at which a capture is given up.
    min_roll : int
        A ``for`` loop of fewer rounds is always unrolled: a few rounds are quicker without a loop.
    direct : bool
        Whether kernels are made from their text straight to LLVM code; otherwise Numba reads it.
    native : bool
        Whether `tapejit.torch` records rows in machine code once a kernel has been compiled.
    cache : bool
        Whether compiled kernels are kept on disk.
    threads : int
        How many threads run the chunks of a long nest. By default the processors, or fewer where
        NUMBA_NUM_THREADS or OMP_NUM_THREADS says so. Results do not depend on it.
    checked : bool
        Whether every pass verifies the tape it returns.
    cache_dir : str
        Where kernels are kept.
    """

    compile: str = field(default_factory=lambda: os.environ.get("TAPEJIT_COMPILE", "auto"))
    max_variants: int = 8
    max_signatures: int = 256
    max_unroll: int = 1_000_000
    min_roll: int = 8
    direct: bool = field(default_factory=lambda: os.environ.get("TAPEJIT_DIRECT", "1") != "0")
    native: bool = field(default_factory=lambda: os.environ.get("TAPEJIT_NATIVE", "1") != "0")
    cache: bool = field(default_factory=lambda: os.environ.get("TAPEJIT_CACHE", "1") != "0")
    threads: int = field(default_factory=_threads)
    checked: bool = field(default_factory=lambda: os.environ.get("TAPEJIT_CHECKED", "0") == "1")
    cache_dir: str = field(init=False)

    def __getattr__(self, name: str) -> Any:
        """Look for the cache directory when it is first asked for: that imports a package."""
        if name != "cache_dir":
            raise AttributeError(f"tapejit has no setting {name!r}")
        self.cache_dir = _cache_dir()
        return self.cache_dir

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        for told in _watching.get(name, ()):
            told(value)


_watching: dict[str, list[Callable[[Any], Any]]] = {}


def watch(name: str, told: Callable[[Any], Any]) -> None:
    """Call `told` with a setting, now and whenever it is set."""
    watching = _watching.setdefault(name, [])
    if told not in watching:
        watching.append(told)
        told(getattr(config, name))


config = Config()
