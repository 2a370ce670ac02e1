"""``python -m tests.golden`` writes the golden files anew; with ``--check`` it only compares.

A golden file is the generated source of one function of `golden_functions`. Source lines are
counted from the line of its ``def``, so that editing one function leaves the others' files alone.
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

from golden_functions import CASES  # noqa: E402


def generated(name: str) -> str:
    """Return the source that a function gets now."""
    transformed, args = CASES[name]
    first = transformed.__wrapped__.__code__.co_firstlineno

    def relative(found: re.Match[str]) -> str:
        return f"{name}+{int(found[1]) - first}"

    text = transformed.source(*args)
    return re.sub(r"(?:\S*/)?golden_functions\.py:(\d+)", relative, text).rstrip() + "\n"


def file_of(name: str) -> Path:
    return FOLDER / f"{name}.py.txt"


def difference(name: str) -> str:
    """Return how the source of a function differs from its golden file; empty if it does not."""
    file = file_of(name)
    kept = file.read_text() if file.exists() else ""
    lines = difflib.unified_diff(
        kept.splitlines(), generated(name).splitlines(), file.name, "generated", lineterm=""
    )
    return "\n".join(lines)


def main(check: bool) -> int:
    """Write or compare all golden files; remove those of functions that are gone."""
    changed = {name: found for name in CASES if (found := difference(name))}
    for name, found in changed.items():
        print(found)
        if not check:
            file_of(name).write_text(generated(name))
    for file in FOLDER.glob("*.py.txt"):
        if file.name.removesuffix(".py.txt") not in CASES:
            print(f"{file.name} belongs to no function")
            if not check:
                file.unlink()
            changed[file.name] = ""
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
