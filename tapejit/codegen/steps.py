"""Steps that are not nests: products, in-place updates, joins, counters and routines."""

from __future__ import annotations

import numpy as np

from ..core.avals import Aval
from ..passes.schedule import Step
from ..passes.views import strides_of
from .borders import overwritten_box
from .nests import aligned
from .overlaps import around
from .pieces import pieces
from .row_products import layout_of, moved, row_product
from .text import SUFFIX, cast, index, loop_nest, number
from .values import NoCode, Values
from .windows import place_of

SMALL_PRODUCT = 512
TINY_PRODUCT = 64
ZEROS = ("0.0", "np.float32(0.0)", "0", "complex(0.0, 0.0)", "np.complex64(complex(0.0, 0.0))")


def source(
    values: Values, i: int, shape: tuple[int, ...]
) -> tuple[str, int, tuple[int, ...]] | str:
    """Return where to read operand `i` over `shape`, or the source of the number it is."""
    constant = values.constant(i)
    if constant is not None:
        return f"np.uint8({constant})" if values.tape.value(i).dtype.kind == "b" else constant
    x = values.strided(i)
    return (values.pointer(x.root), x.offset, aligned(x.strides, values.tape.value(i).shape, shape))


def write_step(values: Values, step: Step) -> list[str]:
    """Return the lines of a step of one row."""
    i = step.rows[0]
    writer = {
        "product": _product,
        "update": _update,
        "concatenate": _concatenate,
        "iota": _iota,
        "call": _call,
        "spread": _spread,
    }.get(step.kind)
    if writer is None:
        raise NoCode(values.tape.prim(i).name)
    return writer(values, i)


# ---------------------------------------------------------------- updates and joins


def copy_into(values: Values, target: tuple[str, int, tuple[int, ...]], i: int) -> list[str]:
    shape = values.tape.value(i).shape
    read = source(values, i, shape)
    if isinstance(read, str):
        return loop_nest(shape, [target], "{0} = " + read)
    return loop_nest(shape, [target, read], "{0} = {1}")


def _filled(values: Values, i: int, base: int) -> list[str]:
    """Copy the base of an update; of a number, only what a loop does not overwrite unseen."""
    shape, pointer = values.tape.value(i).shape, values.pointer(i)
    strides = strides_of(shape)
    number = source(values, base, shape)
    box = overwritten_box(values.tape, i) if isinstance(number, str) else None
    if box is None or any(not 0 <= low <= high <= n for (low, high), n in zip(box, shape)):
        return copy_into(values, (pointer, 0, strides), base)
    lines = []
    rest = [(0, n, 1) for n in shape[len(box) :]]
    for part in around(shape, [*[(low, high - low, 1) for low, high in box], *rest]):
        first = sum(low * stride for (low, _), stride in zip(part, strides))
        window = tuple(high - low for low, high in part)
        lines += loop_nest(window, [(pointer, first, strides)], f"{{0}} = {number}")
    return lines


def _update(values: Values, i: int) -> list[str]:
    tape = values.tape
    row = tape.row(i)
    if row.prim.name not in ("set_slice", "add_slice", "dynamic_update", "dynamic_add"):
        raise NoCode(row.prim.name)
    base, u = row.args[:2]
    shape = tape.value(i).shape
    pointer = values.pointer(i)
    lines: list[str] = []
    if row.prim.name.startswith("dynamic"):
        if values.base.get(i) != base:
            lines += copy_into(values, (pointer, 0, strides_of(shape)), base)
        return lines + write_window(values, i)
    adds = row.prim.name == "add_slice"
    fresh = values.base.get(i) != base and values.constant(base) in ZEROS
    ranges = row.params["ranges"]
    if fresh and all(step == 1 for _, _, step in ranges):
        # What is around the window is cleared, and the window assigned.
        zero = number(0, tape.value(i).dtype)
        for box in around(shape, ranges):
            start = sum(first * s for (first, _), s in zip(box, strides_of(shape)))
            sizes = tuple(last - first for first, last in box)
            lines += loop_nest(sizes, [(pointer, start, strides_of(shape))], "{0} = " + zero)
        adds = False
    elif values.base.get(i) != base:
        lines += _filled(values, i, base)
    whole = strides_of(shape)
    offset, strides = 0, []
    for (start, length, step), s in zip(row.params["ranges"], whole):
        offset += start * s if length else 0
        strides.append(step * s)
    target = (pointer, offset, tuple(strides))
    window = tape.value(u).shape
    read = source(values, u, window)
    if isinstance(read, str):
        return lines + loop_nest(window, [target], ("{0} = {0} + " if adds else "{0} = ") + read)
    statement = "{0} = {0} + {1}" if adds else "{0} = {1}"
    return lines + loop_nest(window, [target, read], statement)


