"""Special functions of SciPy: those of probability and statistics, gamma, Bessel.

SciPy is imported when one of them is first used, not before. Where the derivative of a function
would need another function again, the family is closed by a member of its own: ``polygamma`` for
the derivatives of log gamma, ``hazard`` for the derivative of log_ndtr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log as _log
from math import pi, sqrt
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.errors import DtypeError, UnsupportedError
from ..core.sources import where as user_line
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params, Primitive
from .declare import (
    Domain,
    const,
    elementwise,
    field,
    float_dtype,
    ops,
    positive,
    reals,
    ufunc_dtypes,
)

Partial = Callable[..., Any]


class Scipy:
    """A function of scipy.special by name, imported when it is first needed."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    @property
    def function(self) -> Any:
        """SciPy's own function."""
        import scipy.special

        return getattr(scipy.special, self.__name__)

    def __call__(self, *xs: Any) -> Any:
        return self.function(*xs)


def special(
    name: str,
    *partials: Partial | None,
    domain: Sequence[Domain] = (reals(),),
    emit: str | None = None,
    scipy: str = "",
) -> Primitive:
    """Declare an elementwise function by its name in scipy.special."""
    lazy = Scipy(scipy or name)

    def resolve(*avals: Aval) -> tuple[Any, ...]:
        return ufunc_dtypes(lazy.function, *avals)

    return elementwise(name, lazy, partials, emit=emit, domain=domain, resolve=resolve)


def typed(text: str, f32: bool) -> str:
    """A template whose numbers, written ``<0.5>``, have the dtype of its operands."""
    left, right = ("np.float32(", ")") if f32 else ("(", ")")
    return text.replace("<", left).replace(">", right).replace("_lt_", "<").replace("_gt_", ">")


def code(prim: Primitive, text: str) -> None:
    """Give a primitive code with typed numbers, for float64 and float32."""

    def emit(dtypes: Sequence[np.dtype[Any]], params: Params) -> str | None:
        name = dtypes[0].name
        if name not in ("float64", "float32"):
            return None
        made = typed(text, name == "float32")
        return made.replace("{s}", "f64" if name == "float64" else "f32")

    prim.emit = Emit("elementwise", emit)


def _not_offered(name: str, operand: str) -> Partial:
    def partial(*args: Any) -> Any:
        raise UnsupportedError(
            f"the derivative of {name} with respect to {operand} has no rule ({user_line()})"
        )

    return partial


_FIXED = Domain(0.5, 3.0, fixed=True)

# ---------------------------------------------------------------- logistic functions

expit = special("expit", lambda y, x: y * (1.0 - y), emit="vmath.sigmoid_{s}({0})")
log_expit = special("log_expit", lambda y, x: ops.expit(-x), emit="vmath.log_expit_{s}({0})")
logit = special("logit", lambda y, x: 1.0 / (x * (1.0 - x)), domain=(reals(0.1, 0.9),))
# log(x / (1 - x)) cancels near 1/2, where its argument is near 1: log1p does not.
code(
    logit,
    "(vmath.log1p_{s}(({0} + {0} - <1.0>) / (<1.0> - {0})) if abs({0} - <0.5>) _lt_ <0.2>"
    " else vmath.log_{s}({0} / (<1.0> - {0})))",
)

# ---------------------------------------------------------------- the normal distribution

_ERF = 2.0 / sqrt(pi)
_NDTR = 1.0 / sqrt(2.0 * pi)


# The bells share their exponential with erf and ndtr where a loop needs both, see kernels.vmath.
bell = elementwise(
    "bell",
    lambda x: np.exp(-np.square(x)),
    (lambda y, x: -2.0 * x * y,),
    emit="vmath.bell_{s}({0})",
    emit_complex="np.exp(-({0} * {0}))",
    domain=(field(),),
    resolve=lambda x: ufunc_dtypes(np.exp, x),
)
half_bell = elementwise(
    "half_bell",
    lambda x: np.exp(-0.5 * np.square(x)),
    (lambda y, x: -x * y,),
    emit="vmath.half_bell_{s}({0})",
    domain=(reals(),),
    resolve=lambda x: ufunc_dtypes(np.exp, x),
)


def _bell(x: Sym, scale: float) -> Sym:
    """scale e**(-x**2)"""
    return scale * ops.bell(x)


