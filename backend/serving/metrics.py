"""What a server counts, in a registry of its own: no global state, so that tests can make many."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Prometheus metrics of one server; `/metrics` prints them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "functionscope_requests_total", "answers by route and status", "route", "status"
        )
        self.seconds = Histogram(
            "functionscope_request_seconds",
            "time to the end of the answer",
            ["route"],
            registry=self.registry,
        )
        self.model_seconds = self._counter(
            "functionscope_model_seconds_total", "time in the model's thread, seconds"
        )
        self.firings = self._counter(
            "functionscope_firings_total", "firings answered by /api/inspect", "sae_id"
        )
        self.joined = self._counter(
            "functionscope_joined_total", "inspect requests that shared a forward pass"
        )
        self.cache = self._counter(
            "functionscope_cache_total",
            "answers from memory or from the store of runs",
            "cache",
            "result",
        )
        self.refused = self._counter(
            "functionscope_refused_total", "requests over a client's rate", "rate"
        )

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Show `length()` as the number of live requests that run or wait."""
        gauge = Gauge(
            "functionscope_queue", "live requests running or waiting", registry=self.registry
        )
        gauge.set_function(length)

    def watch_prefixes(self, held: Callable[[], int]) -> None:
        """Show `held()` as the bytes of prefixes that are kept."""
        gauge = Gauge(
            "functionscope_prefix_bytes", "bytes kept of prompts' prefixes", registry=self.registry
        )
        gauge.set_function(held)

    def looked_up(self, cache: str, hits: int, misses: int = 0) -> None:
        """Count answers of one cache."""
        for result, n in (("hit", hits), ("miss", misses)):
            if n:
                self.cache.labels(cache, result).inc(n)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)
