"""The transformations that users apply to functions."""
