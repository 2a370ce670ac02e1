"""From a schedule to Numba source text. Nothing here computes or compiles."""
