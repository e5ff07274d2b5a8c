"""/api/consolidation: every checkpoint in one answer; what is asked for is honoured or refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.companions.consolidation.stages import FUNCTION_ONLY, LONG_RANGE
from backend.core.companions.file import companion_path
from tests.consolidation_case import STEPS, make_case, make_work, publish_case

SAES_A_STEP = 2


@pytest.fixture(scope="module")
def results(build_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file beside the tiny build, made by the jobs."""
    case, work = make_case(tmp_path_factory.mktemp("case")), tmp_path_factory.mktemp("work")
    make_work(case, work)
    path = publish_case(case, work, companion_path(build_path, "consolidation"))
    yield path
    path.unlink()


def get(client: TestClient, what: str, **query: str) -> dict[str, Any]:
    answer = client.get(f"/api/consolidation/{what}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.usefixtures("results")
def test_loss_has_every_run_checkpoint_and_transition(client: TestClient) -> None:
    found = get(client, "loss")
    assert [(run["model"], run["seed"], run["steps"]) for run in found["runs"]] == [
        ("tiny", 0, list(STEPS)),
        ("tiny", 1, list(STEPS)),
    ]
    keys = {(row["seed"], row["step"], row["transition"]) for row in found["rows"]}
    assert keys == {
        (s, step, t) for s in (0, 1) for step in STEPS for t in ("ff", "fc", "cf", "cc", "all")
    }
    for seed in (0, 1):
        rows = {
            row["transition"]: row
            for row in found["rows"]
            if (row["seed"], row["step"]) == (seed, 5)
        }
        assert sum(rows[t]["n_tokens"] for t in ("ff", "fc", "cf", "cc")) == rows["all"]["n_tokens"]
        assert rows["all"]["n_tokens"] == found["held_out"]["n_tokens"]
        assert rows["all"]["share_of_loss"] == pytest.approx(1.0)
        assert rows["ff"]["excess"] is None
    assert {row["baseline"] for row in found["baselines"]} == {"unigram", "bigram"}
    assert "share none" in found["held_out"]["taken"]


@pytest.mark.usefixtures("results")
def test_cut_split_and_baseline_are_honoured(client: TestClient) -> None:
    narrow, wide = get(client, "loss", cut="0.2"), get(client, "loss", cut="0.60")
    assert narrow["effective"]["cut"] == "0.20"
    assert narrow["n_function"] < wide["n_function"]
    n = {
        name: sum(r["n_tokens"] for r in a["rows"] if r["transition"] == "ff")
        for name, a in (("narrow", narrow), ("wide", wide))
    }
    assert n["narrow"] < n["wide"]
    split = get(client, "loss", by="position", baseline="unigram")
    assert set(split["groups"]) >= {row["group"] for row in split["rows"]}
    assert all(row["excess"] is not None for row in split["rows"])
    assert "0.40" in split["effective"]["interval_cuts"]


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("what", ["loss", "features", "coverage", "generations"])
def test_an_unknown_cut_is_refused_with_the_cuts(client: TestClient, what: str) -> None:
    answer = client.get(f"/api/consolidation/{what}", params={"cut": "0.33"})
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert error["field"] == "cut"
    assert "0.40" in error["allowed"]
    assert client.get(f"/api/consolidation/{what}", params={"cuts": "0.40"}).status_code == 422
    assert client.get("/api/consolidation/loss", params={"by": "letter"}).status_code == 422


@pytest.mark.usefixtures("results")
def test_features_state_what_moves_the_count(client: TestClient) -> None:
    found = get(client, "features")
    assert len(found["rows"]) == SAES_A_STEP * len(STEPS)
    for row in found["rows"]:
        assert 0 < row["n_features"] <= row["d_sae"] == 96
        assert row["interval"][0] <= row["n_features"] <= row["interval"][1]
        assert row["share_of_dictionary"] == pytest.approx(row["n_features"] / row["d_sae"])
        assert row["l0"] > 0
        assert 0 < row["function_share"] < 1
        assert row["function_interval"][0] <= row["function_share"] <= row["function_interval"][1]
    assert get(client, "features", recipe="equal_score")["rows"] == []
    wider = get(client, "features", cut="0.60")["rows"]
    assert all(
        b["function_share"] > a["function_share"] for a, b in zip(found["rows"], wider, strict=True)
    )


@pytest.mark.usefixtures("results")
def test_coverage_rises_to_all_firing_features(client: TestClient) -> None:
    found = get(client, "coverage", recipe="fixed")
    features = {row["sae_id"]: row for row in get(client, "features")["rows"]}
    for curve in found["curves"]:
        assert len(curve["coverage"]) == len(curve["degree"]) == len(found["ranks"])
        assert curve["coverage"] == sorted(curve["coverage"])
        assert curve["coverage"][-1] == pytest.approx(1.0)
        edges = sum(d * n for d, n in zip(curve["degree"], curve["seen"], strict=True))
        assert edges == pytest.approx(features[curve["sae_id"]]["n_edges"])


@pytest.mark.usefixtures("results")
def test_generations_name_only_tokens_of_the_vocabulary(client: TestClient) -> None:
    found = get(client, "generations")
    known = {token["token_id"] for token in found["vocabulary"]}
    assert len(found["sentences"]) >= 4
    for sentence in found["sentences"]:
        assert len(sentence["predictions"]) == 2 * len(STEPS)
        for one in sentence["predictions"]:
            assert len(one["token_ids"]) == len(sentence["token_ids"]) == len(one["target"])
            assert one["target"][-1] is None
            assert {i for position in one["token_ids"] for i in position} <= known
            assert all(p == sorted(p, reverse=True) for p in one["probabilities"])
    assert {
        i for p in found["prompts"] for c in p["continuations"] for i in c["token_ids"]
    } <= known


@pytest.mark.usefixtures("results")
def test_a_stage_follows_from_its_numbers(client: TestClient) -> None:
    found = get(client, "generations")
    uniform = {
        row["step"]: row["loss"]
        for row in get(client, "loss")["rows"]
        if row["transition"] == "all"
    }
    assert [row["step"] for row in found["stages"]] == [*STEPS, *STEPS]
    for row in found["stages"]:
        assert row["loss"] == pytest.approx(uniform[row["step"]])
        assert row["context_interval"][0] <= row["context_gain"] <= row["context_interval"][1]
        assert row["stage"] == "random"  # nobody trained these
    assert f"{FUNCTION_ONLY:.0%}" in found["rule"]
    assert str(LONG_RANGE) in found["rule"]


def test_without_the_file_the_answer_names_the_command(client: TestClient, results: Path) -> None:
    away = results.with_suffix(".away")
    results.rename(away)
    try:
        answer = client.get("/api/consolidation/loss")
    finally:
        away.rename(results)
    assert answer.status_code == 503
    assert "functionscope precompute consolidation" in answer.json()["detail"]
    assert client.get("/api/consolidation/loss").status_code == 200


def test_answers_follow_the_file(client: TestClient, results: Path, tmp_path: Path) -> None:
    """Answers are kept; not beyond the file that they came from."""
    paths = ("/api/consolidation/loss", "/api/consolidation/generations", "/api/claims")
    before = [client.get(path) for path in paths]
    assert [answer.status_code for answer in before] == [200, 200, 200]
    away = results.rename(tmp_path / "away.duckdb")
    without = [client.get(path) for path in paths]
    assert [answer.status_code for answer in without] == [503, 503, 200]
    assert without[2].content != before[2].content
    away.rename(results)
    assert [client.get(path).content for path in paths] == [answer.content for answer in before]
