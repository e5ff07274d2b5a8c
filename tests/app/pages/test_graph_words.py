"""The graph page's sentences, rows and addresses, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from app.figures.graph import degree_distribution
from app.pages.graph import words
from app.pages.graph.state import GraphState, ranges_of, read_path, steps_of
from app.parts.address.kinds import Offer
from backend.schemas import Capabilities
from backend.schemas.graph import DegreeBin, GraphDegreesResponse, GraphResponse
from backend.schemas.statistics import Alternative, DegreeFit


def token(rank: int, text: str) -> dict[str, Any]:
    return {"token_id": 100 + rank, "text": text, "token_class": "function"}


def view(**changes: Any) -> GraphResponse:
    """Ranks 1 and 2-9, features 1-3 and 4: five edges."""
    counts = {"n_edges": 3, "n_firings": 30}
    fields: dict[str, Any] = {
        "token_blocks": [
            {"rank_first": 1, "rank_last": 1, **counts, "tokens": [token(1, "\n")]},
            {
                "rank_first": 2,
                "rank_last": 9,
                "n_edges": 2,
                "n_firings": 5,
                "tokens": [token(2, " the"), token(3, "a")],
            },
        ],
        "feature_blocks": [
            {
                "order_first": 1,
                "order_last": 3,
                "first_rank_low": 1,
                "first_rank_high": 1,
                "feature_index": None,
                **counts,
            },
            {
                "order_first": 4,
                "order_last": 4,
                "first_rank_low": 5,
                "first_rank_high": 5,
                "feature_index": 77,
                "n_edges": 2,
                "n_firings": 5,
            },
        ],
        "cells": {
            "token_block": [0, 1, 1],
            "feature_block": [0, 0, 1],
            "n_edges": [3, 1, 1],
            "n_firings": [30, 1, 4],
            "n_first": [3, 0, 1],
        },
        "n_edges": 5,
        "n_firings": 35,
        "n_edges_of_sae": 12,
        "n_ranks": 9,
        "n_orders": 4,
        "n_function": 9,
        "effective": {
            "sae_id": "layer_0",
            "min_count": 1,
            "token_class": None,
            "max_edges": 600,
            "rank_first": 1,
            "rank_last": 9,
            "order_first": 1,
            "order_last": 4,
        },
    }
    return GraphResponse.model_validate(fields | changes)


def said(parts: Any) -> str:
    """All text below some components."""
    if parts is None:
        return ""
    if isinstance(parts, str | int | float):
        return str(parts)
    if isinstance(parts, list | tuple):
        return "".join(said(part) for part in parts)
    return said(getattr(parts, "children", None))


def degrees(n_tokens: int, n_features: int) -> GraphDegreesResponse:
    return GraphDegreesResponse(bins=[], n_tokens=n_tokens, n_features=n_features, effective={})


def test_the_headline_counts_what_the_panels_of_degrees_count() -> None:
    """Not the whole vocabulary and dictionary, where a class or least firings leave some out."""
    effective = view().effective | {"min_count": 5, "token_class": "function"}
    shown = degrees(3, 8)
    headline = said(words.headline(3, view(effective=effective), shown))
    assert headline.startswith(
        "5 edges join 3 function tokens and 8 features of layer 3 (edges of 5 firings or more)."
    )
    assert "50.0\u202f% of these features (n = 4)" in headline
    assert words.degree_note("token", shown, None).startswith("3 tokens with an edge")
    assert words.degree_note("feature", shown, None).startswith("8 features with an edge")
    none = said(words.headline(3, view(n_edges=0), degrees(0, 0)))
    assert none == "0 edges join 0 tokens and 0 features of layer 3."


def test_the_headline_counts_what_the_first_ten_tokens_reach_first() -> None:
    assert "5 edges join 9 tokens and 4 features of layer 3." in said(
        words.headline(3, view(), degrees(9, 4))
    )
    assert "The 9 most frequent tokens are the first to reach 100.0" in said(
        words.headline(3, view(), degrees(9, 4))
    )
    inside = said(words.headline(3, view(), None))
    assert inside == (
        "5 of the 12 edges of layer 3 join the tokens of ranks 1–9 and features in places 1–4."
    )


def test_rows_are_the_ribbons_by_edges() -> None:
    rows = words.rows(view())
    assert [
        (row["ranks"], row["tokens"], row["features"], row["n_edges"], row["n_first"])
        for row in rows
    ] == [
        ("1", "↵", "3 features", 3, 3),
        ("2–9", "·the a …", "3 features", 1, 0),
        ("2–9", "·the a …", "feature 77", 1, 1),
    ]


def test_nothing_is_hidden_silently() -> None:
    assert "7 of the layer's 12 edges are not shown" in words.note(GraphState("layer_0"), view())
    assert "not shown" not in words.note(GraphState("layer_0"), view(n_edges_of_sae=5))


def test_one_is_not_said_as_many() -> None:
    whole = view().model_dump()
    cells = {name: values[:1] for name, values in whole["cells"].items()}
    few = {"n_edges": 1, "n_orders": 1, "n_ranks": 1, "cells": cells | {"n_edges": [1]}}
    single = GraphResponse.model_validate(whole | few | {"n_edges_of_sae": 2})
    note = words.note(GraphState("layer_0"), single)
    assert "1 edge in 1 ribbon," in note
    assert "1 of the layer's 2 edges is not shown" in note
    assert said(words.headline(3, single, degrees(1, 1))).startswith(
        "1 edge joins 1 token and 1 feature of layer 3."
    )
    inside = said(words.headline(3, single, None))
    assert inside.startswith("1 of the 2 edges of layer 3 joins the tokens")
    one = GraphDegreesResponse(bins=[], n_tokens=1, n_features=0, effective={})
    assert words.degree_note("token", one, None).startswith("1 token with an edge")


def test_crumbs_lead_back_and_leaves_lead_on() -> None:
    crumbs = words.crumbs(["1-9,1-3", "1-1,1-3"], view())
    assert [said(one) for one in crumbs if said(one) != "›"] == [
        "whole graph",
        "ranks 1–9 × features in places 1–3",
        "rank 1 × features in places 1–3",
    ]
    one = words.crumbs(["1-9,4-4"], view())
    assert said(one[-1]) == "ranks 1–9 × feature 77"  # by its index, not by its place
    unknown = words.crumbs(["1-9,2-2", "1-9,4-4"], view())
    assert said(unknown[2]) == "ranks 1–9 × the feature in place 2"
    leaf = view().model_dump()
    single = GraphResponse.model_validate(
        leaf
        | {"token_blocks": leaf["token_blocks"][:1], "feature_blocks": leaf["feature_blocks"][1:]}
    )
    links = [one.href for one in words.crumbs([], single) if hasattr(one, "href")]
    assert links == ["/token/101", "/feature/layer_0/77"]


def test_an_address_is_read_and_what_it_cannot_mean_is_said() -> None:
    sae = {
        "sae_id": "layer_0",
        "layer": 0,
        "d_sae": 8,
        "l0": 1.0,
        "live": False,
        "in_build": True,
        "use": "both",
        "n_active": 4,
        "theta_grid": [0.0],
    }
    capabilities = Capabilities.model_construct(saes=[], min_count_grid=[1, 2], build=None)
    saes = [type(capabilities).model_fields["saes"].annotation.__args__[0].model_validate(sae)]  # type: ignore[union-attr]
    asked = {"min_count": "2", "class": "content", "path": "3-4,1-9;3-3,1-9", "colour": "red"}
    state, complaints = GraphState.read(asked, Offer(capabilities, saes))
    assert state == GraphState("layer_0", "2", "content", "600")
    assert read_path(asked["path"]) == ["3-4,1-9", "3-3,1-9"]
    assert complaints == ["colour: this page has no such setting"]
    wrong = {"path": "3-4,1-9;3-x", "min_count": "7"}
    _, complaints = GraphState.read(wrong, Offer(capabilities, saes))
    assert read_path(wrong["path"]) == []
    assert [one.split(":")[0] for one in complaints] == ["min_count", "path"]
    assert steps_of({"key": "layer_0|content", "steps": ["1-2,3-4"]}, state) == ["1-2,3-4"]
    assert steps_of({"key": "layer_0|all", "steps": ["1-2,3-4"]}, state) == []
    assert ranges_of("1-2,3-4") == {
        "rank_first": 1,
        "rank_last": 2,
        "order_first": 3,
        "order_last": 4,
    }


def test_degrees_are_drawn_per_degree_and_the_fit_where_there_is_one() -> None:
    bins = [
        DegreeBin(low=1, high=1, n_tokens=4, n_features=0),
        DegreeBin(low=4, high=7, n_tokens=8, n_features=2),
    ]
    fit = DegreeFit(
        side="token",
        n=12,
        x_min=2,
        n_tail=8,
        alpha=2.0,
        interval=[1.8, 2.2],
        ks=0.1,
        alternatives=[Alternative(alternative="lognormal", ratio=-1.0, p_value=0.3)],
    )
    figure = degree_distribution(bins, "token", fit, "light")
    assert list(figure.data[0].y) == [4, 2]
    assert list(figure.data[0].x) == pytest.approx([1, 28**0.5])
    # 8 nodes from degree 2 on with density 8 * (1/2) * (x/2)^-2: half of them lie beyond degree 4
    assert list(figure.data[1].y) == pytest.approx([4, 4 * (7 / 2) ** -2])
    assert len(degree_distribution(bins, "feature", None, "dark").data) == 1
    degrees = GraphDegreesResponse(bins=bins, n_tokens=12, n_features=2, effective={})
    assert "exponent 2.00 [1.80, 2.20], n = 8" in words.degree_note("token", degrees, [fit])
    assert "lognormal: ratio −1.0, p 0.300" in words.degree_note("token", degrees, [fit])
    assert "statistics of this build were not made" in words.degree_note("feature", degrees, None)
