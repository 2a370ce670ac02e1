"""A step that has been met before, in machine words: its backward row, its flush, its results.

Whatever has to be worked out (a trace that is new, hooks, gradients that wait) is left to Python.
"""

from __future__ import annotations

from ...runtime.native.capi import (
    allocate,
    append,
    collect_off,
    collect_on,
    decref,
    dict_get,
    dict_new,
    dict_set,
    dict_size,
    incref,
    int_of,
    list_new,
    list_set,
    next_of,
    same,
    tuple_new,
    tuple_size,
    value_of,
)
from ...runtime.native.words import address_of, load, store
from .layout import (
    COUNT,
    G_AGE,
    G_AHEAD,
    G_CODE,
    G_FREED,
    G_HOOKS,
    G_IMPORTS,
    G_INPUTS,
    G_LEAVES,
    G_LINES,
    G_NODES,
    G_PROGRAM,
    G_ROWS,
    G_SOURCES,
    G_SPECIAL,
    G_STALE,
    LIST_ITEMS,
    LIST_SIZE,
    P_CODE,
    P_FAST,
    P_FORECAST,
    P_FREED,
    P_GRAPHS,
    P_LIVING,
    P_RECORDED,
    P_RETAINS,
    R_CODE,
    R_COPIES,
    R_FREED,
    R_IMPORTS,
    R_INPUTS,
    R_LEAVES,
    R_LINES,
    R_NODES,
    R_OWNERS,
    R_SERIAL,
    R_SOURCES,
    R_SPECIAL,
    R_STALE,
    T_ARRAY,
    T_GRAD,
    T_GRAPH,
    T_KIND,
    T_MORE,
    T_SERIAL,
    T_SLOT,
    T_SPEC,
    TUPLE,
    TYPE,
)
from .rows import (
    FALSE,
    GRAD,
    LEAF,
    NONE,
    PLAIN,
    TENSOR,
    TRUE,
    change,
    open_recorder,
    put,
    ready,
    result,
    slot_of,
)
from .writes import renamed

RECENT, SERIALS, AGES = address_of("tapejit_recent"), address_of("tapejit_serials"), address_of("tapejit_ages")  # fmt: skip
SEGMENT, SWEEPS = address_of("tapejit_segment"), address_of("tapejit_sweeps")
TUPLES, LISTS = address_of("tapejit_tuple"), address_of("tapejit_list")
EQUAL = 2


def none() -> int:
    """Python's None, a new reference."""
    incref(NONE)
    return NONE


# ---------------------------------------------------------------- flush


def alive(entry: int, self: int, owners: int) -> int:
    """Stand for `record.alive`."""
    live = list_new(0)
    if live == 0:
        return 0
    k = load(owners, LIST_SIZE)
    while k > 0:
        k -= 1
        t = load(load(owners, LIST_ITEMS), k << 3)
        if t != NONE:
            if load(t, COUNT) > 1 and value_of(load(t, T_SLOT)) == k:
                slot = int_of(k)
                append(live, slot)
                decref(slot)
            else:
                incref(NONE)
                list_set(owners, k, NONE)
    return live


def known(rec: int, live: int) -> int:
    """The program of a trace, compiled and met before, or 0."""
    code = load(rec, R_CODE)
    key = int_of((load(code, LIST_SIZE) << 16) | load(live, LIST_SIZE))
    program = dict_get(RECENT, key)
    decref(key)
    if program == 0 or load(program, P_FAST) == NONE or load(program, P_FORECAST) != NONE:
        return 0
    if same(load(rec, R_FREED), load(program, P_FREED), EQUAL) != 1:
        return 0
    if load(program, P_RETAINS) != FALSE and tuple_size(load(program, P_GRAPHS)) > 0:
        return 0  # a graph that stays open notes the versions of what it may have saved
    if same(load(program, P_RECORDED), code, EQUAL) != 1:
        return 0
    if same(load(program, P_LIVING), live, EQUAL) != 1:
        return 0
    return program


