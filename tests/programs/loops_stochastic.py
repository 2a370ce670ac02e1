"""Simulations driven by numbers drawn beforehand: chains, queues, epidemics, events."""

from __future__ import annotations

import math

import numpy as np
from program_registry import program


@program(lambda r: (np.array([0.5, 0.8]), r.normal(size=30), r.uniform(size=30)), order=1, rolled=1)
def metropolis(p, steps, uniforms):
    """Proposals accepted or refused by given uniforms; both outcomes move the average."""

    def log_density(x):
        return -0.5 * (x - p[0]) ** 2 / p[1] ** 2 - 0.1 * x**4

    x, accepted = 0.0, 0
    mean = 0.0
    for z, u in zip(steps, uniforms):
        proposal = x + p[1] * z
        if np.log(u) < log_density(proposal) - log_density(x):
            x = proposal
            accepted += 1
        mean += x / len(steps)
    return mean + 0.01 * accepted


@program(lambda r: ({"arrive": 1.2, "serve": 0.9}, r.exponential(size=40), r.exponential(size=40)),
         order=1, rolled=1)  # fmt: skip
def single_queue(mean, gaps, works):
    """Lindley's recursion by times of arrival and departure."""
    arrival = departure = 0.0
    wait = 0.0
    for gap, work in zip(gaps, works):
        arrival += mean["arrive"] * gap
        start = max(arrival, departure)
        wait += start - arrival
        departure = start + mean["serve"] * work
    return wait / len(gaps)


@program(lambda r: (1.7, r.exponential(size=20) * 0.6, r.exponential(size=20)), order=1, rolled=1)
def two_servers(slow, gaps, works):
    """The earlier of two servers takes the next customer: an array at an index found by argmin."""
    free = np.zeros(2)
    now, total = 0.0, 0.0
    for i in range(len(gaps)):
        now += gaps[i]
        k = np.argmin(free)
        begin = max(now, free[k])
        free[k] = begin + works[i] * (slow if k == 1 else 1.0)
        total += free[k] - now
    return total


@program(lambda r: (np.array([0.6, 0.15]), r.normal(size=40)), order=1, rolled=1)
def epidemic(p, noise):
    """SIR with noise, clipped from below, and a lockdown above a threshold."""
    beta, gamma = p
    S, I, R = 0.95, 0.05, 0.0
    peak = 0.0
    for z in noise:
        contact = 0.5 * beta if I > 0.15 else beta
        new = contact * S * I * (1 + 0.05 * z)
        healed = gamma * I
        S, I, R = max(S - new, 0.0), I + new - healed, R + healed
        peak = max(peak, I)
    return peak + R


@program(lambda r: (np.array([0.4, 0.5, 1.3]), np.cumsum(r.exponential(size=25))), rolled=1)
def hawkes(p, times):
    """The likelihood of self-exciting events by a recursion over the gaps."""
    mu, alpha, beta = p
    ll, memory, last = 0.0, 0.0, 0.0
    for t in times:
        memory *= math.exp(-beta * (t - last))
        ll += math.log(mu + alpha * memory)
        memory += 1.0
        last = t
    compensator = sum(alpha / beta * (1 - math.exp(-beta * (times[-1] - t))) for t in times)
    return ll - mu * times[-1] - compensator


@program(lambda r: (np.array([0.3, 0.5]), r.normal(size=(6, 30))), order=1, rolled=2)
def first_passage(p, normals):
    """Walks stopped at a level: their times are refined inside the step that crosses."""
    drift, level = p
    total = 0.0
    for walk in normals:
        x = 0.0
        for k, z in enumerate(walk):
            new = x + 0.1 * drift + 0.3 * z
            if new > level:
                total += k + (level - x) / (new - x)
                break
            x = new
        else:
            total += len(walk) + level - x
    return total / len(normals)


@program(lambda r: ((0.5, 1.5), r.exponential(size=60)), order=1, rolled=1)
def gillespie(rates, clocks):
    """Birth and death in continuous time until the horizon; the population is an integer."""
    birth, death = rates
    t, n, area = 0.0, 3, 0.0
    k = 0
    while k < len(clocks) - 1:
        rate = birth * 4 + death * n
        dt = clocks[k] / rate
        if t + dt > 6.0:
            break
        area += n * dt
        t += dt
        if clocks[k + 1] * rate > death * n * 1.5:
            n += 1
        elif n > 0:
            n -= 1
        k += 1
    return area + n * (6.0 - t)


@program(lambda r: (r.normal(size=3), r.normal(size=(8, 3)), r.uniform(size=8)), order=1, rolled=2)
def systematic_resampling(w, particles, u):
    """Weights normalised, then an index carried along a cumulative sum: a `while` that walks."""
    weights = np.exp(particles @ w)
    weights = weights / weights.sum()
    cumulative = np.cumsum(weights)
    i, total = 0, 0.0
    for k in range(8):
        while i < 7 and cumulative[i] < (k + 0.5) / 8:
            i += 1
        total += weights[i] * np.sum(particles[i] ** 2) * u[k]
    return total


@program(lambda r: (np.array([0.7, -0.4]), r.normal(size=(15, 2))), rolled=1)
def langevin(p, noise):
    """Euler-Maruyama in a double well, positions kept in a list, autocorrelation taken at last."""
    x = 1.0
    path = [x]
    for z in noise[:, 0]:
        force = -4 * p[0] * x * (x * x - 1) + p[1]
        x = x + 0.05 * force + 0.1 * z
        path.append(x)
    path = np.array(path)
    return np.mean(path[1:] * path[:-1]) + np.var(path)
