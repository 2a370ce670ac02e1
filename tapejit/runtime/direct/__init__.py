"""From the text of a kernel to LLVM code, without Numba's type inference and lowering.

The text stays the definition of a kernel; this package reads the small part of Python that kernels
are written in (see `statements`), walks it once and appends LLVM instructions as it goes. What a
kernel calls and this package has no code for is asked of Numba, call by call (see `bridge`), so
that meaning and calling convention are Numba's. A text with something else in it is compiled by
Numba as a whole.

Invariant: the code of a text here and that which Numba makes of it give the same numbers.
"""
