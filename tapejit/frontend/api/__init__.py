"""NumPy's and SciPy's functions in terms of primitives, by family. Importing registers them.

The families that most functions use are imported here, the others by `rest`, when a function comes
that these do not have: the first call of a program is not to wait for all of them.
"""

from . import common as common
from . import creation as creation
from . import elementwise as elementwise
from . import joins as joins
from . import operands as operands
from . import products as products
from . import reductions as reductions
from . import shapes as shapes
