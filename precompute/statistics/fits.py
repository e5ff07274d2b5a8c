"""Straight lines on logarithms, and power laws of degree distributions with their alternatives."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

ALTERNATIVES = ("lognormal", "exponential")
ALPHA_RANGE = (1.01, 20.0)  # `powerlaw` itself stops at 3, and would say 3 of every steeper tail
LEAST_TAIL = 50  # nodes that a tail must keep, so that a handful of hubs is not taken for a law


@dataclass(frozen=True)
class Slope:
    """Least squares of log10 y on log10 x, over the n pairs where both are positive."""

    slope: float
    intercept: float
    r2: float
    n: int


def log_slope(x: Numbers, y: Numbers) -> Slope:
    """ValueError for fewer than two different positive x."""
    kept = (np.asarray(x) > 0) & (np.asarray(y) > 0)
    log_x, log_y = np.log10(np.asarray(x)[kept]), np.log10(np.asarray(y)[kept])
    if len(log_x) < 2 or np.ptp(log_x) == 0:
        raise ValueError(
            f"a line needs two different x; {len(log_x)} pairs are positive in x and y."
        )
    dx, dy = log_x - log_x.mean(), log_y - log_y.mean()
    slope = float((dx * dy).sum() / (dx * dx).sum())
    residual = dy - slope * dx
    total = float((dy * dy).sum())
    r2 = 1.0 if total == 0 else 1 - float((residual * residual).sum()) / total
    return Slope(slope, float(log_y.mean() - slope * log_x.mean()), r2, len(log_x))


@dataclass(frozen=True)
class PowerLaw:
    """P(degree) ~ degree^-alpha from x_min upwards (Clauset, Shalizi & Newman 2009)."""

    n: int
    x_min: int
    n_tail: int
    alpha: float
    sigma: float  # standard error of alpha
    ks: float
    alternatives: dict[str, tuple[float, float]]  # name -> (normalised log-likelihood ratio, p)


def fit_power_law(degrees: Numbers) -> PowerLaw | None:
    """Maximum likelihood by the package `powerlaw`, x_min by least Kolmogorov-Smirnov distance.

    degrees: positive integers. None for fewer than 2 LEAST_TAIL nodes, or where all degrees are
    equal.
    """
    import powerlaw  # brings matplotlib: seconds to import

    positive = np.asarray(degrees)[np.asarray(degrees) > 0]
    if len(positive) < 2 * LEAST_TAIL or np.ptp(positive) == 0:
        return None
    highest = int(np.sort(positive)[-LEAST_TAIL])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        ranges = {"alpha": list(ALPHA_RANGE)}
        fit = powerlaw.Fit(
            positive,
            discrete=True,
            xmin=(1, max(highest, 2)),
            verbose=False,
            parameter_ranges=ranges,
        )
        compared = {
            name: fit.distribution_compare("power_law", name, normalized_ratio=True)
            for name in ALTERNATIVES
        }
    law, n_tail = fit.power_law, int((positive >= fit.xmin).sum())
    alpha = float(law.alpha)
    pairs = {name: (float(ratio), float(p)) for name, (ratio, p) in compared.items()}
    return PowerLaw(
        len(positive),
        int(fit.xmin),
        n_tail,
        alpha,
        (alpha - 1) / np.sqrt(n_tail).item(),
        float(law.D),
        pairs,
    )
