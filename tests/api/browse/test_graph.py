"""The graph on the wire: blocks and cells that sum to the edges of the build, and refusals."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.store import Store


def ask(client: TestClient, **query: Any) -> dict[str, Any]:
    reply = client.get("/api/graph", params={"sae_id": "layer_0", **query})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def edges_of(store: Store) -> dict[tuple[int, int], int]:
    """{(rank, feature_index): firings} of the whole SAE."""
    ranks = {row.token_id: row.rank for row in store.tokens(limit=10_000)[0]}
    edges = store.edges("layer_0")
    columns = (edges.token_id.tolist(), edges.feature_index.tolist(), edges.n_firings.tolist())
    return {(ranks[t] or 0, f): n for t, f, n in zip(*columns, strict=True)}


def test_the_first_view_holds_every_edge_once(client: TestClient, store: Store) -> None:
    edges, answer = edges_of(store), ask(client)
    assert (
        answer["n_edges"]
        == answer["n_edges_of_sae"]
        == len(edges)
        == sum(answer["cells"]["n_edges"])
    )
    assert answer["n_firings"] == sum(edges.values()) == sum(answer["cells"]["n_firings"])
    assert sum(block["n_edges"] for block in answer["token_blocks"]) == len(edges)
    assert sum(block["n_edges"] for block in answer["feature_blocks"]) == len(edges)
    assert sum(answer["cells"]["n_first"]) == answer["n_orders"]
    assert answer["effective"]["rank_last"] == answer["n_ranks"] == max(rank for rank, _ in edges)
    assert answer["token_blocks"][0]["tokens"][0]["text"] == store.tokens(limit=1)[0][0].text


@pytest.mark.parametrize("min_count", [1, 2, 5, 10])
@pytest.mark.parametrize("token_class", [None, "function", "content"])
def test_filters_count_what_they_say(
    client: TestClient, store: Store, min_count: int, token_class: str | None
) -> None:
    n_function = store.provenance()["counts"]["function_tokens"]
    kept = [
        n
        for (rank, _), n in edges_of(store).items()
        if n >= min_count
        and (token_class is None or (rank <= n_function) == (token_class == "function"))
    ]
    answer = ask(
        client, min_count=min_count, **({"token_class": token_class} if token_class else {})
    )
    assert (answer["n_edges"], answer["n_firings"]) == (len(kept), sum(kept))
    assert (answer["cells"]["n_first"] is None) == (min_count > 1)


def test_a_walk_down_ends_at_a_single_edge_of_the_build(client: TestClient, store: Store) -> None:
    query: dict[str, int] = {"max_edges": 16}
    for _ in range(30):
        answer = ask(client, **query)
        cells = answer["cells"]
        assert len(cells["n_edges"]) <= 16
        at = cells["n_edges"].index(max(cells["n_edges"]))
        token = answer["token_blocks"][cells["token_block"][at]]
        feature = answer["feature_blocks"][cells["feature_block"][at]]
        inside = {name: token[name] for name in ("rank_first", "rank_last")}
        inside |= {name: feature[name] for name in ("order_first", "order_last")}
        assert ask(client, **inside)["n_edges"] == cells["n_edges"][at]
        if token["rank_first"] == token["rank_last"] and feature["feature_index"] is not None:
            break
        query |= inside
    assert cells["n_edges"][at] == 1
    assert edges_of(store)[token["rank_first"], feature["feature_index"]] == cells["n_firings"][at]


def test_degrees_are_counted_on_both_sides(client: TestClient, store: Store) -> None:
    answer = client.get("/api/graph/degrees", params={"sae_id": "layer_0", "min_count": 2}).json()
    kept = [key for key, n in edges_of(store).items() if n >= 2]
    for side, name in ((0, "n_tokens"), (1, "n_features")):
        places = [key[side] for key in kept]
        degrees = [places.count(place) for place in set(places)]
        assert answer[name] == len(degrees)
        for one in answer["bins"]:
            assert one[name] == sum(one["low"] <= degree <= one["high"] for degree in degrees)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sae_id": "layer_9"}, "sae_id"),
        ({"min_count": 3}, "min_count"),
        ({"token_class": "special"}, "token_class"),
        ({"max_edges": 2001}, "max_edges"),
        ({"rank_first": 10**6}, "rank_first"),
        ({"rank_first": 5, "rank_last": 4}, "rank_last"),
        ({"order_last": 10**6}, "order_last"),
        ({"token_class": "content", "rank_first": 1}, "rank_first"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    client: TestClient, query: dict[str, Any], field: str
) -> None:
    reply = client.get("/api/graph", params={"sae_id": "layer_0", **query})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == field
