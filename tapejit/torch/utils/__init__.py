"""What stands beside tensors: data sets and their batches."""

from __future__ import annotations

from . import data as data
