"""Recording a row, in machine words: what `hot` does, for what its tables know already.

Each function looks first and changes nothing until everything is known to be ordinary; else it
answers `NO`, and the function of Python that it stands for is called. Tables, lists and tensors are
those of Python: a row recorded here and one recorded there are the same row.

The collector of garbage is off meanwhile, so that no code of others runs between two changes.
"""

from __future__ import annotations

from ...runtime.native.capi import (
    allocate,
    append,
    call,
    call_0,
    collect_off,
    collect_on,
    decref,
    dict_get,
    dict_set,
    free,
    incref,
    int_of,
    is_subtype,
    memory,
    thread_id,
    thread_now,
    tuple_new,
    tuple_size,
)
from ...runtime.native.words import address_of, load, room, store
from ..record import LIMIT
from .layout import (
    LIST_SIZE,
    R_CODE,
    R_GRAD,
    R_INPUTS,
    R_LEAVES,
    R_OWNERS,
    R_SERIAL,
    R_SLOW,
    R_SOURCES,
    S_INPUTS,
    T_ARRAY,
    T_GRAD,
    T_GRAPH,
    T_KIND,
    T_MORE,
    T_SERIAL,
    T_SLOT,
    T_SPEC,
    T_VER,
    TUPLE,
    TYPE,
)

NONE, TRUE, FALSE = address_of("tapejit_none"), address_of("tapejit_true"), address_of("tapejit_false")  # fmt: skip
PLAIN, GRAD, LEAF = address_of("tapejit_0"), address_of("tapejit_1"), address_of("tapejit_2")
TENSOR, STATE = address_of("tapejit_tensor"), address_of("tapejit_state")
FLOAT, INT = address_of("tapejit_float"), address_of("tapejit_int")

NO = -1
"""What is no ordinary case; nothing has been changed."""
THREADS = 8
ATTACH = 16 * THREADS
"""Offset in the state of the function that enters a thread's recorder; before it, pairs of both."""


# ---------------------------------------------------------------- the way to Python


def recorder() -> int:
    """The recorder of this thread, or 0 when it is not known here."""
    thread = thread_id(thread_now())
    at = STATE + ((thread & (THREADS - 1)) << 4)
    if load(at, 0) == thread:
        return load(at, 8)
    return 0


def python(entry: int, self: int, given: int, n: int, names: int) -> int:
    """What the function of Python gives that stands at an entry of the table."""
    if recorder() == 0:
        done = call_0(load(STATE, ATTACH))
        if done == 0:
            return 0
        decref(done)
    total = n
    if names != 0:
        total += tuple_size(names)
    near = room(8)
    all = near
    if total > 7:
        all = memory((total + 1) << 3)
        if all == 0:
            return 0
    store(all, 0, self)
    k = 0
    while k < total:
        store(all, (k + 1) << 3, load(given, k << 3))
        k += 1
    found = call(load(entry, 8), all, n + 1, names)
    if all != near:
        free(all)
    return found


# ---------------------------------------------------------------- operands and results


def is_tensor(x: int) -> int:
    """Whether an object is a tensor."""
    kind = load(x, TYPE)
    return kind == TENSOR or is_subtype(kind, TENSOR) != 0


def ready(rec: int, t: int) -> int:
    """Whether a tensor has a slot, or gets one by a mere input row."""
    kind = load(t, T_KIND)
    if load(t, T_SERIAL) == load(rec, R_SERIAL):
        return kind in (PLAIN, GRAD, LEAF)
    return (
        kind in (PLAIN, LEAF)
        and load(t, T_MORE) == NONE
        and load(t, T_ARRAY) != NONE
        and load(load(t, T_SPEC), S_INPUTS) != NONE
    )


def slot_of(rec: int, t: int) -> int:
    """The slot of a tensor that is ready."""
    if load(t, T_SERIAL) == load(rec, R_SERIAL):
        return load(t, T_SLOT)
    return admit(rec, t)


def admit(rec: int, t: int) -> int:
    """The new slot of a tensor that becomes an input: `Recorder.admit`."""
    owners, kind = load(rec, R_OWNERS), load(t, T_KIND)
    codes = load(load(t, T_SPEC), S_INPUTS)
    slot = int_of(load(owners, LIST_SIZE))
    append(owners, NONE)
    if kind == PLAIN:
        append(load(rec, R_CODE), load(codes, TUPLE))
    else:
        append(load(rec, R_CODE), load(codes, TUPLE + 16))
        dict_set(load(rec, R_LEAVES), slot, t)
    append(load(rec, R_INPUTS), load(t, T_ARRAY))
    source = tuple_new(3)
    put(source, TUPLE, slot)
    put(source, TUPLE + 8, t)
    put(source, TUPLE + 16, load(t, T_VER))
    append(load(rec, R_SOURCES), source)
    decref(source)
    change(t, T_SERIAL, load(rec, R_SERIAL))
    change(t, T_SLOT, slot)
    decref(slot)
    return slot


def put(x: int, at: int, value: int) -> int:
    """Fill an empty place of an object."""
    incref(value)
    store(x, at, value)
    return 0


def change(x: int, at: int, value: int) -> int:
    """Put something else at a place of an object."""
    old = load(x, at)
    incref(value)
    store(x, at, value)
    decref(old)
    return 0


def number(rec: int, value: int, code: int) -> int:
    """The new slot of a number, a new reference."""
    owners = load(rec, R_OWNERS)
    slot = int_of(load(owners, LIST_SIZE))
    append(load(rec, R_CODE), code)
    append(owners, NONE)
    append(load(rec, R_INPUTS), value)
    return slot


