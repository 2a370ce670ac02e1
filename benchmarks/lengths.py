"""What each stage costs as a tape grows: record, passes, text, compile, run.

    python -m benchmarks.lengths tapejit scalar|array SECONDS

A straight-line function of k statements, without a loop to roll, is recorded, differentiated,
optimised, written as source, compiled and called, for k that make the optimised tape about 10 to
10,000 rows. Each program and library has a process of its own with an empty disk cache, warmed by
one function that is not measured. A length whose compilation is predicted to take longer than
SECONDS, from the two before it, is neither compiled nor run. Prints one line of JSON a length, so
that what was measured is not lost when the process is ended.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import environment

STATEMENTS = (1, 4, 11, 36, 113, 360, 1130)  # of nine rows each, with their derivatives
PROGRAMS = {"scalar": "two numbers", "array": "two vectors of 1000"}
RUNS = 5
Record = dict[str, Any]


def text_of(statements: int, program: str) -> str:
    """The source of a function of `a` and `b`."""
    body = "    a, b = b, np.tanh(a * b + 0.5)\n" * statements
    result = "a + b" if program == "scalar" else "np.sum(a + b)"
    return f"def f(a, b):\n{body}    return {result}\n"


def function(statements: int, program: str, folder: Path, xp: Any) -> Callable[..., Any]:
    """The function, from a file, since what can be read can be rewritten; `xp` is its np."""
    path = folder / f"{program}{statements}.py"
    path.write_text(text_of(statements, program))
    names: dict[str, Any] = {"np": xp}
    exec(compile(path.read_text(), str(path), "exec"), names)
    found: Callable[..., Any] = names["f"]
    return found


def arguments(program: str) -> tuple[Any, Any]:
    """Two numbers or two vectors."""
    import numpy as np

    if program == "scalar":
        return 0.3, 0.7
    rng = np.random.default_rng(0)
    return rng.normal(size=1000), rng.normal(size=1000)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """A result and its seconds."""
    start = perf_counter()
    made = call()
    return made, perf_counter() - start


def per_call(call: Callable[[], Any]) -> float:
    """Median seconds of a call that has been compiled."""
    from benchmarks.measure import calibrate

    call()
    inner = calibrate(call)
    samples = []
    for _ in range(RUNS):
        start = perf_counter()
        for _ in range(inner):
            call()
        samples.append((perf_counter() - start) / inner)
    return statistics.median(samples)


def agree(got: Any, want: Any) -> None:
    """Raise where a compiled value is not that of the function as Python runs it."""
    from benchmarks.trees import disagreement

    reason = disagreement(got, float(want))
    if reason is not None:
        raise ValueError(f"wrong value: it{reason}")


def tapejit_stages(f: Callable[..., Any], args: tuple[Any, Any], compile: bool) -> Record:
    """Seconds of each stage, and the rows of the optimised tape."""
    import tapejit as tj
    from tapejit.runtime.build import build
    from tapejit.runtime.pipeline import optimise
    from tapejit.runtime.stages import stages_of

    g = tj.value_and_grad(f, argnums=(0, 1), compile="always" if compile else "never")
    program, record = timed(lambda: g._dispatcher.program(args, {}))
    tape, passes = timed(lambda: optimise(program.traced.tape))
    _, text = timed(lambda: stages_of(tape, "f"))
    stages: Record = {"rows": len(tape), "record_s": record, "passes_s": passes, "text_s": text}
    if compile:
        built, both = timed(lambda: build(tape, "f"))  # writes the text again
        assert not built.cached
        agree(g(*args)[0], f(*args))
        stages |= {"compile_s": both - text, "run_s": per_call(lambda: g(*args))}
    return stages


def jax_stages(f: Callable[..., Any], args: tuple[Any, Any], compile: bool) -> Record:
    """Seconds to trace and lower, to compile, and to run."""
    import jax

    given = tuple(jax.numpy.asarray(a) for a in args)
    lowered, record = timed(lambda: jax.jit(jax.value_and_grad(f, argnums=(0, 1))).lower(*given))
    stages: Record = {"record_s": record}
    if compile:
        compiled, seconds = timed(lowered.compile)
        agree(compiled(*given)[0], f(*args))
        run = per_call(lambda: jax.block_until_ready(compiled(*given)))
        stages |= {"compile_s": seconds, "run_s": run}
    return stages


def predicted(done: list[Record]) -> float:
    """Seconds of the next compilation, on the line through the last two in log-log."""
    if len(done) < 2:
        return 0.0
    (k0, t0), (k1, t1) = ((r["statements"], r["compile_s"]) for r in done[-2:])
    slope = max(math.log(t1 / t0) / math.log(k1 / k0), 1.0)
    return float(t1 * math.exp(slope * math.log(STATEMENTS[len(done)] / k1)))


def curve(library: str, program: str, seconds: float) -> Iterator[Record]:
    """The stages at one length after the other."""
    import numpy as np

    from benchmarks.contestants import by_key

    by_key(library).load()
    xp: Any = np
    if library == "jax":
        import jax.numpy as xp
    stages = {"tapejit": tapejit_stages, "jax": jax_stages}[library]
    points: list[Record] = []
    with tempfile.TemporaryDirectory() as folder:
        args = arguments(program)
        stages(function(2, program, Path(folder), xp), args, True)  # what a library does but once
        compile = True
        for statements in STATEMENTS:
            compile = compile and predicted(points) <= seconds
            f = function(statements, program, Path(folder), xp)
            points.append({"statements": statements, **stages(f, args, compile)})
            yield points[-1]


def main(argv: list[str]) -> int:
    """Measure and print one curve."""
    sys.setrecursionlimit(20_000)  # JAX recurses along the graph
    library, program, seconds = argv
    for point in curve(library, program, float(seconds)):
        print(json.dumps(point), flush=True)
    return 0


if __name__ == "__main__":
    environment.fix_threads(environment.threads())
    sys.exit(main(sys.argv[1:]))
