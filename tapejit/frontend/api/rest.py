"""The families that few functions use. Importing registers them."""

from . import comparing as comparing
from . import convolutions as convolutions
from . import counting as counting
from . import diagonals as diagonals
from . import einsum as einsum
from . import estimates as estimates
from . import fft as fft
from . import linalg as linalg
from . import nan_reductions as nan_reductions
from . import norms as norms
from . import numeric as numeric
from . import order as order
from . import picking as picking
from . import polynomials as polynomials
from . import quantiles as quantiles
from . import report as report
from . import scans as scans
from . import special as special
from . import ufunc_methods as ufunc_methods
from . import windows as windows
