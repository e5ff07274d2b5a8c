"""Headers on every answer, the token at the door, and nothing secret where others can read it."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api import ApiClient
from app.main import create_dashboard
from backend.serving.headers import script_hash
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, steer_body

TOKEN = "correct horse battery staple"
LIVE = (
    "/api/tokenize",
    "/api/inspect",
    "/api/steer",
    "/api/steer/stream",
    "/api/runs",
    "/api/steer/cancel/x",
)


def directives(reply: Any) -> dict[str, list[str]]:
    parts = [part.split() for part in reply.headers["content-security-policy"].split(";")]
    return {name: values for name, *values in parts}


@pytest.fixture(scope="module")
def whole(serve: Serve) -> Iterator[TestClient]:
    """API and pages in one, as `functionscope serve` makes them."""
    app = serve()
    create_dashboard(ApiClient.in_process(app), app)
    with TestClient(app) as made:
        yield made


@pytest.fixture
def locked(serve: Serve, settings: Settings) -> Iterator[TestClient]:
    own = settings.model_copy(update={"token": SecretStr(TOKEN)})
    app = serve(settings=own)
    create_dashboard(ApiClient.in_process(app), app)
    with TestClient(app) as made:
        assert app.state.backend.live.ready.wait(10)
        yield made


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/coverage",
        "/r/abc",
        "/docs",
        "/api/health",
        "/api/nothing",
        "/metrics",
        "/assets/frame.css",
        "/openapi.json",
    ],
)
def test_every_answer_wears_the_headers(whole: TestClient, path: str) -> None:
    reply = whole.get(path)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["referrer-policy"] == "same-origin"
    policy = directives(reply)
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert "'unsafe-inline'" not in policy.get("script-src", [])
    assert "'unsafe-eval'" not in policy.get("script-src", [])


@pytest.mark.parametrize("path", ["/", "/steer", "/docs"])
def test_every_inline_script_of_a_page_has_its_hash_in_the_policy(
    whole: TestClient, path: str
) -> None:
    reply = whole.get(path)
    allowed = directives(reply)["script-src"]
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", reply.text, re.DOTALL)
    inline = [
        source
        for attributes, source in scripts
        if "src=" not in attributes and "json" not in attributes
    ]
    assert len(inline) >= 1
    assert all(script_hash(source) in allowed for source in inline)
    assert not re.search(r"\son\w+=", reply.text)


def test_the_card_of_a_preview_may_be_shown_elsewhere_and_nothing_else(whole: TestClient) -> None:
    assert (
        whole.get("/assets/preview.png").headers["cross-origin-resource-policy"] == "cross-origin"
    )
    assert whole.get("/assets/frame.css").headers["cross-origin-resource-policy"] == "same-origin"


def test_only_a_recorded_run_may_stand_in_a_frame_elsewhere(whole: TestClient) -> None:
    embedded = whole.get("/r/abc?embed=1")
    assert directives(embedded)["frame-ancestors"] == ["*"]
    assert "x-frame-options" not in embedded.headers
    for path in ("/steer?embed=1", "/r/abc?embed=0", "/api/runs/abc?embed=1"):
        assert directives(whole.get(path))["frame-ancestors"] == ["'none'"]


def test_the_preview_of_a_link_is_escaped(whole: TestClient) -> None:
    title = '"><script>alert(1)</script>'
    body = {
        "kind": "inspect",
        "request": {"prompt": "a preview"},
        "title": title,
        "note": "<b>note</b>",
    }
    made = whole.post("/api/runs", json=body).json()
    page = whole.get(made["url"]).text
    assert (
        '<meta property="og:title" content="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; · '
        'FunctionScope">' in page
    )
    assert "<b>note" not in page
    assert "alert(1)</script>" not in page
    assert 'property="og:title" content="Coverage · FunctionScope"' in whole.get("/coverage").text
    assert "not here" in whole.get("/r/00ff").text


def test_without_the_token_what_is_precomputed_is_open_and_live_work_is_not(
    locked: TestClient,
) -> None:
    assert locked.get("/api/tokens").status_code == 200
    assert locked.get("/api/capabilities").json()["token_required"] is True
    assert locked.get("/api/health").json()["locked"] is True
    for path in LIVE:
        reply = locked.post(path, json={"prompt": PROMPT})
        assert reply.status_code == 401, path
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert "/unlock" in reply.json()["detail"]
    assert locked.delete("/api/runs/abc", headers={"X-Delete-Token": "x"}).status_code == 401
    assert (
        locked.patch("/api/runs/abc", headers={"X-Delete-Token": "x"}, json={}).status_code == 401
    )


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer",
        "Basic " + TOKEN,
        TOKEN,
        "Bearer " + TOKEN[:-1],
        "Bearer " + TOKEN + "x",
        "Bearer é",
    ],
)
def test_a_wrong_header_opens_nothing(locked: TestClient, header: str) -> None:
    reply = locked.post(
        "/api/steer", json=steer_body(), headers={"Authorization": header.encode("latin-1")}
    )
    assert reply.status_code == 401


def test_the_header_and_the_cookie_open_live_work(locked: TestClient) -> None:
    header = {"Authorization": f"Bearer {TOKEN}"}
    assert locked.post("/api/inspect", json={"prompt": PROMPT}, headers=header).status_code == 200
    assert locked.get("/api/health", headers=header).json()["locked"] is False
    opened = locked.post("/api/session", json={"token": TOKEN})
    assert opened.json() == {"locked": False, "token_required": True}
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert locked.post("/api/inspect", json={"prompt": PROMPT}).status_code == 200
    assert locked.delete("/api/session").json()["locked"] is True
    assert locked.post("/api/inspect", json={"prompt": PROMPT}).status_code == 401


def test_guessing_is_slowed_down_even_on_this_machine(locked: TestClient) -> None:
    answers = [locked.post("/api/session", json={"token": f"guess {n}"}) for n in range(12)]
    assert [reply.status_code for reply in answers[:10]] == [401] * 10
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61


def test_a_page_acts_with_its_visitors_rights_and_no_others(locked: TestClient) -> None:
    """The page asks the API from the server: the visitor's cookie has to be on that call too."""
    body = {
        "output": "..frame-live.children...frame-live.className...frame-health-note.children..",
        "outputs": [
            {"id": "frame-live", "property": "children"},
            {"id": "frame-live", "property": "className"},
            {"id": "frame-health-note", "property": "children"},
        ],
        "inputs": [{"id": "frame-heartbeat", "property": "n_intervals", "value": 1}],
        "changedPropIds": ["frame-heartbeat.n_intervals"],
        "state": [{"id": "frame-live", "property": "className", "value": "fs-live"}],
    }
    before = locked.post("/_dash-update-component", json=body)
    assert "give the token" in before.text
    locked.post("/api/session", json={"token": TOKEN})
    after = locked.post("/_dash-update-component", json=body)
    assert after.status_code == 200
    assert "give the token" not in after.text


def test_a_page_takes_no_endless_body(whole: TestClient) -> None:
    reply = whole.post(
        "/_dash-update-component", content=b"", headers={"Content-Length": "99999999"}
    )
    assert reply.status_code == 413


def test_no_secret_reaches_a_log(locked: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    header = {"Authorization": f"Bearer {TOKEN}"}
    made = locked.post(
        "/api/runs", json={"kind": "inspect", "request": {"prompt": "secret?"}}, headers=header
    ).json()
    locked.post("/api/session", json={"token": TOKEN})
    locked.delete(
        f"/api/runs/{made['run_id']}", headers=header | {"X-Delete-Token": made["delete_token"]}
    )
    text = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "/api/runs" in text
    assert TOKEN not in text
    assert made["delete_token"] not in text


def test_a_secret_is_no_option_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_TOKEN", TOKEN)
    monkeypatch.setenv("FUNCTIONSCOPE_RUNS_URL", "postgresql://me:hidden@host/runs")
    own = Settings()
    assert own.token is not None
    assert TOKEN not in repr(own)
    assert "hidden" not in repr(own)
