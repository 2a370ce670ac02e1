"""The new code of a function: find, convert, compile, and give everything its proper name.

Generated functions take the name of the user's function that they are part of, so that tracebacks
and debuggers read as if nothing had been rewritten. Results are kept by the original code object.
"""

from __future__ import annotations

import copy
import inspect
from types import CodeType, FunctionType

from ...core.sizes import ACTIVE
from .build import PREFIX, STAGING, THUNK
from .convert import converted
from .expressions import uses_staging
from .flow import NotStageable
from .optout import opted_out
from .source import compile_like, find

_Key = tuple[CodeType, str]
_results: dict[tuple[CodeType, str, bool], CodeType | str] = {}
_made: set[_Key] = set()
_NOTHING = "nothing in it depends on values"


def rewritten(function: FunctionType) -> CodeType | None:
    """Return the code of a function in which control flow goes through ``__tapejit__``.

    Parameters
    ----------
    function : function
        A Python function, method or lambda.

    Returns
    -------
    code or None
        Code with the same parameters, whose free variables are among the function's own; the
        global name ``__tapejit__`` must be bound where it runs. None where the function stays
        as it is; `why_not` says why.
    """
    result = _result(function)
    return result if isinstance(result, CodeType) else None


def why_not(function: FunctionType) -> str | None:
    """Return why a function is not rewritten; None if it is."""
    result = _result(function)
    return result if isinstance(result, str) else None


def is_rewritten(code: CodeType) -> bool:
    """Whether a code object came out of the rewriter (or is part of one that did)."""
    return (code, code.co_filename) in _made


def _result(function: FunctionType) -> CodeType | str:
    if not isinstance(function, FunctionType):
        return "it is not a Python function"
    if opted_out(function):
        return "it is marked with no_rewrite"
    sized = ACTIVE[0] > 0
    code = function.__code__
    if (code, code.co_filename) in _made:
        return "it is rewritten already"
    key = (code, code.co_filename, sized)
    result = _results.get(key)
    if result is None:
        try:
            result = _make(function, sized)
        except NotStageable as reason:
            result = str(reason)
        except (RecursionError, MemoryError):
            result = "it is nested too deeply"
        _results[key] = result
    return result


def _make(function: FunctionType, sized: bool) -> CodeType | str:
    code = function.__code__
    if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return "it is asynchronous"
    if code.co_flags & inspect.CO_GENERATOR:
        return "it is a generator function"
    from .asked import mark_written  # a process that only imports waits for none of these
    from .callees import fields_of_file, resolver

    found = find(function)
    node = copy.deepcopy(found.node)
    mark_written(node, fields_of_file(code.co_filename), resolver(function, found))
    converted(node, frozenset(code.co_freevars) - {"__class__"})
    if sized:
        from .operators import Operators

        node = Operators().visit(node)
    body = node.body if isinstance(node.body, list) else [node.body]
    if not any(map(uses_staging, body)):
        return _NOTHING
    new = _named(compile_like(node, found, code), code.co_name, code.co_qualname)
    if not set(new.co_freevars) <= set(code.co_freevars):
        return "it takes variables from around it that cannot be found"
    _remember(new)
    return new


def _remember(code: CodeType) -> bool:
    """Note a code, and those inside it, that go through the staging object."""
    inner = [_remember(const) for const in code.co_consts if isinstance(const, CodeType)]
    uses = STAGING in code.co_names or any(inner)
    if uses:
        _made.add((code, code.co_filename))
    return uses


def _is_thunk(code: CodeType) -> bool:
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_name == "<lambda>" and code.co_varnames[count : count + 1] == (THUNK,)


def _named(code: CodeType, name: str, qualname: str) -> CodeType:
    """Rename a code and those inside it as if the generated functions were not there."""
    is_function = bool(code.co_flags & inspect.CO_OPTIMIZED)
    consts: list[object] = []
    for const in code.co_consts:
        if not isinstance(const, CodeType):
            # The body of a class stores its own qualified name.
            consts.append(qualname if not is_function and const == code.co_qualname else const)
            continue
        if _is_thunk(const) or (is_function and const.co_name.startswith(PREFIX)):
            consts.append(_named(const, name, qualname))
            continue
        inner = const.co_name
        if const.co_qualname != inner:  # a name declared global stands alone
            inner = f"{qualname}.<locals>.{inner}" if is_function else f"{qualname}.{inner}"
        consts.append(_named(const, const.co_name, inner))
    flags = code.co_flags
    if _is_thunk(code):
        flags &= ~inspect.CO_VARARGS  # the mark stays as a local variable that is never set
    return code.replace(co_name=name, co_qualname=qualname, co_consts=tuple(consts), co_flags=flags)
