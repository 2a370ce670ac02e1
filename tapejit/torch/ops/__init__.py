"""The operations of torch, by family: each a NumPy function and what recording must know of it."""
