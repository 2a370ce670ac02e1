"""The hot path: a Python function made for one program, from argument structure to kernel and back.

It checks the structure, the types of scalars and what the function read besides arrays; dtypes and
layouts are checked by the kernel's wrapper, in C, and shapes by the kernel. Whatever does not fit
returns `MISS`, and the general path decides.

Output arrays are recycled: an array handed out earlier is used again when nobody holds it any more.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.avals import Aval
from ..core.pytree import TreeDef
from ..frontend.paths import MISSING, Check, Path

if TYPE_CHECKING:
    from .compile import Kernel, Staged
    from .dispatch import Signature
    from .program import Program

MISS = MISSING


def _free_count() -> int:
    """Return what ``getrefcount`` says of an object that only one local variable holds.

    It differs between versions of Python; the source has the form that entries have. Without the
    global lock no count can be trusted: -1 means that nothing is used again.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return -1
    source = "def count(pool):\n    try: y = pool.pop()\n    except IndexError: y = None\n    return getrefcount(y)"
    space: dict[str, Any] = {"getrefcount": getrefcount}
    exec(source, space)
    return int(space["count"]([object()]))


FREE = _free_count()
_ALWAYS = ("__class__", "__dict__", "__code__", "__defaults__")
"""Attributes that whoever has them once has for ever."""
_EXACT = {float: "float", complex: "complex"}


