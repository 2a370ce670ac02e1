"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them."""

from . import common as common
from . import comparing as comparing
from . import convolutions as convolutions
from . import counting as counting
from . import creation as creation
from . import diagonals as diagonals
from . import einsum as einsum
from . import elementwise as elementwise
from . import fft as fft
from . import joins as joins
from . import linalg as linalg
from . import nan_reductions as nan_reductions
from . import norms as norms
from . import numeric as numeric
from . import operands as operands
from . import order as order
from . import picking as picking
from . import products as products
from . import quantiles as quantiles
from . import reductions as reductions
from . import report as report
from . import scans as scans
from . import shapes as shapes
from . import special as special
from . import ufunc_methods as ufunc_methods