def write_window(values: Values, i: int) -> list[str]:
    """Write or add an array into the window of a ``dynamic_update`` or ``dynamic_add``."""
    tape = values.tape
    row = tape.row(i)
    u, starts = row.args[1], row.args[2:]
    window, whole = tape.value(u).shape, tape.value(i)
    pointer = values.pointer(i)
    where = place_of(values, i, starts, window)
    read = source(values, u, window)
    element = tape.value(u).size == 1
    if element and not isinstance(read, str):
        read = f"{read[0]}[{read[1]}]"
    lines = []
    target = f"{values.prefix}d{i}"
    if where == "0" or element:
        target = pointer
    elif window:
        lines.append(f"{target} = memory.shift({pointer}, {where})")
    place = "{0}" if not element else f"{pointer}[{where}]"
    new = read if isinstance(read, str) else "{1}"
    if row.prim.name == "dynamic_add":
        new = f"{place} + {new}"
        if whole.dtype.kind == "b":
            new = f"np.uint8(({place} != 0) | ({read if isinstance(read, str) else '{1}'} != 0))"
    if element:
        return [f"{place} = {new}"]
    pairs = [(target, 0, strides_of(whole.shape))]
    if not isinstance(read, str):
        pairs.append(read)
    return lines + loop_nest(window, pairs, f"{place} = {new}")


def _concatenate(values: Values, i: int) -> list[str]:
    tape = values.tape
    row = tape.row(i)
    axis = row.params["axis"]
    shape = tape.value(i).shape
    whole = strides_of(shape)
    lines, start = [], 0
    for a in row.args:
        target = (values.pointer(i), start * whole[axis], whole)
        lines += copy_into(values, target, a)
        start += tape.value(a).shape[axis]
    return lines


def _iota(values: Values, i: int) -> list[str]:
    aval = values.tape.value(i)
    count = cast("i", np.dtype(np.int64), aval.dtype)
    return [f"for i in range({aval.size}):", f"    {values.pointer(i)}[i] = {count}"]


def _spread(values: Values, i: int) -> list[str]:
    tape = values.tape
    take, put = [
        f"{values.pointer(x.root)}[{index(x.offset, (1,), ['i'])}]"
        for x in map(values.strided, tape.args(i)[1:])
    ]
    x, y, aval = tape.args(i)[0], values.pointer(i), tape.value(i)
    given = f"{_place(values, x)}[{take}]" if tape.value(x).shape else values.number(x)
    return [
        f"for i in range({aval.size}):",
        f"    {y}[i] = {number(0, aval.dtype)}",
        f"for i in range({tape.value(tape.args(i)[1]).size}):",
        f"    {y}[{put}] = {given}",
    ]


def _place(values: Values, i: int) -> str:
    """Return the pointer to the first element of a contiguous operand."""
    x = values.strided(i)
    pointer = values.pointer(x.root)
    return f"memory.shift({pointer}, {x.offset})" if x.offset else pointer


def _call(values: Values, i: int) -> list[str]:
    tape = values.tape
    row = tape.row(i)
    avals = [tape.value(a) for a in row.args]
    assert row.prim.emit.text is not None
    text = row.prim.emit.text(avals, row.aval, row.params)
    if text is None:
        raise NoCode(row.prim.name)

    def flat(k: int) -> str:
        return f"memory.array({_place(values, k)}, {tape.value(k).size})"

    operands = [flat(a) for a in row.args]
    if not isinstance(row.aval, Aval):
        both = values.fresh("q")
        outs = [k for k in range(i + 1, tape.rows) if tape.args(k) == (i,)]
        found = [(k, f"{both}[{tape.params(k)['k']}]") for k in outs]
        numbers = [f"{values.local(k)} = np.{tape.value(k).dtype.name}({x})" for k, x in found]
        return [f"{both} = {text.format(*operands)}", *numbers]
    if not row.aval.shape:
        return [f"{values.local(i)} = np.{row.aval.dtype.name}({text.format(*operands)})"]
    return [text.format(*operands, out=flat(i))]


# ---------------------------------------------------------------- products


def _product(values: Values, i: int) -> list[str]:
    tape = values.tape
    x, y = tape.args(i)
    ax, ay, az = tape.value(x), tape.value(y), tape.value(i)
    if az.dtype.kind not in "fc" or SUFFIX[az.dtype.name] not in ("f64", "f32", "c128", "c64"):
        raise NoCode("matmul of " + az.dtype.name)
    sx, sy = values.strided(x), values.strided(y)
    px, py, pz = values.pointer(sx.root), values.pointer(sy.root), values.pointer(i)
    m, k = ax.shape[-2:]
    n = ay.shape[-1]
    if values.rows:
        return row_product(values, i)
    if 0 in (m, n, k) or 0 in az.shape:
        return [f"for i in range({az.size}):", f"    {pz}[i] = {number(0, az.dtype)}"]
    batch = az.shape[:-2]
    bx = aligned(sx.strides[:-2], ax.shape[:-2], batch)
    by = aligned(sy.strides[:-2], ay.shape[:-2], batch)
    bz = strides_of(az.shape)[:-2]
    lines, pad, names = [], "", []
    for d, count in enumerate(batch):
        names.append(f"b{d}")
        lines.append(f"{pad}for b{d} in range({count}):")
        pad += "    "
    ox, oy, oz = index(sx.offset, bx, names), index(sy.offset, by, names), index(0, bz, names)
    if m * n * k <= TINY_PRODUCT and az.dtype.kind == "f":
        body = _tiny((m, n, k), (px, ox, sx), (py, oy, sy), (pz, oz))
    elif m * n * k <= SMALL_PRODUCT:
        body = _inline(az.dtype, (m, n, k), (px, ox, sx), (py, oy, sy), (pz, oz))
    else:
        body = _blas(az.dtype, (m, n, k), (px, ox, sx, ax.shape), (py, oy, sy, ay.shape), (pz, oz))
    return lines + [pad + t for t in body]


