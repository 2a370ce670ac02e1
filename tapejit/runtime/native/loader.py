"""Link an image into the process and make it a function of Python.

Each image is a library of its own in one LLVM session, so equal names never meet. Names that it
takes from outside are looked up before linking: a name that nobody has is an error that says so.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import itertools
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...kernels.pool import NAME as POOLED
from ...kernels.pool import pool
from .blas import address_of
from .image import Image
from .layout import verify
from .wrapper import NAME, scalar_symbol

_FASTCALL = 0x0080
_names = itertools.count()


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_new: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)


class _Owner:
    """Keeps the code of a function alive; called when the kernel has raised."""

    __slots__ = ("__weakref__", "code", "method")

    def __init__(self, library: Any, method: _Method) -> None:
        self.code, self.method = library, method

    def __call__(self, pickled: bytes) -> None:
        kind, arguments, _ = pickle.loads(pickled)
        raise kind(*arguments)


@functools.cache
def _session() -> Any:
    import llvmlite.binding as llvm

    verify()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.create_lljit_compiler()


def _of_python(name: str) -> int | None:
    """Return the address of a C function or variable of this process."""
    try:
        return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    except AttributeError:
        return None


def _of_numba(name: str) -> int | None:
    """Return the address of one of Numba's helpers in C, which imports Numba."""
    import llvmlite.binding as llvm

    found: int | None
    if name.startswith("numba_"):
        helpers: Any = importlib.import_module("numba._helperlib")
        found = helpers.c_helpers.get(name.removeprefix("numba_"))
    elif name.startswith("NRT_"):
        helpers = importlib.import_module("numba.core.runtime._nrt_python")
        found = helpers.c_helpers.get(name.removeprefix("NRT_"))
    else:
        importlib.import_module("numba")  # it loads Intel's vector functions where there are any
        found = llvm.address_of_symbol(name)
    return found


_ALLOCATOR = {"NRT_Allocate": "PyMem_RawMalloc", "NRT_Free": "PyMem_RawFree"}
"""Numba's allocator of plain bytes has the signature of Python's."""


def resolve(names: Iterable[str]) -> dict[str, int]:
    """Return the addresses of names.

    Raises
    ------
    RuntimeError
        When there is no such name.
    """
    found = {}
    for name in names:
        address = (
            pool().address
            if name == POOLED
            else _of_python(_ALLOCATOR.get(name, name)) or address_of(name) or _of_numba(name)
        )
        if address is None:
            raise RuntimeError(f"machine code needs {name}, which is not in this process")
        found[name] = address
    return found


def library_of(objects: Iterable[bytes], addresses: dict[str, int], exported: Iterable[str]) -> Any:
    """Return object files linked as a library of LLVM's: a mapping of exported names to addresses."""
    import llvmlite.binding as llvm

    session = _session()
    builder = llvm.JITLibraryBuilder()
    for data in objects:
        builder.add_object_img(data)
    builder.add_current_process()
    for name, address in addresses.items():
        builder.import_symbol(name, address)
    for name in exported:
        builder.export_symbol(name)
    return builder.link(session, f"tapejit{next(_names)}")


def link(image: Image) -> Callable[..., Any]:
    """Return the function of an image; the caller holds the lock of compilation.

    Raises
    ------
    RuntimeError
        When LLVM cannot link it, or this build of Python or NumPy is an unknown one.
    """
    addresses = resolve(image.symbols) | {"tapejit_ndarray": id(np.ndarray)}
    addresses |= {scalar_symbol(kind): id(np.dtype(kind).type) for kind in image.scalars}
    library = library_of(image.objects, addresses, (NAME,))
    method = _Method(b"kernel", library[NAME], _FASTCALL, None)
    made: Callable[..., Any] = _new(ctypes.addressof(method), _Owner(library, method), None)
    return made
