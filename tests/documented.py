"""Run the Python blocks of a Markdown file in order, as one program: ``documented.py FILE``.

A block with ``>>>`` is a doctest, any other is executed. A failure names the line of the file.
"""

from __future__ import annotations

import doctest
import linecache
import re
import sys
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(path: Path) -> int:
    """Run every block; return how many there were."""
    text = path.read_text(encoding="utf-8")
    space: dict[str, Any] = {"__name__": "__main__"}
    linecache.cache[path.name] = (len(text), None, text.splitlines(True), path.name)
    count = 0
    for found in BLOCK.finditer(text):
        code, line = found.group(1), text.count("\n", 0, found.start(1))
        count += 1
        if ">>>" not in code:
            exec(compile("\n" * line + code, path.name, "exec"), space)
            continue
        made = doctest.DocTestParser().get_doctest(code, space, path.name, path.name, line)
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        runner.run(made, clear_globs=False)
        space = made.globs
        if runner.failures:
            sys.exit(1)
    return count


if __name__ == "__main__":
    if not run(Path(sys.argv[1])):
        sys.exit(f"{sys.argv[1]} has no Python block")