def segment_of(rec: int, program: int) -> int:
    """What is kept of a trace whose graphs somebody holds, all of them freed: `Segment`."""
    segment = allocate(SEGMENT, 0)
    if segment == 0:
        return 0
    store(segment, G_AGE, next_of(AGES))
    put(segment, G_ROWS, NONE)
    put(segment, G_AHEAD, NONE)
    put(segment, G_PROGRAM, program)
    put(segment, G_CODE, load(program, P_CODE))
    put(segment, G_LEAVES, load(rec, R_LEAVES))
    put(segment, G_IMPORTS, load(rec, R_IMPORTS))
    put(segment, G_FREED, load(rec, R_FREED))
    put(segment, G_STALE, load(rec, R_STALE))
    put(segment, G_SPECIAL, load(rec, R_SPECIAL))
    put(segment, G_LINES, load(rec, R_LINES))
    put(segment, G_NODES, load(rec, R_NODES))
    store(segment, G_HOOKS, dict_new())
    put(segment, G_INPUTS, NONE)
    store(segment, G_SOURCES, list_new(0))
    return segment


def moved(rec: int, trace: int, k: int, at: int, fresh: int) -> int:
    """Move a part of a trace into a tuple, and put a fresh one into its place."""
    store(trace, TUPLE + (k << 3), load(rec, at))
    store(rec, at, fresh)
    return k + 1


def begun(rec: int) -> int:
    """Begin a trace; return the parts of the old one, in the order of `Recorder._trace`."""
    trace = tuple_new(13)
    moved(rec, trace, 0, R_SERIAL, next_of(SERIALS))
    moved(rec, trace, 1, R_CODE, list_new(0))
    moved(rec, trace, 2, R_OWNERS, list_new(0))
    moved(rec, trace, 3, R_INPUTS, list_new(0))
    moved(rec, trace, 4, R_SOURCES, list_new(0))
    moved(rec, trace, 5, R_LEAVES, dict_new())
    moved(rec, trace, 6, R_IMPORTS, dict_new())
    incref(PLAIN)
    moved(rec, trace, 7, R_FREED, PLAIN)
    moved(rec, trace, 8, R_STALE, dict_new())
    moved(rec, trace, 9, R_COPIES, list_new(0))
    moved(rec, trace, 10, R_SPECIAL, dict_new())
    moved(rec, trace, 11, R_LINES, dict_new())
    moved(rec, trace, 12, R_NODES, dict_new())
    return trace


def run_of(rec: int) -> int:
    """The tuple that `Recorder._turned` returns, or None."""
    live = alive(0, 0, load(rec, R_OWNERS))
    program = 0
    if load(live, LIST_SIZE) > 0:
        program = known(rec, live)
    decref(live)
    if program == 0:
        return none()
    incref(program)
    graphs = load(program, P_GRAPHS)
    n = tuple_size(graphs)
    if n > 0:
        segment = segment_of(rec, program)
        k = 0
        while k < n:
            slot = load(graphs, TUPLE + (k << 3))
            pair = tuple_new(2)
            put(pair, TUPLE, segment)
            put(pair, TUPLE + 8, slot)
            items = load(load(rec, R_OWNERS), LIST_ITEMS)
            change(load(items, value_of(slot) << 3), T_GRAPH, pair)
            decref(pair)
            k += 1
        decref(segment)
    inputs, owners = load(rec, R_INPUTS), load(rec, R_OWNERS)
    found = tuple_new(5)
    store(found, TUPLE, program)
    put(found, TUPLE + 8, inputs)
    put(found, TUPLE + 16, owners)
    store(found, TUPLE + 24, begun(rec))
    put(found, TUPLE + 32, NONE)
    return found


def turned(entry: int, self: int, rec: int) -> int:
    """Stand for `Recorder._turned` where nothing is new; else None."""
    off = collect_off()
    found = run_of(rec)
    if off != 0:
        collect_on()
    return found