erf = special("erf", lambda y, x: _bell(x, _ERF), domain=(field(),), emit="vmath.erf_{s}({0})")
erfc = special("erfc", lambda y, x: _bell(x, -_ERF), domain=(field(),), emit="vmath.erfc_{s}({0})")
erfcx = special("erfcx", lambda y, x: 2.0 * x * y - _ERF, domain=(field(),))
erfinv = special(
    "erfinv", lambda y, x: (1.0 / _ERF) * ops.exp(ops.square(y)), domain=(reals(-0.9, 0.9),)
)
erfcinv = special(
    "erfcinv", lambda y, x: (-1.0 / _ERF) * ops.exp(ops.square(y)), domain=(reals(0.1, 1.9),)
)
dawsn = special("dawsn", lambda y, x: 1.0 - 2.0 * x * y, domain=(field(),))


def _density(x: Sym) -> Sym:
    """The standard normal density."""
    return _NDTR * ops.half_bell(x)


ndtr = special("ndtr", lambda y, x: _density(x), emit="vmath.ndtr_{s}({0})")
ndtri = special("ndtri", lambda y, x: 1.0 / _density(y), domain=(reals(0.1, 0.9),))
log_ndtr = special("log_ndtr", lambda y, x: ops.hazard(x), emit="vmath.log_ndtr_{s}({0})")


def _hazard_numpy(x: Any) -> Any:
    import scipy.special

    wide = np.asarray(x, np.float64)
    return (sqrt(2.0 / pi) / scipy.special.erfcx(wide * -sqrt(0.5))).astype(x.dtype)[()]


def _hazard_resolve(x: Aval) -> tuple[Any, ...]:
    if x.dtype.kind == "c":
        raise DtypeError(f"the derivative of log_ndtr has no rule for {x} ({user_line()})")
    return (float_dtype(x), float_dtype(x))


# density / ndtr at x, the derivative m of log_ndtr, which grows like -x to the left. From
# m = density / ndtr follows m' = -m (x + m).
hazard = elementwise("hazard", _hazard_numpy, (lambda m, x: -m * (x + m),), resolve=_hazard_resolve)
# To the left of -25, where e**(-x**2/2) / ndtr(x) loses digits, the asymptotic series of Mills.
_HALF_LOG = repr(_log(2.0 * pi) / 2.0)
_U = "(<1.0> / ({0} * {0}))"
_SERIES = "<1.0>"
for _k in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
    _SERIES = f"(<1.0> - <{_k}> * {_U} * {_SERIES})"
code(
    hazard,
    f"(vmath.exp_{{s}}(<-0.5> * {{0}} * {{0}} - vmath.log_ndtr_{{s}}({{0}}) - <{_HALF_LOG}>)"
    f" if {{0}} _gt_ <-25.0> else (-{{0}}) / {_SERIES})",
)

# ---------------------------------------------------------------- gamma and its kin


def _polygamma_numpy(x: Any, *, n: int) -> Any:
    import scipy.special

    return scipy.special.polygamma(n, x).astype(x.dtype)[()]


def _polygamma_resolve(x: Aval, *, n: int) -> tuple[Any, ...]:
    if x.dtype.kind == "c":
        raise DtypeError(f"polygamma({n}, x) of {x} has no meaning in SciPy ({user_line()})")
    return (float_dtype(x), float_dtype(x))


def _polygamma_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    for n in (1, 2, 3):
        yield (rng.uniform(0.7, 4.0, (2, 3)),), {"n": n}


# The n-th derivative of digamma.
polygamma = elementwise(
    "polygamma",
    _polygamma_numpy,
    (lambda y, x, *, n: ops.polygamma(x, n=n + 1),),
    domain=(positive(0.7, 4.0),),
    resolve=_polygamma_resolve,
)
polygamma.samples = _polygamma_samples
digamma = special(
    "digamma",
    lambda y, x: ops.polygamma(x, n=1),
    domain=(positive(0.7, 4.0),),
    emit="routines.digamma({0})",
    scipy="psi",
)
gammaln = special(
    "gammaln",
    lambda y, x: ops.digamma(x),
    domain=(positive(0.7, 4.0),),
    emit="routines.gammaln({0})",
)
loggamma = special("loggamma", lambda y, x: ops.digamma(x), domain=(positive(0.7, 4.0),))
gamma = special("gamma", lambda y, x: y * ops.digamma(x), domain=(positive(0.7, 4.0),))
rgamma = special("rgamma", lambda y, x: -y * ops.digamma(x), domain=(positive(0.7, 4.0),))
betaln = special(
    "betaln",
    lambda z, a, b: ops.digamma(a) - ops.digamma(a + b),
    lambda z, a, b: ops.digamma(b) - ops.digamma(a + b),
    domain=(positive(0.7), positive(0.7)),
)
beta = special(
    "beta",
    lambda z, a, b: z * (ops.digamma(a) - ops.digamma(a + b)),
    lambda z, a, b: z * (ops.digamma(b) - ops.digamma(a + b)),
    domain=(positive(0.7), positive(0.7)),
)


