"""Exponentials, logarithms, trigonometry and special functions: a table of NumPy's and SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from ..hot import parametric
from ..surface import public
from ..tensor import Tensor
from . import kinks
from .checks import not_implemented
from .forms import of_one, of_two
from .pointwise import Saves, pointwise

IN: Saves = ((0,),)
OUT: Saves = ((-1,),)
NONE: Saves = ((),)


def scipy(name: str) -> Any:
    """Return a function of scipy.special, imported when it is first called."""

    def function(*xs: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*xs)

    return function


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x)) if x.dtype.kind == "c" else scipy("expit")(x)


def _logaddexp(x: Any, y: Any) -> Any:
    if x.dtype.kind != "c":
        return kinks.logaddexp(x, y)
    first = np.real(x) >= np.real(y)
    big, small = np.where(first, x, y), np.where(first, y, x)
    return big + np.log(1 + np.exp(small - big))


_REAL = set(
    "erf erfc erfinv lgamma digamma special_ndtr special_ndtri special_log_ndtr i0 special_i1 special_entr".split()
)
_NEVER_COMPLEX = {"deg2rad", "rad2deg"}


def _check_of(name: str) -> Any:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_complex and name in _NEVER_COMPLEX:
            raise RuntimeError(f"{name} is not supported for complex tensors.")
        if d.is_complex:
            raise not_implemented(name, d)

    return check if name in _REAL | _NEVER_COMPLEX else None


_TABLE: list[tuple[str, Any, Saves, str | None, str]] = [
    ("exp", np.exp, OUT, None, "Return e to the power of each element."),
    ("exp2 special_exp2", np.exp2, OUT, None, "Return 2 to the power of each element."),
    ("expm1 special_expm1", np.expm1, OUT, None, "Return ``exp(input) - 1``, exact near 0."),
    ("log", np.log, IN, None, "Return the natural logarithm."),
    ("log2", np.log2, IN, None, "Return the logarithm to the base 2."),
    ("log10", np.log10, IN, None, "Return the logarithm to the base 10."),
    ("log1p special_log1p", np.log1p, IN, "Log1PBackward0", "Return ``log(1 + input)``, exact near 0."),
    ("sin", np.sin, IN, None, "Return the sine."),
    ("cos", np.cos, IN, None, "Return the cosine."),
    ("tan", np.tan, OUT, None, "Return the tangent."),
    ("asin arcsin", np.arcsin, IN, None, "Return the arc sine."),
    ("acos arccos", np.arccos, IN, None, "Return the arc cosine."),
    ("atan arctan", np.arctan, IN, None, "Return the arc tangent."),
    ("sinh", np.sinh, IN, None, "Return the hyperbolic sine."),
    ("cosh", np.cosh, IN, None, "Return the hyperbolic cosine."),
    ("tanh", np.tanh, OUT, None, "Return the hyperbolic tangent."),
    ("asinh arcsinh", np.arcsinh, IN, None, "Return the inverse hyperbolic sine."),
    ("acosh arccosh", kinks.arccosh, IN, None, "Return the inverse hyperbolic cosine."),
    ("atanh arctanh", np.arctanh, IN, None, "Return the inverse hyperbolic tangent."),
    ("sinc special_sinc", np.sinc, IN, None, "Return ``sin(pi x) / (pi x)``, 1 at 0."),
    ("deg2rad", np.deg2rad, NONE, "Deg2RadBackward0", "Return degrees as radians."),
    ("rad2deg", np.rad2deg, NONE, "Rad2DegBackward0", "Return radians as degrees."),
    ("sigmoid special_expit", _sigmoid, OUT, None, "Return ``1 / (1 + exp(-input))``."),
    ("erf special_erf", scipy("erf"), IN, None, "Return the error function."),
    ("erfc special_erfc", scipy("erfc"), IN, None, "Return one less the error function."),
    ("erfinv special_erfinv", scipy("erfinv"), OUT, None, "Return the inverse error function."),
    ("lgamma special_gammaln", scipy("gammaln"), IN, None, "Return the logarithm of the size of gamma."),
    ("digamma special_digamma special_psi", scipy("digamma"), IN, None, "Return the derivative of `lgamma`."),
    ("special_ndtr", scipy("ndtr"), IN, "MulBackward1", "Return the normal distribution function."),
    ("special_ndtri", scipy("ndtri"), OUT, "SpecialNdtriBackward0", "Return the normal quantile function."),
    ("special_log_ndtr", scipy("log_ndtr"), IN, "SpecialLogNdtrBackward0", "Return the logarithm of ndtr."),
    ("i0 special_i0", scipy("i0"), IN, "I0Backward0", "Return the modified Bessel function of order 0."),
    ("special_i1", scipy("i1"), IN, "SpecialI1Backward0", "Return the modified Bessel function of order 1."),
    ("special_entr", scipy("entr"), IN, "SpecialEntrBackward0", "Return ``-x log x``, 0 at 0."),
]  # fmt: skip

SPECIAL: dict[str, Any] = {}
"""The functions of ``torch.special``."""


def special_too(names: str, fn: Any) -> None:
    """Enter a function into ``torch.special`` under those of its names that say so."""
    for word in names.split():
        if word.startswith("special_"):
            SPECIAL[word.removeprefix("special_")] = fn


for _names, _fn, _saves, _node, _doc in _TABLE:
    _plain = " ".join(w for w in _names.split() if not w.startswith("special_"))
    _op = pointwise(
        _names.split()[0], _fn, _saves, node=_node, floats=True, check=_check_of(_names.split()[0])
    )
    if _plain:
        _made = of_one(_op, _plain, _doc)
    else:
        from ..hot import unary

        _made = unary(_op, _names.removeprefix("special_"))
        _made.__name__, _made.__doc__ = _names.split()[0].removeprefix("special_"), _doc
    special_too(_names, _made)


# ---------------------------------------------------------------- logit, with its ends kept off


def _logit_impl(x: Any, *, eps: float | None) -> Any:
    if eps is None:
        return kinks.logit(x)
    inside = (x >= eps) & (x <= 1 - eps)
    return np.where(
        inside, kinks.logit(np.where(inside, x, 0.5)), np.where(x < eps, *_ends(x, eps))
    )


def _ends(x: Any, eps: float) -> tuple[Any, Any]:
    """The values at both ends, constant beyond them."""
    at = np.log(eps / (1 - eps)) if eps else -np.inf
    return x.dtype.type(at), x.dtype.type(-at)


_logit_op = pointwise("logit", _logit_impl, IN, floats=True)


@public("logit", inplace=True, out=True)
@parametric(_logit_op)
def logit(input: Tensor, eps: float | None = None) -> Any:
    """Return ``log(input / (1 - input))``, of values first moved into ``[eps, 1 - eps]``."""
    return {"eps": None if eps is None or eps < 0 else float(eps)}


SPECIAL["logit"] = logit


# ---------------------------------------------------------------- of two


def floating_only(name: str, complex_too: bool = False) -> Any:
    """Return a check that integers do not pass, nor complex numbers unless they may."""

    def check(d: DType, args: tuple[Any, ...]) -> None:
        if not (d.is_floating_point or (complex_too and d.is_complex)):
            raise not_implemented(name, d)

    return check


def real_only(name: str) -> Any:
    """Return a check that complex numbers do not pass."""

    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_complex:
            raise not_implemented(name, d)

    return check


atan2 = of_two(
    pointwise("atan2", np.arctan2, ((0, 1), (0, 1)), floats=True, check=real_only("atan2")),
    "atan2 arctan2", "Return the angle of the point (other, input).", number=False, number_first=False,
)  # fmt: skip
hypot = of_two(
    pointwise("hypot", kinks.hypot, ((0, -1), (1, -1)), check=floating_only("hypot")),
    "hypot", "Return the length of the vector (input, other).", number=False, number_first=False,
)  # fmt: skip
logaddexp = of_two(
    pointwise("logaddexp", _logaddexp, ((0, 1), (0, 1)), check=floating_only("logaddexp", True)),
    "logaddexp", "Return ``log(exp(input) + exp(other))``.",
    inplace=False, number=False, number_first=False,
)  # fmt: skip
logaddexp2 = of_two(
    pointwise("logaddexp2", kinks.logaddexp2, ((0, 1), (0, 1)), check=floating_only("logaddexp2")),
    "logaddexp2", "Return ``log2(2**input + 2**other)``.",
    inplace=False, number=False, number_first=False,
)  # fmt: skip


def _xlogy_node(params: Any, args: Any) -> str:
    from ..spec import Spec

    first, second = (isinstance(a, Spec) for a in args)
    return f"XlogyBackward{0 if first and second else 1 if second else 2}"


def _xlog1py_node(params: Any, args: Any) -> str:
    from ..spec import Spec

    first, second = (isinstance(a, Spec) for a in args)
    return f"SpecialXlog1PyBackward{0 if first and second else 1 if second else 2}"


xlogy = of_two(
    pointwise("xlogy", kinks.xlogy, ((0, 1), (0, 1)), node=_xlogy_node, floats=True, check=real_only("xlogy")),
    "xlogy", "Return ``input * log(other)``, 0 where `input` is 0 and `other` is no nan.",
)  # fmt: skip
SPECIAL["xlogy"] = xlogy


def _xlog1py() -> Any:
    from .forms import two

    made = two(
        pointwise(
            "xlog1py",
            scipy("xlog1py"),
            ((0, 1), (0, 1)),
            node=_xlog1py_node,
            floats=True,
            check=real_only("xlog1py"),
        ),
        "xlog1py",
    )
    made.__name__ = "xlog1py"
    made.__doc__ = "Return ``input * log1p(other)``, 0 where `input` is 0."
    return made


SPECIAL["xlog1py"] = _xlog1py()
