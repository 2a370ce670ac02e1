"""The text form of a tape: one row a line, exact enough to be read back.

::

    tape(%0: f64[3]) -> (%2)
      %1 = sin %0 : f64[3]  ; model.py:4
      %2 = sum %1 {axis=(0,), keepdims=False} : f64[]  ; model.py:4

A body (a parameter that is itself a tape) is written as ``@k`` and printed below its tape.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..core.avals import aval_id, parse_aval
from ..core.errors import TapejitError
from ..core.patterns import pattern
from ..core.sources import LINES, UNKNOWN, Location
from .ir import Builder, Tape, param_id
from .primitive import primitive


def to_text(tape: Tape, lines: bool = True) -> str:
    """Return the text form; `lines` says whether source locations are written."""
    sections: list[Tape] = [tape]
    parts = []
    done = 0
    while done < len(sections):
        parts.append(_section(sections[done], done, sections, lines))
        done += 1
    return "\n".join(parts)


def _section(tape: Tape, number: int, sections: list[Tape], lines: bool) -> str:
    head = "tape" if number == 0 else f"body @{number}"
    ins = ", ".join(f"%{i}: {tape.any_aval(i)}" for i in range(tape.n_inputs))
    outs = ", ".join(f"%{o}" for o in tape.outputs)
    text = [f"{head}({ins}) -> ({outs})"]
    for i in range(tape.n_inputs, tape.rows):
        args = "".join(f" %{a}" for a in tape.args(i))
        params = tape.params(i)
        shown = ", ".join(f"{k}={_show(params[k], sections)}" for k in sorted(params))
        given = f" {{{shown}}}" if params else ""
        place = LINES[tape.line[i]]
        note = f"  ; {place.file}:{place.line}" if lines and tape.line[i] != UNKNOWN else ""
        text.append(f"  %{i} = {tape.prim(i).name}{args}{given} : {tape.any_aval(i)}{note}")
    return "\n".join(text)


def _show(value: Any, sections: list[Tape]) -> str:
    if isinstance(value, Tape):
        # Bodies are told apart by their own text; the tape itself is no body of itself.
        for number, other in enumerate(sections[1:], 1):
            if value is other or value.hash == other.hash:
                return f"@{number}"
        sections.append(value)
        return f"@{len(sections) - 1}"
    if isinstance(value, (tuple, list)):
        inner = ", ".join(_show(v, sections) for v in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):  # (-0-0j) would be read as the number 0 - 0j, which is 0 + 0j
        return f"complex({value.real!r}, {value.imag!r})"
    if value is None or isinstance(value, (bool, int, float, str, slice)):
        return repr(value)
    return f"<{getattr(value, '__qualname__', type(value).__name__)} at {id(value):#x}>"


_HEAD = pattern(r"(tape|body @(\d+))\((.*)\) -> \((.*)\)$")
_INPUT = pattern(r"%\d+: (\([^)]*\)|[^\s]+?)(?:, (?=%)|$)")
_ROW = pattern(r"  %(\d+) = (\w+)((?: %\d+)*)(?: \{(.*)\})? : (\S+|\([^)]*\))(?:  ; (.*):(\d+))?$")
# A reference to a body, or a quoted string, which may look like one.
_BODY = pattern(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|@(\d+)""")
_NAMES = {"nan": float("nan"), "inf": float("inf"), "complex": complex, "slice": slice}


def from_text(text: str) -> Tape:
    """Read back the text form of a tape.

    Raises
    ------
    TapejitError
        For a line that cannot be read, and for a parameter that has no text form (a callable).
    """
    sections: list[tuple[re.Match[str], list[str]]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        head = _HEAD.match(line)
        if head:
            sections.append((head, []))
        elif sections:
            sections[-1][1].append(line)
        else:
            raise TapejitError(f"a tape begins with 'tape(...)', not {line!r}")
    if not sections:
        raise TapejitError("there is no tape in an empty text")
    by_number = {int(head.group(2) or 0): (head, rows) for head, rows in sections}
    bodies: dict[int, Tape] = {}

    def parsed(number: int) -> Tape:
        if number not in bodies:
            if number not in by_number:
                raise TapejitError(f"the body @{number} is missing")
            head, rows = by_number.pop(number)
            for row in rows:
                for found in _BODY.finditer(row):
                    if found.group(1):
                        parsed(int(found.group(1)))
            bodies[number] = _parse_section(head, rows, bodies)
        return bodies[number]

    return parsed(0)


def _parse_section(head: re.Match[str], rows: list[str], bodies: dict[int, Tape]) -> Tape:
    b = Builder()
    parts = _INPUT.findall(head.group(3))
    if not re.fullmatch(r"(%\d+(, %\d+)*)?", head.group(4)):
        raise TapejitError(f"cannot read the outputs {head.group(4)!r}")
    if len(", ".join(f"%{i}: {part}" for i, part in enumerate(parts))) != len(head.group(3)):
        raise TapejitError(f"cannot read the inputs {head.group(3)!r}")
    for part in parts:
        b.append(primitive("input").index, (), aval_id(parse_aval(part)))
    names = {f"T{k}": tape for k, tape in bodies.items()}
    for line in rows:
        found = _ROW.match(line)
        if not found or int(found.group(1)) != len(b):
            raise TapejitError(f"cannot read the row {line.strip()!r}")
        _, name, args, params, aval, file, number = found.groups()
        ids = [int(a[1:]) for a in args.split()]
        pid = param_id(_parse_params(params, names)) if params else 0
        place = UNKNOWN
        if file is not None:
            location = Location(file, int(number), "?")
            place = LINES.intern(location, location)
        b.append(primitive(name).index, ids, aval_id(parse_aval(aval)), pid, place)
    return b.finish([int(o[1:]) for o in head.group(4).split(", ") if o])


def _parse_params(text: str, names: dict[str, Tape]) -> dict[str, Any]:
    source = _BODY.sub(lambda m: f"T{m.group(1)}" if m.group(1) else m.group(0), text)
    if "<" in source and "'" not in source:
        raise TapejitError(f"the parameter {text!r} has no text form")
    try:
        read = eval(f"dict({source})", {"__builtins__": {"dict": dict}}, {**_NAMES, **names})
    except Exception as error:
        raise TapejitError(f"cannot read the parameters {text!r}: {error}") from None
    return dict(read)
