"""Training steps of `tapejit.torch` against PyTorch's own, each program written once.

Run ``python -m benchmarks.torch --help``. What makes the numbers comparable:

- A program is a function of the module `torch`: both libraries run the same lines on the same
  starting values, which come from formulas.
- Losses and parameters are found equal over the first steps before anything is timed.
- One process, one thread count; every repeat visits both, in a rotating order; medians.
- A sample is a run of whole steps, each from the forward pass to the update. What a step leaves
  to be computed later is computed in the next one, so a steady loop hides nothing.
- A library that is missing has a column of "absent"; a program that fails has a cell that says so.
"""
