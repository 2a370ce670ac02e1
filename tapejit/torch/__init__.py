"""A PyTorch-shaped tensor front end: recorded lazily, replayed from compiled kernels.

Examples
--------
>>> import tapejit.torch as torch
>>> x = torch.ones(3, requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 2., 2.])
"""
