"""Likelihoods and regressions."""

from __future__ import annotations

import numpy as np
from program_registry import program
from scipy import special
from scipy.special import gammaln, logsumexp


@program(
    lambda r: (
        {"logits": r.normal(size=3), "mu": r.normal(size=(3, 2)), "L": r.normal(size=(3, 2, 2))},
        r.normal(size=(20, 2)),
    ),
    single=True,
)
def gaussian_mixture(p, x):
    """Log likelihood of a mixture with full covariances by their triangular factors."""
    d = x.shape[1]
    low = np.tril(p["L"], -1)
    diag = np.exp(np.diagonal(p["L"], axis1=-2, axis2=-1))
    q = low + diag[:, :, None] * np.eye(d, dtype=x.dtype)
    diff = x[:, None, :] - p["mu"]
    z = np.einsum("kij,nkj->nki", q, diff)
    logp = -0.5 * (z**2).sum(-1) + np.log(diag).sum(-1) - 0.5 * d * np.log(2 * np.pi)
    w = p["logits"] - np.log(np.sum(np.exp(p["logits"])))
    a = logp + w
    m = a.max(axis=1, keepdims=True)
    return np.mean(m[:, 0] + np.log(np.exp(a - m).sum(axis=1)))


@program(lambda r: (r.normal(size=3) * 0.3, np.sort(r.uniform(-2, 2, 12)), r.normal(size=12)))
def gp_marginal_likelihood(theta, x, y):
    """Gaussian process evidence by Cholesky and solves."""
    amp, ell, noise = np.exp(theta)
    K = amp * np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2 / ell**2) + noise * np.eye(len(x))
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * len(x) * np.log(2 * np.pi)


@program(
    lambda r: (r.normal(size=5), r.normal(size=(30, 5)), (r.uniform(size=30) > 0.5).astype(float)),
    single=True,
)
def logistic_regression(w, X, y):
    """Cross entropy with a ridge penalty."""
    z = X @ w
    return np.mean(np.logaddexp(0, z) - y * z) + 0.1 * np.dot(w, w)


@program(
    lambda r: ((r.normal(size=4) * 0.3, 0.1), r.normal(size=(25, 4)), r.poisson(2.0, size=25)),
)
def poisson_regression(params, X, counts):
    """Poisson likelihood with integer counts and gammaln of integers."""
    w, b = params
    eta = X @ w + b
    return -np.sum(counts * eta - np.exp(eta) - gammaln(counts + 1))


@program(
    lambda r: (
        r.normal(size=3),
        r.normal(size=(15, 3)),
        r.uniform(1, 5, size=15),
        r.uniform(size=15) > 0.3,
    ),
)
def cox_partial_likelihood(beta, X, time, event):
    """Cox regression: risk sets by sorting and a reversed cumulative sum."""
    order = np.argsort(time)
    eta = (X @ beta)[order]
    ev = event[order]
    risk = np.cumsum(np.exp(eta)[::-1])[::-1]
    return -np.sum((eta - np.log(risk))[ev])


@program(
    lambda r: (
        {"a": r.uniform(1, 2), "b": r.uniform(1, 2), "df": r.uniform(3, 5)},
        r.uniform(0.1, 0.9, size=11),
    ),
)
def beta_and_student(p, x):
    """Beta and Student likelihoods with special functions by module and by name."""
    a, b, df = p["a"], p["b"], p["df"]
    beta = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - special.betaln(a, b)
    student = (
        special.gammaln((df + 1) / 2)
        - special.gammaln(df / 2)
        - 0.5 * np.log(df * np.pi)
        - (df + 1) / 2 * np.log1p(x**2 / df)
    )
    return -(beta + student).sum()


@program(lambda r: (r.normal(size=2), r.normal(size=8)))
def von_mises(p, theta):
    """Von Mises likelihood with the Bessel function i0."""
    mu, logk = p
    kappa = np.exp(logk)
    return -np.sum(kappa * np.cos(theta - mu) - np.log(2 * np.pi * special.i0(kappa)))


