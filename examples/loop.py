"""A pendulum with friction: fit its length and damping to a swing, through the integrator's loop.

Runs in a few seconds; prints the fit and what became of the loop.
"""

import numpy as np
from scipy.optimize import minimize

import tapejit as tj

STEP, ROUNDS = 0.01, 2000


def swing(length, damping, angle):
    """Integrate with half steps of the velocity (leapfrog); return the angle at every round."""
    angles = np.zeros(ROUNDS)
    speed = 0.0
    for k in range(ROUNDS):
        speed -= 0.5 * STEP * (9.81 / length * np.sin(angle) + damping * speed)
        angle += STEP * speed
        speed -= 0.5 * STEP * (9.81 / length * np.sin(angle) + damping * speed)
        angles[k] = angle
    return angles


def main():
    truth = swing(0.7, 0.15, 1.2)
    seen = truth + 0.02 * np.random.default_rng(0).normal(size=ROUNDS)

    @tj.value_and_grad
    def misfit(p):
        return np.mean((swing(p[0], p[1], 1.2) - seen) ** 2)

    start = np.array([0.72, 0.3])
    fit = minimize(misfit, start, jac=True, method="BFGS")
    print(f"length {fit.x[0]:.4f} (0.7), damping {fit.x[1]:.4f} (0.15), {fit.nfev} gradients")
    print(f"the tape has {len(misfit.tape(start))} rows for {ROUNDS} rounds")
    print(misfit.explain(start))
    assert np.allclose(fit.x, [0.7, 0.15], atol=2e-3)


if __name__ == "__main__":
    main()
