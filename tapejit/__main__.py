"""The command ``tapejit``: a demonstration, this machine, a function's tape, the cache.

Each subcommand is a module of ``tapejit.cli``, imported when it is asked for. A mistake of the user
is one line on the error stream and exit status 2; a function that cannot be differentiated is one
line and status 1. Neither prints a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .cli.problems import CommandError

COMMANDS = ("demo", "info", "show", "cache")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    made = argparse.ArgumentParser(
        prog="tapejit",
        description="Automatic differentiation for people who write NumPy.",
    )
    made.add_argument("--version", action="store_true", help="print the version and stop")
    commands = made.add_subparsers(dest="command", metavar="command")
    for name in COMMANDS:
        module = importlib.import_module(f".cli.{name}", __package__)
        sub = commands.add_parser(name, help=module.SUMMARY, description=module.__doc__)
        module.arguments(sub)
        sub.set_defaults(run=module.run)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parser().parse_args(argv)
    if options.version:
        from . import __version__

        print(__version__)
        return 0
    if options.command is None:
        parser().print_help()
        return 2
    from .core.errors import TapejitError

    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except CommandError as error:
        print(f"tapejit {options.command}: {error}", file=sys.stderr)
        return error.status
    except TapejitError as error:
        print(f"tapejit {options.command}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has gone, as in `tapejit show ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
