"""The same fit twice: gradients by hand in NumPy, and by tensors that know how they were made.

The data are y = 3 x**2 + 2 with a little noise, the model is w x**2 + b. By hand, the derivative of
half the squared error e is sum(e x**2) with respect to w and sum(e) with respect to b. Both ways see
the same data and start from the same numbers, so they must end at the same ones.
"""

from __future__ import annotations

import numpy as np

import tapejit.torch as torch

STEPS, RATE = 800, 0.001
rng = np.random.default_rng(100)
x_data = np.linspace(-1.0, 1.0, 100).reshape(100, 1)
y_data = 3.0 * x_data**2 + 2.0 + 0.2 * rng.uniform(size=x_data.shape)
w_start, b_start = rng.uniform(size=(1, 1)), rng.uniform(size=(1, 1))


def by_hand(w, b):
    """Return the fit with the derivative worked out on paper."""
    for _ in range(STEPS):
        error = w * x_data**2 + b - y_data
        loss = np.sum(0.5 * error**2)
        w = w - RATE * np.sum(error * x_data**2)
        b = b - RATE * np.sum(error)
    return w.item(), b.item(), loss.item()


def by_tensors(w, b):
    """Return the fit with the derivative from `backward`."""
    x = torch.unsqueeze(torch.linspace(-1, 1, 100, dtype=torch.float64), dim=1)
    y = torch.from_numpy(y_data)
    w = torch.tensor(w, requires_grad=True)
    b = torch.tensor(b, requires_grad=True)
    for _ in range(STEPS):
        predicted = x.pow(2).mm(w) + b
        loss = (0.5 * (predicted - y) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            w -= RATE * w.grad
            b -= RATE * b.grad
            w.grad.zero_()
            b.grad.zero_()
    return w.item(), b.item(), loss.item()


hand = by_hand(w_start, b_start)
tensors = by_tensors(w_start, b_start)
print("             w         b      loss")
print("by hand   {:.6f}  {:.6f}  {:.6f}".format(*hand))
print("tensors   {:.6f}  {:.6f}  {:.6f}".format(*tensors))

assert np.allclose(hand, tensors, rtol=1e-9)
assert abs(hand[0] - 3.0) < 0.1
assert abs(hand[1] - 2.1) < 0.1  # 2, and the mean of the noise
