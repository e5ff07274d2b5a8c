"""Large files are compressed once, for those who take it, and are what they were."""

import gzip
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.middleware import Middleware
from starlette.responses import Response

from app.packed import KEPT, Packed

TEXT = b"let a = 1;\n" * 500


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was compressed, in order."""
    seen: list[bytes] = []
    plain = gzip.compress

    def counted(data: bytes, level: int, *, mtime: float | None = None) -> bytes:
        seen.append(data)
        return plain(data, level, mtime=mtime)

    monkeypatch.setattr(gzip, "compress", counted)
    return seen


@pytest.fixture
def client() -> Iterator[TestClient]:
    server = FastAPI()

    @server.get("/{path:path}")
    def file(path: str) -> Response:
        if path.endswith("none.js"):
            return Response(TEXT, 404)
        headers = {"ETag": "one", "Cache-Control": "public"}
        return Response(b"1;" if path.endswith("small.js") else TEXT, headers=headers)

    server.user_middleware.append(Middleware(Packed))
    with TestClient(server) as started:
        yield started


def test_a_file_is_compressed_once(client: TestClient, compressed: list[bytes]) -> None:
    for _ in range(3):
        answer = client.get("/modules/1/a.js", headers={"Accept-Encoding": "gzip, br"})
        assert answer.content == TEXT
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < len(TEXT) / 10
        assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == (
            "Accept-Encoding",
            "public",
        )
    assert compressed == [TEXT]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/modules/1/a.js", {"Accept-Encoding": "identity"}),
        ("/modules/1/a.js", {"Accept-Encoding": "gzip", "If-None-Match": "one"}),
        ("/modules/1/a.js", {"Accept-Encoding": "gzip", "Range": "bytes=0-3"}),
        ("/modules/1/none.js", {"Accept-Encoding": "gzip"}),
        ("/modules/1/small.js", {"Accept-Encoding": "gzip"}),
        ("/api/a", {"Accept-Encoding": "gzip"}),
    ],
)
def test_nothing_else_is(
    client: TestClient, compressed: list[bytes], path: str, headers: dict[str, str]
) -> None:
    answer = client.get(path, headers=headers)
    assert "Content-Encoding" not in answer.headers
    assert compressed == []


def test_addresses_that_never_end_take_no_more_room(
    client: TestClient, compressed: list[bytes]
) -> None:
    for n in [*range(KEPT + 1), KEPT, 0]:
        client.get(f"/_dash-component-suites/a/{n}.js", headers={"Accept-Encoding": "gzip"})
    assert len(compressed) == KEPT + 2
