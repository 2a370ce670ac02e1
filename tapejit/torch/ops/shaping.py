"""All operations that make, reshape, index, join and convert tensors: imported for their names."""

from __future__ import annotations

from . import (
    conversion,
    creation,
    from_data,
    gathers,
    index_read,
    index_write,
    joins,
    layout,
    moves,
    random,
    rebasing,
    reshaping,
    scatters,
    splitting,
    viewing,
)

FAMILY = (
    conversion,
    creation,
    from_data,
    gathers,
    index_read,
    index_write,
    joins,
    layout,
    moves,
    random,
    rebasing,
    reshaping,
    scatters,
    splitting,
    viewing,
)
"""The modules of this family."""
