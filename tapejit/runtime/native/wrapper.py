"""The wrapper of a kernel: LLVM's text of a C function that Python calls.

It takes a vector of Python objects. An array must be exactly an ``ndarray`` of the kernel's dtype
and rank, C contiguous, aligned and in native byte order, and writeable when the kernel writes to
it; a scalar must be of the NumPy type or of
the Python type that stands for it. Fields are read where NumPy's C structures have them, which
`layout` verifies before anything is linked. Whatever does not fit raises TypeError and nothing has
been read or written. The global lock is released while the kernel runs.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .layout import ARRAY, BODY, DESCR, TYPE
from .packed import CHECK, check, foreign, places

NAME = "tapejit_entry"
_LLVM = {"f8": "double", "f4": "float", "b1": "i8"}
_PYTHON = {"f8": ("float", "PyFloat_Type"), "c16": ("complex", "PyComplex_Type")}
_READ, _WRITE = 0x101, 0x501
"""NPY_ARRAY_C_CONTIGUOUS and NPY_ARRAY_ALIGNED; and NPY_ARRAY_WRITEABLE."""

_FRAME = """
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_SetString(ptr, ptr)
declare ptr @PyBytes_FromStringAndSize(ptr, i64)
declare ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare void @Py_DecRef(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare i32 @PyObject_IsTrue(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyComplex_FromDoubles(double, double)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyLong_FromUnsignedLongLong(i64)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
@PyExc_TypeError = external global ptr
@tapejit_ndarray = external global i8
@PyFloat_Type = external global i8
@PyComplex_Type = external global i8
@PyLong_Type = external global i8
@PyBool_Type = external global i8
@wrong = private constant [53 x i8] c"an argument has another type or layout than compiled\\00"
"""


class Argument(NamedTuple):
    """What a kernel takes at one place: an array, or a number, whose rank is 0."""

    dtype: np.dtype[Any]
    rank: int
    written: bool = False


def code(dtype: np.dtype[Any]) -> str:
    """Return the kind and size of a dtype, such as ``f8``."""
    return f"{dtype.kind}{dtype.itemsize}"


def scalar_symbol(kind: str) -> str:
    """Return the name by which a wrapper knows the type of NumPy's scalars of a dtype."""
    return f"tapejit_scalar_{kind}"


def parts(kind: str) -> tuple[str, ...]:
    """Return the LLVM types of a number: one, or two for a complex one."""
    if kind[0] == "c":
        return ("double", "double") if kind == "c16" else ("float", "float")
    return (_LLVM.get(kind) or f"i{8 * int(kind[1:])}",)


def result_type(kinds: Sequence[str]) -> str:
    """Return the LLVM type of what a kernel gives: a status, or a tuple that begins with it."""
    each = [p[0] if len(p) == 1 else f"{{{', '.join(p)}}}" for p in map(parts, kinds)]
    if len(each) == 1:
        return each[0]
    if len(set(kinds)) == 1:
        return f"[{len(each)} x {each[0]}]"
    return f"{{{', '.join(each)}}}"


class _Text:
    """Lines of LLVM with fresh names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0
        self.need: dict[str, None] = {}

    def let(self, expression: str) -> str:
        self.count += 1
        self.lines.append(f"%v{self.count} = {expression}")
        return f"%v{self.count}"

    def at(self, base: str, offset: int, kind: str) -> str:
        """Load a field."""
        place = self.let(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.let(f"load {kind}, ptr {place}")

    def label(self) -> str:
        self.count += 1
        return f"l{self.count}"

    def check(self, flag: str) -> None:
        good = self.label()
        self.lines += [f"br i1 {flag}, label %{good}, label %mismatch", f"{good}:"]


def wrapper(
    symbol: str, arguments: Sequence[Argument], results: Sequence[str], packed: bool = False
) -> str:
    """Return the text of the wrapper of the kernel named `symbol`.

    `results` are the kinds of what the kernel gives, the status first. A `packed` kernel takes its
    arrays as one row of fields in front of its numbers.
    """
    t = _Text()
    kind = result_type(results)
    t.lines += [
        f"%result = alloca {kind}",
        "%failure = alloca ptr",
        f"%counted = icmp eq i64 %count, {len(arguments)}",
    ]
    t.check("%counted")
    given: list[tuple[str, str]] = []
    row = ""
    if packed:
        arrays = [(k, a) for k, a in enumerate(arguments) if a.rank]
        row = check([(k, a.dtype.num, foreign(a.dtype), a.rank, _wanted(a)) for k, a in arrays])
        words = places([a.rank for a in arguments])[-1]
        t.lines.insert(0, f"%fields = alloca [{words} x i64]")
        t.check(t.let(f"call i1 @{CHECK}(ptr %given, ptr %fields)"))
        given.append(("ptr", "%fields"))
    for k, argument in enumerate(arguments):
        if packed and argument.rank:
            continue
        x = t.at("%given", 8 * k, "ptr")
        given += _array(t, x, argument) if argument.rank else _number(t, x, code(argument.dtype))
    passed = "".join(f", {a} {v}" for a, v in given)
    types = "".join(f", {a}" for a, _ in given)
    t.lines.append("%lock = call ptr @PyEval_SaveThread()")
    t.lines.append(f'%code = call i32 @"{symbol}"(ptr %result, ptr %failure{passed})')
    t.lines += [
        "call void @PyEval_RestoreThread(ptr %lock)",
        "%fine = icmp eq i32 %code, 0",
        "br i1 %fine, label %done, label %failed",
        "done:",
    ]
    _answer(t, results)
    t.lines += [
        "failed:",
        "%raised = icmp sgt i32 %code, 0",
        "br i1 %raised, label %user, label %none",
        "user:",
    ]
    info = t.let("load ptr, ptr %failure")
    buffer = t.at(info, 0, "ptr")
    size = t.let(f"sext i32 {t.at(info, 8, 'i32')} to i64")
    bytes_ = t.let(f"call ptr @PyBytes_FromStringAndSize(ptr {buffer}, i64 {size})")
    t.let(f"call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %self, ptr {bytes_}, ptr null)")
    t.lines += [
        f"call void @Py_DecRef(ptr {bytes_})",
        "br label %none",
        "mismatch:",
        "%type_error = load ptr, ptr @PyExc_TypeError",
        "call void @PyErr_SetString(ptr %type_error, ptr @wrong)",
        "br label %none",
        "none:",
        "ret ptr null",
    ]
    body = "\n  ".join(t.lines)
    needed = "".join(f"@{name} = external global i8\n" for name in t.need)
    return (
        f'{_FRAME}{row}{needed}declare i32 @"{symbol}"(ptr, ptr{types})\n'
        f"define ptr @{NAME}(ptr %self, ptr %given, i64 %count) {{\n  {body}\n}}\n"
    )


def _wanted(argument: Argument) -> int:
    """Return the flags that an array must have."""
    return _WRITE if argument.written else _READ


def _array(t: _Text, x: str, argument: Argument) -> list[tuple[str, str]]:
    """Check an array; return the fields that Numba's convention passes."""
    dtype, rank = argument.dtype, argument.rank
    wanted = _wanted(argument)
    kind = t.at(x, TYPE, "ptr")
    t.check(t.let(f"icmp eq ptr {kind}, @tapejit_ndarray"))
    descr = t.at(x, ARRAY["descr"], "ptr")
    flags = t.let(f"and i32 {t.at(x, ARRAY['flags'], 'i32')}, {wanted}")
    same = [
        t.let(f"icmp eq i32 {t.at(descr, DESCR['type_num'], 'i32')}, {dtype.num}"),
        t.let(f"icmp ne i8 {t.at(descr, DESCR['byteorder'], 'i8')}, {foreign(dtype)}"),
        t.let(f"icmp eq i32 {t.at(x, ARRAY['nd'], 'i32')}, {rank}"),
        t.let(f"icmp eq i32 {flags}, {wanted}"),
    ]
    every = same[0]
    for flag in same[1:]:
        every = t.let(f"and i1 {every}, {flag}")
    t.check(every)
    dims, strides = t.at(x, ARRAY["dims"], "ptr"), t.at(x, ARRAY["strides"], "ptr")
    shape = [t.at(dims, 8 * d, "i64") for d in range(rank)]
    steps = [t.at(strides, 8 * d, "i64") for d in range(rank)]
    items = shape[0]
    for n in shape[1:]:
        items = t.let(f"mul i64 {items}, {n}")
    data = t.at(x, ARRAY["data"], "ptr")
    owner = [("ptr", "null"), ("ptr", "null")]
    sizes = [("i64", items), ("i64", str(dtype.itemsize))]
    return [*owner, *sizes, ("ptr", data), *(("i64", v) for v in (*shape, *steps))]


def _number(t: _Text, x: str, kind: str) -> list[tuple[str, str]]:
    """Check a number and read it: NumPy's scalars and Python's own keep it behind the header."""
    found = t.at(x, TYPE, "ptr")
    symbol = scalar_symbol(kind)
    t.need[symbol] = None
    numpy = t.let(f"icmp eq ptr {found}, @{symbol}")
    if kind in _PYTHON:
        plain = t.let(f"icmp eq ptr {found}, @{_PYTHON[kind][1]}")
        t.check(t.let(f"or i1 {numpy}, {plain}"))
    elif kind == "i8":
        return [("i64", _integer(t, x, found, numpy))]
    elif kind == "b1":
        plain = t.let(f"icmp eq ptr {found}, @PyBool_Type")
        t.check(t.let(f"or i1 {numpy}, {plain}"))
        truth = t.let(f"call i32 @PyObject_IsTrue(ptr {x})")
        return [("i8", t.let(f"trunc i32 {truth} to i8"))]
    else:
        t.check(numpy)
    made, at = [], BODY
    for part in parts(kind):
        made.append((part, t.at(x, at, part)))
        at += 8 if part == "double" else 4
    return made


def _integer(t: _Text, x: str, found: str, numpy: str) -> str:
    """Read an int64 from a NumPy scalar or a Python int, which may be too large."""
    direct, other, convert, ask, end = (t.label() for _ in range(5))
    t.lines += [f"br i1 {numpy}, label %{direct}, label %{other}", f"{direct}:"]
    one = t.at(x, BODY, "i64")
    t.lines += [f"br label %{end}", f"{other}:"]
    plain = t.let(f"icmp eq ptr {found}, @PyLong_Type")
    t.lines += [f"br i1 {plain}, label %{convert}, label %mismatch", f"{convert}:"]
    two = t.let(f"call i64 @PyLong_AsLongLong(ptr {x})")
    doubt = t.let(f"icmp eq i64 {two}, -1")
    t.lines += [f"br i1 {doubt}, label %{ask}, label %{end}", f"{ask}:"]
    error = t.let("call ptr @PyErr_Occurred()")
    clean = t.let(f"icmp eq ptr {error}, null")
    t.lines += [f"br i1 {clean}, label %{end}, label %none", f"{end}:"]
    return t.let(f"phi i64 [ {one}, %{direct} ], [ {two}, %{convert} ], [ {two}, %{ask} ]")


def _answer(t: _Text, results: Sequence[str]) -> None:
    """Return the status alone, or a tuple of it and Python numbers."""
    whole = result_type(results)
    value = t.let(f"load {whole}, ptr %result")
    if len(results) == 1:
        t.lines.append(f"ret ptr {_boxed(t, [value], results[0])}")
        return
    made = []
    for k, kind in enumerate(results):
        where = [f"{k}, {j}" for j in range(2)] if kind[0] == "c" else [str(k)]
        made.append(_boxed(t, [t.let(f"extractvalue {whole} {value}, {w}") for w in where], kind))
    answer = t.let(f"call ptr @PyTuple_New(i64 {len(made)})")
    for k, item in enumerate(made):
        t.let(f"call i32 @PyTuple_SetItem(ptr {answer}, i64 {k}, ptr {item})")
    t.lines.append(f"ret ptr {answer}")


def _boxed(t: _Text, values: list[str], kind: str) -> str:
    """Return a Python number."""
    part = parts(kind)[0]
    if part == "float":
        values = [t.let(f"fpext float {v} to double") for v in values]
    if kind[0] == "c":
        return t.let(f"call ptr @PyComplex_FromDoubles(double {values[0]}, double {values[1]})")
    if kind[0] == "f":
        return t.let(f"call ptr @PyFloat_FromDouble(double {values[0]})")
    wide = values[0]
    if part != "i64":
        wide = t.let(f"{'sext' if kind[0] == 'i' else 'zext'} {part} {wide} to i64")
    maker = {"b": "PyBool_FromLong", "u": "PyLong_FromUnsignedLongLong"}.get(
        kind[0], "PyLong_FromLongLong"
    )
    return t.let(f"call ptr @{maker}(i64 {wide})")


# ---------------------------------------------------------------- machine code


@functools.cache
def _quick() -> Any:
    """Return LLVM's description of any processor of this kind, with its quickest code generator.

    A wrapper is straight checks and loads. Optimised, it took more time than the kernel: 6 ms for two
    arrays and 30 for 32 (now 1 and 3); a call gains 1 to 3 ns an array by it.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(opt=0, reloc="pic", codemodel="default")


def object_of(text: str) -> bytes:
    """Return the object file of a wrapper's text."""
    import llvmlite.binding as llvm

    machine = _quick()
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    made: bytes = machine.emit_object(module)
    return made
