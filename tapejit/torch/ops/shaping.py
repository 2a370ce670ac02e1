"""All operations that make, reshape, index, join and convert tensors: imported for their names."""

from __future__ import annotations

from . import (
    conversion,
    creation,
    from_data,
    index_read,
    index_write,
    layout,
    reshaping,
    splitting,
    viewing,
)

FAMILY = (
    conversion,
    creation,
    from_data,
    index_read,
    index_write,
    layout,
    reshaping,
    splitting,
    viewing,
)
"""The modules of this family."""
