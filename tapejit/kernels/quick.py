"""Numba's pipeline without the stages that a kernel cannot need.

Kernels are flat: no closures, no comprehensions, no array expressions, no ``with``. The stages that
look for those walk the whole of a kernel several times and take a third of its compile time.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def pipeline() -> Any:
    """Return the compiler class for ``njit(pipeline_class=...)``."""
    from numba.core import compiler, typed_passes, untyped_passes

    unneeded = (
        untyped_passes.WithLifting,
        untyped_passes.InlineClosureLikes,
        untyped_passes.MakeFunctionToJitFunction,
        untyped_passes.LiteralUnroll,
        typed_passes.NopythonRewrites,
        typed_passes.DumpParforDiagnostics,
    )

    class KernelCompiler(compiler.CompilerBase):
        """Compiles a kernel."""

        def define_pipelines(self) -> list[Any]:
            (made,) = compiler.Compiler.define_pipelines(self)  # type: ignore[arg-type]
            made.passes = [p for p in made.passes if p[0] not in unneeded]
            made._finalized = False
            made.finalize()
            return [made]

    return KernelCompiler
