"""How big a tensor is and how it lies in memory; answered from its spec, without computing it."""

from __future__ import annotations

from typing import Any

from .. import sizes
from ..sizes import memory_format as MemoryFormat
from ..surface import public
from ..tensor import Tensor
from .arguments import dim_of, need_tensor
from .memory import strides_of
from .memory_formats import lies_in


@public("size", function=False)
def size(self: Tensor, dim: Any = None) -> Any:
    """Return the shape, or the size of one dim."""
    if dim is None:
        return self._spec.shape
    d = dim_of(dim, self._spec.ndim, "size")
    if not self._spec.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return self._spec.shape[d]


@public("dim", "ndimension", function=False)
def dim(self: Tensor) -> int:
    """Return the number of dims."""
    return self._spec.ndim


@public()
def numel(input: Tensor) -> int:
    """Return the number of elements.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.numel(torch.zeros(2, 3))
    6
    """
    return need_tensor(input, "numel")._spec.numel


@public("nelement", function=False)
def nelement(self: Tensor) -> int:
    """Return the number of elements."""
    return self._spec.numel


@public("element_size", function=False)
def element_size(self: Tensor) -> int:
    """Return the bytes of an element."""
    return self._spec.np.itemsize


@public("stride", function=False)
def stride(self: Tensor, dim: Any = None) -> Any:
    """Return the elements to skip for one step along each dim, or along one."""
    found = strides_of(self._spec)
    if dim is None:
        return found
    d = dim_of(dim, self._spec.ndim, "stride")
    return found[d]


@public("is_contiguous", function=False)
def _is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Return whether elements lie in the order of a format, row-major by default, without holes."""
    if memory_format is not None and not isinstance(memory_format, MemoryFormat):
        raise RuntimeError(f"is_contiguous(): not a memory format: {memory_format!r}")
    return lies_in(self, memory_format)


def _root(self: Tensor) -> Tensor:
    more = self._more
    if more is None or more.base is None:
        return self
    found: Tensor = more.root
    return found


@public("storage_offset", function=False)
def storage_offset(self: Tensor) -> int:
    """Return where in its memory the first element lies, in elements.

    A tensor made by ``from_numpy`` starts its own memory, wherever that lies in a larger array.
    """
    root = _root(self)
    if root is self or not self._spec.numel or not root._spec.ndim:
        return 0  # a 0-d value is a number of NumPy's, which has no place to measure from
    import numpy as np

    ours, theirs = np.asarray(self._value()), np.asarray(root._value())
    bytes_off = ours.__array_interface__["data"][0] - theirs.__array_interface__["data"][0]
    return int(bytes_off) // self._spec.np.itemsize


_addresses: dict[str, int] = {"next": 1 << 32}


@public("data_ptr", function=False)
def data_ptr(self: Tensor) -> int:
    """Return a number that names the memory of the first element.

    It is the same for a tensor and what shares its first element, as long as the tensor lives, also
    when values are written; it is no address: memory that a program has not looked at may not exist.
    """
    if not self._spec.numel:
        return 0
    root = _root(self)
    start = root.__dict__.get("_address")
    if start is None:
        start = root.__dict__["_address"] = _addresses["next"]
        _addresses["next"] += (root._spec.numel * root._spec.np.itemsize + 64) // 64 * 64
    return int(start) + storage_offset(self) * self._spec.np.itemsize


@public("is_same_size")
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape."""
    need_tensor(input, "is_same_size")
    return need_tensor(other, "is_same_size", "other", 2)._spec.shape == input._spec.shape


@public("is_set_to", function=False)
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Return whether two tensors are the same memory in the same shape."""
    return (
        _root(self) is _root(tensor)
        and self._spec is tensor._spec
        and storage_offset(self) == storage_offset(tensor)
    )


_CPU = sizes.device("cpu")
_FALSE = ("is_cuda", "is_sparse", "is_quantized", "is_mkldnn", "is_mps", "is_xpu", "is_meta",
          "is_nested")  # fmt: skip
_PROPERTIES: dict[str, Any] = {
    "device": (lambda self: _CPU, "The device of the memory: always the cpu."),
    "layout": (lambda self: sizes.strided, "How elements are laid out: always `torch.strided`."),
    "itemsize": (lambda self: self._spec.np.itemsize, "The bytes of one element."),
    "nbytes": (
        lambda self: self._spec.numel * self._spec.np.itemsize,
        "The bytes of all elements, shared ones counted as often as they appear.",
    ),
    "is_cpu": (lambda self: True, "Whether the tensor is on the cpu: always."),
    **{
        name: (lambda self: False, "Always False: tensors are dense, on the cpu.")
        for name in _FALSE
    },
}
for _name, (_get, _doc) in _PROPERTIES.items():
    setattr(Tensor, _name, property(_get, doc=_doc))


def _get_device(self: Tensor) -> int:
    """Return -1: the tensor is on the cpu."""
    return -1


public("get_device")(_get_device)


@public()
def is_floating_point(input: Tensor) -> bool:
    """Return whether elements are real floating point numbers."""
    return bool(need_tensor(input, "is_floating_point")._spec.dtype.is_floating_point)


@public()
def is_complex(input: Tensor) -> bool:
    """Return whether elements are complex numbers."""
    return bool(need_tensor(input, "is_complex")._spec.dtype.is_complex)


@public("is_signed", function=False)
def is_signed(self: Tensor) -> bool:
    """Return whether elements have a sign."""
    return bool(self._spec.dtype.is_signed)
