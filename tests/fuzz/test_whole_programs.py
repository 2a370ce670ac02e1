"""Random whole programs: compiled = interpreted = NumPy, and gradients = differences.

One transformed function answers calls of several sizes and outcomes, in turn: branches flip after the
capture, and kernels of other sizes are shared. `TAPEJIT_TEST_EFFORT` makes as many times more
programs, and ``python tests/fuzz/test_whole_programs.py FIRST LAST`` hunts through seeds.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from whole_programs import ARGUMENTS, FLOATING, arguments, function_of, program

import tapejit as tj
from tapejit.core.errors import TapejitError

EFFORT = int(os.environ.get("TAPEJIT_TEST_EFFORT", "1"))
CALLS = ((5, 3), (5, 3), (5, 3), (7, 4), (7, 4), (5, 3))
REFUSED = (TapejitError, np.exceptions.AxisError)


def difference(found: Any, wanted: Any, times: float = 1e4) -> str | None:
    """Say how a result differs from what NumPy gives: its dtype, its shape, its values."""
    a, b = np.asarray(found), np.asarray(wanted)
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype}{a.shape} and not {b.dtype}{b.shape}"
    if a.dtype.kind in "iub":
        return None if np.array_equal(a, b) else f"{a} and not {b}"
    eps = float(np.finfo(a.dtype).eps)
    scale = float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
    close = np.allclose(a, b, rtol=times * eps, atol=times * eps * scale, equal_nan=True)
    return None if close else f"{a!r} and not {b!r}"


def given(seed: int, call: int, size: tuple[int, int]) -> dict[str, Any]:
    """Arguments of a call; the first two calls have the same."""
    return arguments(np.random.default_rng((seed, max(call, 1))), *size)


def check_values(text: str, seed: int, policy: str) -> int:
    """Compare results with NumPy's, call by call; return how many calls have been compared."""
    f, fn = tj.jit(function_of(text), compile=policy), function_of(text)
    for call, size in enumerate(CALLS):
        args = given(seed, call, size)
        before = {k: np.copy(v) for k, v in args.items()}
        try:
            wanted = fn(**args)
        except Exception as error:
            with pytest.raises(Exception):  # noqa: B017  whatever NumPy raises, this raises
                f(**args)
                pytest.fail(f"call {call} raises {error!r}")
            continue
        try:
            found = f(**args)
        except REFUSED:
            return call
        for a, b in zip(found, wanted, strict=True):
            what = difference(a, b)
            assert what is None, f"seed {seed}, call {call}: {what}\n{text}"
        assert all(np.array_equal(before[k], v) for k, v in args.items()), (seed, call, text)
    return len(CALLS)


def check_gradients(loss: str, seed: int, policy: str, calls: int = 5) -> int:
    """Compare compiled with interpreted gradients, and these with differences, where there are any."""
    argnums = tuple(ARGUMENTS.index(v) for v in FLOATING)
    fn = function_of(loss, "loss")
    f, slow = (tj.value_and_grad(fn, argnums, compile=p) for p in (policy, "never"))
    for call, size in enumerate(CALLS[:calls]):
        args = given(seed + 1000, call, size)
        try:
            wanted = fn(**args)
        except Exception:
            continue
        try:
            (value, found), (_, grads) = f(*args.values()), slow(*args.values())
        except (*REFUSED, TypeError) as error:  # a loss that depends on no argument is an int
            assert isinstance(error, REFUSED) or "real" in str(error), error
            return call
        where = f"seed {seed}, call {call}"
        what = difference(np.float64(value), np.float64(wanted), 1e5)
        assert what is None, f"{where}: {what}\n{loss}"
        for name, a, b in zip(FLOATING, found, grads):
            what = difference(a, b, 1e6)
            assert what is None, f"{where}, {name}: {what}\n{loss}"
            if call in (0, 3):
                bad = unlike_differences(fn, args, name, a, seed)
                assert bad is None, f"{where}, {name}: {bad}\n{loss}"
    return calls


def unlike_differences(
    fn: Any, args: dict[str, Any], name: str, grad: Any, seed: int
) -> str | None:
    """Compare with differences along a direction, where steps to both sides agree."""
    way = np.random.default_rng(seed).normal(size=np.shape(args[name]))

    def at(step: float) -> float:
        return float(fn(**{**args, name: np.asarray(args[name] + step * way)[()]}))

    try:
        here = at(0.0)
        wide, near = ((at(h) - at(-h)) / (2 * h) for h in (1e-5, 1e-6))
        ahead, behind = ((at(h) - here) / h for h in (3e-6, -3e-6))
    except Exception:
        return None
    with np.errstate(all="ignore"):
        noise = 1e-9 * abs(here) / 1e-6 + 1e-4 * max(abs(wide), 1.0)  # of differences 1e-6 apart
        smooth = abs(wide - near) < noise and abs(ahead - behind) < noise + 1e-3 * abs(wide)
        found = float(np.sum(grad * way))
        if not smooth or abs(found - wide) <= 3 * noise + 2e-3 * abs(wide):
            return None
    return f"{found} and not {wide}, {near}, {ahead}, {behind}"


def checked(seed: int, policy: str) -> tuple[int, int]:
    made = program(seed)
    if made is None:
        return 0, 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return check_values(made[0], seed, policy), check_gradients(made[1], seed, policy)


@pytest.mark.parametrize("seed", range(6 * EFFORT))
def test_compiled(seed: int) -> None:
    checked(seed, "always")


def test_interpreted_and_rarely_refused() -> None:
    calls = [checked(seed, "never") for seed in range(100, 100 + 14 * EFFORT)]
    assert sum(values == len(CALLS) for values, _ in calls) > 0.8 * len(calls), calls
    assert sum(grads > 0 for _, grads in calls) > 0.6 * len(calls), calls


if __name__ == "__main__":
    import traceback

    first, last = int(sys.argv[1]), int(sys.argv[2])
    full = bad = 0
    for seed in range(first, last):
        try:
            full += checked(seed, "always") == (len(CALLS), 5)
        except Exception:
            bad += 1
            traceback.print_exc()
    print(f"{last - first} programs, {full} compared at every call, {bad} bad")
