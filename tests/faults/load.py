"""`python -m tests.faults.load URL [--seconds 60]`:
200 browsing clients and 20 live ones against a running server.

Browsing clients ask for a page's data, then read for one to three seconds. Live clients record runs
and come back as soon as they are answered, so that the queue overflows. Each is a client of its own
(X-Forwarded-For, which the server believes from loopback). Exit status 1 for a 5xx, a lost run, or
a 429 without Retry-After.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

BROWSING, LIVE = 200, 20
READS_SECONDS = (1.0, 3.0)
UNLOADED = 60  # requests of one client alone, before


@dataclass
class Seen:
    """What came back."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, reply: httpx.Response) -> None:
        self.statuses[f"{kind} {reply.status_code}"] += 1
        if reply.status_code >= 500 or (
            reply.status_code == 429 and not reply.headers.get("retry-after")
        ):
            self.wrong.append(f"{reply.request.url} {reply.status_code} {reply.text[:200]}")


def paths_of(capabilities: dict[str, Any]) -> list[str]:
    """What the pages ask for when somebody browses."""
    saes = [sae["sae_id"] for sae in capabilities["saes"] if sae["in_build"]]
    per_sae = [
        f"{path}{sae}{rest}"
        for sae in saes
        for path, rest in (
            ("/api/coverage?max_rank=200&sae_id=", ""),
            ("/api/coverage?max_rank=200&order=degree&sae_id=", ""),
            ("/api/features?limit=50&sae_id=", ""),
            ("/api/features/", "/3"),
        )
    ]
    return [
        *per_sae,
        "/api/tokens?limit=100",
        "/api/tokens/300",
        "/api/capabilities",
        "/api/builds",
    ]


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))] if seconds else float("nan")


async def browse(
    http: httpx.AsyncClient, paths: list[str], until: float, n: int, seen: Seen
) -> None:
    drawn = random.Random(n)
    headers = {"X-Forwarded-For": f"203.0.{n // 250}.{1 + n % 250}"}
    await asyncio.sleep(drawn.uniform(0, READS_SECONDS[1]))
    while time.monotonic() < until:
        started = time.monotonic()
        reply = await http.get(drawn.choice(paths), headers=headers)
        seen.seconds.append(time.monotonic() - started)
        seen.note("browsing", reply)
        await asyncio.sleep(drawn.uniform(*READS_SECONDS))


async def live(http: httpx.AsyncClient, sae: str, until: float, n: int, seen: Seen) -> None:
    k = 0
    while time.monotonic() < until:
        k += 1
        prompt = f"What is the capital of Russia? {n} {k}\n"
        body = {
            "kind": "inspect",
            "request": {"prompt": prompt, "sae_ids": [sae], "next_tokens": 1},
        }
        # its rate is not what is measured here
        headers = {"X-Forwarded-For": f"2001:db8:{n:x}:{k // 100:x}::1"}
        reply = await http.post("/api/runs", json=body, headers=headers)
        seen.note("live", reply)
        if reply.status_code == 201:
            seen.acknowledged[reply.json()["run_id"]] = prompt
        elif reply.status_code == 429:
            await asyncio.sleep(0.2)  # less than Retry-After asks for: the overflow is the point


async def measure(url: str, seconds: float) -> int:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
        capabilities = (await http.get("/api/capabilities")).json()
        paths, alone, seen = paths_of(capabilities), Seen(), Seen()
        for n in range(UNLOADED):
            started = time.monotonic()
            reply = await http.get(paths[n % len(paths)])
            alone.seconds.append(time.monotonic() - started)
            alone.note("alone", reply)
        until = time.monotonic() + seconds
        sae = next(one["sae_id"] for one in capabilities["saes"] if one["live"])
        clients = [browse(http, paths, until, n, seen) for n in range(BROWSING)]
        await asyncio.gather(*clients, *(live(http, sae, until, n, seen) for n in range(LIVE)))
        lost = [
            i for i, prompt in seen.acknowledged.items() if not await _is_there(http, i, prompt)
        ]
    print(
        f"{seconds:g} s, {BROWSING} browsing and {LIVE} live clients: "
        f"{dict(sorted(seen.statuses.items()))}"
    )
    print(
        f"browsing p95 {p95(seen.seconds) * 1e3:.0f} ms loaded, {p95(alone.seconds) * 1e3:.0f} "
        "ms alone"
    )
    print(
        f"{len(seen.acknowledged)} runs acknowledged, {len(lost)} lost; {len(seen.wrong)} wrong "
        "answers"
    )
    print("\n".join([*seen.wrong[:10], *alone.wrong[:10]]))
    return 1 if seen.wrong or alone.wrong or lost else 0


async def _is_there(http: httpx.AsyncClient, run_id: str, prompt: str) -> bool:
    reply = await http.get(f"/api/runs/{run_id}")
    return reply.status_code == 200 and reply.json()["request"]["prompt"] == prompt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    return asyncio.run(measure(given.url, given.seconds))


if __name__ == "__main__":
    sys.exit(main())
