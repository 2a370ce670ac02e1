"""scipy.special, with ``logsumexp``, ``softmax``, ``log_softmax``, ``polygamma`` of traced arrays.

Examples
--------
>>> from tapejit.scipy import special
>>> special.logsumexp([0.0, 0.0]).round(4)
np.float64(0.6931)
"""

from __future__ import annotations

import importlib
from typing import Any

from ..frontend.dispatch import call_function, tracers_in

REPLACED = ("log_softmax", "logsumexp", "polygamma", "softmax")


def _library() -> Any:
    return importlib.import_module("scipy.special")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_library(), name)


def _call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    function = getattr(_library(), name)
    if tracers_in((args, kwargs)):
        return call_function(function, args, kwargs)
    return function(*args, **kwargs)


def logsumexp(*args: Any, **kwargs: Any) -> Any:
    """See `scipy.special.logsumexp`; all its options are known."""
    return _call("logsumexp", args, kwargs)


def softmax(*args: Any, **kwargs: Any) -> Any:
    """See `scipy.special.softmax`: ``(x, axis=None)``."""
    return _call("softmax", args, kwargs)


def log_softmax(*args: Any, **kwargs: Any) -> Any:
    """See `scipy.special.log_softmax`: ``(x, axis=None)``."""
    return _call("log_softmax", args, kwargs)


def polygamma(*args: Any, **kwargs: Any) -> Any:
    """See `scipy.special.polygamma`: ``(n, x)`` with a plain integer n."""
    return _call("polygamma", args, kwargs)
