"""Tokens, features and their search over HTTP:
every filter, every refusal, with and without details.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from backend.core.companions.file import companion_path
from backend.core.presets import Preset
from backend.core.store import Store
from backend.schemas import FeatureDetail, FeaturePage, TokenDetail
from precompute.cli import main
from tests.api.conftest import SAE_IDS, Serve

SAE = "layer_2"


@pytest.fixture(scope="module")
def detailed(serve: Serve, store: Store, preset: Preset, tiny_folder: Path) -> Iterator[TestClient]:
    """The API with details beside the build; they are removed afterwards."""
    saes = [
        str(part) for sae_id in SAE_IDS[:2] for part in ("--sae", tiny_folder / "saes" / sae_id)
    ]
    work = store.path.parent / "work"
    given = ["--model", preset.model, *saes, "--build", str(store.path), "--work", str(work)]
    assert main(["feature-details", *given]) == 0
    with TestClient(serve(), raise_server_exceptions=False) as made:
        yield made
    companion_path(store.path, "features").unlink()


def found(client: TestClient, **query: Any) -> dict[str, Any]:
    reply = client.get("/api/features", params={"sae_id": SAE, "limit": 500, **query})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    assert answer["total"] == len(answer["features"]) + query.get("offset", 0)
    return answer


def token_id(client: TestClient, text: str) -> int:
    rows = client.get("/api/tokens", params={"q": text}).json()["tokens"]
    return next(int(row["token_id"]) for row in rows if row["text"] == text)


def test_answers_put_together_from_parts_are_what_the_schema_says(
    detailed: TestClient, store: Store
) -> None:
    rows = detailed.get("/api/tokens", params={"limit": 2}).json()["tokens"]
    asked: list[tuple[str, type[BaseModel]]] = [
        (f"/api/tokens/{row['token_id']}?limit=4", TokenDetail) for row in rows
    ]
    asked += [(f"/api/tokens/{rows[0]['token_id']}?limit=4&notes=false", TokenDetail)]
    asked += [(f"/api/features?sae_id={SAE}&token_id={rows[0]['token_id']}&limit=9", FeaturePage)]
    asked += [(f"/api/features?sae_id={SAE}&q=no-such-token", FeaturePage)]
    asked += [
        (f"/api/features/{SAE}/{feature}?limit=9", FeatureDetail) for feature in range(0, 96, 7)
    ]
    named = list[dict[str, Any]]()
    for path, model in asked:
        answer = detailed.get(path).json()
        assert model.model_validate(answer, extra="forbid").model_dump(mode="json") == answer, path
        named += refs_in(answer)
    known = store.token_rows([ref["token_id"] for ref in named])
    assert len(known) > 20
    for ref in named:
        row = known[ref["token_id"]]
        assert (ref["text"], ref["token_class"]) == (row.text, row.token_class)


def refs_in(value: Any) -> list[dict[str, Any]]:
    """Everything in an answer that names a token."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict) and "token_class" in value else []
    return own + [ref for part in parts for ref in refs_in(part)]


def test_features_that_fire_at_a_token_are_its_edges(detailed: TestClient, store: Store) -> None:
    newline = token_id(detailed, "\n")
    edges = store.edges(SAE, [newline])
    answer = found(detailed, token_id=newline, order="token_count")
    counts = dict(zip(edges.feature_index.tolist(), edges.n_firings.tolist(), strict=True))
    assert {
        row["feature_index"]: row["at_token"]["n_firings"] for row in answer["features"]
    } == counts
    falling = [row["at_token"]["n_firings"] for row in answer["features"]]
    assert falling == sorted(falling, reverse=True)
    least = max(counts.values())
    often = found(detailed, token_id=newline, min_count=least)["features"]
    assert {row["feature_index"] for row in often} == {f for f, n in counts.items() if n >= least}
    shares = [
        row["at_token"]["share_of_feature"]
        for row in found(detailed, token_id=newline, order="token_share")["features"]
    ]
    assert shares == sorted(shares, reverse=True)


def test_features_that_promote_a_token_list_it(detailed: TestClient) -> None:
    every = found(detailed)["features"]
    wanted = every[0]["promoted_tokens"][2]["token_id"]
    listing = {
        row["feature_index"]
        for row in every
        if wanted in [t["token_id"] for t in row["promoted_tokens"]]
    }
    assert {row["feature_index"] for row in found(detailed, promotes=wanted)["features"]} == listing
    nowhere = {t["token_id"] for row in every for t in row["promoted_tokens"]}
    unlisted = next(token_id for token_id in range(1000) if token_id not in nowhere)
    assert found(detailed, promotes=unlisted)["total"] == 0


