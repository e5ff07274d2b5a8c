"""Paired, alternating timing: on a shared machine a ratio within one run can be
trusted, a time cannot.
"""

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
    ours_cpu: tuple[float, ...]
    """CPU seconds of this process, all threads, over the whole call:
    a busy machine disturbs them less.
    """
    peer_cpu: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.ours)

    def medians(self) -> tuple[float, float]:
        return statistics.median(self.ours), statistics.median(self.peer)

    def time_ratio(self) -> tuple[float, Interval]:
        """median(ours) / median(peer), with the 95 % bootstrap interval over pairs."""
        draws = np.random.default_rng(0).integers(0, self.n, size=(RESAMPLES, self.n))
        ratios = np.median(np.array(self.ours)[draws], axis=1) / np.median(
            np.array(self.peer)[draws], axis=1
        )
        low, high = np.quantile(ratios, [0.025, 0.975])
        ours, peer = self.medians()
        return ours / peer, (float(low), float(high))

    def cpu_ratio(self) -> float:
        """median(ours) / median(peer) of the CPU seconds."""
        return statistics.median(self.ours_cpu) / statistics.median(self.peer_cpu)

    def speed_ratio(self) -> tuple[float, Interval]:
        """median(peer) / median(ours): how many times faster ours is."""
        ratio, (low, high) = self.time_ratio()
        return 1 / ratio, (1 / high, 1 / low)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(
    ours: Callable[[int], float], peer: Callable[[int], float], *, rounds: int, warmup: int = 2
) -> Paired:
    """Run both sides `rounds` times; the one that goes first changes every round.

    Each side is called with the number of the round, so that both can be given the same fresh input
    (a repeated one might be answered from a cache), and answers the seconds it took. Rounds below
    `warmup` are thrown away.
    """
    sides: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for round_number in range(warmup + rounds):
        order = (0, 1) if round_number % 2 else (1, 0)
        for side in order:
            cpu = time.process_time()
            wall = (ours, peer)[side](round_number)
            sides[side].append((wall, time.process_time() - cpu))
    (ours_wall, ours_cpu), (peer_wall, peer_cpu) = (
        zip(*side[warmup:], strict=True) for side in sides
    )
    return Paired(ours_wall, peer_wall, ours_cpu, peer_cpu)


def median_interval(values: list[float]) -> tuple[float, Interval]:
    """Median of independent measurements, with its 95 % bootstrap interval."""
    draws = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.median(np.array(values)[draws], axis=1), [0.025, 0.975])
    return statistics.median(values), (float(low), float(high))
