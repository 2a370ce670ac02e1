"""Helpers around gradients and parameters."""
