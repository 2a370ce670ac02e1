"""Many arrays are checked in one loop over a table, and handed to a kernel as one row of fields.

Checked one by one, an array takes 37 instructions of a wrapper and the seven parameters of Numba's
convention: machine code of 200 arrays took 0.9 s to write, more than all else of a network of 50
layers. A loop is the same few instructions for any number of them, and calls take 0.95 of the time.

The fields of an array are what kernels read: its data, then its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .layout import ARRAY, DESCR, TYPE

MANY = 16
"""Arrays from which on they are checked in a loop."""
CHECK = "tapejit_arrays"


def is_packed(ranks: Sequence[int]) -> bool:
    """Whether a kernel of arguments of these ranks, 0 for a number, takes its arrays in one row."""
    return sum(rank > 0 for rank in ranks) >= MANY


def places(ranks: Sequence[int]) -> list[int]:
    """Return where the fields of each array begin, in words, and where the last ones end."""
    found = [0]
    for rank in ranks:
        if rank:
            found.append(found[-1] + 1 + rank)
    return found


def foreign(dtype: np.dtype[Any]) -> int:
    """Return the letter of the byte order that an array must not have."""
    return ord(">") if dtype.newbyteorder("<").isnative else ord("<")


def check(rows: Sequence[tuple[int, int, int, int, int]]) -> str:
    """Return the text of ``tapejit_arrays(given, fields)``: whether all arrays are as they must be.

    Parameters
    ----------
    rows : sequence of tuple
        For each array its place among the arguments, the number of its dtype, the byte order that it must
        not have, its rank, and the flags that it must have.
    """
    table = ", ".join(f"[5 x i32] [{', '.join(f'i32 {n}' for n in row)}]" for row in rows)
    n = len(rows)

    def load(name: str, base: str, offset: int, kind: str) -> str:
        return (
            f"%{name}_at = getelementptr i8, ptr {base}, i64 {offset}\n"
            f"%{name} = load {kind}, ptr %{name}_at"
        )

    return f"""
@tapejit_rows = private constant [{n} x [5 x i32]] [{table}]
define internal i1 @{CHECK}(ptr %given, ptr %fields) noinline {{
begin:
br label %array
array:
%k = phi i64 [ 0, %begin ], [ %following, %done ]
%to = phi ptr [ %fields, %begin ], [ %end, %done ]
%row = getelementptr [5 x i32], ptr @tapejit_rows, i64 %k
{load("place", "%row", 0, "i32")}
{load("number", "%row", 4, "i32")}
{load("foreign", "%row", 8, "i32")}
{load("rank", "%row", 12, "i32")}
{load("wanted", "%row", 16, "i32")}
%x_at = getelementptr ptr, ptr %given, i32 %place
%x = load ptr, ptr %x_at
{load("type", "%x", TYPE, "ptr")}
%known = icmp eq ptr %type, @tapejit_ndarray
br i1 %known, label %look, label %bad
look:
{load("descr", "%x", ARRAY["descr"], "ptr")}
{load("flags", "%x", ARRAY["flags"], "i32")}
{load("nd", "%x", ARRAY["nd"], "i32")}
{load("type_num", "%descr", DESCR["type_num"], "i32")}
{load("byteorder", "%descr", DESCR["byteorder"], "i8")}
%order = zext i8 %byteorder to i32
%has = and i32 %flags, %wanted
%same1 = icmp eq i32 %type_num, %number
%same2 = icmp ne i32 %order, %foreign
%same3 = icmp eq i32 %nd, %rank
%same4 = icmp eq i32 %has, %wanted
%both = and i1 %same1, %same2
%three = and i1 %both, %same3
%all = and i1 %three, %same4
br i1 %all, label %take, label %bad
take:
{load("data", "%x", ARRAY["data"], "ptr")}
store ptr %data, ptr %to
{load("dims", "%x", ARRAY["dims"], "ptr")}
%last = zext i32 %rank to i64
br label %dim
dim:
%d = phi i64 [ 0, %take ], [ %next, %dim ]
%next = add i64 %d, 1
%size_at = getelementptr i64, ptr %dims, i64 %d
%size = load i64, ptr %size_at
%size_to = getelementptr i64, ptr %to, i64 %next
store i64 %size, ptr %size_to
%more = icmp slt i64 %next, %last
br i1 %more, label %dim, label %done
done:
%past = add i64 %last, 1
%end = getelementptr i64, ptr %to, i64 %past
%following = add i64 %k, 1
%left = icmp slt i64 %following, {n}
br i1 %left, label %array, label %good
good:
ret i1 true
bad:
ret i1 false
}}
"""
