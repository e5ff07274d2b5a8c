"""Reading a build of 100M edges:
eight clients at once against a server of its own process, without a model.

The server is a fresh `functionscope api`; what a person waits for is the reply's last byte at the
client. Clients do not read the JSON. On a busy machine trust the server's CPU time in the notes
more than the wall time.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from backend.core.store import DENOMINATORS, MIN_COUNTS, ORDERS, Store
from tests.bench.browser import free_port
from tests.bench.report import Row, judged
from tests.bench.synthetic_build import spelled

CLIENTS, REQUESTS = 8, 25  # requests of each client
PATIENCE_S = 120
TICKS = os.sysconf("SC_CLK_TCK")
Paths = Callable[[random.Random], str]


@dataclass
class Server:
    """A running API over one build."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str, connection: http.client.HTTPConnection | None = None) -> float:
        """Milliseconds to the reply's last byte; RuntimeError unless it is 200."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        start = time.perf_counter()
        own.request("GET", path)
        reply = own.getresponse()
        body = reply.read()
        took = 1000 * (time.perf_counter() - start)
        if reply.status != 200:
            raise RuntimeError(f"{path} answered {reply.status}: {body[:300]!r}")
        return took

    def cpu_ms(self) -> float:
        """CPU time of the server's process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self, name: str) -> float:
        """VmRSS (now) or VmHWM (the most so far)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


@contextmanager
def serving(build: Path, what: str = "api") -> Iterator[Server]:
    """A fresh `functionscope api`, or `serve`, without a model, on a free port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        command = [
            sys.executable,
            "-m",
            "backend.cli",
            what,
            "--build",
            str(build),
            "--no-live",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(
            [*command, "--log-level", "error"],
            env={**os.environ, "XDG_DATA_HOME": data, "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            server = Server(port, process)
            _wait(server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            server.get("/api/health")
            return
        except OSError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start") from None
            time.sleep(0.1)


@dataclass(frozen=True)
class Answered:
    """What CLIENTS clients at once waited, in milliseconds, and the server's CPU time a request."""

    waited: list[float]
    cpu_ms: float

    @property
    def p95(self) -> float:
        return float(np.quantile(self.waited, 0.95))

    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the 95th percentile."""
        draws = np.random.default_rng(0).integers(0, len(self.waited), (1000, len(self.waited)))
        low, high = np.quantile(
            np.quantile(np.array(self.waited)[draws], 0.95, axis=1), [0.025, 0.975]
        )
        return float(low), float(high)


def at_once(server: Server, path: Paths, requests: int | None = None) -> Answered:
    """Every client asks `requests` times (REQUESTS), each a path of its own,
    one after the other.
    """
    waited: list[float] = []
    failed: list[BaseException] = []

    def ask(client: int) -> None:
        drawn = random.Random(client)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        try:
            waited.extend(server.get(path(drawn), connection) for _ in range(requests or REQUESTS))
        except (OSError, RuntimeError) as error:
            failed.append(error)

    before = server.cpu_ms()
    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} clients failed, the first with: {failed[0]}")
    return Answered(waited, (server.cpu_ms() - before) / len(waited))


# -- what is asked -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Questions:
    """Random requests, as the pages make them."""

    sae_id: str
    theta_grid: tuple[float, ...]
    d_sae: int
    by_rank: list[int]  # token_ids

    @classmethod
    def of(cls, build: Path) -> Questions:
        store = Store.open(build)
        try:
            sae = store.saes()[0]
            rows = store.tokens(limit=10**7)[0]
            return cls(
                sae.sae_id,
                sae.theta_grid,
                sae.d_sae,
                [row.token_id for row in rows if row.rank is not None],
            )
        finally:
            store.close()

    def coverage(self, drawn: random.Random) -> str:
        """Any setting of the controls; as many ranks as the server gives (20,000)."""
        chosen = {
            "sae_id": self.sae_id,
            "theta": drawn.choice(self.theta_grid),
            "min_count": drawn.choice(MIN_COUNTS),
            "denominator": drawn.choice(DENOMINATORS),
            "order": drawn.choice(ORDERS),
        }
        return f"/api/coverage?{urlencode(chosen)}"

    def coverage_page(self, drawn: random.Random) -> str:
        """The same, 2,000 ranks: what the page lists."""
        return f"{self.coverage(drawn)}&max_rank=2000"

    def rank(self, drawn: random.Random) -> int:
        """Uniform on a logarithm: frequent tokens are looked at more, and are the largest."""
        return int(len(self.by_rank) ** drawn.random())

    def token(self, drawn: random.Random) -> str:
        token_id = self.by_rank[self.rank(drawn) - 1]
        order = drawn.choice(("count", "strength", "share"))
        query = {"limit": 20, "order": order, "notes": "true", "sae_id": self.sae_id}
        return f"/api/tokens/{token_id}?{urlencode(query)}"

    def feature(self, drawn: random.Random) -> str:
        return f"/api/features/{self.sae_id}/{drawn.randrange(self.d_sae)}?limit=12"

    def search(self, drawn: random.Random) -> str:
        """By text, by density, by the token that fires it, by the token that it promotes."""
        high = 10 ** drawn.uniform(-6, 0)
        kinds = (
            {"q": spelled(drawn.randrange(60_000))[:4].strip()},
            {
                "min_density": high / 30,
                "max_density": high,
                "order": drawn.choice(("act_max", "first_rank", "n_tokens")),
            },
            {
                "token_id": self.by_rank[self.rank(drawn) - 1],
                "order": drawn.choice(("token_count", "token_share")),
            },
            {"promotes": drawn.choice(self.by_rank)},
        )
        query = {"sae_id": self.sae_id, "limit": 50, **drawn.choice(kinds)}
        return f"/api/features?{urlencode(query)}"

    def graph(self, drawn: random.Random) -> str:
        """A split somewhere: a range of ranks, a range of features, or both."""
        low, high = sorted((self.rank(drawn), self.rank(drawn)))
        at, width = drawn.randrange(1, self.d_sae // 2), int((self.d_sae // 2) ** drawn.random())
        ranks, orders = (
            {"rank_first": low, "rank_last": high},
            {"order_first": at, "order_last": at + width},
        )
        query = {"sae_id": self.sae_id, **drawn.choice((ranks, orders, ranks | orders))}
        return f"/api/graph?{urlencode(query)}"


# -- rows ----------------------------------------------------------------------------------------

WAITED = (
    ("coverage_p95_100m", "coverage", 300.0, "any control, 20,000 ranks"),
    (
        "coverage_p95_100m",
        "coverage_page",
        300.0,
        "any control, the 2,000 ranks that the page lists",
    ),
    ("token_p95_100m", "token", 150.0, "tokens drawn by the logarithm of their rank"),
    ("feature_p95_100m", "feature", 150.0, "features drawn at random, 12 examples"),
    ("search_p95_100m", "search", 300.0, "by text, density, firing token or promoted token"),
    ("graph_split_100m", "graph", 2000.0, "ranges of ranks and features at random"),
)


def reading_rows(build: Path, names: set[str]) -> list[Row]:
    """The rows of `names`, measured one after the other on one server; its memory last."""
    questions = Questions.of(build)
    rows: list[Row] = []
    edges = f"{build.name}, {build.stat().st_size / 1e6:,.0f} MB"
    with serving(build) as server:
        if "graph_first_100m" in names:
            rows.append(_first_graph(server, questions, edges))
        for name, kind, target, what in WAITED:
            if name in names or (name == "graph_split_100m" and "graph_first_100m" in names):
                ask: Paths = getattr(questions, kind)
                # what is read once is read by whoever comes first
                server.get(ask(random.Random(99)))
                rows.append(_waited(name, at_once(server, ask), target, what, edges))
                print(f"  {rows[-1].name} {rows[-1].value:.0f} ms. {rows[-1].note}", flush=True)
        most, now = server.memory_mb("VmHWM"), server.memory_mb("VmRSS")
    holds, rule = judged(most / 1024, 2.0, "<=", "GB")
    note = f"The most that the server's process held; {now / 1024:.2f} GB at the end."
    memory = Row(
        "server_memory_100m",
        most / 1024,
        "GB",
        None,
        None,
        2.0,
        holds,
        rule,
        (most / 1024,) * 2,
        1,
        edges,
        note,
    )
    return [*rows, memory]


def _waited(name: str, found: Answered, target: float, what: str, subject: str) -> Row:
    holds, rule = judged(found.p95, target, "<=", "ms")
    note = (
        f"95th percentile, {CLIENTS} clients at once, {what}; median "
        f"{np.median(found.waited):.0f} ms, server's CPU {found.cpu_ms:.1f} ms a request; load "
        f"average {os.getloadavg()[0]:.1f}."
    )
    return Row(
        name,
        found.p95,
        "ms",
        None,
        None,
        target,
        holds,
        rule,
        found.interval(),
        len(found.waited),
        subject,
        note,
    )


def _first_graph(server: Server, questions: Questions, subject: str) -> Row:
    """The first blocks that a fresh server is asked for,
    while seven other clients ask for the same.
    """
    before = server.cpu_ms()
    waited = at_once(server, lambda _: f"/api/graph?sae_id={questions.sae_id}", 1).waited
    worst = max(waited) / 1000
    holds, rule = judged(worst, 2.0, "<=", "s")
    note = (
        f"A fresh server's first blocks, {CLIENTS} clients at once, the slowest of them; "
        f"server's CPU {server.cpu_ms() - before:.0f} ms in all; load average "
        f"{os.getloadavg()[0]:.1f}."
    )
    return Row(
        "graph_first_100m",
        worst,
        "s",
        None,
        None,
        2.0,
        holds,
        rule,
        (min(waited) / 1000, worst),
        1,
        subject,
        note,
    )
