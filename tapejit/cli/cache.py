"""Look at the kernels kept on disk, or remove them."""

from __future__ import annotations

import argparse
import os
import time

from .layout import size

SUMMARY = "the kernels kept on disk: dir, list, clear"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the three actions."""
    parser.add_argument(
        "action",
        choices=("dir", "list", "clear"),
        help="print the directory, list the kernels, remove them all",
    )


def run(options: argparse.Namespace) -> int:
    """Do the action."""
    from ..core.config import config
    from ..runtime import cache

    if options.action == "dir":
        print(os.path.join(config.cache_dir, "kernels"))
        return 0
    if options.action == "clear":
        count, freed = cache.clear()
        print(f"removed {count} kernel{'' if count == 1 else 's'}, {size(freed)}")
        return 0
    found = cache.entries()
    for entry in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.modified))
        title = entry.title if len(entry.title) <= 40 else entry.title[:37] + "..."
        print(f"{entry.key[:12]}  {when}  {size(entry.size):>9}  {title}")
    total = f"{len(found)} kernel{'' if len(found) == 1 else 's'}"
    print(f"{total}, {size(sum(e.size for e in found))} in {config.cache_dir}")
    return 0
