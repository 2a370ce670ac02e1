"""Fit a damped oscillation to noisy data with scipy.optimize, gradients by tapejit.

``value_and_grad`` returns what ``minimize(jac=True)`` wants: the value and the gradient. Compared
with SciPy's own differences, the fit needs one call where they need one more for each parameter.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

import tapejit as tj

rng = np.random.default_rng(0)
t = np.linspace(0.0, 10.0, 200)
truth = np.array([2.0, 0.3, 2.5, 0.7, 0.5])  # amplitude, decay, frequency, phase, offset
names = ("amplitude", "decay", "frequency", "phase", "offset")


def model(p, t):
    return p[0] * np.exp(-p[1] * t) * np.cos(p[2] * t + p[3]) + p[4]


data = model(truth, t) + 0.05 * rng.normal(size=t.size)


def misfit(p):
    residual = (model(p, t) - data) / 0.05
    return 0.5 * np.sum(residual**2)


start = np.array([1.0, 0.1, 2.3, 0.0, 0.0])
fit = minimize(tj.value_and_grad(misfit), start, jac=True, method="BFGS")
plain = minimize(misfit, start, method="BFGS")

# At the optimum the Hessian is the inverse of the covariance of the parameters.
error = np.sqrt(np.diag(np.linalg.inv(tj.hessian(misfit)(fit.x))))
for name, value, sigma, true in zip(names, fit.x, error, truth):
    print(f"{name:<10} {value:7.4f} +- {sigma:.4f}   (true {true})")
print(f"calls: {fit.nfev} with gradients, {plain.nfev} with differences")

assert np.all(np.abs(fit.x - truth) < 4 * error)
assert np.linalg.norm(fit.jac) < 1e-3
assert fit.nfev < plain.nfev
