"""Prices, likelihoods and risks of financial series, as loops over time, paths and trees."""

from __future__ import annotations

import math

import numpy as np
from program_registry import program


@program(lambda r: (np.array([0.2, 0.1, 0.6, 0.02]), r.normal(size=60) * 0.7), rolled=1)
def garch(p, returns):
    """GARCH(1,1): one variance carried along, its logarithm summed."""
    omega, alpha, beta, mu = p
    var = np.var(returns)
    ll = 0.0
    for r in returns:
        e = r - mu
        ll += -0.5 * (np.log(2 * np.pi) + np.log(var) + e**2 / var)
        var = omega + alpha * e**2 + beta * var
    return ll


@program(lambda r: (np.array([0.05, 0.05, 0.8, 0.1]), r.normal(size=50)), order=1, rolled=1)
def gjr_garch(p, returns):
    """Bad news weighs more: a branch in the recursion, and a table of variances that is kept."""
    omega, alpha, beta, gamma = p
    n = len(returns)
    h = np.empty(n)
    h[0] = omega / (1 - alpha - beta - 0.5 * gamma)
    for t in range(1, n):
        news = alpha * returns[t - 1] ** 2
        if returns[t - 1] < 0:
            news += gamma * returns[t - 1] ** 2
        h[t] = omega + news + beta * h[t - 1]
    return 0.5 * np.sum(np.log(h) + returns**2 / h)


def normal_cdf(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


@program(lambda r: ({"spot": 100.0, "vol": 0.2, "rate": 0.03}, [90.0, 97.0, 110.0, 125.0]),
         rolled=0)  # fmt: skip
def option_book(market, strikes):
    """Black-Scholes in scalars with math's functions, over a list of strikes."""
    S, vol, r = market["spot"], market["vol"], market["rate"]
    T = 0.75
    total = 0.0
    for K in strikes:
        d1 = (math.log(S / K) + (r + vol**2 / 2) * T) / (vol * math.sqrt(T))
        d2 = d1 - vol * math.sqrt(T)
        call = S * normal_cdf(d1) - K * math.exp(-r * T) * normal_cdf(d2)
        total += call if K >= S else call - S + K * math.exp(-r * T)
    return total


@program(lambda r: ({"spot": 1.0, "vol": 0.25, "drift": 0.02}, r.normal(size=(12, 16)), 0.85),
         order=1, rolled=2)  # fmt: skip
def barrier_monte_carlo(p, normals, barrier):
    """Down-and-out calls: a path is left by `break` once it is knocked out."""
    paths, steps = normals.shape
    dt = 1.0 / steps
    payoff = 0.0
    for i in range(paths):
        s = p["spot"]
        alive = True
        for z in normals[i]:
            s *= np.exp((p["drift"] - 0.5 * p["vol"] ** 2) * dt + p["vol"] * np.sqrt(dt) * z)
            if s < barrier:
                alive = False
                break
        if alive:
            payoff += max(s - 1.0, 0.0)
    return np.exp(-p["drift"]) * payoff / paths


@program(lambda r: (np.array([100.0, 0.3, 0.05]), 103.0), order=1, rolled=3)
def american_put(p, strike):
    """A binomial tree: one array that is filled and then folded, early exercise by `max`."""
    S, sigma, r = p
    n = 15
    dt = 1.0 / n
    u = np.exp(sigma * np.sqrt(dt))
    q = (np.exp(r * dt) - 1 / u) / (u - 1 / u)
    disc = np.exp(-r * dt)
    value = np.zeros(n + 1)
    for j in range(n + 1):
        value[j] = max(strike - S * u ** (2 * j - n), 0.0)
    for i in range(n - 1, -1, -1):
        for j in range(i + 1):
            keep = disc * (q * value[j + 1] + (1 - q) * value[j])
            value[j] = max(keep, strike - S * u ** (2 * j - i))
    return value[0]


@program(lambda r: (np.array([100.0, 0.4]), 100.0), order=1, rolled=1)
def american_put_slices(p, strike):
    """The same fold by masks on the whole array, whose live part is not cut off."""
    S, sigma = p
    n = 12
    u = np.exp(sigma * np.sqrt(1 / n))
    q = (np.exp(0.02 / n) - 1 / u) / (u - 1 / u)
    j = np.arange(n + 1)
    v = np.maximum(strike - S * u ** (2.0 * j - n), 0)
    for i in reversed(range(n)):
        v[:-1] = np.exp(-0.02 / n) * (q * v[1:] + (1 - q) * v[:-1])
        v = np.where(j <= i, np.maximum(v, strike - S * u ** (2.0 * j - i)), v)
    return v[0]


@program(lambda r: ((102.0, 4.5), 10), rolled=2)
def bond_yield(bond, years):
    """Newton on a price that is itself a loop over coupons."""
    price, coupon = bond
    y = 0.05
    for _ in range(20):
        pv, slope = 0.0, 0.0
        for k in range(1, years + 1):
            cash = coupon + (100.0 if k == years else 0.0)
            pv += cash / (1 + y) ** k
            slope -= k * cash / (1 + y) ** (k + 1)
        if abs(pv - price) < 1e-10:
            break
        y -= (pv - price) / slope
    return y


@program(lambda r: (9.0, 100.0, 102.0), rolled=1)
def implied_volatility(price, spot, strike):
    """A `while` with two conditions and an `and`."""
    vol, tries, miss = 0.3, 0, 1.0
    while abs(miss) > 1e-12 and tries < 50:
        d1 = np.log(spot / strike) / vol + 0.5 * vol
        cdf1, cdf2 = (0.5 * (1 + math.erf(d / math.sqrt(2))) for d in (d1, d1 - vol))
        miss = spot * cdf1 - strike * cdf2 - price
        vega = spot * np.exp(-0.5 * d1 * d1) / np.sqrt(2 * np.pi)
        vol -= miss / vega
        tries += 1
    return vol


@program(lambda r: (r.normal(size=40) * 0.02 + 0.001,), order=1, rolled=1)
def drawdown(returns):
    """The deepest fall from a running peak, and the mean of all of them."""
    wealth = peak = 1.0
    worst, mean = 0.0, 0.0
    for r in returns:
        wealth *= 1 + r
        peak = max(peak, wealth)
        fall = 1 - wealth / peak
        worst = max(worst, fall)
        mean += fall / len(returns)
    return worst + mean


@program(lambda r: (np.array([0.3, 0.1]), r.normal(size=(8, 12))), order=1, rolled=2)
def hedged_call(p, normals):
    """A hedge rebalanced only when it is far off (transaction costs)."""
    vol, cost = p
    loss = 0.0
    for path in normals:
        s, held, cash = 1.0, 0.5, 0.0
        for z in path:
            s = s * math.exp(-0.5 * vol**2 / 12 + vol * math.sqrt(1 / 12) * z)
            target = normal_cdf((s - 1.0) / vol)
            trade = target - held
            if not -0.1 <= trade <= 0.1:
                cash -= trade * s + cost * abs(trade) * s
                held = target
        loss += (held * s + cash - max(s - 1, 0)) ** 2
    return loss / len(normals)
