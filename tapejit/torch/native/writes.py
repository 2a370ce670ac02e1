"""Writes in place and gradients read, in machine words: what `hot_writes` does.

Tensors with views, hooks or memory that others see, and whatever raises, go the way of Python.
"""

from __future__ import annotations

from ...runtime.native.capi import (
    append,
    call_1,
    collect_off,
    collect_on,
    decref,
    dict_get,
    dict_set,
    incref,
    int_of,
    list_set,
    tuple_new,
    value_of,
)
from ...runtime.native.words import address_of, load, room, store
from .layout import (
    LIST_ITEMS,
    LIST_SIZE,
    R_CODE,
    R_GRAD,
    R_LEAVES,
    R_OWNERS,
    R_STALE,
    T_ARRAY,
    T_GRAD,
    T_GRAPH,
    T_KIND,
    T_MORE,
    T_SLOT,
    T_SPEC,
    T_VER,
    TUPLE,
    TYPE,
)
from .rows import (
    GRAD,
    LEAF,
    NO,
    NONE,
    PLAIN,
    TRUE,
    change,
    is_tensor,
    number,
    open_recorder,
    put,
    python,
    ready,
    slot_of,
)

NUMBERS = address_of("tapejit_numbers")


def renamed(rec: int, self: int, a: int, begins: int) -> int:
    """Make the next slot the value of a tensor whose value was slot `a`."""
    owners = load(rec, R_OWNERS)
    slot = int_of(load(owners, LIST_SIZE))
    version = load(self, T_VER)
    note, first = tuple_new(3), int_of(begins)
    put(note, TUPLE, self)
    put(note, TUPLE + 8, version)
    put(note, TUPLE + 16, first)
    dict_set(load(rec, R_STALE), a, note)
    decref(note)
    decref(first)
    k = value_of(a)
    if load(load(owners, LIST_ITEMS), k << 3) == self:
        incref(NONE)
        list_set(owners, k, NONE)
    append(owners, self)
    change(self, T_SLOT, slot)
    decref(slot)
    after = int_of(value_of(version) + 1)
    change(self, T_VER, after)
    decref(after)
    return slot


def written(table: int, self: int, other: int) -> int:
    """Record ``self = self op other``."""
    rec = open_recorder()
    inner = dict_get(table, load(self, T_SPEC))
    if rec == 0 or inner == 0 or load(self, T_MORE) != NONE:
        return NO
    second = is_tensor(other)
    key = load(other, TYPE)
    if second:
        key = load(other, T_SPEC)
    first = dict_get(inner, key)
    if first == 0 or ready(rec, self) == 0 or (second and ready(rec, other) == 0):
        return NO
    kind, graded = load(self, T_KIND), load(rec, R_GRAD) == TRUE
    code_of_number = 0
    flows = kind != PLAIN
    if second:
        flows = flows or load(other, T_KIND) != PLAIN
    else:
        code_of_number = dict_get(NUMBERS, key)
        if code_of_number == 0:
            return NO
    flag = PLAIN
    more = 0
    if kind == LEAF:
        if graded:
            return NO
        flag = LEAF
        more = 2
    else:
        if flows and graded:
            flag = GRAD
            more = 1
        if (kind != PLAIN and kind != flag) or load(self, T_GRAPH) != NONE:
            return NO
    old = load(self, T_ARRAY)
    a = slot_of(rec, self)
    incref(a)
    if second:
        b = slot_of(rec, other)
        incref(b)
    else:
        b = number(rec, other, code_of_number)
    code = load(rec, R_CODE)
    first = int_of(value_of(first) + more)
    append(code, first)
    append(code, a)
    append(code, b)
    slot = renamed(rec, self, a, load(load(rec, R_OWNERS), LIST_SIZE) + (other == self))
    change(self, T_KIND, flag)
    if flag == LEAF:
        dict_set(load(rec, R_LEAVES), slot, self)
    decref(first)
    decref(a)
    decref(b)
    incref(self)
    if old != NONE:
        change(self, T_ARRAY, NONE)
    return self


def inplace(entry: int, self: int, given: int, n: int, names: int) -> int:
    """Stand for an operator of `hot_writes.inplace`."""
    if n == 1 and names == 0:
        off = collect_off()
        made = written(load(entry, 0), self, load(given, 0))
        if off != 0:
            collect_on()
        if made != NO:
            return made
    return python(entry, self, given, n, names)


def overwritten(table: int, self: int) -> int:
    """Record a value that does not depend on the old one."""
    rec = open_recorder()
    first = dict_get(table, load(self, T_SPEC))
    if rec == 0 or first == 0 or load(self, T_MORE) != NONE or load(self, T_KIND) != PLAIN:
        return NO
    if ready(rec, self) == 0:
        return NO
    a = slot_of(rec, self)
    incref(a)
    code = load(rec, R_CODE)
    append(code, first)
    append(code, a)
    renamed(rec, self, a, load(load(rec, R_OWNERS), LIST_SIZE))
    decref(a)
    incref(self)
    change(self, T_ARRAY, NONE)
    return self


def overwriting(entry: int, self: int, given: int, n: int, names: int) -> int:
    """Stand for a method of `hot_writes.overwriting`."""
    if n == 0 and names == 0:
        off = collect_off()
        made = overwritten(load(entry, 0), self)
        if off != 0:
            collect_on()
        if made != NO:
            return made
    return python(entry, self, given, n, names)


def get_grad(entry: int, self: int, closure: int) -> int:
    """Read ``.grad``; what warns is left to Python."""
    found = load(self, T_GRAD)
    if found == NONE and load(self, T_KIND) == GRAD:
        return call_1(load(entry, 0), self)
    incref(found)
    return found


def set_grad(entry: int, self: int, value: int, closure: int) -> int:
    """Set or delete ``.grad``; 0, or -1 after an error."""
    if value == 0 or value == NONE:
        change(self, T_GRAD, NONE)
        return 0
    given = room(1)
    store(given, 0, value)
    done = python(entry, self, given, 1, 0)
    if done == 0:
        return -1
    decref(done)
    return 0
