"""Settings, read from the environment once and changeable at run time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any


def _cache_dir() -> str:
    given = os.environ.get("TAPEJIT_CACHE_DIR")
    if given:
        return os.path.abspath(given)
    import platformdirs

    return platformdirs.user_cache_dir("tapejit", appauthor=False)


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
    cache : bool
        Whether compiled kernels are kept on disk.
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
    cache: bool = field(default_factory=lambda: os.environ.get("TAPEJIT_CACHE", "1") != "0")
    checked: bool = field(default_factory=lambda: os.environ.get("TAPEJIT_CHECKED", "0") == "1")
    cache_dir: str = field(init=False)

    def __getattr__(self, name: str) -> Any:
        """Look for the cache directory when it is first asked for: that imports a package."""
        if name != "cache_dir":
            raise AttributeError(f"tapejit has no setting {name!r}")
        self.cache_dir = _cache_dir()
        return self.cache_dir


config = Config()
