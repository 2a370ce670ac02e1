"""The disk cache: kernels as real module files named by their content.

A kernel's file is ``kernels/k_<hash>.py`` in the cache directory, the hash covering its source,
signature, flags, the processor and the versions involved; its machine code lies beside it, in
``k_<hash>.bin``, which alone is read by a process that finds it.
Loading a file runs it, so a directory that others may write to is refused. Several processes may
write at once: a file is written under a temporary name and renamed, and never rewritten.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.config import config
from ..core.errors import CacheError, CacheWarning
from ..core.records import record

if TYPE_CHECKING:
    from .native.image import Image


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


@functools.cache
def _environment() -> str:
    """Return what a kernel's machine code depends on besides its source."""
    import llvmlite.binding as llvm

    numba = (f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("NUMBA_"))
    cpu = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    return "|".join([_versions(), cpu, _kernel_sources(), *numba])


@functools.cache
def _versions() -> str:
    """Return what tells environments apart, without importing the compiler."""
    import numpy

    import tapejit

    parts = [sys.version, platform.machine(), tapejit.__version__]
    return "|".join([*parts, numpy.__version__, _release("numba"), _release("llvmlite")])


def _release(package: str) -> str:
    """Return a hash of the file in which a package keeps its version.

    Reading the package's metadata takes some 10 ms, most of it imports.
    """
    spec = importlib.util.find_spec(package)
    folder = "" if spec is None or spec.origin is None else os.path.dirname(spec.origin)
    try:
        with open(os.path.join(folder, "_version.py"), "rb") as file:
            return _digest(file.read())
    except OSError:
        from importlib.metadata import version

        return version(package)


def _kernel_sources() -> str:
    """Return a hash of what kernels inline and are made by; a kernel is stale when it changes."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = []
    beside = [os.path.join(here, name) for name in ("direct", "native")]
    for part in (os.path.join(os.path.dirname(here), "kernels"), *beside):
        for folder, _, files in sorted(os.walk(part)):
            for name in sorted(files):
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), "rb") as file:
                        found.append(file.read())
    return _digest(b"".join(found))


def key_of(source: str, signature: str, flags: str) -> str:
    """Return the name under which a kernel is kept."""
    text = "\n".join([source, signature, flags, _environment()])
    return _digest(text.encode())[:24]


def _program_file(tape_hash: str, title: str) -> str:
    # the machine's name stands for its processor, which only LLVM can tell
    text = "\n".join([tape_hash, title, platform.node(), _versions()])
    name = _digest(text.encode())[:24]
    return os.path.join(config.cache_dir, "kernels", f"t_{name}")


def note_program(tape_hash: str, title: str, keys: list[str]) -> None:
    """Remember which kernels a tape became, so that another process knows before it compiles."""
    keep_note(os.path.basename(_program_file(tape_hash, title)), "\n".join(keys))


def has_program(tape_hash: str, title: str) -> bool:
    """Whether the machine code of all the kernels of a tape lies on disk."""
    keys = note(os.path.basename(_program_file(tape_hash, title)))
    return keys is not None and all(map(is_sealed, keys.split()))


def note(name: str) -> str | None:
    """Return a note about kernels, None when there is none."""
    try:
        with open(os.path.join(config.cache_dir, "kernels", name), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


def keep_note(name: str, text: str) -> None:
    """Keep a note about kernels for other processes, where that is possible."""
    with suppress(CacheError, OSError):
        _write(os.path.join(directory(), name), text)


def is_sealed(key: str) -> bool:
    """Whether the machine code of a kernel lies on disk, complete."""
    return os.path.exists(os.path.join(config.cache_dir, "kernels", f"k_{key}.bin"))


@contextmanager
def locked(key: str) -> Iterator[None]:
    """Keep other processes from writing a kernel meanwhile, where the file system can do that."""
    with ExitStack() as held:
        with suppress(ImportError, OSError):
            import fcntl

            path = os.path.join(directory(), f"k_{key}.lock")
            file = held.enter_context(open(path, "w", encoding="utf-8"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def keep(key: str, image: bytes) -> None:
    """Put the machine code of a kernel on disk."""
    _write(os.path.join(directory(), f"k_{key}.bin"), image)


def kept(key: str) -> Image | bytes | None:
    """Return the machine code of a kernel, its bytes when they are damaged, None without any."""
    try:
        with open(os.path.join(directory(), f"k_{key}.bin"), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError:
        return b""
    from .native.image import parse

    return parse(data) or data


def _write(path: str, data: str | bytes) -> None:
    import tempfile

    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    os.replace(temporary, path)


def directory() -> str:
    """Return the directory of kernels, made when it is missing.

    Raises
    ------
    CacheError
        When it belongs to another user or others may write to it: loading a kernel runs code.
    """
    path = os.path.join(config.cache_dir, "kernels")
    try:
        for each in (config.cache_dir, path):  # one by one: the mode is that of the last only
            os.makedirs(each, mode=0o700, exist_ok=True)
    except OSError as error:
        raise CacheError(
            f"cannot make the cache directory {path}: {error}. Set TAPEJIT_CACHE_DIR to a directory "
            "of your own, or TAPEJIT_CACHE=0 to go without"
        ) from None
    for each in (config.cache_dir, path):
        info = os.stat(each)
        if hasattr(os, "getuid") and info.st_uid != os.getuid():
            raise CacheError(
                f"the cache directory {each} belongs to another user (uid {info.st_uid}); loading "
                "kernels from it would run their code. Set TAPEJIT_CACHE_DIR to one of your own"
            )
        if hasattr(os, "getuid") and info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise CacheError(
                f"the cache directory {each} may be written by others (mode "
                f"{stat.S_IMODE(info.st_mode):o}); loading kernels from it would run their code. "
                f"Run: chmod go-w {each}"
            )
    return path


def file_of(key: str, source: str) -> str:
    """Return the file that holds a kernel's source, written when it is missing or damaged."""
    path = os.path.join(directory(), f"k_{key}.py")
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == source:
                return path
        warnings.warn(f"the cached kernel {path} was damaged; rebuilt", CacheWarning, stacklevel=2)
        discard(key, keep_lock=True)
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError):
        warnings.warn(
            f"the cached kernel {path} is unreadable; rebuilt", CacheWarning, stacklevel=2
        )
        discard(key, keep_lock=True)
    _write(path, source)
    return path


