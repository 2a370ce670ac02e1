"""Capture: tracers that look like arrays record what NumPy code does to them."""
