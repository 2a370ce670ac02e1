"""Rows are recorded in machine code from the start here; Python's way has tests that switch it off."""

from tapejit.torch import native

native.start()
