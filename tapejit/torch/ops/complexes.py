"""Complex numbers: their parts as views, conjugates that cost nothing, numbers made of two parts.

``real``, ``imag`` and ``view_as_real`` share memory with their operand. A conjugate is a view too:
writing to it writes the conjugate of what is written, and it follows its base.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import CODES, op
from ..dtypes import from_numpy_dtype
from ..emit import apply
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .convert import floated, to
from .matrices import scalar_type, tensor


def complex_array(re: Any, im: Any, dtype: str) -> Any:
    """Return ``re + i im`` without arithmetic: 1j * inf would put a NaN into the real part."""
    shape = np.broadcast_shapes(re.shape, im.shape)
    re = np.broadcast_to(re, shape) if re.shape != shape else re
    im = np.broadcast_to(im, shape) if im.shape != shape else im
    made = np.copy(re.astype(dtype))
    made.imag = im
    return made


REAL = op("real", node="SelectBackward0", saves=((),), view=True)(lambda x: np.real(x))
IMAG = op("imag", node="SelectBackward0", saves=((),), view=True)(lambda x: np.imag(x))


def _conj_write(base: Any, new: Any) -> Any:
    return np.conj(new)


CONJ = op("conj", node="ConjBackward0", saves=((),), view=True, write=_conj_write)(np.conj)
CONJ_PHYSICAL = op("conj_physical", saves=((),))(np.conj)
RESOLVED = op("resolve_conj", node="CloneBackward0", saves=((),))(lambda x: x)


def _as_real_write(base: Any, new: Any) -> Any:
    return complex_array(new[..., 0], new[..., 1], base.dtype.name)


@op("view_as_real", saves=((),), view=True, write=_as_real_write)
def VIEW_AS_REAL(x: Any) -> Any:
    """The parts side by side, on a last axis of two."""
    if type(x) is np.ndarray:
        part = np.dtype(x.real.dtype)
        strides = (*x.strides, part.itemsize)
        return np.lib.stride_tricks.as_strided(x.real, (*x.shape, 2), strides)
    return np.stack([np.real(x), np.imag(x)], axis=-1)


def _as_complex_write(base: Any, new: Any) -> Any:
    return np.stack([np.real(new), np.imag(new)], axis=-1)


@op("view_as_complex", saves=((),), view=True, write=_as_complex_write)
def VIEW_AS_COMPLEX(x: Any) -> Any:
    """Numbers whose parts lie side by side on the last axis of two."""
    name = "complex64" if x.dtype == np.float32 else "complex128"
    if type(x) is np.ndarray:
        return x.view(name)[..., 0]
    return complex_array(x[..., 0], x[..., 1], name)


def _is_complex(t: Tensor) -> bool:
    return t._spec.np.kind == "c"


@public(method=False)
def real(input: Tensor) -> Tensor:
    """Return the real part, a view of it for complex tensors; a real tensor is its own real part.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    return apply(REAL, (input,)) if _is_complex(tensor(input, "real")) else input


@public(method=False)
def imag(input: Tensor) -> Tensor:
    """Return a view of the imaginary part.

    Raises
    ------
    RuntimeError
        If the tensor is not complex.
    """
    if not _is_complex(tensor(input, "imag")):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return apply(IMAG, (input,))  # type: ignore[no-any-return]


def _set_real(self: Tensor, value: Any) -> None:
    self.real.copy_(value)


def _set_imag(self: Tensor, value: Any) -> None:
    self.imag.copy_(value)


Tensor.real = property(real, _set_real)  # type: ignore[attr-defined]
Tensor.imag = property(imag, _set_imag)  # type: ignore[attr-defined]


@public()
def conj(input: Tensor) -> Tensor:
    """Return the conjugate, which is a view; a real tensor is its own conjugate."""
    return apply(CONJ, (input,)) if _is_complex(tensor(input, "conj")) else input


@public(inplace=True, out=True)
def conj_physical(input: Tensor) -> Tensor:
    """Return the conjugate in memory of its own; a real tensor is its own conjugate."""
    if not _is_complex(tensor(input, "conj_physical")):
        return input
    return apply(CONJ_PHYSICAL, (input,))  # type: ignore[no-any-return]


@public()
def is_conj(input: Tensor) -> bool:
    """Return whether a tensor is a view that shows conjugates."""
    found, t = False, tensor(input, "is_conj")
    more = t._more
    while more is not None and more.base is not None:
        found ^= CODES[more.code].op is CONJ
        more = more.base._more
    return found and _is_complex(t)


