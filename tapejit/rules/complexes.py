"""Parts, conjugates, magnitudes and signs.

None of these is holomorphic. Their adjoints are written out in the real inner product
<a, b> = Re(conj(a) b) = Re a Re b + Im a Im b, which makes C the plane: the adjoint of taking the
real part embeds a real number, that of taking the imaginary part multiplies it by i, and
conjugation, a reflection, is its own adjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, common_shape
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import (
    broadcast,
    common_dtype,
    const,
    elementwise,
    field,
    ops,
    reals,
    times,
    ufunc_dtypes,
    unbroadcast,
)


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number; a real dtype is its own."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def complex_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The complex dtype whose parts are of this real dtype."""
    return np.result_type(dtype, np.complex64)


def _part(x: Aval) -> tuple[Any, ...]:
    return (x.dtype, real_dtype(x.dtype))


def as_complex(x: Sym, like: Sym) -> Sym:
    """Return `x` in the dtype of `like`."""
    return x.b.cast(x, like.dtype)


def _linear_jvp(name: str) -> Any:
    def jvp(ts: Sequence[Any], y: Sym, x: Sym) -> Any:
        return None if ts[0] is None else getattr(ops, name)(ts[0])

    return jvp


real = elementwise(
    "real", np.real, (None,), emit="{0}", emit_complex="{0}.real", domain=(field(),), resolve=_part
)
real.jvp = _linear_jvp("real")
real.vjp = lambda ct, y, x: [as_complex(ct, x)]

imag = elementwise(
    "imag",
    np.imag,
    (None,),
    emit="0.0",
    emit_complex="{0}.imag",
    domain=(field(),),
    resolve=_part,
)
imag.jvp = _linear_jvp("imag")
imag.vjp = lambda ct, y, x: [as_complex(ct, x) * 1j if x.dtype.kind == "c" else None]

conjugate = elementwise(
    "conjugate",
    np.conjugate,
    (None,),
    emit="{0}",
    emit_complex="np.conj({0})",
    kinds="fiu",
    domain=(field(),),
)
conjugate.jvp = _linear_jvp("conjugate")
conjugate.vjp = lambda ct, y, x: [ops.conjugate(ct) if x.dtype.kind == "c" else ct]


# ---------------------------------------------------------------- magnitude and sign


def _sign_resolve(x: Aval) -> tuple[Any, ...]:
    return ufunc_dtypes(np.sign, x)


# The derivative of a complex sign s = z/|z| is (t - s Re(conj(s) t)) / |z|: what is left of t at a
# right angle to s. At 0, where it has no limit, it is 0.
sign = elementwise(
    "sign",
    np.sign,
    (None,),
    domain=(field(away=(0.0,)),),
    resolve=_sign_resolve,
)


def _turn(t: Sym, s: Sym, z: Sym) -> Any:
    if z.dtype.kind != "c":
        return None
    r = ops.absolute(z)
    along = ops.real(ops.conjugate(s) * t)
    none = r.eq(0.0)
    scale = ops.where(none, 0.0, 1.0 / ops.where(none, 1.0, r))
    return times(t - s * along, scale)


def _sign_text(dtypes: Any, params: Params) -> str | None:
    if dtypes[0].name in ("float16", "bool"):
        return None
    if dtypes[0].kind == "c":
        return "({0} / abs({0}) if {0} != 0 else {0})"
    # A bare 1.0 is a float64, which a float32 accumulator does not take.
    real = "np.float32({})" if dtypes[0].name == "float32" else "{}"
    one, minus, zero = (real.format(v) for v in ("1.0", "-1.0", "0.0"))
    return f"({one} if {{0}} > 0 else ({minus} if {{0}} < 0 else {{0}} + {zero}))"


sign.emit = Emit("elementwise", _sign_text)
sign.jvp = lambda ts, y, x: None if ts[0] is None else _turn(ts[0], y, x)
sign.vjp = lambda ct, y, x: [_turn(ct, y, x)]


def _absolute_resolve(x: Aval) -> tuple[Any, ...]:
    return ufunc_dtypes(np.absolute, x)


# d|z| = Re(conj(s) dz) with s = sign z, and s = 0 at 0: the least of the subgradients.
absolute = elementwise(
    "absolute",
    np.absolute,
    (None,),
    emit="abs({0})",
    emit_complex="abs({0})",
    kinds="fiu",
    domain=(field(away=(0.0,)),),
    resolve=_absolute_resolve,
    masks=True,
)


def _absolute_jvp(ts: Sequence[Any], y: Sym, x: Sym) -> Any:
    if ts[0] is None:
        return None
    s = ops.sign(x)
    return ops.real(ops.conjugate(s) * ts[0]) if x.dtype.kind == "c" else ts[0] * s


def _absolute_vjp(ct: Sym, y: Sym, x: Sym) -> list[Any]:
    if not x.aval.inexact:
        return [None]
    s = ops.sign(x)
    return [as_complex(ct, x) * s if x.dtype.kind == "c" else times(ct, s)]


absolute.jvp, absolute.vjp = _absolute_jvp, _absolute_vjp
fabs = elementwise(
    "fabs",
    np.fabs,
    (lambda y, x: ops.sign(x),),
    emit="abs({0})",
    domain=(reals(away=(0.0,)),),
    masks=True,
)


# ---------------------------------------------------------------- a complex number of its parts


def _complex_numpy(re: Any, im: Any) -> Any:
    shape = common_shape(np.shape(re), np.shape(im))
    z = np.empty(shape, complex_dtype(np.result_type(re, im)))
    z.real, z.imag = re, im
    return z[()]


def _complex_resolve(re: Aval, im: Aval) -> tuple[Any, ...]:
    dtype = common_dtype(re, im)
    return (dtype, dtype, complex_dtype(dtype))


def _complex_jvp(ts: Sequence[Any], z: Sym, re: Sym, im: Sym) -> Any:
    if ts[0] is None and ts[1] is None:
        return None
    zero = const(0.0, re)
    t = ops.complex_of(zero if ts[0] is None else ts[0], zero if ts[1] is None else ts[1])
    return broadcast(t, z.shape)


def _complex_vjp(ct: Sym, z: Sym, re: Sym, im: Sym) -> list[Any]:
    return [unbroadcast(ops.real(ct), re.shape), unbroadcast(ops.imag(ct), im.shape)]


# re + i im without arithmetic: 1j * inf would put nan into the real part.
complex_of = elementwise(
    "complex_of",
    _complex_numpy,
    (None, None),
    emit="complex({0}, {1})",
    domain=(reals(), reals()),
    resolve=_complex_resolve,
)
complex_of.jvp, complex_of.vjp = _complex_jvp, _complex_vjp
