"""Neural networks: functions, and (elsewhere) the modules and parameters that use them."""

from __future__ import annotations

from . import functional as functional
from . import utils as utils
