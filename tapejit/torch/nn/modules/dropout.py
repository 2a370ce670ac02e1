"""Dropout as modules: in training some entries, or whole channels, are set to zero."""

from __future__ import annotations

from typing import Any

from .late import F
from .module import Module


class _Dropout(Module):
    """Set a share of entries to zero and scale the others up.

    Parameters
    ----------
    p : float
        The share, between 0 and 1.
    inplace : bool
        Whether the input is overwritten.

    Raises
    ------
    ValueError
        If `p` is not between 0 and 1.
    """

    _function = ""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        """Return the input, in training with entries dropped."""
        return getattr(F, self._function)(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Drop entries, each on its own.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.Dropout(0.2).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    _function = "dropout"


class Dropout1d(_Dropout):
    """Drop whole channels of sequences."""

    _function = "dropout1d"


class Dropout2d(_Dropout):
    """Drop whole channels of images."""

    _function = "dropout2d"


class Dropout3d(_Dropout):
    """Drop whole channels of volumes."""

    _function = "dropout3d"


class AlphaDropout(_Dropout):
    """Drop entries so that mean and variance of a standardised input are kept."""

    _function = "alpha_dropout"


class FeatureAlphaDropout(_Dropout):
    """Drop whole channels so that mean and variance of a standardised input are kept."""

    _function = "feature_alpha_dropout"
