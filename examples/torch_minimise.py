"""Fifty steps down the parabola x**2, and the picture of the way.

From x = 3 with rate 0.1 each step multiplies x by 1 - 2 * 0.1 = 0.8: after fifty steps x is
3 * 0.8**50, about 4.3e-05. Where matplotlib is installed, the points visited are written to
``minimise.png``.
"""

from __future__ import annotations

import tapejit.torch as torch

x = torch.tensor(3.0, requires_grad=True)
path = [(x.item(), x.item() ** 2)]
for step in range(50):
    y = x**2
    y.backward()
    with torch.no_grad():
        x -= 0.1 * x.grad
    x.grad = None
    path.append((x.item(), x.item() ** 2))
    if step % 10 == 9:
        print(f"step {step + 1:2d}   x {x.item():.2e}   x**2 {path[-1][1]:.2e}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("matplotlib is not installed: no picture")
else:
    figure = Figure(figsize=(6, 4))
    axes = figure.add_subplot()
    curve = torch.linspace(-3.2, 3.2, 200)
    axes.plot(curve.numpy(), (curve**2).numpy(), color="#9a9a9a", linewidth=1)
    dots = axes.scatter(*zip(*path), c=range(len(path)), cmap="viridis", zorder=2)
    figure.colorbar(dots, label="step")
    axes.set(xlabel="x", ylabel="x²", title="Gradient descent from 3, rate 0.1")
    figure.savefig("minimise.png", dpi=120)
    print("minimise.png written")

assert f"{x.item():.2e}" == "4.28e-05"
assert abs(path[1][0] - 2.4) < 1e-6
