"""A PyTorch-shaped tensor front end: recorded lazily, replayed from compiled kernels.

Examples
--------
>>> import tapejit.torch as torch
>>> x = torch.ones(3, requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 2., 2.])
"""

from __future__ import annotations

from importlib import import_module as _import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import autograd, cuda, fft, linalg
from . import autograd_methods as _autograd_methods
from . import families as _families
from . import observe as _observe
from . import operators as _operators
from .autograd import Variable, grad_mode
from .autograd.anomaly_mode import is_anomaly_enabled
from .autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .dtypes import bool_ as bool
from .dtypes import (
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int8,
    int16,
    int32,
    int64,
    long,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dtypes import float_ as float
from .dtypes import int_ as int
from .legacy import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from .limits import finfo, iinfo
from .modes import is_eager, set_default_dtype, set_eager, stats
from .print_options import set_printoptions
from .promotion import can_cast, promote_types
from .sizes import (
    Size,
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from .surface import FUNCTIONS as _FUNCTIONS
from .tensor import Tensor

bool_, int_, float_ = bool, int, float
newaxis = None
globals().update(_FUNCTIONS)
if _TYPE_CHECKING:
    from . import func, nn, optim, serialization, special, utils
    from .func import vmap
    from .serialization import load, save
    from .utils.dlpack import from_dlpack, to_dlpack

_LATE = {
    **dict.fromkeys(("func", "nn", "optim", "serialization", "special", "utils"), ""),
    "vmap": "func",
    "load": "serialization",
    "save": "serialization",
    "from_dlpack": "utils.dlpack",
    "to_dlpack": "utils.dlpack",
}
"""What is imported when it is first named: modules, and functions with the modules they are in."""


def __getattr__(name: str) -> _Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(f".{_LATE[name] or name}", __name__)
    found = getattr(module, name) if _LATE[name] else module
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})


def is_tensor(obj: object) -> bool:  # type: ignore[valid-type]
    """Return whether an object is a tensor."""
    return isinstance(obj, Tensor)
