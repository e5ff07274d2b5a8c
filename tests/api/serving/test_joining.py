"""Inspect requests that wait together are read together, and nobody notices:
answers, leaving, failing.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.serving.joining import Gone, Joiner
from backend.serving.queueing import LiveTimeout, Queue, Ticket
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, started, steer_body

REQUESTS: list[dict[str, Any]] = [
    {"prompt": PROMPT},
    {"prompt": "The cat sat on the mat", "theta": 5.0, "sae_ids": ["layer_2"], "next_tokens": 0},
    {
        "prompt": "The cat sat on the mat, and the dog",
        "sae_ids": ["layer_3", "layer_0"],
        "next_tokens": 3,
    },
    {"prompt": "What is the capital of the UK?\n", "theta": 4.5},
]


def joined(app: FastAPI) -> float:
    found = app.state.backend.metrics.registry.get_sample_value("functionscope_joined_total")
    return float(found or 0.0)


async def all_wait(queue: Queue, n: int) -> None:
    while len(queue.tickets) < n:
        await asyncio.sleep(0.002)


def same(one: Any, other: Any) -> bool:
    """Equal, floats within rounding."""
    if isinstance(one, float):
        return bool(one == pytest.approx(other, rel=1e-3, abs=1e-5))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def test_a_joined_answer_is_the_lone_one(
    serve: Serve, settings: Settings, client: TestClient
) -> None:
    async def together() -> list[dict[str, Any]]:
        app = serve(settings=settings.model_copy(update={"queue": 8}))
        async with started(app) as http:
            queue: Queue = app.state.backend.live.queue
            held = queue.enter()
            asking = [
                asyncio.create_task(http.post("/api/inspect", json=body)) for body in REQUESTS
            ]
            await all_wait(queue, 1 + len(REQUESTS))
            await queue.leave(held)
            replies = [await one for one in asking]
            assert [reply.status_code for reply in replies] == [200] * len(REQUESTS)
            assert joined(app) == len(REQUESTS)
            assert queue.tickets == []
            return [reply.json() for reply in replies]

    for body, found in zip(REQUESTS, asyncio.run(together()), strict=True):
        alone = client.post("/api/inspect", json=body).json()
        assert any(len(columns["position"]) for columns in found["firings"].values())
        for sae_id, columns in alone["firings"].items():
            for name in ("position", "feature_index"):
                assert found["firings"][sae_id][name] == columns[name]
        assert same(found, alone)


def test_a_lone_request_and_one_that_writes_are_not_joined(serve: Serve) -> None:
    async def check() -> None:
        app = serve()
        async with started(app) as http:
            assert (await http.post("/api/inspect", json=REQUESTS[0])).status_code == 200
            queue: Queue = app.state.backend.live.queue
            held = queue.enter()
            writing = asyncio.create_task(
                http.post("/api/inspect", json=REQUESTS[0] | {"generate": 3})
            )
            await all_wait(queue, 2)
            reading = asyncio.create_task(http.post("/api/inspect", json=REQUESTS[0]))
            await all_wait(queue, 3)
            await queue.leave(held)
            written, read = (await writing).json(), (await reading).json()
            assert len(written["tokens"]) > len(read["tokens"])
            assert joined(app) == 0

    asyncio.run(check())


def test_riders_pass_a_request_of_another_kind(serve: Serve) -> None:
    async def check() -> None:
        app = serve(settings=Settings(runs=app_runs(serve), threads=1, queue=8))
        async with started(app) as http:
            queue: Queue = app.state.backend.live.queue
            held, order = queue.enter(), list[str]()
            bodies = [("inspect", REQUESTS[0]), ("steer", steer_body()), ("inspect", REQUESTS[3])]

            async def ask(path: str, body: dict[str, Any]) -> None:
                assert (await http.post(f"/api/{path}", json=body)).status_code == 200
                order.append(path)

            asking = []
            for n, (path, body) in enumerate(bodies, start=2):
                asking.append(asyncio.create_task(ask(path, body)))
                await all_wait(queue, n)
            await queue.leave(held)
            await asyncio.gather(*asking)
            assert order == ["inspect", "inspect", "steer"]

    asyncio.run(check())


def app_runs(serve: Serve) -> Any:
    return serve().state.backend.settings.runs


def test_a_client_that_leaves_a_joined_batch_hurts_nobody(serve: Serve, settings: Settings) -> None:
    async def check(leaver: int) -> None:
        app = serve(settings=settings.model_copy(update={"queue": 8}))
        async with started(app):
            queue: Queue = app.state.backend.live.queue
            held = queue.enter()
            leave = [asyncio.Event() for _ in REQUESTS]
            asking = []
            for n, (body, event) in enumerate(zip(REQUESTS, leave, strict=True), start=2):
                asking.append(asyncio.create_task(raw_post(app, body, event)))
                await all_wait(queue, n)
            leave[leaver].set()
            await asyncio.wait_for(asking[leaver], 5)  # it need not wait for its turn to be let go
            await queue.leave(held)
            replies = [await one for place, one in enumerate(asking) if place != leaver]
            assert [status for status, _ in replies] == [200] * 3
            assert joined(app) == 3
            assert queue.tickets == []

    for leaver in range(len(REQUESTS)):
        asyncio.run(check(leaver))


async def raw_post(app: FastAPI, body: dict[str, Any], leave: asyncio.Event) -> tuple[int, bytes]:
    """POST /api/inspect by a client that goes away when `leave` is set."""
    content, status, sent = [json.dumps(body).encode()], [0], [b""]

    async def receive() -> dict[str, Any]:
        if content:
            return {"type": "http.request", "body": content.pop(), "more_body": False}
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        status[0] = message.get("status", status[0])
        sent[0] += message.get("body", b"")

    path = "/api/inspect"
    headers = [(b"host", b"test"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
    }
    scope |= {
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
    }
    await app(scope | {"client": ("127.0.0.1", 1), "server": ("test", 80)}, receive, send)
    return status[0], sent[0]


def test_health_says_the_place_of_whoever_asks(serve: Serve) -> None:
    async def check() -> None:
        app = serve()
        async with started(app) as http:
            queue: Queue = app.state.backend.live.queue

            async def place() -> Any:
                return (await http.get("/api/health")).json()["queue_position"]

            assert await place() is None
            held = queue.enter("somebody else")
            assert await place() is None
            asking = asyncio.create_task(http.post("/api/inspect", json=REQUESTS[0]))
            await all_wait(queue, 2)
            assert await place() == 1
            await queue.leave(held)
            assert (await asking).status_code == 200
            assert await place() is None

    asyncio.run(check())


# ---------------------------------------------------------------- the joiner itself


class Slow:
    """Work that waits in the model's thread until it is let go;
    "bad" fails, alone and beside others.
    """

    def __init__(self) -> None:
        self.go, self.batches = threading.Event(), list[list[str]]()

    def __call__(self, works: Sequence[str], gone: Gone) -> Iterator[tuple[int, bytes]]:
        self.batches.append(list(works))
        assert self.go.wait(5)
        for index, work in enumerate(works):
            if work == "bad":
                raise ValueError("bad work")
            if not gone(index):
                yield index, work.encode()


Check = Callable[[Queue, Slow, Joiner[str]], Any]


def with_joiner(check: Check, *, most: int = 9) -> None:
    async def run() -> None:
        queue, slow = Queue(8), Slow()
        try:
            await check(queue, slow, Joiner(slow, lambda works: len(works) <= most))
            assert queue.tickets == []
        finally:
            slow.go.set()
            queue.close()

    asyncio.run(run())


async def ask(queue: Queue, joiner: Joiner[str], ticket: Ticket, work: str) -> bytes | None:
    try:
        return await joiner.answer(ticket, work)
    finally:
        await queue.leave(ticket)


def asked(
    queue: Queue, joiner: Joiner[str], works: str
) -> tuple[list[Ticket], list[asyncio.Task[bytes | None]]]:
    tickets = [queue.enter() for _ in works.split()]
    pairs = zip(tickets, works.split(), strict=True)
    return tickets, [
        asyncio.create_task(ask(queue, joiner, ticket, work)) for ticket, work in pairs
    ]


def test_who_waits_while_the_model_is_busy_is_taken_along() -> None:
    async def check(queue: Queue, slow: Slow, joiner: Joiner[str]) -> None:
        _, first = asked(queue, joiner, "a")
        await asyncio.sleep(0.02)
        _, rest = asked(queue, joiner, "b c d e")
        await asyncio.sleep(0.02)
        assert slow.batches == [["a"]]  # nobody waited for company
        slow.go.set()
        assert await asyncio.gather(*first, *rest) == [b"a", b"b", b"c", b"d", b"e"]
        assert slow.batches == [["a"], ["b", "c", "d"], ["e"]]  # three fit

    with_joiner(check, most=3)


def test_a_failure_belongs_to_its_own_request() -> None:
    async def check(queue: Queue, slow: Slow, joiner: Joiner[str]) -> None:
        held = queue.enter()
        _, asking = asked(queue, joiner, "a bad c")
        await asyncio.sleep(0.02)
        slow.go.set()
        await queue.leave(held)
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert (found[0], found[2]) == (b"a", b"c")
        assert isinstance(found[1], ValueError)
        assert slow.batches == [["a", "bad", "c"], ["bad"], ["c"]]

    with_joiner(check)


@pytest.mark.parametrize("leaver", [0, 1])
def test_one_that_leaves_while_the_work_runs_takes_only_its_own_part_away(leaver: int) -> None:
    async def check(queue: Queue, slow: Slow, joiner: Joiner[str]) -> None:
        held = queue.enter()
        tickets, asking = asked(queue, joiner, "a b c")
        await asyncio.sleep(0.02)
        await queue.leave(held)
        while not slow.batches:
            await asyncio.sleep(0.002)
        tickets[leaver].cancel()
        slow.go.set()
        found = await asyncio.gather(*asking)
        assert found == [
            None if place == leaver else work for place, work in enumerate([b"a", b"b", b"c"])
        ]

    with_joiner(check)


def test_the_clock_stops_a_joined_turn_for_all() -> None:
    async def check(queue: Queue, slow: Slow, joiner: Joiner[str]) -> None:
        queue.limit = 0.05
        held = queue.enter()
        _, asking = asked(queue, joiner, "a b")
        await asyncio.sleep(0.02)
        await queue.leave(held)
        await asyncio.sleep(0.2)
        slow.go.set()
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(one) for one in found] == [LiveTimeout, LiveTimeout]

    with_joiner(check)
