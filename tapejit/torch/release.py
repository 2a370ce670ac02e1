"""Codes and specs that nobody uses any more are let go, so that new shapes cost memory for a while.

A code is an integer in lists, tables and views, and no counting of references sees who has it. So
codes go by age: after so many new ones all tables that lead to codes are emptied, and those made
before the *last* time go, unless a trace in the making, a graph or a view that is alive names them.

Invariant: the integer of a code is never given to another one. Whoever has taken one out of a table
uses it before thousands of new codes have been made: a code lives at least that long after the
last table has named it. Should one be asked for all the same, that is a KeyError, not another code.
"""

from __future__ import annotations

import gc
import threading
from collections import Counter
from sys import getrefcount

from .backward import SWEEPS
from .codes import CODES, NUMBERS, OPS, Op, age, regenerated_codes
from .hot import HOT
from .program import let_go
from .record import Segment, recorders
from .rows import forget
from .spec import specs
from .tensor import More

_lock = threading.Lock()
_before = [0]
"""Codes from this number on were made after tables had been emptied last."""


def collect() -> None:
    """Empty the tables; let codes go that were made before they were emptied last."""
    if gc.get_freeze_count() or not _lock.acquire(blocking=False):
        return  # objects that have been frozen cannot be found
    try:
        border = _before[0]
        _before[0] = age()
        _empty_tables()
        alive = _named()
        for index in [i for i in CODES if i < border]:
            code = CODES[index]
            if alive.isdisjoint(range(code.first, code.first + 3)):
                del CODES[index]
        _release_specs()
    finally:
        _lock.release()


def _empty_tables() -> None:
    for table in HOT:
        table.clear()
    for op in OPS.values():
        op.memo.clear()
    regenerated_codes.clear()
    SWEEPS.clear()
    let_go()
    forget()
    for spec in list(specs.values()):
        spec.inputs = None


def _named() -> set[int]:
    """Return the integers that stand in traces, graphs and views, codes among them."""
    alive = set(NUMBERS.values())
    for rec in recorders():
        alive.update(rec.code)
    for x in gc.get_objects():
        kind = type(x)
        if kind is More:
            alive.add(x.code)
            if x.parts[0] is not None:
                x.parts = (None, {})  # they are found by codes that are not made again
        elif kind is Segment:
            alive.update(x.code)
            x.forget_codes()
        elif kind is Op:
            x.memo.clear()  # those that have no name
    return alive


def _release_specs() -> None:
    """Forget specs that only their table holds."""
    entries = Counter(map(id, specs.values()))
    for key in list(specs):
        if key not in specs:
            continue
        spec = specs[key]
        if getrefcount(spec) == entries[id(spec)] + _SEEN:
            del specs[key]
            entries[id(spec)] -= 1
            if getrefcount(spec) > entries[id(spec)] + _SEEN:
                specs.setdefault(key, spec)  # another thread has just found it


def _seen() -> int:
    """Return what ``getrefcount`` says, in `_release_specs`, beyond the entries of the table."""
    table = {0: object()}
    spec = table[0]
    return getrefcount(spec) - 1


_SEEN = _seen()
