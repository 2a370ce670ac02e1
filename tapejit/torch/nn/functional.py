"""`torch.nn.functional`: the functions of neural networks, gathered from their families."""

from __future__ import annotations

from .activations import *  # noqa: F403
from .adaptive import *  # noqa: F403
from .attention import *  # noqa: F403
from .classes import *  # noqa: F403
from .convolutions import *  # noqa: F403
from .distances import *  # noqa: F403
from .dropout import *  # noqa: F403
from .embedding_losses import *  # noqa: F403
from .folding import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .normalisation import *  # noqa: F403
from .padding import *  # noqa: F403
from .pooling import *  # noqa: F403
from .resampling import *  # noqa: F403
from .softmaxes import *  # noqa: F403
from .sparse import *  # noqa: F403