@program(lambda r: (r.normal(size=(4, 3)), r.integers(0, 3, size=10), r.normal(size=(10, 4))))
def softmax_classifier(W, labels, X):
    """Cross entropy that picks the log probability of each label by fancy indexing."""
    z = X @ W
    logp = z - logsumexp(z, axis=1, keepdims=True)
    return -logp[np.arange(len(labels)), labels].mean()


@program(lambda r: (r.normal(size=4), r.normal(size=(12, 4)), r.normal(size=12), 0.7), quick=False)
def ridge_closed_form(loglam, X, y, scale):
    """Leave-one-out error of ridge regression by the hat matrix."""
    A = X.T @ X + np.diag(np.exp(loglam)) * scale
    H = X @ np.linalg.inv(A) @ X.T
    r = (y - H @ y) / (1.0 - np.diag(H))
    return (r * r).mean()


@program(lambda r: (r.normal(size=3), r.normal(size=(20, 2)), r.normal(size=20)))
def kernel_regression(p, X, y):
    """Nadaraya-Watson with pairwise distances by broadcasting and a masked diagonal."""
    scale = np.exp(p[:2])
    d2 = (((X[:, None] - X[None]) * scale) ** 2).sum(axis=2)
    K = np.exp(-d2 * np.exp(p[2]))
    K = np.where(np.eye(len(X), dtype=bool), 0.0, K)
    fit = (K @ y) / (K.sum(1) + 1e-6)
    return np.mean((y - fit) ** 2)


@program(lambda r: (r.normal(size=(3, 2)), r.normal(size=(14, 2))), quick=False)
def soft_kmeans(centers, x):
    """Two rounds of soft assignments."""
    for _ in range(2):
        d = -(np.linalg.norm(x[:, None] - centers, axis=-1) ** 2)
        e = np.exp(d - d.max(1)[:, None])
        r = e / e.sum(1, keepdims=True)
        centers = r.T @ x / r.sum(0)[:, None]
    return np.sum(centers**2) + np.sum(r * -d)


@program(lambda r: (r.normal(size=(5, 3)), r.normal(size=(9, 5))), quick=False)
def pca_loss(A, X):
    """Energy outside two principal directions, by svd and by eigh."""
    Y = (X - X.mean(0)) @ A
    s = np.linalg.svd(Y, compute_uv=False)
    w, v = np.linalg.eigh(np.cov(Y, rowvar=False))
    u, s2, vt = np.linalg.svd(Y, full_matrices=False)
    back = u[:, :2] * s2[:2] @ vt[:2]
    return np.sum(s[2:] ** 2) + w[0] + np.sum((Y - back) ** 2) + (v[:, -1] ** 4).sum()


@program(lambda r: ((0.3, -0.2, 0.1), r.normal(size=6)), quick=False)
def kalman_filter(p, obs):
    """A 2-state Kalman filter, six steps."""
    q, rr, phi = np.exp(p[0]), np.exp(p[1]), np.tanh(p[2])
    F = np.array([[1.0, phi], [0.0, 1.0]])
    H = np.array([[1.0, 0.0]])
    Q = q * np.eye(2)
    x, P, ll = np.zeros(2), np.eye(2), 0.0
    for y in obs:
        x = F @ x
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + rr
        K = P @ H.T @ np.linalg.inv(S)
        e = y - H @ x
        x = x + K @ e
        P = (np.eye(2) - K @ H) @ P
        ll += -0.5 * (np.log(2 * np.pi * np.linalg.det(S)) + e @ np.linalg.solve(S, e))
    return -ll


@program(
    lambda r: (r.uniform(0.5, 1.5, size=3), r.normal(size=9), np.array([0.1, 0.5, 0.9])), order=1
)
def quantile_loss(q, y, levels):
    """Pinball loss of several quantiles at once."""
    e = y[None, :] - q[:, None]
    return np.maximum(levels[:, None] * e, (levels[:, None] - 1) * e).mean()


@program(lambda r: (r.normal(size=12), r.normal(size=12)), order=1)
def wasserstein(a, b):
    """Earth mover's distance of samples, plus trimmed and median statistics."""
    w = np.abs(np.sort(a) - np.sort(b)).mean()
    trimmed = np.sort(a)[2:-2].mean()
    return w + trimmed**2 + np.median(a) * np.percentile(a, 30) + np.quantile(a, [0.1, 0.9]).sum()
