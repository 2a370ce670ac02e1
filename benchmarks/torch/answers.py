"""``python -m benchmarks.torch.answers FILE``: what PyTorch computes in the programs at tiny sizes.

The tests hold tapejit's losses and parameters to this file, so that they need no PyTorch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import environment

STEPS = 6


def answers(torch: Any) -> dict[str, Any]:
    """Losses of the first steps and the parameters after them, by program."""
    from benchmarks.torch.compare import first_steps
    from benchmarks.torch.programs import PROGRAMS

    found = {}
    for program in PROGRAMS:
        got = first_steps(program.build(torch, **program.tiny), STEPS)
        found[program.name] = {
            "loss": got["loss"].tolist(),
            "parameters": [p.tolist() for p in got["parameters"]],
        }
    return found


def main(argv: list[str]) -> int:
    """Write the file."""
    environment.fix_threads(1)
    from benchmarks.torch.libraries import PYTORCH

    torch = PYTORCH.load()
    written = {"torch": torch.__version__, "programs": answers(torch)}
    Path(argv[0]).write_text(json.dumps(written, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
