"""From the text of a kernel to its image: from disk when it lies there whole, else compiled.

Two processes that want the same kernel at once wait for each other: one compiles, the other loads.
A kernel is also a real module file, so that tracebacks, debuggers and profilers show its text.
"""

from __future__ import annotations

import hashlib
import linecache
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ..core.config import config
from ..core.errors import CacheError, CacheWarning
from ..core.records import record
from . import cache
from .native.image import Image
from .native.loader import link
from .native.wrapper import Argument

FLAGS: dict[str, Any] = {
    "boundscheck": False,
    "error_model": "numpy",
    "nogil": True,
    "fastmath": {"contract"},
}


@record(frozen=True)
class Code:
    """The machine code of a kernel in this process.

    Attributes
    ----------
    call : callable
        The compiled function; it raises TypeError for arguments of other types or layouts.
    cached : bool
        Whether the machine code came from disk.
    key : str or None
        The name under which it lies there.
    note : str
        What the compiler says of how it was made.
    """

    call: Callable[..., Any]
    cached: bool
    key: str | None
    note: str


def find(source: str, arguments: Sequence[Argument]) -> Code:
    """Return the machine code of a kernel for these arguments."""
    if not _usable_cache():
        image = _compiled(source, arguments, lambda: _in_memory(source))
        return Code(link(image), False, None, image.note)
    key = _key(source, arguments)
    found = _loaded(key)
    if found is not None:
        return found
    with cache.locked(key):
        found = _loaded(key)
        if found is not None:
            return found
        named = source.replace("def kernel(", f"def kernel_{key}(")
        path = cache.file_of(key, named)
        name = f"kernel_{key}"
        image = _compiled(source, arguments, lambda: getattr(cache.load(key, path), name))
        with suppress(OSError):
            cache.keep(key, image.dump())
    return Code(link(image), False, key, image.note)


def is_kept(source: str, arguments: Sequence[Argument]) -> bool:
    """Whether the image of a text for these arguments lies on disk."""
    return _usable_cache() and cache.is_sealed(_key(source, arguments))


def _key(source: str, arguments: Sequence[Argument]) -> str:
    signature = " ".join(f"{a.dtype.str}{a.rank}{a.written:d}" for a in arguments)
    flags = f"{sorted(FLAGS['fastmath'])} {'direct' if config.direct else 'numba'}"
    return cache.key_of(source, signature, flags)


def _compiled(source: str, arguments: Sequence[Argument], load: Callable[[], Any]) -> Image:
    """Return an image of a text; `load` runs it as a module and returns the kernel."""
    if config.direct:
        from .direct.image import image

        found = image(source, arguments, FLAGS, lambda: load().__globals__)
        if found is not None:
            return found
    from ..kernels.quick import pipeline
    from .native.compiled import image_of

    return image_of(load(), arguments, {"pipeline_class": pipeline(), **FLAGS})


def _loaded(key: str) -> Code | None:
    """Return a kernel from disk; what is damaged there is removed, with a warning."""
    image = cache.kept(key)
    if image is None:
        return None
    with suppress(RuntimeError, ValueError, KeyError):
        if isinstance(image, Image):
            return Code(link(image), True, key, image.note)
    cache.discard(key, keep_lock=True)
    message = f"the cached code of kernel {key} was damaged; rebuilt"
    warnings.warn(message, CacheWarning, stacklevel=2)
    return None


def _usable_cache() -> bool:
    """Whether kernels can be kept on disk; says once why not."""
    if not config.cache:
        return False
    try:
        cache.directory()
    except CacheError as error:
        if str(error) not in _refused:
            _refused.add(str(error))
            warnings.warn(f"kernels are not kept: {error}", CacheWarning, stacklevel=2)
        return False
    return True


_refused: set[str] = set()


def _in_memory(source: str) -> Any:
    """Return a kernel's function without a file on disk; tracebacks still show the text."""
    name = f"<tapejit kernel {hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space: dict[str, Any] = {"__name__": "tapejit_kernels.memory"}
    exec(compile(source, name, "exec"), space)
    return space["kernel"]
