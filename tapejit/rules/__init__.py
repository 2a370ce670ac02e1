"""Primitive declarations by family. Importing this package fills the register."""

from . import base as base
from . import blocks as blocks
from . import complexes as complexes
from . import control as control
from . import convolve as convolve
from . import declare as declare
from . import elementwise as elementwise
from . import fft as fft
from . import index as index
from . import loops as loops
from . import powers as powers
from . import products as products
from . import random as random
from . import reduce as reduce
from . import rounding as rounding
from . import scan as scan
from . import shape as shape
from . import sinc as sinc
from . import sort as sort
from . import special as special
from . import spread as spread
from . import transcendental as transcendental
from . import windows as windows
