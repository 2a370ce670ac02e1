"""Fourier transforms: ``torch.fft``, over NumPy's.

The last ``d`` of a function's name is the number of axes: one, the last two, or all those given.
``r`` transforms real signals and keeps the half of the spectrum that says everything; ``h`` is its
mirror image, for signals whose spectrum is real.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .codes import Op, op
from .dtypes import dtype as DType
from .dtypes import get_default_dtype
from .emit import apply
from .ops.convert import floated, to
from .ops.matrices import scalar_type, tensor, wrapped
from .spec import Spec
from .surface import store
from .tensor import Tensor, leaf_of

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2",
    "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft",
    "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

_NORMS = (None, "forward", "backward", "ortho")


def _node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    kind, real = params["kind"], specs[0].np.kind != "c"
    if kind in ("rfft", "ihfft"):
        return "FftR2CBackward0" if kind == "rfft" else "ConjBackward0"
    if kind in ("irfft", "hfft"):
        return "FftC2RBackward0"
    # PyTorch transforms a real signal along one axis directly, and along several once converted.
    if real and params["one"]:
        return "FftR2CBackward0" if kind == "fft" else "ConjBackward0"
    return "FftC2CBackward0"


def _resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    spec: Spec = args[0]
    kind = params["kind"]
    if spec.np.name == "float16":
        raise RuntimeError("Unsupported dtype Half")
    if kind in ("rfft", "ihfft"):
        if spec.np.kind == "c":
            raise RuntimeError(f"{kind} expects a real input tensor, but got {scalar_type(spec)}")
        return {**params, "dtype": floated(spec.dtype).numpy.name}
    dtype = floated(spec.dtype)
    if kind in ("fft", "ifft") and params["one"]:
        return {**params, "dtype": dtype.name}
    return {**params, "dtype": dtype.to_complex().name}


def _mirrored(half: Any, n: int, axis: int) -> Any:
    """Return n entries of a spectrum from the first ``n // 2 + 1``."""
    turned = np.flip(np.conj(np.take(half, np.arange(1, n - n // 2), axis=axis)), axis)
    return np.concatenate([half, turned], axis=axis)


@op("fft", node=_node, saves=((),), resolve=_resolve)
def TRANSFORM(
    x: Any,
    *,
    kind: str,
    one: bool,
    dims: tuple[int, ...],
    sizes: tuple[int, ...],
    norm: Any,
    dtype: str,
) -> Any:
    """A discrete Fourier transform; the last of the axes is the halved one."""
    x = to(x, dtype)
    last, n = dims[-1], sizes[-1]
    rest, lengths = dims[:-1], sizes[:-1]
    mirror: Any = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
    if kind == "rfft":
        x = np.fft.rfft(x, n, axis=last, norm=norm)
        return np.fft.fftn(x, lengths, axes=rest, norm=norm) if rest else x
    if kind == "ihfft":
        # The inverse transform of a real signal is the conjugate of the forward one.
        x = np.conj(np.fft.rfft(x, n, axis=last, norm=mirror[norm]))
        return np.fft.ifftn(x, lengths, axes=rest, norm=norm) if rest else x
    if kind == "irfft":
        x = np.fft.ifftn(x, lengths, axes=rest, norm=norm) if rest else x
        return np.fft.irfft(x, n, axis=last, norm=norm)
    if kind == "hfft":
        x = np.fft.fftn(x, lengths, axes=rest, norm=norm) if rest else x
        return np.fft.irfft(np.conj(x), n, axis=last, norm=mirror[norm])
    if one and np.dtype(x.dtype).kind != "c":
        # The spectrum of a real signal mirrors its half exactly; the inverse is its conjugate.
        if kind == "ifft":
            return np.conj(_mirrored(np.fft.rfft(x, n, axis=last, norm=mirror[norm]), n, last))
        return _mirrored(np.fft.rfft(x, n, axis=last, norm=norm), n, last)
    if kind == "ifft":
        return np.fft.ifftn(x, sizes, axes=dims, norm=norm)
    return np.fft.fftn(x, sizes, axes=dims, norm=norm)


def _plan(
    name: str, t: Tensor, s: Any, dim: Any, doubled: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the axes and their lengths; the last length is that of the real signal."""
    ndim, shape = t._spec.ndim, t._spec.shape
    if dim is not None and isinstance(dim, int):
        dim = (dim,)
    if s is not None and isinstance(s, int):
        s = (s,)
    if dim is not None:
        if not ndim:
            raise IndexError(f"Dimension specified as {dim[0]} but tensor has no dimensions")
        dims = tuple(wrapped(k, ndim) for k in dim)
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
    elif s is None:
        dims = tuple(range(ndim))
    else:
        if len(s) > ndim:
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions."
            )
        dims = tuple(range(ndim - len(s), ndim))
    if s is not None and len(s) != len(dims):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    sizes = []
    for k, d in enumerate(dims):
        n = -1 if s is None else int(s[k])
        if n == -1:
            n = int(shape[d])
            if doubled and k == len(dims) - 1:
                n = 2 * (n - 1)
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
        sizes.append(n)
    return dims, tuple(sizes)


def _run(name: str, kind: str, one: bool, x: Any, s: Any, dim: Any, norm: Any, out: Any) -> Tensor:
    t = tensor(x, name)
    if norm not in _NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if one:
        if s is not None and (isinstance(s, bool) or not isinstance(s, int)):
            raise TypeError(f"{name}(): argument 'n' must be int, not {type(s).__name__}")
        if not isinstance(dim, int):
            raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
        if not t._spec.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if kind in ("fft", "ifft") and not one and not t._spec.ndim and not dim and not s:
        return apply(_AS_COMPLEX, (t,))  # type: ignore[no-any-return]
    dims, sizes = _plan(name, t, s, dim, kind in ("irfft", "hfft"))
    made: Tensor = apply(TRANSFORM, (t,), kind=kind, one=one, dims=dims, sizes=sizes, norm=norm)
    return made if out is None else store(out, made)


def _complex_of(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    return {"dtype": floated(args[0].dtype).to_complex().name}


_AS_COMPLEX: Op = op("fft_of_number", node="ToCopyBackward0", saves=((),), resolve=_complex_of)(
    lambda x, *, dtype: to(x, dtype)
)


def _one(name: str, kind: str, text: str) -> Callable[..., Tensor]:
    def transform(
        input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *,
        out: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        return _run(name, kind, True, input, n, dim, norm, out)

    return _named(
        transform,
        name,
        text + " along one axis",
        "n : int, optional\n    The length; the signal is cut or filled with zeros.\n",
    )


def _several(
    name: str, kind: str, text: str, default: tuple[int, ...] | None
) -> Callable[..., Tensor]:
    def transform(
        input: Tensor, s: Sequence[int] | None = None,
        dim: Sequence[int] | None = default, norm: str | None = None, *,
        out: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        return _run(name, kind, False, input, s, dim, norm, out)

    axes = " along two axes" if default else " along several axes"
    return _named(
        transform,
        name,
        text + axes,
        "s : sequence of int, optional\n    The length along each axis.\n",
    )


def _named(fn: Callable[..., Tensor], name: str, text: str, sizes: str) -> Callable[..., Tensor]:
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"Return {text}.\n\nParameters\n----------\ninput : Tensor\n{sizes}"
        "dim : int or sequence of int\n"
        'norm : {"backward", "ortho", "forward"}, optional\n    Where the factor 1/n goes.\n'
    )
    return fn


fft = _one("fft", "fft", "the discrete Fourier transform")
fft2 = _several("fft2", "fft", "the discrete Fourier transform", (-2, -1))
fftn = _several("fftn", "fft", "the discrete Fourier transform", None)
ifft = _one("ifft", "ifft", "the inverse discrete Fourier transform")
ifft2 = _several("ifft2", "ifft", "the inverse discrete Fourier transform", (-2, -1))
ifftn = _several("ifftn", "ifft", "the inverse discrete Fourier transform", None)
rfft = _one("rfft", "rfft", "the half spectrum of a real signal")
rfft2 = _several("rfft2", "rfft", "the half spectrum of a real signal", (-2, -1))
rfftn = _several("rfftn", "rfft", "the half spectrum of a real signal", None)
irfft = _one("irfft", "irfft", "the real signal of a half spectrum")
irfft2 = _several("irfft2", "irfft", "the real signal of a half spectrum", (-2, -1))
irfftn = _several("irfftn", "irfft", "the real signal of a half spectrum", None)
hfft = _one("hfft", "hfft", "the real spectrum of half a Hermitian signal")
hfft2 = _several("hfft2", "hfft", "the real spectrum of half a Hermitian signal", (-2, -1))
hfftn = _several("hfftn", "hfft", "the real spectrum of half a Hermitian signal", None)
ihfft = _one("ihfft", "ihfft", "half the Hermitian signal of a real spectrum")
ihfft2 = _several("ihfft2", "ihfft", "half the Hermitian signal of a real spectrum", (-2, -1))
ihfftn = _several("ihfftn", "ihfft", "half the Hermitian signal of a real spectrum", None)


# ---------------------------------------------------------------- shifts and frequencies


@op("roll_half", node="RollBackward0", saves=((),))
def ROLLED(x: Any, *, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """The entries moved along axes, the ends joined."""
    return np.roll(x, shifts, axis=dims) if dims else x


def _shift(name: str, input: Any, dim: Any, inverse: bool) -> Tensor:
    t = tensor(input, name)
    ndim = t._spec.ndim
    if dim is None:
        dims = tuple(range(ndim))
    else:
        dims = tuple(wrapped(k, ndim) for k in ((dim,) if isinstance(dim, int) else dim))
    sizes = [t._spec.shape[d] for d in dims]
    shifts = tuple((n + 1) // 2 if inverse else n // 2 for n in sizes)
    return apply(ROLLED, (t,), shifts=shifts, dims=dims)  # type: ignore[no-any-return]


def fftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return the spectrum with the zero frequency in the middle."""
    return _shift("fftshift", input, dim, False)


def ifftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Undo `fftshift`."""
    return _shift("ifftshift", input, dim, True)


def _frequencies(made: Any, dtype: DType | None, requires_grad: bool, out: Tensor | None) -> Tensor:
    kind = get_default_dtype() if dtype is None else dtype
    from .spec import spec_of_array

    array = made.astype(kind.numpy)
    found = leaf_of(array, spec_of_array(array), requires_grad)
    return found if out is None else store(out, found)


def fftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: DType | None = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return the frequencies of the entries of `fft`, for samples at distance `d`."""
    return _frequencies(np.fft.fftfreq(n, d), dtype, requires_grad, out)


def rfftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: DType | None = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return the frequencies of the entries of `rfft`, for samples at distance `d`."""
    return _frequencies(np.fft.rfftfreq(n, d), dtype, requires_grad, out)
