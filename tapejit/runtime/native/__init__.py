"""Machine code of kernels, kept and called without Numba.

Numba compiles a kernel to an object file that follows Numba's own calling convention. A *wrapper*,
a second object file made here, takes Python's arguments, checks dtypes and layouts and calls it.
Both together are an `Image`, which is what the disk cache holds; linking one needs LLVM alone, so a
process that finds all its kernels on disk imports no compiler.
"""
