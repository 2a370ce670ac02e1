"""C functions as methods of the tensor, entered in place of Python's and taken out again.

What has been made lives as long as the process, since anybody may hold a method.
"""

from __future__ import annotations

import ctypes
import inspect
from typing import Any

from ...runtime.native.words import Words
from ..hot import QUICK
from ..record import LOCAL, PYTHON, STEPS
from ..tensor import Tensor
from . import rows, runs, writes
from .code import ATTACH, STATE, addresses, linked

KINDS: dict[str, Words] = {
    "unary": rows.unary, "bare": rows.bare, "power": rows.power, "binary": rows.binary,
    "inplace": writes.inplace, "overwriting": writes.overwriting,
}  # fmt: skip
_STEPS: dict[str, Words] = {
    "alive": runs.alive, "placed": runs.placed, "turned": runs.turned, "swept": runs.swept,
    "admitted": runs.admitted, "replaced": runs.replaced, "described": runs.described,
    "part": rows.part,
}  # fmt: skip
_SEVERAL = ("placed", "admitted", "replaced", "described", "part")
_ONE, _FASTCALL, _FASTCALL_KEYWORDS = 0x0008, 0x0080, 0x0082
_CHECKED = 64
"""Threads whose recorders are known at a time, at most."""


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _Property(ctypes.Structure):
    """PyGetSetDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("get", ctypes.c_void_p),
        ("set", ctypes.c_void_p),
        ("doc", ctypes.c_char_p),
        ("closure", ctypes.c_void_p),
    ]


_descriptor: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)
_new_method: Any = _descriptor(("PyDescr_NewMethod", ctypes.pythonapi))
_new_property: Any = _descriptor(("PyDescr_NewGetSet", ctypes.pythonapi))
_new_function: Any = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
)(("PyCFunction_NewEx", ctypes.pythonapi))
_thread_now: Any = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThreadState_Get", ctypes.pythonapi))
_thread_id: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(
    ("PyThreadState_GetID", ctypes.pythonapi)
)
_recorders: dict[int, Any] = {}


def attach() -> None:
    """Enter this thread's recorder where machine code looks for it."""
    thread, rec = _thread_id(_thread_now()), LOCAL.rec
    place = thread % (ATTACH // 16)
    STATE[2 * place] = -1
    before = _recorders.get(place)
    _recorders[place] = rec
    STATE[2 * place + 1] = id(rec)
    STATE[2 * place] = thread
    del before


class Methods:
    """The native methods of the tensor and those of Python that they stand for.

    Attributes
    ----------
    entered : bool
        Whether they are methods of the tensor now.
    """

    def __init__(self) -> None:
        self.entered = False
        quick = [(name, fn) for name, fn in vars(Tensor).items() if _is_quick(fn)]
        grad: property = vars(Tensor)["grad"]
        self.python: dict[str, Any] = {**dict(quick), "grad": grad}
        entries: dict[str, tuple[Words, int]] = {}
        told: list[Any] = []
        for name, fn in quick:
            kind, table = QUICK[fn]
            entries[f"m_{name}"] = (KINDS[kind], 8 * len(told))
            told += [table, fn]
        entries["p_get_grad"] = (writes.get_grad, 8 * len(told))
        entries["p_set_grad"] = (writes.set_grad, 8 * len(told))
        told += [grad.fget, grad.fset]
        for name, words in _STEPS.items():
            entries[f"f_{name}"] = (words, 8 * len(told))
            told += [None, PYTHON[name]]
        self._told = told
        self._table = (ctypes.c_int64 * len(told))(*addresses(told))
        self._code = linked(entries, self._table)
        STATE[ATTACH // 8] = id(attach)
        self._kept: list[Any] = []
        self.native = {name: self._method(name, fn) for name, fn in quick}
        self.native["grad"] = self._property("grad", grad)
        self.steps = {name: self._function(name) for name in _STEPS}

    def _method(self, name: str, fn: Any) -> Any:
        made = _Method(
            name.encode(), self._code[f"m_{name}"], _FASTCALL_KEYWORDS, _documented(name, fn)
        )
        self._kept.append(made)
        return _new_method(Tensor, ctypes.addressof(made))

    def _function(self, name: str) -> Any:
        flags = _FASTCALL if name in _SEVERAL else _ONE
        made = _Method(name.encode(), self._code[f"f_{name}"], flags, None)
        self._kept.append(made)
        return _new_function(ctypes.addressof(made), None, None)

    def _property(self, name: str, its: property) -> Any:
        made = _Property(
            name.encode(),
            self._code[f"p_get_{name}"],
            self._code[f"p_set_{name}"],
            (its.__doc__ or "").encode(),
            None,
        )
        self._kept.append(made)
        return _new_property(Tensor, ctypes.addressof(made))

    def enter(self) -> None:
        """Make them the methods of the tensor."""
        self._set(self.python, self.native)
        STEPS.update(self.steps)
        self.entered = True

    def leave(self) -> None:
        """Make Python's functions the methods of the tensor."""
        self._set(self.native, self.python)
        STEPS.update(PYTHON)
        self.entered = False

    @staticmethod
    def _set(before: dict[str, Any], after: dict[str, Any]) -> None:
        own = vars(Tensor)
        for name, method in after.items():
            if own.get(name) is before[name]:  # else somebody has put his own there
                setattr(Tensor, name, method)


def _is_quick(fn: Any) -> bool:
    return inspect.isfunction(fn) and fn in QUICK


def _documented(name: str, fn: Any) -> bytes:
    """Return the text in which C functions give their signature and documentation."""
    given = list(inspect.signature(fn).parameters.values())[1:]
    plain = [p.replace(annotation=p.empty) for p in given]
    rest = "".join(f", {p}" for p in plain if "object object" not in str(p))
    return f"{name}($self{rest})\n--\n\n{fn.__doc__ or ''}".encode()
