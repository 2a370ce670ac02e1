"""Print the tape of a function, its generated source, or a report of what a call runs.

FUNCTION is ``package.module:function`` or ``path/to/file.py:function``. The arguments of the call
are those of ``--args``, else ``function.example_args``: a tuple, or a function that returns one.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from .problems import CommandError

SUMMARY = "a function's tape, source or report"
CALL = compile("call(*args)", "<command line>", "eval")  # messages name the caller's line
TRANSFORMS = (
    "value_and_grad", "grad", "jacobian", "jacrev", "jacfwd", "hessian", "hvp", "elementwise_grad",
    "jit",
)  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("function", metavar="FUNCTION", help="module:function or file.py:function")
    parser.add_argument(
        "--args",
        metavar="EXPR",
        help="the arguments as Python, such as 'np.ones(3), 2.0'; names of the module are known",
    )
    parser.add_argument(
        "--transform",
        choices=TRANSFORMS,
        help="what to apply to a plain function (default value_and_grad)",
    )
    parser.add_argument("--tape", action="store_true", help="print the tape (the default)")
    parser.add_argument("--source", action="store_true", help="print the generated Numba source")
    parser.add_argument("--explain", action="store_true", help="print a report of what runs")


def run(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    from ..runtime.stages import short_text

    module, fn = find(options.function)
    args = example(options, module, fn)
    transformed = prepared(fn, options.transform, options.function)
    wanted = [name for name in ("tape", "source", "explain") if getattr(options, name)] or ["tape"]
    parts = []
    for name in wanted:
        try:
            made = eval(CALL, {"call": getattr(transformed, name), "args": args})
        except Exception as error:
            raise failed(f"{name} of {options.function}", error) from error
        parts.append(short_text(made) if name == "tape" else str(made))
    print("\n\n".join(parts))
    return 0


def failed(what: str, error: BaseException, status: int = 1) -> CommandError:
    """Return an error of the user's code as one of ours: its last own line and its message."""
    from ..core.errors import TapejitError
    from ..core.sources import is_library_file

    if isinstance(error, TapejitError):
        return CommandError(f"{type(error).__name__}: {error}", status)
    place = ""
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        if not is_library_file(code.co_filename) and not code.co_filename.startswith("<frozen"):
            place = f" ({code.co_filename}:{frame.tb_lineno} in {code.co_name})"
        frame = frame.tb_next
    return CommandError(f"{what} failed: {type(error).__name__}: {error}{place}", status)


def find(name: str) -> tuple[ModuleType, Any]:
    """Import the module of ``module:function`` and return it with the function."""
    place, colon, path = name.rpartition(":")
    if not colon or not place or not path:
        raise CommandError(
            f"{name!r} does not name a function: write module:function or file.py:function"
        )
    module = _from_file(place) if place.endswith(".py") else _from_name(place)
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            listed = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            known = f"; it has {', '.join(sorted(listed)[:12])}" if listed else ""
            raise CommandError(f"{place} has no {path}{known}")
        found = getattr(found, part)
    if not callable(found):
        raise CommandError(f"{name} is of type {type(found).__name__}, not a function")
    return module, found


def _from_name(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise CommandError(f"there is no module {error.name}") from error
        raise failed(f"importing {name}", error) from error
    except BaseException as error:
        raise failed(f"importing {name}", error) from error
    finally:
        sys.path.remove(os.getcwd())


def _from_file(path: str) -> ModuleType:
    if not os.path.isfile(path):
        raise CommandError(f"there is no file {path}")
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = os.path.dirname(os.path.abspath(path))
    sys.modules.setdefault(name, module)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise failed(f"running {path}", error) from error
    finally:
        sys.path.remove(folder)
    return module


def example(options: argparse.Namespace, module: ModuleType, fn: Any) -> tuple[Any, ...]:
    """Return the arguments of the call to show."""
    if options.args is not None:
        import numpy

        try:
            made = eval(f"({options.args},)", {"np": numpy, "numpy": numpy, **vars(module)})
        except Exception as error:
            raise CommandError(
                f"--args {options.args!r}: {type(error).__name__}: {error}"
            ) from error
        return tuple(made)
    found = getattr(fn, "example_args", None)
    if found is None:
        found = getattr(getattr(fn, "fn", None), "example_args", None)
    if found is None:
        name = options.function.rpartition(":")[2]
        raise CommandError(
            f"no arguments: give --args 'np.ones(3), 2.0', or set {name}.example_args to a tuple"
        )
    if callable(found):
        try:
            found = found()
        except Exception as error:
            raise failed("example_args", error) from error
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def prepared(fn: Any, transform: str | None, name: str) -> Any:
    """Return the function under the transformation to show."""
    import tapejit

    if hasattr(fn, "explain") and hasattr(fn, "tape"):
        if transform is not None:
            raise CommandError(f"{name} is transformed already ({fn!r}); leave --transform away")
        return fn
    wanted = transform or "value_and_grad"
    made = getattr(tapejit, wanted, None)
    if made is None:
        raise CommandError(f"this version of tapejit has no {wanted}")
    return made(fn)
