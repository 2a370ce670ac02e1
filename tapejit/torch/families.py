"""The families of operations, imported so that their functions and methods exist."""

from . import fft as fft
from . import linalg as linalg
from .ops import arithmetic as arithmetic
from .ops import comparison as comparison
from .ops import complexes as complexes
from .ops import einsum as einsum
from .ops import extremes as extremes
from .ops import filling as filling
from .ops import logic as logic
from .ops import matrices as matrices
from .ops import matrix_sums as matrix_sums
from .ops import moments as moments
from .ops import pointwise as pointwise
from .ops import powers as powers
from .ops import products as products
from .ops import reductions as reductions
from .ops import rounding as rounding
from .ops import scans as scans
from .ops import selection as selection
from .ops import shaping as shaping
from .ops import sorting as sorting
from .ops import statistics as statistics
from .ops import transcendental as transcendental
