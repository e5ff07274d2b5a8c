"""Rates per client, clocks on live work and on bodies, and how they are told."""

import asyncio
import re
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api import ApiClient
from app.visitor import forwarded
from backend.routes.context import IN_PROCESS, visitor
from backend.routes.rate import bucket
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, steer_body
from tests.api.test_problems import problem

FAR = ("203.0.113.7", 4000)


def strict(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"requests_per_minute": 5, "live_per_minute": 2} | changes)


def test_a_client_that_asks_too_often_is_told_when_to_come_back(serve: Serve, settings: Settings) -> None:
    app = serve(settings=strict(settings))
    with TestClient(app, client=FAR) as far, TestClient(app, client=("198.51.100.1", 1)) as other:
        stated = far.get("/api/capabilities").json()["limits"]
        assert (stated["requests_per_minute"], stated["live_per_minute"]) == (5, 2)
        statuses = [far.get("/api/builds").status_code for _ in range(6)]
        assert statuses == [200] * 4 + [429] * 2
        refused = far.get("/api/builds")
        assert "5 reading requests" in problem(refused, 429)["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert far.get("/api/health").status_code == 200
        assert other.get("/api/builds").status_code == 200
        assert [far.post("/api/tokenize", json={"prompt": "a"}).status_code for _ in range(3)] == [200, 200, 429]
        text = other.get("/metrics").text
        assert 'functionscope_refused_total{rate="reading"} 3.0' in text


def test_this_machine_is_not_counted(serve: Serve, settings: Settings) -> None:
    for host in ("127.0.0.1", "::1", "testclient"):
        with TestClient(serve(settings=strict(settings)), client=(host, 1)) as near:
            assert {near.get("/api/builds").status_code for _ in range(8)} == {200}


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("127.8.9.1", None),
        ("::1", None),
        ("", None),
    ],
)
def test_who_is_one_client(client: str, key: str | None) -> None:
    assert bucket(client) == key


def test_a_page_asks_on_its_visitors_account(serve: Serve, settings: Settings) -> None:
    async def check() -> list[int]:
        app = serve(settings=strict(settings))
        api = ApiClient.in_process(app)
        async with app.router.lifespan_context(app):
            asking, headers = visitor.set(FAR[0]), forwarded.set({})
            statuses = []
            for _ in range(7):
                try:
                    await api.builds()
                    statuses.append(200)
                except Exception as error:
                    statuses.append(error.status)  # type: ignore[attr-defined]
            visitor.reset(asking)
            forwarded.reset(headers)
            return statuses

    assert visitor.get() == IN_PROCESS
    assert asyncio.run(check()) == [200] * 5 + [429] * 2


def test_live_work_that_takes_too_long_is_stopped_and_leaves_the_model_free(serve: Serve, settings: Settings) -> None:
    app = serve(settings=settings.model_copy(update={"live_seconds": 0.05}))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        body = steer_body(max_new_tokens=128, temperature=2.0, samples=8)
        assert "more than 0.05 s" in problem(client.post("/api/steer", json=body), 503)["detail"]
        assert app.state.backend.live.queue.tickets == []
        made = client.post("/api/runs", json={"kind": "steer", "request": body})
        assert made.status_code == 503
        assert client.get("/api/health").json()["queue"] == 0


def test_a_body_that_does_not_arrive_is_given_up(serve: Serve, settings: Settings) -> None:
    async def check() -> int:
        app = serve(settings=settings.model_copy(update={"body_seconds": 0.05}))
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.sleep(5)

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json"), (b"content-length", b"20")]
        scope = {
            "type": "http", "method": "POST", "path": "/api/tokenize", "raw_path": b"/api/tokenize", "headers": headers,
            "query_string": b"", "scheme": "http", "server": ("test", 80), "client": FAR, "http_version": "1.1",
        }  # fmt: skip
        started = time.monotonic()
        await app(scope, receive, send)
        assert time.monotonic() - started < 4
        return int(sent[0]["status"])

    assert asyncio.run(check()) == 408


def test_metrics_tell_requests_queue_model_seconds_cache_and_firings(client: TestClient) -> None:
    answer = client.post("/api/inspect", json={"prompt": PROMPT, "sae_ids": ["layer_2"]}).json()
    client.post("/api/inspect", json={"prompt": PROMPT, "sae_ids": ["layer_2"]})
    text = client.get("/metrics").text

    def value(name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found, name
        return float(found[1])

    assert value("functionscope_queue") == 0
    assert value("functionscope_model_seconds_total") > 0
    assert value('functionscope_requests_total{route="/api/inspect",status="200"}') >= 2
    assert value('functionscope_firings_total{sae_id="layer_2"}') >= 2 * len(answer["firings"]["layer_2"]["position"])
    assert value('functionscope_cache_total{cache="tokens",result="hit"}') > 0
