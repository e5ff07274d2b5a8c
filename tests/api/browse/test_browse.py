"""What is read from a build: the wire says what the store holds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.core.presets import Preset
from backend.core.store import Store
from backend.core.store.coverage import theta_ordinal
from backend.main import create_api
from backend.serving.live import Live
from backend.settings import Settings
from tests.api.conftest import PROMPT


def test_health_says_what_works(client: TestClient) -> None:
    health = client.get("/api/health").json()
    assert health["status"] == "live"
    assert health["live_detail"] == "live on cpu"
    assert health["build_detail"] == "tiny.duckdb"


def test_capabilities_describe_model_saes_build_and_limits(
    client: TestClient, settings: Settings
) -> None:
    capable = client.get("/api/capabilities").json()
    assert capable["live"] is True
    assert capable["model_info"]["d_model"] == 32
    assert [(sae["sae_id"], sae["live"], sae["in_build"]) for sae in capable["saes"]] == [
        ("layer_0", True, True),
        ("layer_2", True, True),
        ("layer_3", True, False),
    ]
    assert 0 < capable["saes"][0]["coverage_10"] <= 1
    assert capable["limits"]["prompt_tokens"] == settings.max_prompt_tokens
    assert "frequency" in capable["orders"]
    assert len(capable["prompts"]) == 2
    assert (
        client.get("/api/builds").json()["builds"][0]["provenance"]
        == capable["build"]["provenance"]
    )


def test_tokens_are_pages_in_rank_order(client: TestClient) -> None:
    first = client.get("/api/tokens", params={"limit": 3}).json()
    second = client.get("/api/tokens", params={"limit": 3, "offset": 3}).json()
    assert [row["rank"] for row in first["tokens"] + second["tokens"]] == [1, 2, 3, 4, 5, 6]
    assert first["total"] == second["total"] > 6
    special = client.get("/api/tokens", params={"token_class": "special"}).json()
    assert {row["text"] for row in special["tokens"]} == {"<pad>", "<eos>", "<bos>"}
    assert {row["rank"] for row in special["tokens"]} == {None}


def test_a_token_has_its_degree_and_edges_in_every_sae(client: TestClient, store: Store) -> None:
    newline = client.get("/api/tokens", params={"q": "\n"}).json()["tokens"][0]["token_id"]
    token = client.get(f"/api/tokens/{newline}", params={"limit": 2}).json()
    assert token["text"] == "\n"
    assert [layer["sae_id"] for layer in token["layers"]] == ["layer_0", "layer_2"]
    for layer in token["layers"]:
        assert layer["degree"] == len(store.edges(layer["sae_id"], [newline]).feature_index)
        counts = [edge["n_firings"] for edge in layer["edges"]]
        assert counts == sorted(counts, reverse=True)
    assert client.get("/api/tokens/100000").status_code == 404


def test_coverage_adds_up(client: TestClient) -> None:
    answer = client.get("/api/coverage", params={"sae_id": "layer_0"}).json()
    covered = 0
    for place, row in enumerate(answer["rows"], start=1):
        covered += row["new_features"]
        assert row["rank"] == place
        assert row["covered"] == covered
        assert row["coverage"] == pytest.approx(covered / answer["n_active"])
    assert covered == answer["n_active"]
    assert answer["effective"]["denominator"] == "active"
    assert [one["k"] for one in answer["contrast"]]
    whole = client.get(
        "/api/coverage", params={"sae_id": "layer_0", "denominator": "dictionary", "max_rank": 2}
    ).json()
    assert len(whole["rows"]) == 2
    assert whole["rows"][1]["coverage"] == pytest.approx(
        answer["rows"][1]["covered"] / answer["d_sae"]
    )


def test_comparisons_are_of_the_settings_asked_for(client: TestClient) -> None:
    """Stored at θ = 0 and one firing alone:
    scaled to the denominator there, and not given anywhere else.
    """
    active = client.get("/api/coverage?sae_id=layer_2").json()
    dictionary = client.get("/api/coverage?sae_id=layer_2&denominator=dictionary").json()
    share = active["n_active"] / active["d_sae"]
    assert active["contrast"]
    for one, other in zip(active["contrast"], dictionary["contrast"], strict=True):
        assert other["coverage"] == pytest.approx(share * one["coverage"])
        assert other["interval"] == pytest.approx([share * end for end in one["interval"]])
        assert other["coverage"] == pytest.approx(dictionary["rows"][one["k"] - 1]["coverage"])
        assert other["content_tokens"] == one["content_tokens"]
    theta = next(
        sae for sae in client.get("/api/capabilities").json()["saes"] if sae["sae_id"] == "layer_2"
    )["theta_grid"][1]
    for query in (f"theta={theta}", "min_count=2"):
        assert client.get(f"/api/coverage?sae_id=layer_2&{query}").json()["contrast"] == []


def test_features_are_found_by_the_tokens_that_fire_them(client: TestClient) -> None:
    found = client.get("/api/features", params={"sae_id": "layer_2", "q": "capital"}).json()
    assert (
        0
        < found["total"]
        < client.get("/api/features", params={"sae_id": "layer_2"}).json()["total"]
    )
    for row in found["features"]:
        listed = row["top_tokens"] + row["promoted_tokens"]
        assert any("capital" in token["text"] for token in listed)
    dense = client.get("/api/features", params={"sae_id": "layer_2", "min_density": 0.1}).json()[
        "features"
    ]
    assert dense
    assert all(row["density"] >= 0.1 for row in dense)


def test_a_feature_has_its_tokens_and_examples(client: TestClient) -> None:
    index = client.get("/api/features", params={"sae_id": "layer_2", "limit": 1}).json()[
        "features"
    ][0]["feature_index"]
    feature = client.get(f"/api/features/layer_2/{index}").json()
    assert feature["layer"] == 2
    assert feature["top_tokens"]
    for example in feature["examples"]:
        assert len(example["tokens"]) == len(example["activations"])
        assert example["activations"][example["position"]] == pytest.approx(example["activation"])
    assert client.get("/api/features/layer_2/96").status_code == 404
    assert client.get("/api/features/layer_9/1").status_code == 404


def test_a_threshold_is_the_stored_one_or_refused(client: TestClient, store: Store) -> None:
    """As it is stored, or as a client that has float32 sends it;
    nothing near by is taken for it.
    """
    sae = store.saes()[0]
    for ordinal, theta in enumerate(sae.theta_grid):
        as_float32 = float(np.float32(theta))
        for path in ("/api/coverage?min_count=1", "/api/coverage?max_rank=5"):
            for sent in (theta, as_float32):
                reply = client.get(f"{path}&sae_id=layer_0&theta={sent!r}")
                assert reply.status_code == 200
                assert reply.json()["effective"]["theta"] == sae.theta_grid[ordinal]
        near = theta + 1e-9 if theta == 0 else theta * (1 + 1e-6)
        refused = client.get(f"/api/coverage?sae_id=layer_0&theta={near!r}")
        assert refused.status_code == 422
        assert str(list(sae.theta_grid)) in refused.json()["detail"]
    assert [
        theta_ordinal((0.0, 2.08), one) for one in (2.08, 2.0800001, 2.0799999, 1e-9, 1e300)
    ] == [1, *[None] * 4]
    assert theta_ordinal((0.0, float(np.float32(2.08))), 2.08) == 1


@pytest.mark.parametrize("name", ["token_id", "promotes"])
def test_a_search_for_a_token_that_does_not_exist_is_refused(
    client: TestClient, store: Store, name: str
) -> None:
    n = store.tokens(limit=1)[1]
    good = client.get(f"/api/features?sae_id=layer_0&{name}={n - 1}")
    assert good.status_code == 200
    error = client.get(f"/api/features?sae_id=layer_0&{name}=999999").json()["errors"][0]
    assert (error["field"], error["value"]) == (name, 999999)
    assert str(n) in error["allowed"]


def _set(n: int) -> dict[str, Any]:
    return {"prompts": [PROMPT] * n, "sae_id": "layer_0"}


def _shuffles(n: int) -> dict[str, Any]:
    return {"prompt": PROMPT, "shuffles": n}


def _alphas(n: int) -> dict[str, Any]:
    common = {"trait_prompt": PROMPT, "contrast_prompts": [PROMPT], "test_prompts": [PROMPT]}
    return common | {
        "success": {"kind": "regex", "pattern": "x"},
        "alphas": [1.0 + k for k in range(n)],
    }


@pytest.mark.parametrize(
    ("limit", "path", "body"),
    [
        ("set_prompts", "/api/reactivation/set", _set),
        ("shuffles", "/api/reactivation", _shuffles),
        ("alphas", "/api/traits", _alphas),
        ("intersection_tokens", "/api/intersections?sae_id=layer_0&token_ids={}", None),
        ("statistics_rows", "/api/statistics/tokens?sae_id=layer_0&limit={}", None),
        ("graph_edges", "/api/graph?sae_id=layer_0&max_edges={}", None),
    ],
)
def test_a_limit_that_is_enforced_is_stated(
    client: TestClient, limit: str, path: str, body: Any
) -> None:
    """One more than is stated is refused, and the answer has the number that is stated."""
    most = client.get("/api/capabilities").json()["limits"][limit]
    if body is not None:
        refused = client.post(path, json=body(most + 1))
    else:
        many = (
            ",".join(str(3 + k) for k in range(most + 1))
            if limit == "intersection_tokens"
            else most + 1
        )
        refused = client.get(path.format(many))
    assert refused.status_code == 422
    assert str(most) in refused.json()["errors"][0]["allowed"]


def test_without_a_build_the_remedy_is_named_until_one_appears(
    settings: Settings, preset: Preset, build_path: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later.duckdb"
    own = settings.model_copy(update={"build": later})
    with TestClient(create_api(None, Live(None, waiting=1), own, preset=preset)) as client:
        for path in ("/api/tokens", "/api/coverage?sae_id=layer_0", "/api/features?sae_id=layer_0"):
            reply = client.get(path)
            assert reply.status_code == 503
            assert "precompute" in reply.json()["detail"]
        assert client.get("/api/health").json()["status"] == "down"
        assert client.get("/api/builds").json() == {"builds": []}
        assert client.get("/api/capabilities").json()["build"] is None
        later.write_bytes(build_path.read_bytes())
        assert client.get("/api/tokens").status_code == 200
        health = client.get("/api/health").json()
        assert (health["status"], health["build_detail"]) == ("degraded", "later.duckdb")
        assert "No live model" in health["why"][0]


def test_documentation_needs_no_other_origin(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert client.get(f"/docs/assets/{asset}").status_code == 200


def test_every_field_and_parameter_is_described(client: TestClient) -> None:
    spec = client.get("/openapi.json").json()
    ours = {
        name: schema
        for name, schema in spec["components"]["schemas"].items()
        if "properties" in schema
    }
    bare = [
        f"{name}.{key}"
        for name, one in ours.items()
        for key, value in one["properties"].items()
        if "description" not in value and not name.startswith(("HTTPValidation", "ValidationError"))
    ]
    parameters = [
        p
        for path in spec["paths"].values()
        for method in path.values()
        for p in method.get("parameters", [])
    ]
    assert bare == []
    assert [p["name"] for p in parameters if "description" not in p] == []


def test_metrics_count_by_endpoint(client: TestClient) -> None:
    client.get("/api/tokens/3")
    text = client.get("/metrics").text
    assert 'functionscope_requests_total{route="/api/tokens/{token_id}",status="200"}' in text
