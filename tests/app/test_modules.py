"""How the browser's code is served: under its digest, for good, and before a page starts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api import ApiClient
from app.main import create_dashboard
from app.modules import CACHE, digest, sources
from app.pages.run.words import ARM_TITLES, nats
from backend.serving.headers import SecurityHeaders, inline_hashes

WRITTEN = Path(__file__).parents[1] / "js" / "written.json"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    server = FastAPI()
    server.state.script_hashes = []
    create_dashboard(ApiClient.in_process(server), server)
    server.add_middleware(SecurityHeaders)
    with TestClient(server) as started:
        yield started


def test_a_page_loads_every_module_at_an_address_that_never_changes(client: TestClient) -> None:
    page = client.get("/coverage").text
    main = re.findall(r'<script type="module" src="(/modules/\w{12}/main\.js)"></script>', page)
    assert main == [f"/modules/{digest()}/main.js"]
    ahead = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
    assert ahead == [f"/modules/{digest()}/{name}" for name in sources()]
    for address in ahead:
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, CACHE), address
        assert answer.headers["Content-Type"].startswith("text/javascript"), address


def test_dash_neither_loads_them_nor_starts_before_them(client: TestClient) -> None:
    page = client.get("/").text
    assert "/assets/js/" not in page
    assert 'document.addEventListener("DOMContentLoaded", () => new DashRenderer())' in page


def test_the_policy_knows_every_inline_script(client: TestClient) -> None:
    answer = client.get("/")
    inline = re.sub(
        r'<script id="_dash-renderer" type="application/javascript">', "<script>", answer.text
    )
    policy = answer.headers["Content-Security-Policy"]
    assert inline_hashes(inline)
    assert [known for known in inline_hashes(inline) if known not in policy] == []
    assert "unsafe-inline" not in policy.partition("style-src")[0]


@pytest.mark.parametrize(
    "path",
    [
        "000000000000/main.js",
        "main.js",
        "{digest}/none.js",
        "{digest}/%2e%2e/tokens.css",
        "{digest}",
    ],
)
def test_what_is_no_module_is_not_kept_for_good(client: TestClient, path: str) -> None:
    answer = client.get(f"/modules/{path.format(digest=digest())}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_another_content_or_another_name_is_another_address(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.js").write_text("1;")
    first = digest(tmp_path)
    (tmp_path / "room" / "a.js").write_text("2;")
    second = digest(tmp_path)
    (tmp_path / "room" / "a.js").rename(tmp_path / "room" / "b.js")
    assert len({first, second, digest(tmp_path)}) == 3


def test_a_recorded_run_reads_as_the_page_that_made_it() -> None:
    """The same words in Python as in the browser: tests/js/written.test.js reads the same file."""
    written = json.loads(WRITTEN.read_text(encoding="utf-8"))
    assert written["arms"] == ARM_TITLES
    assert [(kl, nats(kl)) for kl, _ in written["nats"]] == [
        (kl, words) for kl, words in written["nats"]
    ]
