"""Streams and the queue: frames in order, cancelling, going away, waiting, and no room."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.serving.queueing import Queue, QueueFull
from tests.api.conftest import Serve, started, steer_body

LONG = {"max_new_tokens": 128, "temperature": 2.0, "samples": 2}


def frames(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(event, data) of each server-sent event."""
    found = []
    for block in text.strip().split("\n\n"):
        event, data = block.split("\n")
        found.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_stream_is_the_answer_in_pieces(client: TestClient) -> None:
    body = steer_body(controls=True, samples=2, temperature=1.0, seed=3)
    reply = client.post("/api/steer/stream", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    found = frames(reply.text)
    assert [data["seq"] for _, data in found] == list(range(len(found)))
    assert [event for event, _ in found[:6]] == ["start"] + ["arm"] * 5
    assert found[0][1] == {"seq": 0, "stream_id": reply.headers["x-stream-id"], "queue_position": 0}
    final = found[-1][1]
    assert (found[-1][0], final["status"]) == ("final", "done")
    assert final["result"] == client.post("/api/steer", json=body).json()
    arms = {
        "baseline": final["result"]["baseline"],
        "steered": final["result"]["steered"],
        **final["result"]["controls"],
    }
    for name, arm in arms.items():
        for sample, text in enumerate(arm["texts"]):
            mine = [
                d for e, d in found if e == "token" and (d["arm"], d["sample"]) == (name, sample)
            ]
            assert "".join(token["text"] for token in mine) == text
            assert [token["token_id"] for token in mine] == arm["token_ids"][sample]


def test_a_long_prompt_streams_its_baseline_before_the_other_arms(client: TestClient) -> None:
    """Its first token too, once; the answer is the same as at once,
    and nothing done is the baseline.
    """
    body = steer_body(prompt="The cat sat on the mat.\n" * 12, max_new_tokens=6)
    found = frames(client.post("/api/steer/stream", json=body).text)
    told = [(event, data["arm"]) for event, data in found[1:4]]
    assert told == [("arm", "baseline"), ("token", "baseline"), ("arm", "steered")]
    result = found[-1][1]["result"]
    assert result == client.post("/api/steer", json=body).json()
    for name in ("baseline", "steered"):
        mine = [data for event, data in found if event == "token" and data["arm"] == name]
        assert [token["token_id"] for token in mine] == result[name]["token_ids"][0]
        assert "".join(token["text"] for token in mine) == result[name]["texts"][0]
    empty = client.post("/api/steer", json=body | {"interventions": []}).json()
    assert empty["steered"] == empty["baseline"]


def test_a_bad_request_to_the_stream_is_a_problem_not_a_stream(client: TestClient) -> None:
    reply = client.post("/api/steer/stream", json=steer_body(samples=99, temperature=1))
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_failure_in_the_stream_is_its_last_frame(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Iterator[Any]:
        raise RuntimeError("secret detail")
        yield

    monkeypatch.setattr("backend.core.steering.experiment.generate_arms", fail)
    reply = client.post("/api/steer/stream", json=steer_body())
    event, data = frames(reply.text)[-1]
    assert event == "error"
    assert data["problem"]["request_id"] == reply.headers["x-request-id"]
    assert "secret" not in reply.text
    monkeypatch.undo()
    assert client.post("/api/steer", json=steer_body()).status_code == 200


def test_cancelling_an_unknown_stream(client: TestClient) -> None:
    assert client.post("/api/steer/cancel/nothing").json() == {
        "stream_id": "nothing",
        "cancelled": False,
    }


@pytest.fixture
def server(serve: Serve) -> Iterator[tuple[str, FastAPI]]:
    """The API on a real socket: going away is only real there."""
    app = serve()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=3)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            app.state.backend.live.ready.wait(10)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        finally:
            running.should_exit = True
            thread.join(10)
    assert not thread.is_alive()


def wait_until_free(app: FastAPI, seconds: float = 5.0) -> None:
    """Until no request holds or waits for the model; fails after `seconds`."""
    end = time.monotonic() + seconds
    while app.state.backend.live.queue.tickets:
        assert time.monotonic() < end, "the worker is still held"
        time.sleep(0.005)


def test_clients_that_go_away_leave_the_worker_free(server: tuple[str, FastAPI]) -> None:
    url, app = server
    with httpx.Client(base_url=url, timeout=20) as client:
        for attempt in range(24):
            with client.stream("POST", "/api/steer/stream", json=steer_body(**LONG)) as reply:
                lines = reply.iter_lines()
                for _ in range(1 + attempt * 3):  # at every stage: queued, prefilled, generating
                    next(lines)
            wait_until_free(app)
        assert client.post("/api/steer", json=steer_body()).status_code == 200


def test_a_client_that_goes_away_while_waiting_for_the_whole_answer_stops_it(
    server: tuple[str, FastAPI],
) -> None:
    url, app = server
    for _ in range(5):
        with httpx.Client(base_url=url) as client, pytest.raises(httpx.ReadTimeout):
            client.post("/api/steer", json=steer_body(**LONG), timeout=0.15)
        wait_until_free(app)


def test_a_cancelled_stream_keeps_its_text(server: tuple[str, FastAPI]) -> None:
    url, app = server
    with httpx.Client(base_url=url, timeout=20) as client:
        with client.stream("POST", "/api/steer/stream", json=steer_body(**LONG)) as reply:
            lines, text = reply.iter_lines(), ""
            while "event: token" not in text:
                text += next(lines) + "\n"
            other = httpx.post(f"{url}/api/steer/cancel/{reply.headers['x-stream-id']}")
            assert other.json()["cancelled"] is True
            text += "\n".join(lines)
        event, final = frames(text)[-1]
        assert (event, final["status"]) == ("final", "cancelled")
        made = final["result"]["baseline"]["token_ids"][0]
        assert 0 < len(made) < LONG["max_new_tokens"]
    wait_until_free(app)


def test_requests_wait_their_turn_and_are_refused_without_room(serve: Serve) -> None:
    async def check() -> None:
        app = serve()
        async with started(app) as client:
            queue: Queue = app.state.backend.live.queue
            held = queue.enter()
            waiting = []
            for n in (2, 3):
                waiting.append(
                    asyncio.create_task(client.post("/api/steer/stream", json=steer_body()))
                )
                while len(queue.tickets) < n:
                    await asyncio.sleep(0.01)
            refused = await client.post("/api/inspect", json={"prompt": "a"})
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "2"
            assert (await client.post("/api/tokenize", json={"prompt": "a"})).status_code == 200
            assert (await client.get("/api/health")).json()["queue"] == 3
            await queue.leave(held)
            places = [
                [d["queue_position"] for e, d in frames((await task).text) if e == "start"]
                for task in waiting
            ]
            assert places == [[1, 0], [2, 1, 0]]
            assert (await client.post("/api/inspect", json={"prompt": "a"})).status_code == 200

    asyncio.run(check())


def test_a_stream_cancelled_while_it_waits_ends_at_once(serve: Serve) -> None:
    async def check() -> None:
        app = serve()
        async with started(app) as client:
            queue: Queue = app.state.backend.live.queue
            held = queue.enter()
            waiting = asyncio.create_task(client.post("/api/steer/stream", json=steer_body()))
            while len(queue.tickets) < 2:
                await asyncio.sleep(0.01)
            assert queue.cancel(queue.tickets[1].stream_id)
            event, final = frames((await waiting).text)[-1]
            assert (event, final["status"], final["result"]) == ("final", "cancelled", None)
            await queue.leave(held)

    asyncio.run(check())


def test_a_queue_is_in_order_and_bounded() -> None:
    async def check() -> None:
        queue = Queue(1)
        first, second = queue.enter(), queue.enter()
        with pytest.raises(QueueFull):
            queue.enter()
        await queue.leave(first)
        assert [place async for place in second.places()] == [1, 0]
        assert await second.run(lambda: 7) == 7
        await queue.leave(second)
        assert queue.tickets == []
        queue.close()

    asyncio.run(check())
