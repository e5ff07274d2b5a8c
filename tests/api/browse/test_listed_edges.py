"""A build that keeps only edges of ten firings or more: its curves and degrees are those of all
edges, its lists say where they begin, and fewer firings are refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.store import Store
from tests.api.conftest import Serve
from tests.tiny_build import SAE_IDS, own_build, random_words

SAE = {"sae_id": "layer_0"}
FROM = 10


def built(
    tiny_folder: Path, factory: pytest.TempPathFactory, serve: Serve, edges_from: int
) -> Iterator[TestClient]:
    name = f"from_{edges_from}"
    words = random_words(40)
    path = own_build(factory, name, tiny_folder, SAE_IDS[:2], words, edges_from=edges_from)
    with TestClient(serve(store=Store.open(path))) as made:
        yield made


@pytest.fixture(scope="module")
def client(
    tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, serve: Serve
) -> Iterator[TestClient]:
    """A build with all edges."""
    yield from built(tiny_folder, tmp_path_factory, serve, 1)


@pytest.fixture(scope="module")
def kept(
    tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, serve: Serve
) -> Iterator[TestClient]:
    """The same job, published from FROM firings on."""
    yield from built(tiny_folder, tmp_path_factory, serve, FROM)


def told(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    known = {} if path == "/api/tokens" else SAE
    reply = client.get(path, params={**known, **query})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_some_edges_are_left_out(kept: TestClient, client: TestClient) -> None:
    assert told(kept, "/api/graph")["n_edges"] < told(client, "/api/graph")["n_edges"]


@pytest.mark.parametrize("min_count", [1, 2, 10])
@pytest.mark.parametrize("order", ["frequency", "degree", "greedy", "random"])
def test_curves_are_those_of_all_edges(
    kept: TestClient, client: TestClient, min_count: int, order: str
) -> None:
    query = {"min_count": min_count, "order": order}
    assert told(kept, "/api/coverage", **query) == told(client, "/api/coverage", **query)


def test_a_token_has_its_degree_and_says_how_many_edges_are_listed(
    kept: TestClient, client: TestClient
) -> None:
    rare = 0
    for row in told(client, "/api/tokens", limit=40)["tokens"]:
        path, query = f"/api/tokens/{row['token_id']}", {"limit": 500}
        ours, whole = (told(one, path, **query)["layers"][0] for one in (kept, client))
        often = [edge for edge in whole["edges"] if edge["n_firings"] >= FROM]
        assert (ours["degree"], ours["degree_place"]) == (whole["degree"], whole["degree_place"])
        assert (ours["n_listed"], whole["n_listed"]) == (len(often), whole["degree"])
        assert ours["edges"] == often
        rare += len(whole["edges"]) - len(often)
    assert rare > 0


def test_lists_begin_where_they_say(kept: TestClient, client: TestClient) -> None:
    assert kept.get("/api/capabilities").json()["build"]["edges_from"] == FROM
    token_id = told(client, "/api/tokens", limit=1)["tokens"][0]["token_id"]
    ids = ",".join(str(row["token_id"]) for row in told(client, "/api/tokens", limit=3)["tokens"])
    for path, own in (
        ("/api/graph", {}),
        ("/api/graph/degrees", {}),
        ("/api/features", {"token_id": token_id}),
        ("/api/intersections", {"token_ids": ids}),
    ):
        ours = told(kept, path, **own)
        assert ours["effective"]["min_count"] == FROM
        whole = told(client, path, **own, min_count=FROM)
        for name in ("n_edges", "total", "bins", "intersections", "degrees"):
            assert ours.get(name) == whole.get(name), (path, name)
        refused = kept.get(path, params={**SAE, **own, "min_count": FROM // 2})
        assert refused.status_code == 422
        assert "min_count" in refused.text
