"""What generated kernels import: memory, folds, BLAS calls, routines, elementwise functions.

These modules import Numba; nothing else of tapejit does so before a kernel is compiled.
"""
