"""Differential equations and maps stepped by Python loops, some with steps that adapt."""

from __future__ import annotations

import math

import numpy as np
from program_registry import program


@program(lambda r: (3.3, 0.4), rolled=1)
def logistic_map(a, x):
    """Twenty turns of a map of one number."""
    for _ in range(20):
        x = a * x * (1 - x)
    return x


@program(lambda r: ({"g": 9.81, "length": 1.3, "damping": 0.2}, 0.7, 0.0), rolled=1)
def pendulum_euler(p, theta, omega):
    """Explicit Euler with two scalars that depend on each other; energy gathered on the way."""
    dt = 0.02
    energy = 0.0
    for _ in range(50):
        alpha = -p["g"] / p["length"] * np.sin(theta) - p["damping"] * omega
        theta, omega = theta + dt * omega, omega + dt * alpha
        energy += dt * (0.5 * omega**2 + p["g"] / p["length"] * (1 - math.cos(theta)))
    return energy


def van_der_pol(y, mu):
    return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


@program(lambda r: (1.5, np.array([1.0, 0.0])), rolled=1)
def rk4_van_der_pol(mu, y0):
    """Classical Runge-Kutta on a vector; the trajectory is written into a table."""
    n, h = 40, 0.05
    ys = np.empty((n + 1, 2))
    ys[0] = y0
    for i in range(n):
        k1 = van_der_pol(ys[i], mu)
        k2 = van_der_pol(ys[i] + 0.5 * h * k1, mu)
        k3 = van_der_pol(ys[i] + 0.5 * h * k2, mu)
        k4 = van_der_pol(ys[i] + h * k3, mu)
        ys[i + 1] = ys[i] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.mean(ys[:, 0] ** 2) + ys[-1, 1]


@program(lambda r: (r.uniform(0.5, 2.0, size=6), r.normal(size=7)), rolled=3)
def verlet_chain(k, x0):
    """Velocity Verlet for masses on springs; the force is a loop over the springs."""

    def force(x):
        f = np.zeros(len(x))
        for i in range(len(k)):
            stretch = x[i + 1] - x[i]
            pull = k[i] * stretch + 0.3 * stretch**3
            f[i] += pull
            f[i + 1] -= pull
        return f

    x = x0.copy()
    v = np.zeros_like(x)
    f = force(x)
    h = 0.05
    for _ in range(15):
        x = x + h * v + 0.5 * h * h * f
        new = force(x)
        v += 0.5 * h * (f + new)
        f = new
    return np.sum(v**2) + np.sum(np.diff(x) ** 2)


@program(lambda r: (np.array([1.0, 6.0]), 1.0), rolled=2)
def adaptive_heun(p, y):
    """The step is halved until the error is small, and doubled again when it is tiny."""
    t, t1, h, tol = 0.0, 1.5, 0.4, 1e-4

    def f(t, y):
        return p[0] * np.cos(p[1] * t) - y * y

    while t < t1:
        h = min(h, t1 - t)
        while True:
            k1 = f(t, y)
            k2 = f(t + h, y + h * k1)
            err = abs(0.5 * h * (k2 - k1))
            if err <= 20 * tol:
                break
            h *= 0.5
        t += h
        y = y + 0.5 * h * (k1 + k2)
        if err < tol:
            h *= 2
    return y


@program(lambda r: ((2.0, 0.7), 0.5), order=1, rolled=2)
def adaptive_while_err(p, y):
    """As people write it: ``while err > tol: h *= 0.5`` around a step-doubling estimate."""
    rate, cap = p
    t, t1 = 0.0, 2.0
    steps = 0
    while t < t1:
        h = 0.5
        err = 1.0
        while err > 2e-3:
            h *= 0.5
            full = y + h * rate * y * (1 - y / cap)
            mid = y + h / 2 * rate * y * (1 - y / cap)
            half = mid + h / 2 * rate * mid * (1 - mid / cap)
            err = abs(full - half)
        y = 2 * half - full
        t += h
        steps += 1
    return y + 0.01 * steps


@program(lambda r: (np.array([0.9, 1.3]), np.array([1.0, 0.2])), order=1, rolled=1)
def adaptive_controller(p, y):
    """An embedded pair whose next step is ``h * (tol / err) ** (1/2)``: the step carries too."""

    def f(y):
        return np.array([p[0] * y[1], -p[1] * np.sin(y[0])])

    t, h, tol = 0.0, 0.1, 1e-3
    rejected = 0
    while t < 2.0:
        if t + h > 2.0:
            h = 2.0 - t
        k1 = f(y)
        k2 = f(y + h * k1)
        err = h * np.sqrt(np.sum((k2 - k1) ** 2)) / 2
        if err > 4 * tol:
            h = 0.7 * h
            rejected += 1
            continue
        y = y + h / 2 * (k1 + k2)
        t = t + h
        h = h * min(2.0, max(0.5, 0.9 * np.sqrt(tol / err)))
    return y[0] * y[1] + 0.001 * rejected


@program(lambda r: (np.array([2.0, 0.7, 0.9]),), order=1, rolled=1)
def bouncing_ball(p):
    """A particle between two walls: ``if x < 0: x, v = -x, -e * v``."""
    v, e, width = p
    x = 0.3
    dt = 0.05
    path = 0.0
    for _ in range(60):
        v = v - 0.1 * dt * v
        x = x + dt * v
        if x < 0:
            x, v = -x, -e * v
        elif x > width:
            x = 2 * width - x
            v = -e * v
        path += x * dt
    return path + v**2


@program(lambda r: (np.array([0.3, 1.7]),), rolled=1)
def trapezoid_loop(p):
    """An integral by a loop over the nodes, with halves at the ends, of math's functions."""
    n = 50
    a, b = 0.0, 2.0
    h = (b - a) / n
    total = 0.0
    for i in range(n + 1):
        x = a + i * h
        w = 0.5 if i == 0 or i == n else 1.0
        total += w * math.exp(-p[0] * x) * math.sin(p[1] * x)
    return h * total


@program(lambda r: (r.normal(size=(5, 2)) * 2, r.uniform(0.5, 1.5, 5)), rolled=5)
def planets(pos, mass):
    """Pairs ``i < j`` in nested loops, forces added to both by hand."""
    n = len(mass)
    pos = pos.copy()
    vel = np.zeros((n, 2))
    dt = 0.05
    for _ in range(8):
        acc = np.zeros((n, 2))
        for i in range(n):
            for j in range(i + 1, n):
                dx = pos[j, 0] - pos[i, 0]
                dy = pos[j, 1] - pos[i, 1]
                r2 = dx * dx + dy * dy + 0.5
                inv = 1.0 / (r2 * math.sqrt(r2))
                acc[i, 0] += mass[j] * dx * inv
                acc[i, 1] += mass[j] * dy * inv
                acc[j, 0] -= mass[i] * dx * inv
                acc[j, 1] -= mass[i] * dy * inv
        for i in range(n):
            vel[i] += dt * acc[i]
            pos[i] += dt * vel[i]
    kinetic = 0.0
    for m, v in zip(mass, vel):
        kinetic += 0.5 * m * (v @ v)
    return kinetic


@program(lambda r: (np.array([10.0, 28.0, 8 / 3]), (1.0, 1.0, 1.0)), rolled=1)
def lorenz(p, state):
    """A tuple of three scalars that is rebound whole at every turn."""
    sigma, rho, beta = p
    for _ in range(60):
        x, y, z = state
        state = (
            x + 0.005 * sigma * (y - x),
            y + 0.005 * (x * (rho - z) - y),
            z + 0.005 * (x * y - beta * z),
        )
    return sum(state)
