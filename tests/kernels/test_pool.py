"""The pool of threads: every chunk once, whoever calls, from several threads and after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numba as nb
import numpy as np
import pytest

from tapejit.kernels import memory, parallel
from tapejit.kernels.decorate import part


@part
def mark(k, out, scale):
    out[k] += (k + 1) * scale


@part
def row(k, out):
    parallel.run(mark, 5, memory.shift(out, k * 5), 2.0)


@nb.njit(nogil=True)
def marked(x, n):
    parallel.run(mark, n, memory.flat(x), 2.0)


@nb.njit(nogil=True)
def nested(x, n):
    parallel.run(row, n, memory.flat(x))


@pytest.fixture(params=[1, 2, 5], autouse=True)
def threads(request):
    used = parallel.POOL.use(request.param)
    assert used == 1 if request.param == 1 else used >= 1
    yield request.param
    parallel.POOL.use(1)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 64, 1000])
def test_every_chunk_runs_once(n):
    for _ in range(30):
        x = np.zeros(n + 2)
        marked(x, n)
        np.testing.assert_array_equal(x, [*range(2, 2 * n + 1, 2), 0, 0])


def test_chunks_may_have_chunks():
    x = np.zeros(100)
    nested(x, 20)
    np.testing.assert_array_equal(x, np.tile(np.arange(2.0, 11, 2), 20))


def test_several_threads_call_at_once():
    failures = []

    def work():
        for _ in range(300):
            x = np.zeros(40)
            marked(x, 40)
            if not np.array_equal(x, np.arange(2.0, 81, 2)):
                failures.append(x)

    callers = [threading.Thread(target=work) for _ in range(6)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not failures


FORK = """
import os, sys
import numpy as np
import numba as nb
from tapejit.kernels import memory, parallel
from tapejit.kernels.decorate import part

@part
def mark(k, out):
    out[k] += k + 1.0

@nb.njit(nogil=True)
def marked(x, n):
    parallel.run(mark, n, memory.flat(x))

def good():
    x = np.zeros(100)
    marked(x, 100)
    return np.array_equal(x, np.arange(1.0, 101))

parallel.POOL.use(3)
assert good()
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if good() and parallel.POOL.use(4) == 1 and good() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert good()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_runs_its_chunks_itself():
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, timeout=120
    )
    assert (made.returncode, made.stdout.strip()) == (0, "done"), made.stderr
