"""Normalisation over batches and places, with running statistics in the buffers.

In training the statistics of the batch are used and the running ones moved towards them; in
evaluation the running ones are used, if they are tracked.
"""

from __future__ import annotations

from typing import Any

from .. import init
from ..parameter import Parameter
from .late import F, torch
from .module import Module


class _Norm(Module):
    """Normalisation with running statistics.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
        Added to variances.
    momentum : float or None
        How far the running statistics move; None: they are the mean of all batches.
    affine : bool
        Whether a learned scale and shift follow.
    track_running_stats : bool
        Whether there are running statistics.
    bias : bool
        Whether there is a shift.
    """

    _version = 2
    _dims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        made = {"device": device, "dtype": dtype}
        weight = Parameter(torch.empty(num_features, **made)) if affine else None
        shift = Parameter(torch.empty(num_features, **made)) if affine and bias else None
        self.register_parameter("weight", weight)
        self.register_parameter("bias", shift)
        tracked = track_running_stats
        self.register_buffer("running_mean", torch.zeros(num_features, **made) if tracked else None)
        self.register_buffer("running_var", torch.ones(num_features, **made) if tracked else None)
        self.register_buffer(
            "num_batches_tracked", torch.tensor(0, dtype=torch.int64) if tracked else None
        )
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Start afresh."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() not in self._dims:
            wanted = " or ".join(f"{n}D" for n in self._dims)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:  # fmt: skip
        # States of the first version have no count of batches.
        key = prefix + "num_batches_tracked"
        old = local_metadata.get("version") is None or local_metadata["version"] < 2
        if old and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked.detach()
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_Norm):
    def forward(self, input: Any) -> Any:
        """Return the input normalised for each channel."""
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                # The mean of n batches moves by 1 / n of the way to the n-th.
                factor = 1.0 / float(self.num_batches_tracked)
        own = not self.training or self.track_running_stats
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(
            input,
            self.running_mean if own else None,
            self.running_var if own else None,
            self.weight,
            self.bias,
            by_batch,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Normalise (batch, channels) or (batch, channels, length) for each channel.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.BatchNorm1d(2)
    BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise images, (batch, channels, height, width), for each channel."""

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalise volumes for each channel."""

    _dims = (5,)


class _InstanceNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Any) -> Any:
        """Return the input normalised for each channel of each instance."""
        self._check_input_dim(input)
        alone = input.dim() == self._dims[0]
        channels = input.shape[0 if alone else 1]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={0 if alone else 1} to match num_features "
                f"({self.num_features}), but got: {channels}."
            )
        out = F.instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Normalise sequences for each channel of each instance."""

    _dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalise images for each channel of each instance."""

    _dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalise volumes for each channel of each instance."""

    _dims = (4, 5)
