"""Coverage's shared features, rarefaction and expectations of single tokens, worked by hand."""

from typing import Any

import pytest

from app.figures.coverage_nulls import shared_figure
from app.figures.distributions_rarefaction import fit_at, rarefaction_figure
from app.pages.coverage.shared import rarefaction_note, shared_note
from app.pages.coverage.table import with_statistics
from backend.schemas.statistics import (
    IntersectionsResponse,
    NullFit,
    RarefactionResponse,
    TokenStatistics,
)


def token(token_id: int, text: str) -> dict[str, Any]:
    return {"token_id": token_id, "text": text, "token_class": "function"}


SHARED = IntersectionsResponse(
    tokens=[token(3, " the"), token(5, "<b>")],
    degrees=[7, 6],
    union=9,
    n_active=20,
    intersections=[
        {"token_ids": [3, 5], "n_features": 4},
        {"token_ids": [3], "n_features": 3},
        {"token_ids": [5], "n_features": 2},
    ],
    effective={"min_count": 2},
)


def test_bars_stand_over_the_tokens_that_share_them() -> None:
    figure = shared_figure(SHARED, frozenset({3}), "light")
    assert list(figure.data[0].y) == [4, 3, 2]
    marked = [list(trace.y) for trace in figure.data[1:] if trace.mode == "lines+markers"]
    assert marked == [[0, 1], [1], [0]]
    assert "&lt;b>" in figure.layout.yaxis2.ticktext[1]
    words = shared_note(SHARED)
    assert "Together 9 of 20 active features (45.0" in words
    assert "all 2 share 4" in words
    assert "2 firings an edge" in words


def point(group: str, n: int, mean: float) -> dict[str, Any]:
    bounds = {"low": mean - 1, "high": mean + 1, "token_low": mean / 2, "token_high": 2 * mean}
    return {"token_group": group, "n": n, "n_tokens": 30, "mean": mean, **bounds}


def test_rarefaction_is_compared_at_the_largest_common_n() -> None:
    answer = RarefactionResponse(
        sampling_unit="one position",
        tokens=[
            token(3, " the")
            | {
                "occurrences": 40,
                "degree": 9,
                "chao1": 9,
                "points": [{"n": 1, "expected": 2, "se": None}],
            }
        ],
        groups=[
            point("function", 1, 5),
            point("function", 10, 9),
            point("content", 1, 6),
            point("content", 5, 8),
        ],
        null_fit=None,
        effective={},
    )
    words = rarefaction_note(answer)
    assert words.startswith(
        "At 1 occurrences each, a function token meets 5 features [4, 6] and a content token 6"
    )
    lines = {
        trace.name: list(trace.y)
        for trace in rarefaction_figure(answer, frozenset({3}), "light").data
        if trace.name
    }
    assert lines == {"content tokens": [6, 8], "function tokens": [5, 9]}
    assert fit_at(NullFit(a=0, b=1, c=0, n_from=1, n_to=9, n_points=4), 8) == pytest.approx(8)


def test_expectations_are_listed_where_they_are_about_the_degree_shown() -> None:
    known = TokenStatistics(
        **token(7, "a"),
        kind="other_word",
        expected_documents=4,
        evenness=0.5,
        degree=30,
        expected=20.0,
        expected_interval=[10, 40],
        extrapolated=True,
        excess=0.5,
        chao1=31,
        matched_n=10,
        matched=8,
        matched_mean=6,
        matched_interval=[2, 9],
    )
    rows = [
        {"token_id": 7, "degree": 30},
        {"token_id": 7, "degree": 12},
        {"token_id": 8, "degree": 1},
    ]
    same, stricter, unknown = with_statistics(rows, {7: known}, "layer_3")
    assert (same["href"], same["expected"], same["excess"]) == ("/token/7?sae=layer_3", 20.0, 0.5)
    assert "extrapolated" in same["excess_title"]
    assert same["extrapolated"]
    assert "expected" not in stricter
    assert stricter["evenness"] == 0.5
    assert set(unknown) == {"token_id", "degree", "href"}
