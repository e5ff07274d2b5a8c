"""How the browser's code is served: under its digest, for good, and before a page starts."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api import ApiClient
from app.main import create_dashboard
from app.modules import CACHE, STATIC, digest, made_of, mount, sources, styles
from app.pages.run.words import ARM_TITLES, nats
from backend.serving.headers import SecurityHeaders, inline_hashes

WRITTEN = Path(__file__).parents[1] / "js" / "written.json"


def current() -> str:
    return digest(sources(), made_of(sources(), styles()))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    server = FastAPI()
    server.state.script_hashes = []
    create_dashboard(ApiClient.in_process(server), server)
    server.add_middleware(SecurityHeaders)
    with TestClient(server) as started:
        yield started


def test_a_page_asks_for_one_script_and_one_sheet_that_never_change(client: TestClient) -> None:
    page = client.get("/coverage").text
    address = f"/modules/{current()}"
    assert re.findall(r'<script type="module" src="([^"]+)">', page) == [f"{address}/bundle.js"]
    assert re.findall(r'<link rel="stylesheet" href="([^"]+)">', page) == [f"{address}/styles.css"]
    assert "modulepreload" not in page
    for name, kind in [
        ("bundle.js", "javascript"),
        ("styles.css", "css"),
        ("bundle.js.map", "json"),
    ]:
        answer = client.get(f"{address}/{name}")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, CACHE), name
        assert kind in answer.headers["Content-Type"]


def test_the_tools_find_every_module_beside_the_bundle(client: TestClient) -> None:
    address = f"/modules/{current()}"
    for section in client.get(f"{address}/bundle.js.map").json()["sections"]:
        (name,) = section["map"]["sources"]
        answer = client.get(f"{address}/{name}")
        assert answer.text == sources()[name]
        assert answer.headers["Cache-Control"] == CACHE


def test_the_sheet_is_every_sheet_and_what_it_refers_to_is_there(client: TestClient) -> None:
    sheet = client.get(f"/modules/{current()}/styles.css").text
    for path in STATIC.glob("*.css"):
        assert path.read_text(encoding="utf-8").partition("url(")[0] in sheet, path.name
    referred = re.findall(r'url\("([^"]+)', sheet)
    assert [one for one in referred if not one.startswith(("/", "data:"))] == []
    fonts = [one for one in referred if one.startswith("/")]
    assert fonts
    assert all(client.get(one).status_code == 200 for one in fonts)


def test_a_page_of_modules_that_cannot_be_bundled_names_each(tmp_path: Path) -> None:
    shutil.copytree(STATIC, tmp_path / "static", ignore=shutil.ignore_patterns("vendor", "fonts"))
    (tmp_path / "static" / "js" / "main.js").write_text("export default 1;")
    tags = mount(FastAPI(), tmp_path / "static")
    assert tags.count("modulepreload") == len(sources())
    assert tags.endswith('/main.js"></script>')


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
    answer = client.get(f"/modules/{path.format(digest=current())}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_a_changed_line_another_name_or_another_sheet_is_another_address(tmp_path: Path) -> None:
    def address() -> str:
        return mount(FastAPI(), tmp_path).rpartition("/")[0]

    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "main.js").write_text("1;\n")
    (tmp_path / "a.css").write_text("a {}")
    found = [address()]
    (tmp_path / "js" / "main.js").write_text("2;\n")
    found.append(address())
    (tmp_path / "js" / "a.js").write_text("3;\n")
    found.append(address())
    (tmp_path / "js" / "a.js").rename(tmp_path / "js" / "b.js")
    found.append(address())
    (tmp_path / "a.css").write_text("b {}")
    found.append(address())
    assert len(set(found)) == 5


def test_a_recorded_run_reads_as_the_page_that_made_it() -> None:
    """The same words in Python as in the browser: tests/js/written.test.js reads the same file."""
    written = json.loads(WRITTEN.read_text(encoding="utf-8"))
    assert written["arms"] == ARM_TITLES
    assert [(kl, nats(kl)) for kl, _ in written["nats"]] == [
        (kl, words) for kl, words in written["nats"]
    ]
