"""Paired, alternating timing: on a shared machine a ratio within one run can be trusted, a time cannot."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
Interval = tuple[float, float]


@dataclass(frozen=True)
class Paired:
    """Seconds of both sides, pair by pair in the order in which they were measured."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.ours)

    def medians(self) -> tuple[float, float]:
        return statistics.median(self.ours), statistics.median(self.peer)

    def time_ratio(self) -> tuple[float, Interval]:
        """median(ours) / median(peer), with the 95 % bootstrap interval over pairs."""
        draws = np.random.default_rng(0).integers(0, self.n, size=(RESAMPLES, self.n))
        ratios = np.median(np.array(self.ours)[draws], axis=1) / np.median(np.array(self.peer)[draws], axis=1)
        low, high = np.quantile(ratios, [0.025, 0.975])
        ours, peer = self.medians()
        return ours / peer, (float(low), float(high))

    def speed_ratio(self) -> tuple[float, Interval]:
        """median(peer) / median(ours): how many times faster ours is."""
        ratio, (low, high) = self.time_ratio()
        return 1 / ratio, (1 / high, 1 / low)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(ours: Callable[[int], float], peer: Callable[[int], float], *, rounds: int, warmup: int = 2) -> Paired:
    """Run both sides `rounds` times; the one that goes first changes every round.

    Each side is called with the number of the round, so that both can be given the same fresh input
    (a repeated one might be answered from a cache), and answers the seconds it took. Rounds below
    `warmup` are thrown away.
    """
    pairs: list[tuple[float, float]] = []
    for round_number in range(warmup + rounds):
        if round_number % 2:
            second = peer(round_number)
            pairs.append((ours(round_number), second))
        else:
            first = ours(round_number)
            pairs.append((first, peer(round_number)))
    kept = pairs[warmup:]
    return Paired(tuple(pair[0] for pair in kept), tuple(pair[1] for pair in kept))


def median_interval(values: list[float]) -> tuple[float, Interval]:
    """Median of independent measurements, with its 95 % bootstrap interval."""
    draws = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.median(np.array(values)[draws], axis=1), [0.025, 0.975])
    return statistics.median(values), (float(low), float(high))
