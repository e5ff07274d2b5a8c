"""Means over prompts, layer by layer, and of the layer where they are largest. Pure.

All layers share their resamples, so that a difference between layers is of the same prompts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precompute.experiments.result import RESAMPLES

Values = NDArray[np.float64]  # [layer, prompt]


@dataclass(frozen=True)
class Mean:
    """With its 95 % interval."""

    value: float
    low: float
    high: float


def means(values: Values, seed: int) -> list[Mean]:
    """Each layer's mean, percentile bootstrap over prompts. ValueError for no prompt."""
    made = _resampled(values, seed)
    low, high = np.percentile(made, (2.5, 97.5), axis=1)
    found = values.mean(1)
    return [Mean(float(m), float(a), float(b)) for m, a, b in zip(found, low, high, strict=True)]


def largest(values: Values, seed: int) -> tuple[int, Mean]:
    """(layer, its mean) where the mean is largest; every resample chooses its own layer, so that
    the interval holds the choice. Of equal ones the shallowest."""
    low, high = np.percentile(_resampled(values, seed).max(0), (2.5, 97.5))
    found = values.mean(1)
    best = int(found.argmax())
    return best, Mean(float(found[best]), float(low), float(high))


def _resampled(values: Values, seed: int) -> NDArray[np.float64]:
    """Means [layer, resample]."""
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"values have shape {values.shape}; needed: [layer, prompt], prompt ≥ 1.")
    n = values.shape[1]
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    made: NDArray[np.float64] = values @ counts.T / n
    return made
