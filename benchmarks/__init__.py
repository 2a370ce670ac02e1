"""Benchmarks of tapejit against its peers and against hand-written adjoints.

Run ``python -m benchmarks --help``. Importing this package imports nothing heavy: thread counts
are fixed in the environment before the first ``import numpy``.
"""
