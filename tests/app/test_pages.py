"""The pages without a browser: routing, addresses, callbacks that may not block,
and what is refused.
"""

import inspect
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from dash import Dash, no_update
from fastapi import FastAPI

from app.api import ApiClient, ApiProblem
from app.links import origin, page_query, page_url, parsed_query, reproduce_get, reproduce_post
from app.main import PAGES, create_dashboard, find_page
from app.pages.coverage.state import CoverageState
from app.pages.run.words import agreement, fork_note, fork_url
from app.parts.address.kinds import Offer
from app.parts.panel import panel
from app.parts.token import token_chip, visible
from backend.schemas import Run
from backend.schemas.server import Opening


@pytest.fixture(scope="module")
def dashboard() -> Dash:
    server = FastAPI()
    return create_dashboard(ApiClient.in_process(server), server)


def test_no_callback_and_no_layout_blocks_the_event_loop(dashboard: Dash) -> None:
    served = {
        name: entry["callback"]
        for name, entry in dashboard.callback_map.items()
        if "callback" in entry
    }
    assert len(served) > 10
    for name, callback in served.items():
        assert inspect.iscoroutinefunction(inspect.unwrap(callback)), name
    assert all(inspect.iscoroutinefunction(page.layout) for page in PAGES)


@pytest.mark.parametrize(
    ("asked", "path", "variables"),
    [
        ("/", "/", {}),
        ("/coverage/", "/coverage", {}),
        ("/r/5f0c", "/r/<run_id>", {"run_id": "5f0c"}),
        ("/r/a%2Fb", "/r/<run_id>", {"run_id": "a/b"}),
    ],
)
def test_a_path_finds_its_page(asked: str, path: str, variables: dict[str, str]) -> None:
    found = find_page(PAGES, asked)
    assert found is not None
    assert (found[0].path, found[1]) == (path, variables)


@pytest.mark.parametrize("asked", ["/cover", "/r", "/r/a/b", "/coverage/more"])
def test_other_paths_are_no_page(asked: str) -> None:
    assert find_page(PAGES, asked) is None


def test_an_address_holds_what_was_given_and_reads_back() -> None:
    address = page_url("/reactivation", prompt="a & b\n", theta=0.5, chat=True, none=None)
    assert address == "/reactivation?prompt=a+%26+b%0A&theta=0.5&chat=true"
    assert parsed_query(address.partition("?")[2]) == {
        "prompt": "a & b\n",
        "theta": "0.5",
        "chat": "true",
    }
    assert origin("https://scope.example:8443/coverage?x=1") == "https://scope.example:8443"


def test_copied_python_is_python_and_sends_the_body() -> None:
    body = {"prompt": "It's “quoted”\n", "sae_ids": None, "chat": False}
    code = reproduce_post("http://127.0.0.1:1/r", "/api/inspect", body)["python"]
    checked = code.partition("request = ")[0] + "print(json.dumps(body))"
    said = subprocess.run(
        [sys.executable, "-c", checked], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(said) == body
    compile(reproduce_get(None, "/api/coverage", {"sae_id": "a b"})["python"], "copied", "exec")


def test_copied_curl_survives_a_shell() -> None:
    body = {"prompt": "It's $HOME `x`\n"}
    curl = reproduce_post("http://127.0.0.1:1/", "/api/inspect", body)["curl"]
    script = curl.replace("curl", "printf '%s\\n'", 1)
    said = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert json.loads(said[-1]) == body


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", "·the"),
        ("\n", "↵"),
        (" ", "·"),
        ("\t", "⇥"),
        ("", "∅"),
        ("\x1e", "\\u001e"),
        ("你", "你"),
    ],
)
def test_a_token_shows_what_cannot_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_unknown_words_are_refused() -> None:
    with pytest.raises(
        ValueError, match="token_class: got 'verb', allowed are function, content, special"
    ):
        token_chip("run", "verb", 3)
    with pytest.raises(ValueError, match="badge: got 'guessed'"):
        panel("x", "y", badge="guessed")  # type: ignore[arg-type]


SAES = [
    SimpleNamespace(sae_id=f"l{layer}", layer=layer, theta_grid=[0.0, 0.5 + layer], in_build=True)
    for layer in (1, 2, 3)
]
CAPABILITIES = SimpleNamespace(
    min_count_grid=[1, 5],
    orders=["frequency", "degree"],
    saes=SAES,
    build=None,
    opening=Opening(),
)
BUILD = SimpleNamespace(coverage_theta_place=1, coverage_min_count=5)


def test_no_query_is_the_middle_layer_at_the_papers_settings() -> None:
    assert CoverageState.read({}, Offer(CAPABILITIES, SAES)) == (CoverageState(sae="l2"), [])


