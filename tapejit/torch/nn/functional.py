"""`torch.nn.functional`: the functions of neural networks, gathered from their families."""

from __future__ import annotations

from .activations import *  # noqa: F403
