"""From a kernel's function to an image, through Numba: done once for each kernel and machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .image import Image
from .wrapper import Argument, code, object_of, wrapper


def image_of(fn: Any, arguments: Sequence[Argument], options: dict[str, Any]) -> Image:
    """Compile a kernel for these arguments."""
    import numba
    from numba.core import types
    from numba.np import numpy_support

    signature = tuple(
        types.Array(numpy_support.from_dtype(a.dtype), a.rank, "C")
        if a.rank
        else numpy_support.from_dtype(a.dtype)
        for a in arguments
    )
    bare: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    made: Any = numba.njit(**bare, **options)(fn)
    made.compile(signature)
    (compiled,) = made.overloads.values()
    symbol, library = compiled.fndesc.llvm_func_name, compiled.library
    returned: Any = compiled.signature.return_type
    each: Any = returned if isinstance(returned, types.BaseTuple) else (returned,)
    results = tuple(code(numpy_support.as_dtype(t)) for t in each)
    _, _, (kernel, _) = library.serialize_using_object_code()
    text = wrapper(symbol, arguments, results)
    note = compiled.type_annotation if isinstance(compiled.type_annotation, str) else ""
    return Image(_outside(library), _scalars(arguments), note, (object_of(text), kernel))


def _scalars(arguments: Sequence[Argument]) -> tuple[str, ...]:
    return tuple(sorted({code(a.dtype) for a in arguments if not a.rank}))


def _outside(library: Any) -> tuple[str, ...]:
    """Return the functions and variables that compiled code takes from elsewhere."""
    module = library._final_module
    every = [*module.functions, *module.global_variables]
    return tuple(sorted(x.name for x in every if x.is_declaration and "llvm." not in x.name))
