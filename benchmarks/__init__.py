"""Benchmarks of tapejit against its peers and against hand-written adjoints.

Run ``python -m benchmarks --help``. What makes the numbers comparable:

- One process, one thread count; every repeat visits every contestant, in a rotating order.
- Every value and gradient is found equal to the hand-written adjoint's before it is timed, and
  the tests find that one equal to finite differences.
- The hand-written adjoint is the limit: fused, vectorised, and allowed what only a person sees.
- Peers get what suits them: inputs as device arrays or tensors made beforehand, fused losses
  where their libraries have them, synchronous dispatch for JAX. tapejit gets NumPy arrays.
- A contestant that fails, is wrong or is missing has a cell that says so.

Importing this package imports nothing heavy: thread counts are fixed in the environment before
the first ``import numpy``.
"""