def placed(entry: int, self: int, given: int, n: int) -> int:
    """Stand for `record.placed`: owners, slots, values."""
    owners, slots, values = load(given, 0), load(given, 8), load(given, 16)
    place = values + TUPLE
    if load(values, TYPE) != TUPLES:
        place = load(values, LIST_ITEMS)
    n = tuple_size(slots)
    k = 0
    while k < n:
        at = value_of(load(slots, TUPLE + (k << 3)))
        change(load(load(owners, LIST_ITEMS), at << 3), T_ARRAY, load(place, k << 3))
        k += 1
    return none()


# ---------------------------------------------------------------- backward


def fits(rec: int, root: int, sweep: int) -> int:
    """Whether the row of a backward pass may be recorded as the last time."""
    if load(root, T_KIND) != GRAD or load(root, T_MORE) != NONE or load(root, T_GRAPH) != NONE:
        return 0
    if load(root, T_SERIAL) != load(rec, R_SERIAL) or load(rec, R_FREED) != PLAIN:
        return 0
    if dict_size(load(rec, R_SPECIAL)) != 0 or dict_size(load(rec, R_NODES)) != 0:
        return 0
    if value_of(load(root, T_SLOT)) != value_of(load(sweep, TUPLE + 8)):
        return 0
    if same(load(sweep, TUPLE), load(rec, R_CODE), EQUAL) != 1:
        return 0
    saved, stale = load(sweep, TUPLE + 24), load(rec, R_STALE)
    n = tuple_size(saved)
    k = 0
    while k < n:
        if dict_get(stale, load(saved, TUPLE + (k << 3))) != 0:
            return 0
        k += 1
    slots, added = load(sweep, TUPLE + 32), load(sweep, TUPLE + 48) != NONE
    n = tuple_size(slots)
    k = 0
    while k < n:
        slot = load(slots, TUPLE + (k << 3))
        leaf = dict_get(load(rec, R_LEAVES), slot)
        # A leaf that stands at the slot where it was read stands at no other.
        if (
            leaf == 0
            or load(leaf, T_MORE) != NONE
            or value_of(load(leaf, T_SLOT)) != value_of(slot)
        ):
            return 0
        if load(leaf, T_SERIAL) != load(rec, R_SERIAL):
            return 0
        old = load(leaf, T_GRAD)
        if added:
            if old == NONE or load(old, T_KIND) != PLAIN or load(old, T_MORE) != NONE:
                return 0
            if load(old, T_GRAPH) != NONE or ready(rec, old) == 0:
                return 0
            if load(old, T_SPEC) != load(leaf, T_SPEC):
                return 0
        elif old != NONE:
            return 0
        k += 1
    return 1


def row_of_sweep(rec: int, root: int, sweep: int) -> int:
    """Record the row and give the leaves their gradients: `backward._one_row`."""
    slots, added = load(sweep, TUPLE + 32), load(sweep, TUPLE + 48) != NONE
    leaves, owners, code = load(rec, R_LEAVES), load(rec, R_OWNERS), load(rec, R_CODE)
    n = tuple_size(slots)
    olds = list_new(0)
    k = 0
    while k < n:
        if added:
            leaf = dict_get(leaves, load(slots, TUPLE + (k << 3)))
            append(olds, slot_of(rec, load(leaf, T_GRAD)))
        k += 1
    append(code, load(sweep, TUPLE + 16))
    append(code, load(sweep, TUPLE + 8))
    k = 0
    while k < n:
        append(code, load(slots, TUPLE + (k << 3)))
        k += 1
    k = 0
    while k < load(olds, LIST_SIZE):
        append(code, load(load(olds, LIST_ITEMS), k << 3))
        k += 1
    change(rec, R_FREED, load(sweep, TUPLE + 40))
    first = load(owners, LIST_SIZE)
    k = 0
    while k < n:
        leaf = dict_get(leaves, load(slots, TUPLE + (k << 3)))
        if added:
            old = load(leaf, T_GRAD)
            renamed(rec, old, load(load(olds, LIST_ITEMS), k << 3), first)
            change(old, T_ARRAY, NONE)
        else:
            made = allocate(TENSOR, 0)
            if made == 0:
                return 0
            result(rec, made, load(leaf, T_SPEC), PLAIN)
            change(leaf, T_GRAD, made)
            decref(made)
        k += 1
    decref(olds)
    return TRUE


