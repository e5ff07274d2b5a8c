"""Rates per client, clocks on live work and on bodies, and how they are told."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api import ApiClient
from app.visitor import forwarded
from backend.routes.request.context import IN_PROCESS, visitor
from backend.routes.request.rate import bucket
from backend.routes.request.turns import in_turns
from backend.serving.queueing import Queue
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, steer_body
from tests.api.request.test_problems import problem

FAR = ("203.0.113.7", 4000)


def strict(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"requests_per_minute": 5, "live_per_minute": 2} | changes)


def test_a_client_that_asks_too_often_is_told_when_to_come_back(
    serve: Serve, settings: Settings
) -> None:
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
        assert [far.post("/api/tokenize", json={"prompt": "a"}).status_code for _ in range(3)] == [
            200,
            200,
            429,
        ]
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


def test_live_work_that_takes_too_long_is_stopped_and_leaves_the_model_free(
    serve: Serve, settings: Settings
) -> None:
    app = serve(settings=settings.model_copy(update={"live_seconds": 0.05}))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        body = steer_body(max_new_tokens=128, temperature=2.0, samples=8)
        assert "more than 0.05 s" in problem(client.post("/api/steer", json=body), 503)["detail"]
        assert app.state.backend.live.queue.tickets == []
        made = client.post("/api/runs", json={"kind": "steer", "request": body})
        assert made.status_code == 503
        assert client.get("/api/health").json()["queue"] == 0


def far_too_much(kind: str) -> dict[str, Any]:
    """A body of that kind that keeps the tiny model busy for seconds."""
    if kind == "sweep":
        strengths = [float(k) for k in range(1, 200)]
        return {"prompt": PROMPT, "sae_id": "layer_2", "feature_index": 3, "strengths": strengths}
    if kind == "patch":
        sent = {"prompt_a": "Russia " + PROMPT * 24, "prompt_b": "London " + PROMPT * 24}
        answers = {"answer_a": 5, "answer_b": 6}
        return sent | {k: {"kind": "token", "token_id": i} for k, i in answers.items()}
    if kind == "traits":
        return {
            "trait_prompt": PROMPT,
            "contrast_prompts": [PROMPT] * 90,
            "test_prompts": [PROMPT] * 90,
            "success": {"kind": "regex", "pattern": "never there"},
            "max_new_tokens": 64,
        }
    return {"prompts": [PROMPT * 8] * 200, "sae_id": "layer_2", "shuffles": 100}


@pytest.mark.parametrize(
    ("kind", "path", "remedy"),
    [
        ("sweep", "/api/sweep", "fewer strengths or positions"),
        ("traits", "/api/traits", "fewer prompts, sae_ids or alphas"),
        ("set", "/api/reactivation/set/stream", "fewer or shorter prompts"),
        ("patch", "/api/patch", "prompts that differ later or are shorter"),
    ],
)
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stream_seconds": 0.2}, "The request ran for more than 0.2 s"),
        ({"live_seconds": 0.001}, "A step of the request ran for more than 0.001 s"),
    ],
)
def test_a_stream_in_turns_is_stopped_when_all_its_steps_or_one_took_too_long(
    serve: Serve,
    settings: Settings,
    kind: str,
    path: str,
    remedy: str,
    changes: dict[str, float],
    told: str,
) -> None:
    """Each with a remedy of what that request has. The limits are those that capabilities state."""
    app = serve(settings=settings.model_copy(update=changes))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        stated = client.get("/api/capabilities").json()["limits"]
        assert {name: stated[name] for name in changes} == changes
        started = time.monotonic()
        last = client.post(path, json=far_too_much(kind)).text.strip().split("\n\n")[-1]
        assert time.monotonic() - started < 20  # not its 60 s: the machine may be busy
        assert last.startswith("event: error")
        detail = json.loads(last.split("data: ")[1])["problem"]["detail"]
        assert told in detail
        assert remedy in detail
        assert app.state.backend.live.queue.tickets == []


@pytest.mark.parametrize(
    ("path", "body", "remedy"),
    [
        ("/api/reactivation/set", far_too_much("set"), "/api/reactivation/set/stream"),
        ("/api/reactivation", {"prompt": PROMPT * 30, "shuffles": 100}, "fewer shuffles"),
        (
            "/api/strength",
            {"prompt": PROMPT, "features": [{"sae_id": "layer_2", "feature_index": 1}]},
            "features",
        ),
        ("/api/inspect", {"prompt": PROMPT, "generate": 100}, "fewer sae_ids"),
        ("/api/runs", {"kind": "inspect", "request": {"prompt": PROMPT * 29}}, "fewer sae_ids"),
    ],
)
def test_what_is_answered_in_one_piece_is_stopped_within_live_seconds_in_all(
    serve: Serve, settings: Settings, path: str, body: dict[str, Any], remedy: str
) -> None:
    limit = 0.2 if "set" in path else 0.0005
    app = serve(
        settings=settings.model_copy(update={"live_seconds": limit, "max_prompt_tokens": 2000})
    )
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        started = time.monotonic()
        detail = problem(client.post(path, json=body), 503)["detail"]
        assert time.monotonic() - started < 20  # not its 60 s: the machine may be busy
        assert f"The request ran for more than {limit:g} s" in detail
        assert remedy in detail
        assert "interventions" not in detail


def test_a_steer_stream_that_takes_too_long_ends_with_an_error_that_says_so(
    serve: Serve, settings: Settings
) -> None:
    app = serve(settings=settings.model_copy(update={"live_seconds": 0.05}))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        body = steer_body(max_new_tokens=128, temperature=2.0, samples=8)
        last = client.post("/api/steer/stream", json=body).text.strip().split("\n\n")[-1]
        assert last.startswith("event: error")
        assert "more than 0.05 s" in last


def test_what_a_request_waits_for_others_is_not_counted() -> None:
    """Two requests in turns, each within its limit, that take longer than it together."""

    async def check() -> list[int]:
        queue = Queue(waiting=4)

        def steps() -> Iterator[int]:
            for k in range(4):
                time.sleep(0.1)
                yield k

        async def one() -> list[int]:
            ticket = queue.enter("", "ask for less", 0.7)
            try:
                await ticket.turn()
                return [made async for made in in_turns(ticket, queue, steps())]
            finally:
                await queue.leave(ticket)

        both = await asyncio.gather(one(), one())
        return [len(made) for made in both]

    assert asyncio.run(check()) == [4, 4]


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
            "type": "http",
            "method": "POST",
            "path": "/api/tokenize",
            "raw_path": b"/api/tokenize",
            "headers": headers,
            "query_string": b"",
            "scheme": "http",
            "server": ("test", 80),
            "client": FAR,
            "http_version": "1.1",
        }
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
    assert value('functionscope_firings_total{sae_id="layer_2"}') >= 2 * len(
        answer["firings"]["layer_2"]["position"]
    )
    assert value('functionscope_cache_total{cache="tokens",result="hit"}') > 0
