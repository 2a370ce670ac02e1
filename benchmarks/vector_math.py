"""Branch-free exp, log, log1p, tanh and normal tail for the hand-written kernels.

The hand-written adjoints are the limit that every compiler here is measured against, so they must
not lose to a slow libm: LLVM cannot vectorise a call of ``exp``, but it vectorises these, because
each is straight-line arithmetic. They are the benchmark's own on purpose and share nothing with
the package under test. Numba must be importable, so only the hand-written kernels import this.

Ranges are those of the workloads, not of a maths library: finite input, ``exp`` clamped to
[-708, 709], ``log`` of normal positive numbers. Polynomials are Chebyshev interpolants fitted in
50-digit arithmetic; their relative errors are below 2e-16, so rounding dominates.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# contract gives fused multiply-adds. Not reassoc: the rounding tricks below need their order.
inlined = njit(fastmath={"contract"}, error_model="numpy", forceinline=True)

LOG2E = 1.4426950408889634
LN2_HI = 6.93147180369123816490e-01  # trailing zeros: k * LN2_HI is exact for |k| < 2**11
LN2_LO = 1.90821492927058770002e-10
ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits


@inlined
def _expm1_reduced(r: float) -> float:
    """exp(r) - 1 for |r| <= ln(2)/2, as r + r**2 * q(r)."""
    q = 2.510038549551032e-08
    q = q * r + 2.7620088445409746e-07
    q = q * r + 2.7557268459997064e-06
    q = q * r + 2.4801521295954376e-05
    q = q * r + 0.00019841269863053618
    q = q * r + 0.0013888888917213717
    q = q * r + 0.008333333333330062
    q = q * r + 0.04166666666662413
    q = q * r + 0.16666666666666669
    q = q * r + 0.5000000000000001
    return r + r * r * q


@inlined
def exp(x: float) -> float:
    """exp(x) = 2**k * exp(r), with k = round(x / ln 2)."""
    x = min(max(x, -708.0), 709.0)
    shifted = x * LOG2E + ROUND
    k = shifted - ROUND
    r = (x - k * LN2_HI) - k * LN2_LO
    scale = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return scale + scale * _expm1_reduced(r)


@inlined
def expm1_negative(x: float) -> float:
    """exp(x) - 1 for x <= 0, exact to rounding near 0: (2**k - 1) + 2**k * (exp(r) - 1)."""
    x = max(x, -708.0)
    shifted = x * LOG2E + ROUND
    k = shifted - ROUND
    r = (x - k * LN2_HI) - k * LN2_LO
    scale = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return (scale - 1.0) + scale * _expm1_reduced(r)


@inlined
def tanh(x: float) -> float:
    """tanh(|x|) = -m / (2 + m) with m = expm1(-2|x|)."""
    m = expm1_negative(-2.0 * abs(x))
    return np.copysign(-m / (2.0 + m), x)


@inlined
def _atanh_tail(z: float) -> float:
    """(2 atanh(s)/s - 2) / z with z = s**2, for z in [0, 1/9]."""
    p = 0.1687070066109721
    p = p * z + 0.10322670269499082
    p = p * z + 0.135023424717571
    p = p * z + 0.15373274876358003
    p = p * z + 0.18182261108419745
    p = p * z + 0.22222212557929713
    p = p * z + 0.2857142867666099
    p = p * z + 0.39999999999560126
    return p * z + 0.6666666666666697


@inlined
def log1p_unit(e: float) -> float:
    """log(1 + e) for e in [0, 1]: 2 atanh(e / (2 + e)), no cancellation at either end."""
    s = e / (2.0 + e)
    z = s * s
    return 2.0 * s + s * (z * _atanh_tail(z))


@inlined
def log(x: float) -> float:
    """log(x) = k ln 2 + log(m), m in [sqrt(1/2), sqrt(2))."""
    bits = np.float64(x).view(np.int64)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    f = np.int64(bits - (k << 52)).view(np.float64) - 1.0
    # int64 to float64 without an instruction that only AVX-512 has
    k_float = np.int64(k + np.int64(0x4338000000000000)).view(np.float64) - ROUND
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    tail = s * (half_square + z * _atanh_tail(z)) + k_float * LN2_LO
    return k_float * LN2_HI - ((half_square - tail) - f)


@inlined
def normal_tail_scaled(x: float) -> float:
    """exp(x**2 / 2) * Phi(-x) for x >= 0, where Phi is the normal distribution function.

    With t = (x - 5) / (x + 5) in [-1, 1), (x + 5) times the function is smooth up to t = 1.
    """
    w = 1.0 / (x + 5.0)
    t = 1.0 - 10.0 * w
    p = -1.419192189554169e-10
    p = p * t - 7.842796363828261e-10
    p = p * t + 1.322102962880495e-09
    p = p * t + 9.26865903712402e-09
    p = p * t - 7.068045654194737e-09
    p = p * t - 6.740161179793004e-08
    p = p * t + 3.8753309224618466e-08
    p = p * t + 4.3345610194783046e-07
    p = p * t - 3.337060350837929e-07
    p = p * t - 2.7688616333731323e-06
    p = p * t + 3.979457180792143e-06
    p = p * t + 1.6680843519640587e-05
    p = p * t - 4.9762364675076834e-05
    p = p * t - 5.937558516344095e-05
    p = p * t + 0.0005448989774454366
    p = p * t - 0.0007978694284287862
    p = p * t - 0.002993376760347635
    p = p * t + 0.02079506680331947
    p = p * t - 0.06911863870695671
    p = p * t + 0.16502036617018967
    p = p * t - 0.31353315667128584
    p = p * t + 0.49530561596998063
    p = p * t - 0.6653825028900568
    p = p * t + 0.769193049750063
    return w * p


@inlined
def normal_cdf(x: float, gauss: float) -> float:
    """Phi(x), given gauss = exp(-x**2 / 2), which a caller needs for the density anyway."""
    tail = gauss * normal_tail_scaled(abs(x))
    return tail if x < 0.0 else 1.0 - tail


_F = np.float32
LOG2E_32, ROUND_32 = _F(LOG2E), _F(12582912.0)  # 1.5 * 2**23
LN2_HI_32, LN2_LO_32 = _F(0.693359375), _F(-2.12194440e-4)
LOW_32, HIGH_32 = _F(-87.0), _F(88.0)
EXPM1_32 = (_F(1.3926176e-3), _F(8.3631731e-3), _F(4.16665547e-2), _F(1.6666577e-1), _F(0.5))


@inlined
def exp32(x: np.float32) -> np.float32:
    """exp(x) in single precision, as `exp`; x is clamped to [-87, 88]."""
    x = min(max(x, LOW_32), HIGH_32)
    shifted = x * LOG2E_32 + ROUND_32
    k = shifted - ROUND_32
    r = (x - k * LN2_HI_32) - k * LN2_LO_32
    scale = np.int32((np.float32(shifted).view(np.int32) + np.int32(127)) << 23).view(np.float32)
    a, b, c, d, e = EXPM1_32
    q = (((a * r + b) * r + c) * r + d) * r + e
    return scale + scale * (r + r * r * q)