def _gamma_density(a: Sym, x: Sym) -> Sym:
    """x**(a-1) e**-x / gamma(a)"""
    return ops.exp(ops.xlogy(a - 1.0, x) - x - ops.gammaln(a))


gammainc = special(
    "gammainc",
    _not_offered("gammainc", "its parameter"),
    lambda z, a, x: _gamma_density(a, x),
    domain=(_FIXED, positive()),
)
gammaincc = special(
    "gammaincc",
    _not_offered("gammaincc", "its parameter"),
    lambda z, a, x: -_gamma_density(a, x),
    domain=(_FIXED, positive()),
)


def _beta_density(a: Sym, b: Sym, x: Sym) -> Sym:
    """x**(a-1) (1-x)**(b-1) / beta(a, b)"""
    return ops.exp(ops.xlogy(a - 1.0, x) + ops.xlog1py(b - 1.0, -x) - ops.betaln(a, b))


betainc = special(
    "betainc",
    _not_offered("betainc", "its first parameter"),
    _not_offered("betainc", "its second parameter"),
    lambda z, a, b, x: _beta_density(a, b, x),
    domain=(_FIXED, _FIXED, reals(0.1, 0.9)),
)

# ---------------------------------------------------------------- entropies


def _quotient(x: Sym, y: Sym) -> Sym:
    """x / y, and 0 where both are 0: 0 log 0 = 0 does not depend on the second operand.

    Where x alone is 0 the quotient is left to itself: its derivative in x is 1 / y.
    """
    both = ops.logical_and(x.eq(0.0), y.eq(0.0))
    return ops.where(both, const(0.0, x), x) / ops.where(both, const(1.0, y), y)


xlogy = special(
    "xlogy",
    lambda z, x, y: ops.log(y),
    lambda z, x, y: _quotient(x, y),
    domain=(field(), positive(complex=True)),
    # A zero of the dtype: with 0.0 the sum of float32 terms would not compile.
    emit="({0} * {0} if ({0} == 0) & ({1} == {1}) else {0} * vmath.log_{s}({1}))",
)
xlog1py = special(
    "xlog1py",
    lambda z, x, y: ops.log1p(y),
    lambda z, x, y: _quotient(x, 1.0 + y),
    domain=(field(), positive(complex=True)),
    emit="({0} * {0} if ({0} == 0) & ({1} == {1}) else {0} * vmath.log1p_{s}({1}))",
)
entr = special(
    "entr",
    lambda y, x: -ops.log(x) - 1.0,
    domain=(positive(),),
)
code(
    entr,
    "(-{0} * vmath.log_{s}({0}) if ({0} _gt_ 0) | ({0} != {0}) else"
    " (<0.0> if {0} == 0 else -<np.inf>))",
)
rel_entr = special(
    "rel_entr",
    lambda z, x, y: ops.log(x / y) + 1.0,
    lambda z, x, y: -_quotient(x, y),
    domain=(positive(), positive()),
)
kl_div = special(
    "kl_div",
    lambda z, x, y: ops.log(x / y),
    lambda z, x, y: 1.0 - _quotient(x, y),
    domain=(positive(), positive()),
)

# ---------------------------------------------------------------- Bessel functions


def _over(y: Sym, x: Sym) -> Sym:
    """y / x for y ~ x/2 near 0, where it is 1/2."""
    at_zero = x.eq(0.0)
    return ops.where(at_zero, const(0.5, y), y / ops.where(at_zero, const(1.0, x), x))


i0 = special("i0", lambda y, x: ops.i1(x), domain=(reals(away=(0.0,)),))
i1 = special("i1", lambda y, x: ops.i0(x) - _over(y, x), domain=(reals(away=(0.0,)),))
i0e = special("i0e", lambda y, x: ops.i1e(x) - ops.sign(x) * y, domain=(reals(away=(0.0,)),))
i1e = special(
    "i1e", lambda y, x: ops.i0e(x) - ops.sign(x) * y - _over(y, x), domain=(reals(away=(0.0,)),)
)
j0 = special("j0", lambda y, x: -ops.j1(x), domain=(reals(away=(0.0,)),))
j1 = special("j1", lambda y, x: ops.j0(x) - _over(y, x), domain=(reals(away=(0.0,)),))
