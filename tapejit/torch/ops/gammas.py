"""Relatives of the gamma, error and Bessel functions, for ``torch.special``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..emit import apply
from ..hot import unary
from ..surface import public
from ..tensor import Tensor
from .forms import two
from .matrices import tensor
from .pointwise import pointwise
from .transcendental import SPECIAL, scipy


def _one(name: str, fn: Any, node: str | None, doc: str, differentiable: bool = True) -> None:
    op = pointwise(
        f"special_{name}", fn, ((0, -1),), node=node, floats=True, differentiable=differentiable
    )
    made = unary(op, name)
    made.__name__ = made.__qualname__ = name
    made.__doc__ = doc
    SPECIAL[name] = made


_one("i0e", scipy("i0e"), "SpecialI0EBackward0", "Return ``exp(-|input|) i0(input)``.")
_one("i1e", scipy("i1e"), "SpecialI1EBackward0", "Return ``exp(-|input|) i1(input)``.")
_one("erfcx", scipy("erfcx"), "SpecialErfcxBackward0", "Return ``exp(input**2) erfc(input)``.")
_one("bessel_j0", scipy("j0"), None, "Return the Bessel function of order 0.", False)
_one("bessel_j1", scipy("j1"), None, "Return the Bessel function of order 1.", False)


# ---------------------------------------------------------------- polygamma


def _polygamma(x: Any, *, n: int) -> Any:
    from ...scipy.special import polygamma as library

    return library(n, x).astype(x.dtype)


_POLYGAMMA = pointwise("polygamma", _polygamma, ((0,),), floats=True)


def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the n-th derivative of `digamma`.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.polygamma(1, torch.tensor([1.0]))
    tensor([1.6449])
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return apply(_POLYGAMMA, (tensor(input, "polygamma", "input", 2),), n=n)  # type: ignore[no-any-return]


public("polygamma", method=False, out=True)(polygamma)


def _of_tensor(self: Tensor, n: int) -> Tensor:
    """Return the derivative of order `n` of the digamma function, as `torch.polygamma`."""
    return polygamma(n, self)


_of_tensor.__name__ = "polygamma"
public(function=False, inplace=True)(_of_tensor)
SPECIAL["polygamma"] = polygamma


# ---------------------------------------------------------------- the gamma function of matrices


def _mvlgamma(x: Any, *, p: int) -> Any:
    from scipy.special import gammaln

    total = gammaln(x)
    for j in range(1, p):
        total = total + gammaln(x - 0.5 * j)
    return total + np.asarray(p * (p - 1) / 4 * math.log(math.pi), x.dtype)[()]


_MVLGAMMA = pointwise("mvlgamma", _mvlgamma, ((0,),), floats=True)


@public("mvlgamma", inplace=True, out=True)
def multigammaln(input: Tensor, p: int) -> Tensor:
    """Return the logarithm of the gamma function of matrices of order p.

    Raises
    ------
    RuntimeError
        If p is less than 1.
    """
    if isinstance(p, bool) or not isinstance(p, int):
        raise TypeError(f"mvlgamma(): argument 'p' must be int, not {type(p).__name__}")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return apply(_MVLGAMMA, (tensor(input, "mvlgamma"),), p=p)  # type: ignore[no-any-return]


SPECIAL["multigammaln"] = multigammaln


# ---------------------------------------------------------------- incomplete gamma functions


def _incomplete(name: str, library: str, node: str, doc: str) -> Any:
    function = scipy(library)

    def impl(a: Any, x: Any) -> Any:
        from ...transforms.simple import stop_gradient

        # There is no derivative by the parameter, in PyTorch neither.
        return function(stop_gradient(a), x)

    op = pointwise(name, impl, ((0, 1), (0, 1)), node=node, floats=True)
    fast = two(op, name, number=False, number_first=False)

    def made(input: Tensor, other: Tensor) -> Tensor:
        if tensor(input, name)._kind:
            raise NotImplementedError(
                f"the derivative for '{name}: input' is not implemented; detach it"
            )
        return fast(input, other)  # type: ignore[no-any-return]

    made.__name__ = made.__qualname__ = name
    made.__doc__ = doc
    return made


igamma = _incomplete(
    "igamma",
    "gammainc",
    "IgammaBackward0",
    "Return the regularised lower incomplete gamma function.",
)
igammac = _incomplete(
    "igammac",
    "gammaincc",
    "IgammacBackward0",
    "Return the regularised upper incomplete gamma function.",
)
public("igamma", inplace=True, out=True)(igamma)
public("igammac", inplace=True, out=True)(igammac)
SPECIAL["gammainc"], SPECIAL["gammaincc"] = igamma, igammac