def result(rec: int, y: int, spec: int, kind: int) -> int:
    """The tensor of the next slot."""
    owners = load(rec, R_OWNERS)
    put(y, T_SERIAL, load(rec, R_SERIAL))
    store(y, T_SLOT, int_of(load(owners, LIST_SIZE)))
    put(y, T_SPEC, spec)
    put(y, T_KIND, kind)
    put(y, T_VER, PLAIN)
    put(y, T_ARRAY, NONE)
    put(y, T_MORE, NONE)
    put(y, T_GRAD, NONE)
    put(y, T_GRAPH, NONE)
    append(owners, y)
    return y


def open_recorder() -> int:
    """This thread's recorder, where a row may be recorded at once; else 0."""
    rec = recorder()
    if rec == 0 or load(rec, R_SLOW) != FALSE:
        return 0
    if load(load(rec, R_OWNERS), LIST_SIZE) >= LIMIT:
        return 0
    return rec


# ---------------------------------------------------------------- one operand


def row_of_one(found: int, self: int) -> int:
    """Record ``(plain, graded, spec, flows)`` of one tensor."""
    rec = open_recorder()
    if rec == 0 or found == 0 or found == NONE or ready(rec, self) == 0:
        return NO
    y = allocate(TENSOR, 0)
    if y == 0:
        return 0
    a = slot_of(rec, self)
    code = load(rec, R_CODE)
    kind = PLAIN
    if load(self, T_KIND) != PLAIN and load(rec, R_GRAD) == TRUE:
        append(code, load(found, TUPLE + 8))
        kind = load(found, TUPLE + 24)
    else:
        append(code, load(found, TUPLE))
    append(code, a)
    return result(rec, y, load(found, TUPLE + 16), kind)


def unary(entry: int, self: int, given: int, n: int, names: int) -> int:
    """Stand for a function of `hot.unary`."""
    if n == 0 and names == 0:
        off = collect_off()
        made = row_of_one(dict_get(load(entry, 0), load(self, T_SPEC)), self)
        if off != 0:
            collect_on()
        if made != NO:
            return made
    return python(entry, self, given, n, names)


def bare(entry: int, self: int, given: int, n: int, names: int) -> int:
    """Stand for a function of `hot.parametric` that is given nothing but its tensor."""
    if n == 0 and names == 0:
        off = collect_off()
        made = NO
        known = dict_get(load(entry, 0), load(self, T_SPEC))
        if known != 0:
            made = row_of_one(load(known, TUPLE + 8), self)
        if off != 0:
            collect_on()
        if made != NO:
            return made
    return python(entry, self, given, n, names)


def power(entry: int, self: int, given: int, n: int, names: int) -> int:
    """Stand for `powers.to_a_number`: the exponent is part of the row."""
    if n == 1 and names == 0:
        kind = load(load(given, 0), TYPE)
        if kind in (INT, FLOAT):
            off = collect_off()
            made = NO
            inner = dict_get(load(entry, 0), load(self, T_SPEC))
            if inner != 0:
                known = dict_get(inner, load(given, 0))
                if known != 0 and load(known, TUPLE) == kind:
                    made = row_of_one(load(known, TUPLE + 8), self)
            if off != 0:
                collect_on()
            if made != NO:
                return made
    return python(entry, self, given, n, names)


def part(entry: int, self: int, given: int, n: int) -> int:
    """Record the view of a tensor that gradients flow through: the tensor alone, no note of its base."""
    viewed = load(given, 0)
    made = NO
    if load(viewed, T_KIND) != PLAIN:
        off = collect_off()
        made = row_of_one(load(given, 8), viewed)
        if off != 0:
            collect_on()
    if made != NO:
        return made
    incref(NONE)
    return NONE


# ---------------------------------------------------------------- two operands


def row_of_two(table: int, self: int, other: int) -> int:
    """Record an operation of a tensor and a tensor or a number."""
    rec = open_recorder()
    if rec == 0:
        return NO
    inner = dict_get(table, load(self, T_SPEC))
    if inner == 0:
        return NO
    second = is_tensor(other)
    key = load(other, TYPE)
    if second:
        key = load(other, T_SPEC)
    found = dict_get(inner, key)
    if found == 0 or ready(rec, self) == 0 or (second and ready(rec, other) == 0):
        return NO
    y = allocate(TENSOR, 0)
    if y == 0:
        return 0
    code = load(rec, R_CODE)
    flows = load(self, T_KIND) != PLAIN
    a = slot_of(rec, self)
    if second:
        b = slot_of(rec, other)
        incref(b)
        flows = flows or load(other, T_KIND) != PLAIN
    else:
        b = number(rec, other, load(found, TUPLE + 32))
    kind = PLAIN
    if flows and load(rec, R_GRAD) == TRUE:
        append(code, load(found, TUPLE + 8))
        kind = load(found, TUPLE + 24)
    else:
        append(code, load(found, TUPLE))
    append(code, a)
    append(code, b)
    decref(b)
    return result(rec, y, load(found, TUPLE + 16), kind)


def binary(entry: int, self: int, given: int, n: int, names: int) -> int:
    """Stand for a method of `hot.binary`."""
    if n == 1 and names == 0:
        off = collect_off()
        made = row_of_two(load(entry, 0), self, load(given, 0))
        if off != 0:
            collect_on()
        if made != NO:
            return made
    return python(entry, self, given, n, names)
