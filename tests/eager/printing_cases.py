"""A stored printing case, made into an array and printed by `tapejit.torch.printing`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapejit.torch import dtypes
from tapejit.torch.print_options import set_printoptions
from tapejit.torch.printing import tensor_str


def array_of(case: dict[str, Any]) -> np.ndarray:
    """Return the array of a case: its values, repeated to fill the shape."""
    values = case["values"]
    if case["dtype"].startswith("complex"):
        values = [complex(*v) for v in values]
    return np.resize(np.array(values, dtype=case["dtype"]), case["shape"])


def our_text(case: dict[str, Any]) -> str:
    """Return what tapejit prints."""
    dtypes.set_default_dtype(dtypes.dtype.all[case.get("default", "float32")])
    set_printoptions(profile="default")
    set_printoptions(**case.get("options", {}))
    try:
        return tensor_str(
            array_of(case),
            dtypes.dtype.all[case["dtype"]],
            requires_grad=case.get("requires_grad", False),
            grad_fn=case.get("grad_fn"),
            name=case.get("name", "tensor"),
        )
    finally:
        dtypes.set_default_dtype(dtypes.float32)
        set_printoptions(profile="default")
