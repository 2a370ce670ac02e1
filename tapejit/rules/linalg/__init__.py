"""Linear algebra: a few decompositions with their derivatives; the rest is composed of them.

Conventions. All act on stacks of matrices (the last two axes). A formula is written for one matrix
in the real inner product Re tr(A^H B). What a decomposition leaves free (signs, phases) is its
*gauge*: it is said where it is declared, and functions that do not depend on it need not know it.
"""

from . import determinant, eig, factor, inverse, matrices, matrixfunctions, svd

__all__ = ["determinant", "eig", "factor", "inverse", "matrices", "matrixfunctions", "svd"]