def test_ranges_of_density_and_lift_hold_for_every_row_and_leave_out_the_rest(
    detailed: TestClient,
) -> None:
    every = found(detailed)
    assert every["total"] == every["n_active"]
    assert every["details_missing"] is None
    kept = found(detailed, min_density=0.02, max_density=0.2)["features"]
    assert {row["feature_index"] for row in kept} == {
        row["feature_index"] for row in every["features"] if 0.02 <= row["density"] <= 0.2
    }
    at_function = found(detailed, min_lift=1)["features"]
    assert at_function
    assert {row["feature_index"] for row in at_function} == {
        row["feature_index"] for row in every["features"] if row["lift"]["low"] >= 1
    }
    for row in found(detailed, max_lift=1)["features"]:
        assert row["lift"]["high"] is not None
        assert row["lift"]["high"] <= 1


@pytest.mark.parametrize(
    "order", ["n_firings", "n_tokens", "act_max", "mean_activation", "feature_index", "first_rank"]
)
@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_every_order_goes_both_ways(detailed: TestClient, order: str, direction: str) -> None:
    values = [row[order] for row in found(detailed, order=order, direction=direction)["features"]]
    assert values == sorted(values, reverse=direction == "descending")


def test_lift_orders_go_by_the_nearer_end_of_the_interval(detailed: TestClient) -> None:
    low = [row["lift"]["low"] for row in found(detailed, order="function_lift")["features"]]
    assert low == sorted(low, reverse=True)
    high = [
        row["lift"]["high"] or float("inf")
        for row in found(detailed, order="content_lift")["features"]
    ]
    assert high == sorted(high)