def _tiny(sizes, x, y, z) -> list[str]:  # type: ignore[no-untyped-def]
    """A call of `kernels.products.small`, by a name that says the sizes and the strides."""
    m, n, k = sizes
    (px, ox, sx), (py, oy, sy), (pz, oz) = x, y, z
    steps = (*sx.strides[-2:], *sy.strides[-2:])
    name = "product_" + "_".join(map(str, (m, n, k, *steps)))
    return [f"{name}({moved(pz, oz)}, {moved(px, ox)}, {moved(py, oy)})"]


def _inline(dtype, sizes, x, y, z) -> list[str]:  # type: ignore[no-untyped-def]
    m, n, k = sizes
    (px, ox, sx), (py, oy, sy), (pz, oz) = x, y, z

    def at(p: str, o: str, terms: list[tuple[str, int]]) -> str:
        text = index(0, tuple(s for _, s in terms), [v for v, _ in terms])
        joined = " + ".join(t for t in (o, text) if t != "0")
        return f"{p}[{joined or '0'}]"

    read_x = at(
        px, ox, [("i", sx.strides[-2] if m > 1 else 0), ("k", sx.strides[-1] if k > 1 else 0)]
    )
    read_y = at(
        py, oy, [("k", sy.strides[-2] if k > 1 else 0), ("j", sy.strides[-1] if n > 1 else 0)]
    )
    write = at(pz, oz, [("i", n if m > 1 else 0), ("j", 1 if n > 1 else 0)])
    # A loop costs 15 ms of compile time whatever its length: one round needs none.
    lines, pad = [], ""
    for name, size in (("i", m), ("j", n)):
        if size > 1:
            lines.append(f"{pad}for {name} in range({size}):")
            pad += "    "
    zero = number(0, dtype)
    if k == 1:
        return [*lines, f"{pad}{write} = fold_add({zero}, {read_x} * {read_y})"]
    return [
        *lines,
        f"{pad}s = {zero}",
        f"{pad}for k in range({k}):",
        f"{pad}    s = fold_add(s, {read_x} * {read_y})",
        f"{pad}{write} = s",
    ]


def _blas(dtype, sizes, x, y, z) -> list[str]:  # type: ignore[no-untyped-def]
    m, n, k = sizes
    (px, ox, sx, shape_x), (py, oy, sy, shape_y), (pz, oz) = x, y, z
    suffix = SUFFIX[dtype.name]
    one, zero = number(1, dtype), number(0, dtype)

    row_x, ld_x = layout_of(sx, shape_x)
    row_y, ld_y = layout_of(sy, shape_y)
    if n == 1 and (sy.strides[-2] == 1 or k == 1):
        # z = X y: a row-major X is the transpose of what BLAS sees.
        dims = f"1, {k}, {m}" if row_x else f"0, {m}, {k}"
        call = f"gemv_{suffix}({dims}, {one}, {moved(px, ox)}, {ld_x}, {moved(py, oy)}, {zero}, {moved(pz, oz)})"
        return ["blas." + call]
    if m == 1 and (sx.strides[-1] == 1 or k == 1):
        dims = f"0, {n}, {k}" if row_y else f"1, {k}, {n}"
        call = f"gemv_{suffix}({dims}, {one}, {moved(py, oy)}, {ld_y}, {moved(px, ox)}, {zero}, {moved(pz, oz)})"
        return ["blas." + call]
    # Row-major Z = X Y is column-major Z' = Y' X'.
    ta, tb = (0 if row_y else 1), (0 if row_x else 1)

    def piece(texts: list[str], steps: list[int], adds: bool) -> str:
        mm, kk, nn = texts
        (sm, sk), (tk, tn) = sx.strides[-2:], sy.strides[-2:]
        x = moved(px, _farther(ox, steps[0] * sm + steps[1] * sk))
        y = moved(py, _farther(oy, steps[1] * tk + steps[2] * tn))
        z = moved(pz, _farther(oz, steps[0] * n + steps[2]))
        return (
            f"blas.gemm_{suffix}({ta}, {tb}, {nn}, {mm}, {kk}, {one}, {y}, {ld_y}, "
            f"{x}, {ld_x}, {one if adds else zero}, {z}, {n})"
        )

    return pieces((m, k, n), piece)


def _farther(offset: str, step: int) -> str:
    """Return where piece ``p`` of an operand starts."""
    if not step:
        return offset
    return f"p * {step}" if offset == "0" else f"{offset} + p * {step}"