def test_no_query_is_the_setting_that_the_build_opens_on() -> None:
    """θ by its place in the SAE's own grid: 2.5 after layer 2, 3.5 after layer 3."""
    here = SimpleNamespace(**vars(CAPABILITIES) | {"build": BUILD})
    assert CoverageState.read({}, Offer(here, SAES)) == (
        CoverageState("l2", theta=2.5, min_count=5),
        [],
    )
    there = CoverageState("l3", theta=3.5, min_count=5)
    assert CoverageState.read({"sae": "l3"}, Offer(here, SAES)) == (there, [])
    named = SimpleNamespace(**vars(here) | {"opening": Opening(default_sae={"coverage": "l3"})})
    assert CoverageState.read({}, Offer(named, SAES)) == (there, [])
    papers = {"theta": "0", "min_count": "1"}
    assert CoverageState.read(papers, Offer(here, SAES)) == (CoverageState("l2"), [])


def test_a_state_reads_back_from_its_own_query() -> None:
    state = CoverageState(
        "l3", theta=3.5, min_count=5, denominator="dictionary", order="degree", cut=60
    )
    assert CoverageState.read(state.as_query(), Offer(CAPABILITIES, SAES)) == (state, [])


def test_each_value_that_is_not_allowed_is_named_with_what_is() -> None:
    asked = page_query("/coverage", {"theta": "0.7", "cut": "41", "token": "7", "hue": "red"})
    state, complaints = CoverageState.read(asked, Offer(CAPABILITIES, SAES))
    assert state == CoverageState(sae="l2")
    assert complaints == [
        "theta: got '0.7', allowed are 0, 2.5; showing 0",
        "cut: got '41', allowed are 20, 30, 40, 50, 60; showing 40",
        "hue: this page has no such setting",
    ]


async def _refused(api: ApiClient) -> ApiProblem:
    with pytest.raises(ApiProblem) as caught:
        await api.health()
    return caught.value


def test_every_failure_of_the_api_is_a_problem() -> None:
    import anyio

    unreachable = anyio.run(_refused, ApiClient.at("http://127.0.0.1:9"))
    assert unreachable.title == "The API cannot be reached"
    silent = FastAPI()
    missing = anyio.run(_refused, ApiClient.in_process(silent))
    assert (missing.status, missing.title) == (404, "Unexpected answer")


def inspect_run(activation: float) -> Run:
    firings = {"l1": {"position": [1, 2], "feature_index": [7, 7], "activation": [2.0, activation]}}
    tokens = [
        {"position": i, "token_id": i, "text": "a", "token_class": "content"} for i in range(3)
    ]
    result = {
        "tokens": tokens,
        "firings": firings,
        "next_tokens": [],
        "splits": {},
        "feature_info": {},
        "residual_norms": {},
        "effective": {},
    }
    return Run(
        run_id="5f",
        kind="inspect",
        request={"prompt": "a\n", "sae_ids": None},
        result=result,
        title=None,
        note=None,
        recorded_at="2026-11-23T01:12:00Z",
        provenance={"model": "lab"},
    )


def test_a_repeat_is_compared_firing_by_firing() -> None:
    from backend.schemas import InspectResponse

    kept = inspect_run(4.0)
    same = InspectResponse.model_validate(kept.result)
    assert agreement(kept, same).startswith("Agrees: 0 of 2 firings differ")
    other = InspectResponse.model_validate(inspect_run(5.0).result)
    assert agreement(kept, other) == (
        "Differs: 0 of 2 firings differ; largest relative difference of an activation 0.25."
    )
    assert fork_url(kept) == "/reactivation?prompt=a%0A&sae=l1"


def test_a_fork_takes_along_what_it_can_and_names_the_rest() -> None:
    kept = inspect_run(4.0)
    assert fork_note(kept) == ""
    asked = {"prompt": "a", "sae_ids": ["l1", "l2"], "theta": 1.5, "next_tokens": 10, "generate": 3}
    kept = kept.model_copy(update={"request": asked})
    assert fork_url(kept) == "/reactivation?prompt=a&sae=l1&generate=3"
    assert fork_note(kept) == (
        "The page has no control for, and leaves behind: theta 1.5; "
        "the choice of l1, l2: the page reads all and shows one."
    )


def test_numbers_keep_their_last_digit_in_an_address() -> None:
    assert page_url("/steer", temperature=0.8123456789, seed=3, value=28.0) == (
        "/steer?temperature=0.8123456789&seed=3&value=28"
    )


def test_a_state_that_is_shown_already_is_not_set_again(dashboard: Dash) -> None:
    """Set again at every beat, Overview would ask for its strips again while they are computed."""
    import anyio

    (beat,) = (
        inspect.unwrap(entry["callback"])
        for name, entry in dashboard.callback_map.items()
        if "frame-live.className" in name
    )
    assert anyio.run(beat, 1, "fs-live")[1] == "fs-live fs-live--failed"
    assert anyio.run(beat, 2, "fs-live fs-live--failed")[1] is no_update
