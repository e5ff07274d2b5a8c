"""Intervals of shares."""

from __future__ import annotations


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share, without continuity correction; (0, 1) of nothing.

    ValueError outside 0..n.
    """
    from scipy.stats import binomtest  # half a second that only those pay who need it

    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)
