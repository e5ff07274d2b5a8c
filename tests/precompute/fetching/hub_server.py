"""A hub on this machine: the few HTTP answers of huggingface.co that its client asks
for, and its refusals.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import huggingface_hub
import pytest
from huggingface_hub import constants

COMMIT = "0" * 39 + "1"
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)")
_API = re.compile(r"/api/models/([^/]+/[^/]+)/(revision|tree)/[^/]+")


@dataclass
class Hub:
    """`repos`: repository -> folder with its files. `gated`: repositories that want a token."""

    url: str
    repos: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_after: int | None = None  # bytes after which a download of more than that breaks off
    downloads_left: int | None = None  # after so many downloads nothing more is sent
    # (file, first byte) of every download
    served: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """The hub's client speaks to this server, and keeps its cache in `cache`, inside the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = hub  # type: ignore[attr-defined]
    point_at(monkeypatch, hub.url, cache)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        huggingface_hub.close_session()
        server.shutdown()
        server.server_close()
        thread.join()


def point_at(
    monkeypatch: pytest.MonkeyPatch, url: str, cache: Path, *, offline: bool = False
) -> None:
    """Where the client looks for the hub, and its cache."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path, hub = unquote(urlsplit(self.path).path), self.server.hub  # type: ignore[attr-defined]
        if path == "/":
            return self._send(200, b"")
        found = _FILE.fullmatch(path) or _API.fullmatch(path)
        repo = found[1] if found else ""
        if repo in hub.gated:
            return self._send(
                401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}
            )
        if found is None or repo not in hub.repos:
            return self._send(
                401,
                b"",
                {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"},
            )
        if path.startswith("/api/"):
            return self._send(200, json.dumps(_listing(repo, hub.repos[repo], found[2])).encode())
        file = hub.repos[repo] / found[2]
        if not file.is_file():
            return self._send(
                404, b"", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            )
        return self._file(hub, found[2], file.read_bytes())

    def _file(self, hub: Hub, name: str, content: bytes) -> None:
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        asked = (self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")
        start, end = int(asked[0]), int(asked[1]) if asked[1] else len(content) - 1
        if self.command == "GET":
            hub.served.append((name, start))
            if hub.downloads_left is not None:
                hub.downloads_left -= 1
        part = start > 0 or end < len(content) - 1
        if part:
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        gone = hub.downloads_left is not None and hub.downloads_left < 0
        self._send(
            206 if part else 200,
            content[start : end + 1],
            headers,
            cut=0 if gone else hub.cut_after,
        )

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "GET":
            return
        if cut is not None and len(body) > cut:
            body, self.close_connection = body[:cut], True
        self.wfile.write(body)


def _listing(repo: str, folder: Path, asked: str) -> object:
    files = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    if asked == "tree":
        return [
            {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": "0"}
            for name in files
        ]
    return {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
