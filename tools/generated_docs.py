"""Write the generated blocks of the documentation, or check that they are current.

The example of a page is the Python block after ``<!-- example: model.py -->``. What stands between
``<!-- generated: KIND -->`` and ``<!-- end -->`` is made from it: KIND is ``tape``, ``source`` or
``explain`` of ``call(*args)``, two names that the example defines. Times differ from run to run and
are not compared.

    python tools/generated_docs.py           # write
    python tools/generated_docs.py --check   # exit status 1 when a block is out of date
"""

from __future__ import annotations

import linecache
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLE = re.compile(r"<!-- example: (\S+) -->\n```python\n(.*?)```", re.S)
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)
TIME = re.compile(r"\b\d+(\.\d+)? (s|ms|us)\b")


def example_of(text: str) -> dict[str, Any]:
    """Run the example of a page under its own file name and return what it defines."""
    found = EXAMPLE.search(text)
    assert found is not None
    name, code = found.groups()
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, name, "exec"), space)
    return space


def generated(kind: str, space: dict[str, Any]) -> str:
    """Return the text of one block."""
    from tapejit.runtime.stages import short_text

    call, args = space["call"], space["args"]
    if kind == "tape":
        return f"```text\n{short_text(call.tape(*args))}\n```\n"
    if kind == "source":
        return f"```python\n{call.source(*args).rstrip()}\n```\n"
    return f"```text\n{call.explain(*args)}\n```\n"


def renewed(text: str) -> str:
    """Return a page with every generated block made anew."""
    space = example_of(text)
    return BLOCK.sub(lambda m: m.group(1) + generated(m.group(2), space) + m.group(4), text)


def pages() -> list[Path]:
    """Return the pages that hold generated blocks."""
    return [p for p in sorted(DOCS.rglob("*.md")) if BLOCK.search(p.read_text(encoding="utf-8"))]


def stale(page: Path) -> bool:
    """Whether a page differs from what it would be now, times aside."""
    text = page.read_text(encoding="utf-8")
    return TIME.sub("T", renewed(text)).split() != TIME.sub("T", text).split()


def main(argv: list[str]) -> int:
    """Write or check."""
    status = 0
    for page in pages():
        if not stale(page):
            continue
        if "--check" in argv:
            print(f"{page.name} is out of date: run python tools/generated_docs.py")
            status = 1
        else:
            page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
            print(f"{page.name} written")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