def swept(entry: int, self: int, root: int) -> int:
    """Record the row of a backward pass that has been recorded before; else return None."""
    rec = open_recorder()
    if rec == 0:
        return none()
    key = int_of(load(load(rec, R_CODE), LIST_SIZE))
    sweep = dict_get(SWEEPS, key)
    decref(key)
    if sweep == 0 or fits(rec, root, sweep) == 0:
        return none()
    incref(sweep)
    off = collect_off()
    found = row_of_sweep(rec, root, sweep)
    if off != 0:
        collect_on()
    decref(sweep)
    if found != 0:
        incref(found)
    return found


# ---------------------------------------------------------------- many at once


def all_ready(rec: int, tensors: int) -> int:
    """Whether all tensors of a list have a slot, or get one by a mere input row."""
    k = 0
    while k < load(tensors, LIST_SIZE):
        if ready(rec, load(load(tensors, LIST_ITEMS), k << 3)) == 0:
            return 0
        k += 1
    return 1


def slots_of(rec: int, tensors: int) -> int:
    """The list of their slots."""
    slots = list_new(0)
    k = 0
    while k < load(tensors, LIST_SIZE):
        append(slots, slot_of(rec, load(load(tensors, LIST_ITEMS), k << 3)))
        k += 1
    return slots


def admitted(entry: int, self: int, given: int, n: int) -> int:
    """Stand for `replacing.admitted`: a recorder, tensors."""
    rec, tensors = load(given, 0), load(given, 8)
    if load(tensors, TYPE) != LISTS or all_ready(rec, tensors) == 0:
        return none()
    off = collect_off()
    slots = slots_of(rec, tensors)
    if off != 0:
        collect_on()
    return slots


def replaced(entry: int, self: int, given: int, n: int) -> int:
    """Stand for `replacing.replace_simple`: a recorder, tensors, their first new slot, their kinds."""
    rec, outs, kinds = load(given, 0), load(given, 8), load(given, 24)
    first = value_of(load(given, 16))
    if load(outs, TYPE) != LISTS or load(kinds, TYPE) != TUPLES:
        return none()
    if first != load(load(rec, R_OWNERS), LIST_SIZE) or tuple_size(kinds) != load(outs, LIST_SIZE):
        return none()
    off = collect_off()
    k = 0
    while k < tuple_size(kinds):
        t = load(load(outs, LIST_ITEMS), k << 3)
        old = load(t, T_SLOT)
        incref(old)
        slot = renamed(rec, t, old, first)
        decref(old)
        change(t, T_ARRAY, NONE)
        if load(kinds, TUPLE + (k << 3)) != PLAIN:
            dict_set(load(rec, R_LEAVES), slot, t)
        k += 1
    if off != 0:
        collect_on()
    incref(TRUE)
    return TRUE


def described(entry: int, self: int, given: int, n: int) -> int:
    """The specs of operands and the kinds of results, if these have no views, hooks or graphs."""
    ins, outs = load(given, 0), load(given, 8)
    if load(ins, TYPE) != LISTS or load(outs, TYPE) != LISTS:
        return none()
    k = 0
    while k < load(outs, LIST_SIZE):
        t = load(load(outs, LIST_ITEMS), k << 3)
        kind = load(t, T_KIND)
        if load(t, T_MORE) != NONE or kind not in (PLAIN, LEAF):
            return none()
        k += 1
    off = collect_off()
    found = tuple_new(2)
    store(found, TUPLE, column(ins, T_SPEC))
    store(found, TUPLE + 8, column(outs, T_KIND))
    if off != 0:
        collect_on()
    return found


def column(tensors: int, at: int) -> int:
    """What all tensors of a list have at one place, as a tuple."""
    n = load(tensors, LIST_SIZE)
    made = tuple_new(n)
    k = 0
    while k < n:
        put(made, TUPLE + (k << 3), load(load(load(tensors, LIST_ITEMS), k << 3), at))
        k += 1
    return made