@public()
def resolve_conj(input: Tensor) -> Tensor:
    """Return a tensor with memory of its own if `input` is a view that shows conjugates."""
    if not is_conj(input):
        return input
    return apply(RESOLVED, (input,))  # type: ignore[no-any-return]


@public()
def is_neg(input: Tensor) -> bool:
    """Return False: negation is never a view here."""
    tensor(input, "is_neg")
    return False


@public()
def resolve_neg(input: Tensor) -> Tensor:
    """Return the tensor itself."""
    return tensor(input, "resolve_neg")


@public(method=True)
def view_as_real(input: Tensor) -> Tensor:
    """Return the real and imaginary parts on a last axis of two, a view.

    Raises
    ------
    RuntimeError
        If the tensor is not complex.
    """
    if not _is_complex(tensor(input, "view_as_real")):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if is_conj(input):
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate "
            "tensor so you can view it as real, use self.resolve_conj(); however, be warned that "
            "the resulting tensor will NOT alias the original."
        )
    return apply(VIEW_AS_REAL, (input,))  # type: ignore[no-any-return]


@public(method=True)
def view_as_complex(input: Tensor) -> Tensor:
    """Return complex numbers from their parts on a last axis of two, a view.

    Raises
    ------
    RuntimeError
        If the last axis is not two contiguous numbers of float32 or float64.
    """
    spec = tensor(input, "view_as_complex")._spec
    if spec.np.name not in ("float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {scalar_type(spec)}"
        )
    if not spec.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if spec.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if spec.strides is not None:
        if spec.strides[-1] != 1:
            raise RuntimeError("Tensor must have a last dimension with stride 1")
        if any(s % 2 for s in spec.strides[:-1]):
            raise RuntimeError(
                "Tensor must have a stride divisible by 2 for all but last dimension"
            )
    return apply(VIEW_AS_COMPLEX, (input,))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- made of two real tensors


def _two_parts(name: str) -> Any:
    def resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        a, b = args
        if a.np.name not in ("float32", "float64") or b.np.kind != "f":
            raise RuntimeError(
                "Expected both inputs to be Half, Float or Double tensors but got "
                f"{scalar_type(a)} and {scalar_type(b)}"
            )
        if a.np != b.np:
            raise RuntimeError(
                f"Expected object of scalar type {scalar_type(a)} but got scalar type "
                f"{scalar_type(b)} for second argument"
            )
        from .pointwise import check_broadcast

        check_broadcast(args)
        return {**params, "dtype": from_numpy_dtype(a.np).to_complex().name}

    return resolve


COMPLEX = op("complex", saves=((), ()), resolve=_two_parts("complex"))(
    lambda re, im, *, dtype: complex_array(re, im, dtype)
)


@op("polar", saves=((-1,), (-1,)), resolve=_two_parts("polar"))
def POLAR(size: Any, angle: Any, *, dtype: str) -> Any:
    """``size * exp(i angle)``."""
    return complex_array(size * np.cos(angle), size * np.sin(angle), dtype)


@public(method=False, out=True)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Return complex numbers of given real and imaginary parts.

    Raises
    ------
    RuntimeError
        If the parts are not of one floating dtype.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.complex(torch.ones(1), torch.tensor([-2.0]))
    tensor([1.-2.j])
    """
    return apply(COMPLEX, (tensor(real, "complex", "real"), tensor(imag, "complex", "imag", 2)))  # type: ignore[no-any-return]


@public(method=False, out=True)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Return complex numbers of given absolute values and angles."""
    return apply(POLAR, (tensor(abs, "polar", "abs"), tensor(angle, "polar", "angle", 2)))  # type: ignore[no-any-return]


def _floated(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    spec: Spec = args[0]
    return {**params, "dtype": floated(spec.dtype).numpy.name}


@op("angle", saves=((0,),), resolve=_floated)
def ANGLE(x: Any, *, dtype: str) -> Any:
    """The argument; of a real number 0 or pi, also of -0 and of infinity."""
    x = to(x, dtype)
    if np.dtype(dtype).kind == "c":
        return np.angle(x)
    flat = np.where(np.isnan(x), x, np.zeros_like(x))
    return np.where(x < 0, np.full_like(flat, np.pi), flat)


@public(out=True)
def angle(input: Tensor) -> Tensor:
    """Return the angle of each number in the complex plane."""
    return apply(ANGLE, (tensor(input, "angle"),))  # type: ignore[no-any-return]
