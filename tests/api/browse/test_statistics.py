"""Rarefaction, statistics and shared features over HTTP, on a tiny build with its companion."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.store import Store
from precompute.cli import main
from tests.api.conftest import Serve


@pytest.fixture(scope="module")
def folder(build_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny build with statistics beside it."""
    made = tmp_path_factory.mktemp("with-statistics")
    shutil.copy(build_path, made / "tiny.duckdb")
    shutil.copytree(build_path.parent / "work", made / "work")
    assert (
        main(["statistics", "--build", str(made / "tiny.duckdb"), "--work", str(made / "work")])
        == 0
    )
    return made


@pytest.fixture(scope="module")
def api(folder: Path, serve: Serve) -> Iterator[TestClient]:
    store = Store.open(folder / "tiny.duckdb")
    with TestClient(serve(store=store), raise_server_exceptions=False) as made:
        yield made
    store.close()


def got(api: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = api.get(path, params={"sae_id": "layer_2", **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_rarefaction_rises_to_the_degree(api: TestClient) -> None:
    answer = got(api, "/api/rarefaction")
    assert answer["effective"]["sae_id"] == "layer_2"
    assert len(answer["tokens"]) == 5
    for token in answer["tokens"]:
        drawn = [point["expected"] for point in token["points"]]
        assert drawn == sorted(drawn)
        assert all(expected <= token["degree"] + 0.05 for expected in drawn)
        assert token["degree"] <= token["chao1"] + 0.05
    detail = api.get(f"/api/tokens/{answer['tokens'][0]['token_id']}").json()
    layer = next(one for one in detail["layers"] if one["sae_id"] == "layer_2")
    assert answer["tokens"][0]["degree"] == layer["degree"]
    chosen = [token["token_id"] for token in answer["tokens"]][:2][::-1]
    again = got(api, "/api/rarefaction", token_ids=",".join(map(str, chosen)))
    assert (
        [token["token_id"] for token in again["tokens"]]
        == chosen
        == again["effective"]["token_ids"]
    )


def test_shared_features_sum_to_what_the_tokens_reach(api: TestClient) -> None:
    first = got(api, "/api/rarefaction")["tokens"][:3]
    ids = [token["token_id"] for token in first]
    answer = got(api, "/api/intersections", token_ids=",".join(map(str, ids)))
    assert answer["degrees"] == [token["degree"] for token in first]
    parts = answer["intersections"]
    assert sum(one["n_features"] for one in parts) == answer["union"] <= answer["n_active"]
    for token_id, degree in zip(ids, answer["degrees"], strict=True):
        assert sum(one["n_features"] for one in parts if token_id in one["token_ids"]) == degree
    fewer = got(api, "/api/intersections", token_ids=",".join(map(str, ids)), min_count=60)
    assert sum(fewer["degrees"]) < sum(answer["degrees"])


def test_statistics_follow_the_settings(api: TestClient) -> None:
    start = got(api, "/api/statistics")
    contrast = got(api, "/api/coverage")["contrast"]
    mine = {row["k"]: row for row in start["equal_occurrence"] if row["cut"] is None}
    for row in contrast:
        assert mine[row["k"]]["coverage"] == pytest.approx(row["coverage"])
        assert mine[row["k"]]["other_coverage"] == pytest.approx(row["content_coverage"])
    stricter = got(api, "/api/statistics", min_count=10)
    assert stricter["effective"] == {"sae_id": "layer_2", "theta": 0.0, "min_count": 10}
    rows = got(api, "/api/coverage", min_count=10)["rows"]
    for row in stricter["equal_occurrence"]:
        assert row["coverage"] == pytest.approx(rows[row["k"] - 1]["coverage"])
        assert row["other_interval"] is None
    assert start["nulls"] == []  # none was made for this build
    assert {row["token_group"] for row in start["kinds"]} >= {"function", "content", "all"}
    assert [row["name"] for row in start["slopes"]] == ["zipf", "zipf", "degree"]
    assert start["provenance"]["intervals"]["shards"] == 20


def test_tokens_come_with_what_their_frequency_explains(api: TestClient) -> None:
    rows = got(api, "/api/statistics/tokens", limit=4)["rows"]
    ranked = api.get("/api/tokens", params={"limit": 4}).json()["tokens"]
    assert [row["token_id"] for row in rows] == [row["token_id"] for row in ranked]
    for row, token in zip(rows, ranked, strict=True):
        assert row["evenness"] == pytest.approx(
            token["documents"] / row["expected_documents"], rel=0.1
        )
        assert row["expected_interval"][0] <= row["expected"] <= row["expected_interval"][1]


WRONG = (
    ("/api/rarefaction", {"sae_id": "layer_9"}, "sae_id"),
    ("/api/rarefaction", {"sae_id": "layer_2", "token_ids": "a,b"}, "token_ids"),
    ("/api/rarefaction", {"sae_id": "layer_2", "token_ids": "5,5"}, "token_ids"),
    ("/api/rarefaction", {"sae_id": "layer_2", "token_ids": "999999999"}, "token_ids"),
    ("/api/rarefaction", {"sae_id": "layer_2", "token_ids": "0"}, "token_ids"),  # special
    ("/api/rarefaction", {"sae_id": "layer_2", "n": "3"}, "n"),
    ("/api/intersections", {"sae_id": "layer_2"}, "token_ids"),
    ("/api/intersections", {"sae_id": "layer_2", "token_ids": "7"}, "token_ids"),
    (
        "/api/intersections",
        {"sae_id": "layer_2", "token_ids": ",".join(map(str, range(3, 16)))},
        "token_ids",
    ),
    (
        "/api/intersections",
        {"sae_id": "layer_2", "token_ids": "7,8", "min_count": "0"},
        "min_count",
    ),
    ("/api/statistics", {"sae_id": "layer_2", "theta": "0.123"}, "theta"),
    ("/api/statistics", {"sae_id": "layer_2", "min_count": "3"}, "min_count"),
    ("/api/statistics", {}, "sae_id"),
    ("/api/statistics/tokens", {"sae_id": "layer_2", "limit": "5001"}, "limit"),
    ("/api/statistics/tokens", {"sae_id": "layer_2", "limit": "0"}, "limit"),
)


@pytest.mark.parametrize(("path", "query", "field"), WRONG)
def test_what_cannot_be_honoured_is_refused(
    api: TestClient, path: str, query: dict[str, str], field: str
) -> None:
    answer = api.get(path, params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("path", ["/api/rarefaction", "/api/statistics", "/api/statistics/tokens"])
def test_a_build_without_statistics_says_how_to_make_them(client: TestClient, path: str) -> None:
    answer = client.get(path, params={"sae_id": "layer_2"})
    assert answer.status_code == 503
    assert "tiny.statistics.duckdb" in answer.json()["detail"]
    assert "functionscope precompute statistics" in answer.json()["detail"]
    assert client.get("/api/coverage", params={"sae_id": "layer_2"}).status_code == 200


def test_statistics_of_another_build_are_refused(
    folder: Path, serve: Serve, tmp_path: Path
) -> None:
    import duckdb

    shutil.copy(folder / "tiny.duckdb", tmp_path / "tiny.duckdb")
    shutil.copy(folder / "tiny.statistics.duckdb", tmp_path / "tiny.statistics.duckdb")
    with duckdb.connect(str(tmp_path / "tiny.duckdb")) as connection:
        connection.execute("""UPDATE provenance SET value = '"another"' WHERE key = 'created_at'""")
    store = Store.open(tmp_path / "tiny.duckdb")
    with TestClient(serve(store=store), raise_server_exceptions=False) as api:
        answer = api.get("/api/statistics", params={"sae_id": "layer_2"})
    store.close()
    assert answer.status_code == 503
    assert "was computed from build" in answer.json()["detail"]


def test_coverage_by_rate_is_that_of_the_first_tokens_and_ends_with_the_frequent_ones(
    api: TestClient,
) -> None:
    rates = got(api, "/api/statistics")["rates"]
    plain = got(api, "/api/coverage")
    for least in sorted({one["min_rate"] for one in rates}):
        answer = got(api, "/api/coverage", min_rate=least)
        rows = answer["rows"]
        assert min(row["occurrences"] for row in rows) >= 100
        assert [row["token_id"] for row in rows] == [
            row["token_id"] for row in plain["rows"][: len(rows)]
        ]
        assert all(
            rated["degree"] <= any_firing["degree"]
            for rated, any_firing in zip(rows, plain["rows"], strict=False)
        )
        for one in (one for one in rates if one["min_rate"] == least):
            assert rows[one["k"] - 1]["coverage"] == pytest.approx(one["coverage"])
        assert answer["effective"]["min_rate"] == least
        assert got(api, "/api/coverage", min_rate=least, max_rank=3)["rows"] == rows[:3]
    of_all = got(api, "/api/coverage", min_rate=0.05, denominator="dictionary")["rows"][0]
    assert of_all["coverage"] == of_all["covered"] / plain["d_sae"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"min_rate": "0.03"}, "min_rate"),
        ({"min_rate": "0"}, "min_rate"),
        ({"min_rate": "0.05", "min_count": "5"}, "min_count"),
        ({"min_rate": "0.05", "theta": "0.5"}, "theta"),
        ({"min_rate": "0.05", "order": "degree"}, "order"),
        ({"min_rate": "0.05", "sae_id": "layer_9"}, "sae_id"),
    ],
)
def test_a_rate_that_was_not_counted_or_a_setting_beside_it_is_refused(
    api: TestClient, query: dict[str, str], field: str
) -> None:
    answer = api.get("/api/coverage", params={"sae_id": "layer_2", **query})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
