"""The devices that are not there: code that asks finds none, code that uses one is refused.

Questions are answered as PyTorch answers them on a machine without a GPU, so that
``"cuda" if torch.cuda.is_available() else "cpu"`` picks the cpu; seeding no device seeds nothing.
"""

from __future__ import annotations

from typing import Any, NoReturn


def is_available() -> bool:
    """Return False.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> "cuda" if torch.cuda.is_available() else "cpu"
    'cpu'
    """
    return False


def is_initialized() -> bool:
    """Return False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the current device, of which there is none."""


def manual_seed_all(seed: int) -> None:
    """Seed all devices, of which there are none."""


def empty_cache() -> None:
    """Release the unused memory of the devices, of which there is none."""


def __getattr__(name: str) -> Any:
    if name in _REFUSED:
        return _refuse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_REFUSED = frozenset(
    "current_device get_device_capability get_device_name get_device_properties init set_device "
    "synchronize".split()
)


def _refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError("tapejit has only the cpu device, not 'cuda'")
