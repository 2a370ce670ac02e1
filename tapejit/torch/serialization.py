"""Saving and loading: a short header and a pickle, not PyTorch's archive.

Files hold what pickle makes of tensors (their values as NumPy arrays, their flags, not their
graph), state dictionaries and containers. PyTorch cannot read them, and its files cannot be read:
`load` says so. Two tensors that share memory are two tensors of their own after loading; the same
object saved twice is one object.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from .codes import GRAD
from .observe import _restored
from .tensor import Tensor

HEADER = b"tapejit.torch 1\n"

_SAFE: dict[tuple[str, str], Any] = {}


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object to a file.

    Parameters
    ----------
    obj : object
        Tensors without a graph, state dictionaries, containers of such; modules too, which can be
        read only with ``weights_only=False``.
    f : str, path or binary file
    pickle_module : module
        What pickles.
    pickle_protocol : int
        The protocol, at least 4.

    Examples
    --------
    >>> import io
    >>> import tapejit.torch as torch
    >>> file = io.BytesIO()
    >>> torch.save({"w": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'w': tensor([1., 1.])}
    """
    # Pickled first: a failure leaves no half of a file behind.
    held = io.BytesIO()
    if pickle_module is pickle:
        _Writing(held, protocol=max(pickle_protocol, 4)).dump(obj)
    else:
        pickle_module.dump(obj, held, protocol=max(pickle_protocol, 4))
    if isinstance(f, str | os.PathLike):
        Path(f).write_bytes(HEADER + held.getvalue())
        return
    if not hasattr(f, "write"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with 'write', got {type(f).__name__}")  # fmt: skip
    f.write(HEADER + held.getvalue())


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read an object that `save` wrote.

    Parameters
    ----------
    f : str, path or binary file
    map_location : object
        Taken for PyTorch's sake: everything is on the CPU.
    pickle_module : module or None
        What unpickles, with ``weights_only=False``.
    weights_only : bool or None
        Unless False, only tensors, containers and plain values are read. Pickles can run any code:
        pass False only for files that you trust.
    mmap : bool or None
        Taken for PyTorch's sake.

    Raises
    ------
    pickle.UnpicklingError
        If there is something in the file that `weights_only` does not allow.
    RuntimeError
        If the file is not one that `save` wrote, for example PyTorch's.
    EOFError
        If there is nothing in it.
    """
    del map_location, mmap
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return load(
                file, pickle_module=pickle_module, weights_only=weights_only, **pickle_load_args
            )
    if not hasattr(f, "read"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with 'read', got {type(f).__name__}")  # fmt: skip
    found = f.read(len(HEADER))
    if not found:
        raise EOFError("Ran out of input: there is nothing in the file")
    if found[:4] == b"PK\x03\x04":
        raise RuntimeError(
            "this is an archive of PyTorch's (or another zip file): tapejit.torch reads what its "
            "own save wrote. Save the values as NumPy arrays in PyTorch and load those."
        )
    if found != HEADER:
        raise RuntimeError("this is not a file that tapejit.torch.save wrote")
    if weights_only is None or weights_only:
        if pickle_module is not None:
            raise RuntimeError(
                "Can not safely load weights when explicit pickle_module is specified"
            )
        return _Careful(f, **pickle_load_args).load()
    return (pickle_module or pickle).load(f, **pickle_load_args)


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allow classes and functions in files that are read with ``weights_only``."""
    for one in safe_globals:
        _SAFE[(one.__module__, one.__qualname__)] = one


class _Writing(pickle.Pickler):
    """Writes results too: as leaves that require grad, without the graph they came from."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Tensor and obj._kind_now() == GRAD:
            return (_restored, (Tensor, np.array(obj._value()), True, None))
        return NotImplemented


class _Careful(pickle.Unpickler):
    """Reads tensors, containers and plain values."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" in ALLOWED:
            return super().find_class(module, name)
        found = _SAFE.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(
                f"Weights only load failed: {module}.{name} is not allowed. Pass "
                "weights_only=False if you trust the file, or allow it with "
                "torch.serialization.add_safe_globals."
            )
        return found


ALLOWED = frozenset(
    [
        *(
            f"builtins.{name}"
            for name in ("set", "frozenset", "complex", "slice", "range", "bytearray")
        ),
        "collections.OrderedDict",
        "numpy.ndarray",
        "numpy.dtype",
        *(
            f"numpy.{core}.multiarray.{name}"
            for core in ("core", "_core")
            for name in ("_reconstruct", "scalar")
        ),
        *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
        "tapejit.torch.dtypes._named",
        "tapejit.torch.observe._restored",
        "tapejit.torch.sizes.Size",
        "tapejit.torch.sizes.device",
        "tapejit.torch.tensor.Tensor",
        "tapejit.torch.nn.parameter.Parameter",
        "tapejit.torch.nn.parameter.restored",
    ]
)
"""What a file may name that is read with ``weights_only``: none of it runs code of the file's."""