def test_pages_of_a_search_join_without_overlap(detailed: TestClient) -> None:
    whole = [row["feature_index"] for row in found(detailed)["features"]]
    pages = []
    for offset in range(0, len(whole), 7):
        query = {"sae_id": SAE, "limit": 7, "offset": offset}
        answer = detailed.get("/api/features", params=query).json()
        assert answer["total"] == len(whole)
        pages += [row["feature_index"] for row in answer["features"]]
    assert pages == whole


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"min_density": 0.5, "max_density": 0.1}, "min_density"),
        ({"min_lift": 3, "max_lift": 2}, "min_lift"),
        ({"min_count": 2}, "min_count"),
        ({"order": "token_share"}, "order"),
        ({"order": "colour"}, "order"),
        ({"direction": "sideways"}, "direction"),
        ({"sae_id": "layer_9"}, "sae_id"),
        ({"token_id": -1}, "token_id"),
        ({"limit": 100_000}, "limit"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_search_that_cannot_be_honoured_is_refused_by_name(
    detailed: TestClient, query: dict[str, Any], field: str
) -> None:
    reply = detailed.get("/api/features", params={"sae_id": SAE} | query)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == field


def test_a_feature_is_whole(detailed: TestClient) -> None:
    row = found(detailed)["features"][0]
    one = detailed.get(f"/api/features/{SAE}/{row['feature_index']}").json()
    assert sum(part["n_firings"] for part in one["histogram"]) == one["n_firings"]
    assert one["classes"]["n_function"] + one["classes"]["n_content"] == one["n_firings"]
    assert (one["classes"]["low"], one["classes"]["high"]) == (
        row["lift"]["low"],
        row["lift"]["high"],
    )
    assert one["density_place"] == 1
    assert [t["token_id"] for t in one["tokens_by_count"]] == [
        t["token_id"] for t in one["top_tokens"]
    ]
    firings = [t["n_firings"] for t in one["tokens_by_count"]]
    assert firings == sorted(firings, reverse=True)
    effects = [t["effect"] for t in one["promoted"]]
    assert effects == sorted(effects, reverse=True)
    assert len(one["nearest"]) == 10
    cosines = [near["cosine"] for near in one["nearest"]]
    assert cosines == sorted(cosines, reverse=True)
    assert one["neuronpedia_url"] is None
    assert one["details_missing"] is None


def test_examples_follow_the_quantile_range_and_the_token(detailed: TestClient) -> None:
    index = found(detailed)["features"][0]["feature_index"]
    path = f"/api/features/{SAE}/{index}"
    every = detailed.get(path, params={"limit": 100}).json()
    strong = detailed.get(path, params={"limit": 100, "min_quantile": 0.9}).json()
    assert [e for e in every["examples"] if e["quantile"] >= 0.9] == strong["examples"]
    assert strong["examples_matching"] == len(strong["examples"])
    assert every["example_tokens"]
    for listed in every["example_tokens"]:
        some = detailed.get(path, params={"limit": 100, "token_id": listed["token_id"]}).json()
        assert len(some["examples"]) == some["examples_matching"] == listed["n_examples"]
        for example in some["examples"]:
            assert example["tokens"][example["position"]]["token_id"] == listed["token_id"]
            assert example["activations"][example["position"]] == example["activation"] > 0
    assert detailed.get(path, params={"token_id": 99_999}).status_code == 422
    assert detailed.get(path, params={"min_quantile": 0.9, "max_quantile": 0.1}).status_code == 422


def test_a_token_has_its_lists_its_own_features_and_its_neighbours(
    detailed: TestClient, store: Store
) -> None:
    rows = detailed.get("/api/tokens", params={"limit": 12}).json()["tokens"]
    for row in rows:
        token = detailed.get(
            f"/api/tokens/{row['token_id']}", params={"order": "share", "notes": True}
        ).json()
        assert {one["rank"] for one in token["neighbours"]} == {
            rank
            for rank in range(row["rank"] - 3, row["rank"] + 4)
            if rank >= 1 and rank != row["rank"]
        }
        for layer in token["layers"]:
            edges = store.edges(layer["sae_id"])
            alone = {
                f
                for f in set(edges.feature_index.tolist())
                if set(edges.token_id[edges.feature_index == f]) == {row["token_id"]}
            }
            assert layer["n_exclusive"] == len(alone)
            assert {edge["feature_index"] for edge in layer["exclusive"]} == alone
            shares = [edge["share_of_feature"] for edge in layer["edges"]]
            assert shares == sorted(shares, reverse=True)
            assert all(edge["note"]["n_firings"] >= edge["n_firings"] for edge in layer["edges"])
            degrees = [
                len(store.edges(layer["sae_id"], [other["token_id"]]).feature_index)
                for other in rows
            ]
            assert layer["degree_place"] >= 1 + sum(degree > layer["degree"] for degree in degrees)
    only = detailed.get(f"/api/tokens/{rows[0]['token_id']}", params={"sae_id": SAE}).json()
    assert [layer["sae_id"] for layer in only["layers"]] == [SAE]
    assert (
        detailed.get(f"/api/tokens/{rows[0]['token_id']}", params={"sae_id": "layer_9"}).status_code
        == 422
    )


def test_without_details_the_answer_says_what_is_missing_and_lifts_are_refused(
    serve: Serve, store: Store, tmp_path: Path
) -> None:
    bare = Store.open(shutil.copy(store.path, tmp_path / "tiny.duckdb"))
    with TestClient(serve(store=bare), raise_server_exceptions=False) as client:
        check_without_details(client)
    bare.close()


def check_without_details(client: TestClient) -> None:
    index = found(client)["features"][0]["feature_index"]
    one = client.get(f"/api/features/{SAE}/{index}").json()
    assert "tiny.features.duckdb" in one["details_missing"]
    assert "feature-details" in one["details_missing"]
    assert (one["histogram"], one["classes"], one["nearest"]) == (None, None, None)
    assert one["tokens_by_count"]
    assert one["tokens_by_count"][0]["n_firings"] is None
    assert "feature-details" in found(client)["details_missing"]
    for query in ({"min_lift": 2}, {"order": "function_lift"}):
        reply = client.get("/api/features", params={"sae_id": SAE, **query})
        assert reply.status_code == 503
        assert "feature-details" in reply.json()["detail"]


def test_neuronpedia_is_linked_where_the_saes_metadata_names_it(
    serve: Serve, preset: Preset, tmp_path: Path
) -> None:
    folder = tmp_path / "layer_2"
    shutil.copytree(preset.saes[1].path, folder)
    config = json.loads((folder / "cfg.json").read_text())
    config["metadata"]["neuronpedia_id"] = "gemma-2-9b/20-gemmascope-res-16k"
    (folder / "cfg.json").write_text(json.dumps(config))
    own = replace(preset, saes=(preset.saes[0], replace(preset.saes[1], path=folder)))
    with TestClient(serve(preset=own)) as made:
        one = made.get("/api/features/layer_2/3").json()
    assert (
        one["neuronpedia_url"] == "https://www.neuronpedia.org/gemma-2-9b/20-gemmascope-res-16k/3"
    )
