"""Routines read from their own text move the same numbers as NumPy's indexing, without Numba."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapejit.runtime import images
from tapejit.runtime.direct import reading, statements
from tapejit.runtime.native.loader import link
from tapejit.runtime.native.wrapper import Argument

HEAD = """import numpy as np

from tapejit.kernels import blas, memory, routines
from tapejit.kernels.memory import fold_add, fold_mul, select
from tapejit.kernels.vmath import inline as vmath
"""
BODY = """
def kernel(x0, x1, x2, y0, y1, y2):
    a0 = memory.flat(x0)
    a1 = memory.flat(x1)
    a2 = memory.flat(x2)
    o0 = memory.flat(y0)
    o1 = memory.flat(y1)
    o2 = memory.flat(y2)
"""


def kernel_of(dtype: str, lead: int, n: int, run: int, m: int) -> tuple[Any, str]:
    """Return a kernel that gathers `m` runs, sets them and adds them; and how it was made."""
    sizes = f"{lead}, {n}, {run}"
    whole, some = lead * n * run, lead * m * run
    calls = [
        f"routines.gather(memory.array(o0, {some}), memory.array(a0, {whole}), "
        f"memory.array(a2, {m}), {sizes})",
        *(
            f"routines.{name}(memory.array({out}, {whole}), memory.array(a0, {whole}), "
            f"memory.array(memory.shift(a1, 1), {some}), memory.array(a2, {m}), {sizes})"
            for name, out in (("scatter_set", "o1"), ("scatter_add", "o2"))
        ),
    ]
    text = "".join([HEAD, BODY, *(f"    {c}\n" for c in calls), "    return 0\n"])
    kinds = [dtype, dtype, "i8", dtype, dtype, dtype]
    given = [Argument(np.dtype(k), 1, i > 2) for i, k in enumerate(kinds)]
    made = images._compiled(text, given, lambda: images._in_memory(text))
    return link(made), made.note


@pytest.mark.parametrize("sizes", [(1, 7, 1, 5), (3, 4, 1, 6), (1, 5, 3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "c16"])
def test_runs_are_moved_as_numpy_moves_them(dtype: str, sizes: tuple[int, ...]) -> None:
    lead, n, run, m = sizes
    kernel, note = kernel_of(dtype, lead, n, run, m)
    assert note == ("asked" if dtype in ("c16", "i4") else "direct")  # for their sums
    rng = np.random.default_rng(m)
    x = rng.integers(-99, 99, (lead, n, run)).astype(dtype)
    u = rng.integers(-99, 99, (lead, m, run)).astype(dtype)
    at = rng.integers(0, n, m)
    at[-1] = at[0]  # the last of two runs wins, and both are added
    taken = np.zeros(u.size, dtype)
    written, added = np.zeros(x.size, dtype), np.zeros(x.size, dtype)
    before = x.copy()
    shifted = np.concatenate([np.ones(1, dtype), u.ravel()])
    assert kernel(x.ravel(), shifted, at, taken, written, added) == 0
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(taken.reshape(u.shape), x[:, at])
    expected = x.copy()
    for k, place in enumerate(at):
        expected[:, place] = u[:, k]
    np.testing.assert_array_equal(written.reshape(x.shape), expected)
    expected = x.copy()
    for k, place in enumerate(at):
        expected[:, place] += u[:, k]
    np.testing.assert_array_equal(added.reshape(x.shape), expected)


def test_one_function_serves_all_sizes_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight calls of one routine are read once for each combination of kinds."""
    read: list[str] = []
    whole = statements.translated

    def noted(f: Any, tree: Any, name: str, args: Any) -> Any:
        read.append(name)
        return whole(f, tree, name, args)

    monkeypatch.setattr(statements, "translated", noted)
    calls = "".join(
        f"    routines.gather(memory.array({o}, {k}), memory.array({a}, 9), "
        f"memory.array(a2, {k}), 1, 9, 1)\n"
        for k in (1, 2, 3, 4)
        for o, a in (("o0", "a0"), ("o1", "a1"))
    )
    text = HEAD + BODY + calls + "    return 0\n"
    kinds = ["f8", "i8", "i8", "f8", "i8", "f8"]
    given = [Argument(np.dtype(k), 1, i > 2) for i, k in enumerate(kinds)]
    assert images._compiled(text, given, lambda: images._in_memory(text)).note == "direct"
    assert len(read) == len(set(read)) == 2


def test_the_texts_are_those_of_the_routines() -> None:
    from tapejit.kernels import moves

    assert set(reading._texts()) == set(reading.ROUTINES)
    assert Path(moves.__file__).samefile(reading._TEXT)


INDEXED = """
import sys, numpy as np, tapejit as tj

def loss(x, i):
    a = np.zeros(6)
    a[i] = x[i] ** 2
    return np.sum(a * x[i[0]])

g = tj.grad(loss, compile="always")(np.arange(1.0, 7.0), np.array([3, 1, 1, 0]))
print(g.tolist(), "numba" in sys.modules)
"""


def test_indexing_by_arrays_needs_no_numba(tmp_path: Path) -> None:
    env = {**os.environ, "TAPEJIT_CACHE_DIR": str(tmp_path)}
    env["PYTHONPATH"] = str(Path(__file__).parent.parent.parent)
    path = tmp_path / "indexed.py"
    path.write_text(INDEXED)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    # x3 (x3**2 + x1**2 + x0**2): 2 x0 x3, 2 x1 x3, 3 x3**2 + x1**2 + x0**2
    assert done.stdout.split("] ") == ["[8.0, 16.0, 0.0, 53.0, 0.0, 0.0", "False\n"]
