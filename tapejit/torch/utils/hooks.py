"""The handle that registering a hook returns, under PyTorch's name."""

from ..hooks import RemovableHandle as RemovableHandle
