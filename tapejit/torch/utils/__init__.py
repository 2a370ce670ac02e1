"""What stands beside tensors: data sets and their batches."""

from __future__ import annotations

from . import data as data
from . import dlpack as dlpack
from . import hooks as hooks
