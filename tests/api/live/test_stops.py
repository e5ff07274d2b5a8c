"""Texts end before a stop: every arm, cell and answer, streamed or at once."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from tests.api.conftest import steer_body
from tests.api.live.test_live import answer
from tests.api.live.test_stream import frames
from tests.api.live.test_sweep import sweep_body
from tests.api.live.test_traits import traits_body


def test_stops_end_every_arm_before_them(client: TestClient, lm: LanguageModel) -> None:
    """Stops taken out of the texts that the arms write anyway, streamed without a part of them."""
    body = steer_body(max_new_tokens=12, controls=True)
    free = answer(client, "/api/steer", **body)
    arms = {"baseline": free["baseline"], "steered": free["steered"], **free["controls"]}
    stops = sorted({arm["texts"][0][4:7] for arm in arms.values()})[:8]
    found = answer(client, "/api/steer", **body, stop=stops)
    assert found["effective"]["stop"] == stops
    stream = frames(client.post("/api/steer/stream", json=body | {"stop": stops}).text)
    assert stream[-1][1]["result"] == found
    for name, arm in {
        "baseline": found["baseline"],
        "steered": found["steered"],
        **found["controls"],
    }.items():
        whole = arms[name]["texts"][0]
        end = min(whole.index(stop) for stop in stops if stop in whole)
        assert arm["texts"] == [whole[:end]]
        assert arm["token_ids"][0] == arms[name]["token_ids"][0][: len(arm["token_ids"][0])]
        grown = ""
        for event, data in stream:
            if event == "token" and data["arm"] == name:
                grown += data["text"]
                assert whole[:end].startswith(grown)
        assert grown == whole[:end]


def test_a_stop_ends_cells_and_answers_too(client: TestClient) -> None:
    cells = frames(client.post("/api/sweep", json=sweep_body(max_new_tokens=6)).text)[-1][1][
        "result"
    ]
    stop = cells["baseline"]["text"][2:4]
    stopped = frames(
        client.post("/api/sweep", json=sweep_body(max_new_tokens=6, stop=[stop])).text
    )[-1][1]["result"]
    assert (
        stopped["baseline"]["text"]
        == cells["baseline"]["text"][: cells["baseline"]["text"].index(stop)]
    )
    assert all(stop not in cell["text"] for cell in stopped["cells"])
    arms = frames(client.post("/api/traits", json=traits_body(max_new_tokens=8)).text)[-1][1][
        "result"
    ]["arms"]
    text = arms[0]["texts"][0]
    cut = frames(
        client.post("/api/traits", json=traits_body(max_new_tokens=8, stop=[text[2:4]])).text
    )
    assert cut[-1][1]["result"]["arms"][0]["texts"][0] == text[: text.index(text[2:4])]


@pytest.mark.parametrize("stop", [[""], ["x"] * 9, ["x" * 65], "x", [1]])
def test_stops_out_of_bounds_are_refused(client: TestClient, stop: Any) -> None:
    reply = client.post("/api/steer", json=steer_body(stop=stop))
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"].startswith("stop")
