"""Physics as people write it: states, grids and matrices made of numbers, then written to.

Here and in the two files beside it every program makes an array of plain numbers (``np.array``,
``np.linspace``, ``np.arange``, ``np.tile``, a function of one of them) and stores computed values in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from program_registry import program


def pendulum_rhs(t: float, state: Any, length: float) -> Any:
    theta, omega = state
    return np.array([omega, -9.81 / length * np.sin(theta)])


@program(lambda rng: (1.3,))
def double_swing(length: float) -> Any:
    state = np.array([0.5, 0.0])
    dt, t = 0.02, 0.0
    for _ in range(40):
        k1 = pendulum_rhs(t, state, length)
        k2 = pendulum_rhs(t + dt / 2, state + dt / 2 * k1, length)
        k3 = pendulum_rhs(t + dt / 2, state + dt / 2 * k2, length)
        k4 = pendulum_rhs(t + dt, state + dt * k3, length)
        state += dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        t += dt
    return state[0]


@program(lambda rng: (np.array([0.9, 0.4]),))
def projectile_with_drag(p: Any) -> Any:
    drag, wind = p
    pos = np.array([0.0, 1.0])
    vel = np.array([10.0, 8.0])
    for _ in range(30):
        speed = np.sqrt(vel[0] ** 2 + vel[1] ** 2)
        vel[0] -= 0.01 * drag * speed * (vel[0] - wind)
        vel[1] -= 0.01 * (9.81 + drag * speed * vel[1])
        pos += 0.01 * vel
    return pos[0] * pos[1]


@program(lambda rng: (0.05,), quick=False)
def heat_rod(alpha: float) -> Any:
    nx, dx, dt = 21, 0.05, 0.01
    x = np.linspace(0, 1, nx)
    u = np.sin(np.pi * x)
    for _ in range(25):
        un = u.copy()
        u[1:-1] = un[1:-1] + alpha * dt / dx**2 * (un[2:] - 2 * un[1:-1] + un[:-2])
        u[0] = 0
        u[-1] = un[-2]
    return np.sum(u**2)


def apply_walls(u: Any, left: Any) -> None:
    u[0] = left
    u[-1] = 2.0 * u[-2] - u[-3]


@program(lambda rng: (np.array([0.7, 1.2]),))
def convection_with_walls(p: Any) -> Any:
    c, left = p
    u = 1.0 + np.exp(-100.0 * (np.linspace(0.0, 2.0, 41) - 0.5) ** 2)
    for _ in range(12):
        u[1:] = u[1:] - c * 0.02 * (u[1:] - u[:-1]) / 0.05
        apply_walls(u, left)
    return u @ u


class Particle:
    def __init__(self, position: Any, velocity: Any, mass: float) -> None:
        self.position = position
        self.velocity = velocity
        self.mass = mass
        self.force = np.array([0.0, 0.0])

    def kick(self, dt: float) -> None:
        self.velocity += dt * self.force / self.mass
        self.position += dt * self.velocity


@program(lambda rng: (0.8,), quick=False)
def springs_between_particles(k: float) -> Any:
    bodies = [
        Particle(np.array([0.0, 0.0]), np.array([0.0, 0.1]), 1.0),
        Particle(np.array([1.0, 0.2]), np.array([0.0, -0.1]), 2.0),
        Particle(np.array([0.3, 1.0]), np.zeros(2), 1.5),
    ]
    for _ in range(6):
        for body in bodies:
            body.force[:] = 0.0
        for i in range(3):
            for j in range(i):
                d = bodies[j].position - bodies[i].position
                bodies[i].force += k * d
                bodies[j].force -= k * d
        for body in bodies:
            body.kick(0.1)
    return sum(b.mass * np.dot(b.velocity, b.velocity) for b in bodies)


@program(lambda rng: (np.array([0.3, 0.5, 0.2]),))
def robot_arm(q: Any) -> Any:
    T = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    for angle in q:
        link = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        link[0, 0] = link[1, 1] = np.cos(angle)
        link[0, 1], link[1, 0] = -np.sin(angle), np.sin(angle)
        T = T @ link
    return (T[0, 2] - 1.0) ** 2 + (T[1, 2] - 2.0) ** 2


@program(lambda rng: (rng.normal(size=4),), quick=False)
def magnetic_chain(h: Any) -> Any:
    sx = np.array([[0, 1], [1, 0]], dtype=float)
    sz = np.array([[1.0, 0.0], [0.0, -1.0]])
    H = np.kron(sz, sz) + np.kron(np.eye(2), 0.5 * sx)
    for i in range(4):
        H[i, i] += h[i]
    H[0, 3] = H[3, 0] = h[0] * h[1]
    return np.linalg.eigvalsh(H)[0]


@program(lambda rng: (0.4,))
def crank_nicolson(nu: float) -> Any:
    n = 8
    main = np.repeat(1.0, n)
    main[1:-1] += 2 * nu
    A = np.diag(main)
    for i in range(1, n - 1):
        A[i, i - 1] = A[i, i + 1] = -nu
    u = np.linspace(0.0, 1.0, n) ** 2
    for _ in range(4):
        b = np.array(u)
        b[0], b[-1] = nu, 1.0
        u = np.linalg.solve(A, b)
    return np.sum(np.sin(u))


@program(lambda rng: (np.array([1.1, 0.4]),), quick=False)
def lotka_volterra_table(p: Any) -> Any:
    times = np.arange(0, 3, 0.1)
    path = np.tile([1.0, 0.5], (len(times), 1))
    for i in range(1, len(times)):
        prey, hunters = path[i - 1]
        path[i, 0] = prey + 0.1 * (p[0] * prey - 0.4 * prey * hunters)
        path[i, 1] = hunters + 0.1 * (p[1] * prey * hunters - 0.4 * hunters)
    return np.mean(path[:, 0] * path[:, 1])


@program(lambda rng: (0.35,), quick=False)
def relaxed_potential(v: float) -> Any:
    phi = np.outer(np.linspace(0, 1, 7), np.linspace(1, 0, 7))
    phi[0, :] = v
    for _ in range(9):
        inner = phi[1:-1, 1:-1]
        inner[:] = 0.25 * (phi[2:, 1:-1] + phi[:-2, 1:-1] + phi[1:-1, 2:] + phi[1:-1, :-2])
    return np.sum(phi**2)


@program(lambda rng: (0.6,), quick=False)
def leapfrog_in_a_dict(k: float) -> Any:
    state = {"x": np.array([1.0, 0.0, 0.5]), "p": np.array([0.0, 0.2, 0.0]), "t": 0.0}
    for _ in range(10):
        state["p"] -= 0.05 * k * state["x"]
        state["x"] += 0.1 * state["p"]
        state["p"] -= 0.05 * k * state["x"] ** 3
        state["t"] += 0.1
    return np.sum(state["x"] ** 2 + state["p"] ** 2) * state["t"]


@program(lambda rng: (0.2,))
def energy_in_a_box(eps: float) -> Any:
    positions = np.arange(8.0).reshape(4, 2) * 0.7
    positions[1] += eps
    positions[2, 0] *= 1 + eps
    total = np.array(0.0)
    for i in range(4):
        for j in range(i + 1, 4):
            r2 = np.sum((positions[i] - positions[j]) ** 2)
            total += 1.0 / r2**3 - 1.0 / r2
    return total * 1.0


@program(lambda rng: (np.array([0.1, -0.2, 0.3]),))
def rotated_frame(w: Any) -> Any:
    K = np.array([[0.0] * 3] * 3)
    K[0, 1], K[0, 2], K[1, 2] = -w[2], w[1], -w[0]
    K -= K.T
    R = np.identity(3) + np.sin(1.0) * K + (1 - np.cos(1.0)) * K @ K
    v = R @ np.array([1.0, 2.0, 3.0])
    v[2] *= w[0]
    return np.sum(v)
