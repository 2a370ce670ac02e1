"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them."""

from . import common as common
from . import comparing as comparing
from . import creation as creation
from . import einsum as einsum
from . import elementwise as elementwise
from . import nan_reductions as nan_reductions
from . import operands as operands
from . import products as products
from . import reductions as reductions
from . import scans as scans
from . import shapes as shapes
from . import ufunc_methods as ufunc_methods