def load(key: str, path: str) -> ModuleType:
    """Import a kernel's file as a module that Numba and pickle can find again."""
    name = f"tapejit_kernels.k_{key}"
    found = sys.modules.get(name)
    if found is not None:
        return found
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def discard(key: str, keep_lock: bool = False) -> int:
    """Remove a kernel and its machine code; return the bytes freed."""
    folder = os.path.join(config.cache_dir, "kernels")
    freed = 0
    for place in (folder, os.path.join(folder, "__pycache__")):
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            if name.startswith(f"k_{key}") and not (keep_lock and name.endswith(".lock")):
                full = os.path.join(place, name)
                try:
                    freed += os.path.getsize(full)
                    os.unlink(full)
                except OSError:
                    continue
    return freed


@record(frozen=True)
class Entry:
    """A cached kernel, for listing."""

    key: str
    title: str
    size: int
    modified: float


def entries() -> list[Entry]:
    """Return the cached kernels, newest first."""
    folder = os.path.join(config.cache_dir, "kernels")
    found: dict[str, list[Any]] = {}
    for place in (folder, os.path.join(folder, "__pycache__")):
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            if not name.startswith("k_"):
                continue
            key = name[2:].partition(".")[0].partition("-")[0]
            info = os.stat(os.path.join(place, name))
            entry = found.setdefault(key, ["", 0, 0.0])
            entry[1] += info.st_size
            entry[2] = max(entry[2], info.st_mtime)
            if name.endswith(".py"):
                with open(os.path.join(place, name), encoding="utf-8", errors="replace") as file:
                    entry[0] = file.readline().strip().strip('"').rstrip(".")
    listed = [Entry(key, *fields) for key, fields in found.items()]
    return sorted(listed, key=lambda e: -e.modified)


def clear() -> tuple[int, int]:
    """Remove every cached kernel; return how many and the bytes freed."""
    folder = os.path.join(config.cache_dir, "kernels")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith(("t_", "s_", "f_")):
            os.unlink(os.path.join(folder, name))
    keys = [e.key for e in entries()]
    return len(keys), sum(discard(k) for k in keys)
