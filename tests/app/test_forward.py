"""A dashboard apart from its API hands /api on:
status, headers, body, stream, and who is not there.
"""

import json
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app.forward import forward_api


def upstream() -> FastAPI:
    api = FastAPI()

    @api.post("/api/echo", status_code=201)
    async def echo(request: Request) -> dict[str, object]:
        return {"body": await request.json(), "query": str(request.url.query)}

    @api.get("/api/stream")
    async def stream() -> StreamingResponse:
        async def frames() -> AsyncIterator[bytes]:
            for number in range(3):
                yield f"event: token\ndata: {number}\n\n".encode()

        return StreamingResponse(frames(), media_type="text/event-stream")

    return api


def dashboard(transport: httpx.AsyncBaseTransport) -> TestClient:
    server = FastAPI()
    forward_api(server, httpx.AsyncClient(transport=transport, base_url="http://api"))
    return TestClient(server)


def test_a_post_arrives_whole_and_so_does_its_answer() -> None:
    answer = dashboard(httpx.ASGITransport(upstream())).post(
        "/api/echo?a=1&b=%20", json={"prompt": "嗨\n"}
    )
    assert answer.status_code == 201
    assert answer.json() == {"body": {"prompt": "嗨\n"}, "query": "a=1&b=%20"}


def test_a_stream_stays_a_stream() -> None:
    answer = dashboard(httpx.ASGITransport(upstream())).get("/api/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: token") == 3


def test_a_refusal_is_handed_on() -> None:
    assert dashboard(httpx.ASGITransport(upstream())).get("/api/nothing").status_code == 404


def test_an_api_that_is_not_there_is_a_problem_with_a_remedy() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    answer = dashboard(httpx.MockTransport(nobody)).get("/api/health")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert "--api-url" in json.loads(answer.text)["detail"]