class _Writer:
    """Collects lines and the objects they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.space: dict[str, Any] = {
            "MISS": MISS,
            "ndarray": np.ndarray,
            "empty": np.empty,
            "getrefcount": getrefcount,
            "FREE": FREE,
        }
        self.leaves: list[str] = []

    def name(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.space)}"
        self.space[name] = value
        return name

    def need(self, condition: str) -> None:
        self.lines.append(f"if not ({condition}): return MISS")


def make_entry(program: Program, entry: Signature) -> Callable[..., Any] | None:
    """Return the hot path of a compiled program, or None when it has none."""
    from .compile import Kernel

    kernel = program.kernel
    if kernel is None or not (isinstance(kernel, Kernel) or _of_arrays(program, kernel)):
        return None
    traced = program.traced
    if traced.fragile or traced.streams:
        return None
    w = _Writer()
    if not _arguments(w, entry.tree):
        return None
    inputs: list[str] = []
    for leaf, dynamic, example in zip(w.leaves, entry.dynamic, entry.example):
        if not dynamic:
            _static(w, leaf, example)
            continue
        if isinstance(example, np.ndarray) and example.shape:
            w.need(f"type({leaf}) is ndarray")
        elif isinstance(example, np.ndarray):
            return None
        else:
            w.need(f"type({leaf}) is {w.name('T', type(example))}")
        inputs.append(leaf)
    for (_, origin), aval in zip(traced.consts, program.avals):
        if not isinstance(origin, Path):
            fixed = np.ascontiguousarray(origin).astype(aval.dtype) if aval.shape else origin[()]
            inputs.append(w.name("C", fixed))
            continue
        value = f"c{len(inputs)}"
        w.lines.append(f"{value} = {_path(w, origin)}")
        if aval.weak:
            w.need(f"type({value}) is {w.name('T', aval.weak_type)}")
            inputs.append(value)
            continue
        w.need(f"type({value}) is ndarray" + ("" if aval.shape else f" and {value}.shape == ()"))
        if not aval.shape:
            w.lines.append(f"{value} = {value}[()]")
        inputs.append(value)
    for check in traced.checks:
        _check(w, check)
    if isinstance(kernel, Kernel):
        _call(w, program, kernel, inputs)
    else:
        _stages(w, program, kernel, inputs)
    body = "\n    ".join(w.lines)
    source = f"def entry(args, kwargs):\n    {body}\n"
    file = f"<tapejit entry {id(program):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), w.space)
    made: Callable[..., Any] = w.space["entry"]
    made.signature = id(entry)  # type: ignore[attr-defined]
    return made


def _arguments(w: _Writer, tree: TreeDef) -> bool:
    """Write the unpacking of ``(args, kwargs)``; False for structures without a fast form."""
    positional, named = tree.children
    names = [f"p{k}" for k in range(len(positional.children))]
    w.need(f"len(args) == {len(names)}" + (" and not kwargs" if not named.children else ""))
    if names:
        w.lines.append(f"{', '.join(names)}, = args")
    good = all([_unpack(w, n, t) for n, t in zip(names, positional.children)])
    return good and (not named.children or _unpack(w, "kwargs", named))


def _unpack(w: _Writer, name: str, tree: TreeDef) -> bool:
    if tree.kind is None:
        w.leaves.append(name)
        return True
    if tree.kind is type(None):
        w.need(f"{name} is None")
        return True
    count = len(tree.children)
    parts = [f"{name}_{k}" for k in range(count)]
    if tree.kind is dict:
        w.need(f"type({name}) is dict and len({name}) == {count}")
        for part, key in zip(parts, tree.keys):
            shown = repr(key) if isinstance(key, (str, int)) else w.name("K", key)
            w.lines.append(f"{part} = {name}.get({shown}, MISS)")
            w.need(f"{part} is not MISS")
    elif issubclass(tree.kind, (tuple, list)):
        w.need(f"type({name}) is {w.name('T', tree.kind)} and len({name}) == {count}")
        if parts:
            w.lines.append(f"{', '.join(parts)}, = {name}")
    else:
        w.need(f"type({name}) is {w.name('T', tree.kind)}")
        for part, key in zip(parts, tree.keys):
            w.lines.append(f"{part} = {name}.{key}")
    return all([_unpack(w, p, t) for p, t in zip(parts, tree.children)])


def _static(w: _Writer, leaf: str, example: Any) -> None:
    value = w.name("S", example)
    if isinstance(example, (bool, int, str, bytes)):
        w.need(
            f"{leaf} is {value} or (type({leaf}) is {w.name('T', type(example))} and {leaf} == {value})"
        )
    else:
        w.need(f"{leaf} is {value}")


def _path(w: _Writer, path: Path) -> str:
    """Return the expression that reads a path."""
    if path.kind == "item" and type(path.holder) is dict:
        return f"{w.name('H', path.holder)}.get({w.name('K', path.key)}, MISS)"
    if path.kind == "cell":
        return f"{w.name('H', path.holder)}.cell_contents"
    if path.kind == "attr" and path.key in _ALWAYS:
        return f"{w.name('H', path.holder)}.{path.key}"
    return f"{w.name('G', path.get)}()"


def _check(w: _Writer, check: Check) -> None:
    if check.dumped:
        w.need(f"{w.name('Q', check.holds)}()")
        return
    expected = w.name("E", check.expected)
    holds = f" or {w.name('Q', check.holds)}()" if check.by_value else ""
    w.need(f"{_path(w, check.path)} is {expected}{holds}")


def _unused(w: _Writer, value: str, aval: Aval) -> None:
    """Check an input that the kernel does not take and so cannot check: its shape may be in use.

    ``sum(x) / len(y)`` reads no element of y, and a gradient of zeros is of the argument's shape.
    """
    if not aval.shape or value in w.space:  # the type has been checked; arrays kept here are fixed
        return
    w.need(
        f"{value}.shape == {w.name('Z', aval.shape)} and {value}.dtype == {w.name('D', aval.dtype)}"
    )


def _call(w: _Writer, program: Program, kernel: Kernel, inputs: list[str]) -> None:
    text = kernel.text
    used = [program.kernel_inputs[i] for i in text.inputs]
    for k in sorted(set(range(len(inputs))) - set(used)):
        _unused(w, inputs[k], program.input_aval(k))
    arguments = [inputs[k] for k in used]
    outputs = {}
    for n, (k, aval) in enumerate(text.arrays):
        outputs[k] = f"y{n}"
        pool, shape = w.name("P", []), w.name("Z", aval.shape)
        dtype = w.name("D", aval.dtype)
        w.lines += [
            f"try: y{n} = {pool}.pop()",
            f"except IndexError: y{n} = None",
            f"if getrefcount(y{n}) != FREE: y{n} = empty({shape}, {dtype})",
        ]
        arguments.append(f"y{n}")
        w.space[f"pool{n}"] = w.space[pool]
    scalars = [f"s{n}" for n in range(len(text.scalars))]
    w.space["kernel"] = kernel.call
    w.space["mismatch"] = program.mismatch
    call = f"kernel({', '.join(arguments)})"
    w.lines += [
        f"try: {', '.join(['status', *scalars])} = {call}",
        "except (TypeError, OverflowError): return mismatch()",
        "except (LookupError, ValueError, ArithmeticError): return MISS",
    ]
    w.lines += ["if status: return MISS"]
    w.lines += [f"pool{n}.append(y{n})" for n in range(len(text.arrays))]
    for name, k in zip(scalars, text.scalars):
        outputs[k] = name
    w.space["calls"] = program.fast_calls
    w.lines.append("calls[0] += 1")
    leaves = iter(program.traced.out_leaves)
    w.lines.append(f"return {_result(w, program.traced.out_tree, leaves, outputs)}")


def _of_arrays(program: Program, kernel: Staged) -> bool:
    """Whether a program of transforms between kernels takes arrays only: all that is checked here."""
    leaves = [leaf for leaf in program.traced.out_leaves if leaf[0] == "row"]
    return (
        kernel.between.pure
        and all(kernel.tape.value(k).shape for k in range(kernel.tape.n_inputs))
        and not any(leaf[2].weak for leaf in leaves)
    )


def _stages(w: _Writer, program: Program, kernel: Staged, inputs: list[str]) -> None:
    """Write the call of a program in stages: no wrapper in C looks at its arguments as a whole."""
    for k, value in enumerate(inputs):
        _unused(w, value, program.input_aval(k))
    w.space["kernel"], w.space["calls"] = kernel, program.fast_calls
    w.lines += [
        f"try: found = kernel([{', '.join(inputs)}])",
        "except (LookupError, ValueError, ArithmeticError): return MISS",
        "if found is None: return MISS",
        "calls[0] += 1",
    ]
    outputs = {k: f"found[{k}]" for k in range(len(kernel.tape.outputs))}
    leaves = iter(program.traced.out_leaves)
    w.lines.append(f"return {_result(w, program.traced.out_tree, leaves, outputs)}")


def _result(w: _Writer, tree: TreeDef, leaves: Any, outputs: dict[int, str]) -> str:
    if tree.kind is None:
        leaf = next(leaves)
        if leaf[0] == "is":
            return w.name("R", leaf[1])
        aval: Aval = leaf[2]
        name = outputs[leaf[1]]
        if aval.shape or aval.weak:
            return name
        return f"{w.name('N', aval.dtype.type)}({name})"
    if tree.kind is type(None):
        return "None"
    parts = [_result(w, t, leaves, outputs) for t in tree.children]
    if tree.kind is dict:
        keys = [repr(k) if isinstance(k, (str, int)) else w.name("K", k) for k in tree.keys]
        return "{" + ", ".join(f"{k}: {p}" for k, p in zip(keys, parts)) + "}"
    if tree.kind is list:
        return f"[{', '.join(parts)}]"
    if tree.kind is tuple:
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if issubclass(tree.kind, tuple):
        return f"{w.name('T', tree.kind)}({', '.join(parts)})"
    made = f"r{len(w.space)}"  # as `rebuild_dataclass` does, written out
    w.lines.append(f"{made} = {w.name('B', object.__new__)}({w.name('T', tree.kind)})")
    put = w.name("B", object.__setattr__)
    w.lines += [f"{put}({made}, {key!r}, {part})" for key, part in zip(tree.keys, parts)]
    return made
