"""Put the numbers of a benchmark run between the marks of README.md.

python -m benchmarks --json run.json --page docs/performance.md
python tools/readme_table.py run.json
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent / "README.md"
MARKS = re.compile(r"(<!-- measured: begin.*?-->\n).*?(<!-- measured: end -->)", re.S)
PEERS = {"hand": "by hand", "tapejit": "tapejit", "jax": "JAX jit", "torch": "PyTorch",
         "autograd": "HIPS autograd"}  # fmt: skip


def time(seconds: float) -> str:
    """Return a time with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def block(run: dict[str, Any]) -> str:
    """Return the table of a run, with what it was measured on."""
    about = run["environment"]
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    lines = [
        "One value and gradient (or Hessian or Jacobian, where the name says so), float64 (or f32), "
        "compiled, medians of interleaved calls in one process, "
        f"{about['threads']} thread ({about['cpu']}, {about['cores']} cores; {versions}):",
        "",
        "| | " + " | ".join(PEERS.values()) + " | JAX / tapejit | tapejit / by hand |",
        "|---|" + "---:|" * (len(PEERS) + 2),
    ]
    for name, row in run["rows"].items():
        cells = {p: row[p].get("median_s") for p in PEERS if p in row}
        shown = [time(cells[p]) if cells.get(p) else "-" for p in PEERS]
        ours, jax, hand = cells.get("tapejit"), cells.get("jax"), cells.get("hand")
        ahead = f"{jax / ours:.1f}" if ours and jax else "-"
        limit = f"{ours / hand:.2f}" if ours and hand else "-"
        lines.append(f"| {name} | {' | '.join(shown)} | {ahead} | {limit} |")
    lines += [
        "",
        "The hand-written fused Numba adjoint is the limit. The first four rows are the cost of a call.",
        "More peers, quartiles, scaling, first calls, memory and everything that is behind: "
        "[how fast](docs/performance.md).",
        "`python -m benchmarks` measures it where you are (`pip install -e '.[peers]'`).",
        "",
        "![Times of tapejit, JAX, PyTorch and HIPS autograd relative to the hand-written adjoint]"
        "(docs/images/times.png)",
        "",
    ]
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Write the block."""
    run = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    README.write_text(MARKS.sub(lambda m: m[1] + block(run) + m[2], text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
