"""The coverage page's figures and words against chance,
from answers small enough to work out by hand.
"""

from typing import Any

import pytest

from app.figures.coverage import LayerCurve, coverage_figure
from app.figures.coverage_nulls import equal_figure, null_figure, shared_figure
from app.figures.distributions_rarefaction import fit_at, rarefaction_figure
from app.pages.coverage.shared import rarefaction_note, shared_note
from app.pages.coverage.statistics import (
    contrast_headline,
    cut_table,
    headline_of,
    law_table,
    null_sentence,
)
from app.pages.coverage.table import with_statistics
from backend.schemas import CoverageResponse, CoverageRow
from backend.schemas.statistics import (
    DegreeFit,
    EqualOccurrence,
    IntersectionsResponse,
    NullFit,
    NullModel,
    RarefactionResponse,
    TokenStatistics,
)


def equal(k: int, coverage: float, other: float | None, cut: int | None = None) -> EqualOccurrence:
    around = None if other is None else [other - 0.01, other + 0.01]
    return EqualOccurrence(
        k=k,
        cut=cut,
        others="content" if cut is None else "rest",
        occurrences=100 * k,
        coverage=coverage,
        interval=[coverage - 0.02, coverage + 0.02],
        other_coverage=other,
        other_interval=around,
        difference_interval=None
        if other is None
        else [coverage - other - 0.03, coverage - other + 0.03],
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


def said(component: Any) -> str:
    """All text of a component."""
    if component is None or isinstance(component, str):
        return component or ""
    if isinstance(component, list | tuple):
        return "".join(said(one) for one in component)
    return said(getattr(component, "children", None))


def curve_of(layer: int, each: int) -> LayerCurve:
    """Twelve tokens that reach `each` new features, of 40."""
    rows = [
        CoverageRow(
            rank=rank,
            token_id=rank,
            text="a",
            token_class="function",
            occurrences=9,
            degree=1,
            new_features=each,
            covered=rank * each,
            coverage=rank * each / 40,
        )
        for rank in range(1, 13)
    ]
    answer = CoverageResponse(rows=rows, n_active=40, d_sae=40, effective={})
    return LayerCurve(str(layer), layer, answer, layer == 1)


def test_names_of_lines_stand_in_the_order_of_the_layers() -> None:
    curves = [curve_of(0, 1), curve_of(1, 3), curve_of(2, 2)]
    notes = coverage_figure(curves, "light").layout.annotations
    names = [n.text.partition("layer ")[2][:1] for n in notes if n.xref == "paper"]
    assert [name for name in reversed(names) if name] == ["0", "1", "2"]


def test_names_of_lines_lie_in_the_corner_without_a_ground_of_their_own() -> None:
    curves = [curve_of(layer, 1) for layer in (0, 1)]
    notes = [
        note for note in coverage_figure(curves, "light").layout.annotations if note.xref == "paper"
    ]
    assert [note.text.rpartition("  ")[0].rpartition(">")[2].strip() for note in notes[:2]] == [
        "layer 1",
        "layer 0",
    ]
    assert all(note.bgcolor is None and note.x == 1 for note in notes)
    assert len({note.y for note in notes}) == len(notes) == 3  # two layers and what the shares are


def test_both_sides_are_drawn_where_both_are_known() -> None:
    figure = equal_figure(
        [equal(1, 0.2, 0.9), equal(10, 0.6, None), equal(20, 0.7, 0.95, cut=30)], "light"
    )
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["first k tokens"].x) == [1, 10]
    assert list(lines["as many positions of content tokens"].y) == [0.9]


def test_the_headline_takes_the_comparison_at_ten() -> None:
    row = contrast_headline(
        [equal(1, 0.2, 0.9), equal(10, 0.6, 0.95), equal(100, 0.9, 0.99), equal(8, 0.5, 0.9, 20)]
    )
    assert row is not None
    words = said(
        headline_of(row, "features active after layer 3", 1.0, " (at least 2 firings an edge)")
    )
    assert words.startswith("The 10 most frequent tokens reach 60.0")
    assert "active after layer 3 (at least 2 firings an edge); " in words
    assert "drawn from content tokens reaches 95.0" in words
    assert "too few content tokens" in said(
        headline_of(equal(1, 0.2, None), "whole dictionary of layer 3", 0.5, "")
    )
    assert contrast_headline([]) is None


def test_a_cut_whose_others_are_too_few_says_so() -> None:
    table = cut_table(
        [equal(4, 0.5, 0.9, cut=40), equal(9, 0.8, None, cut=60), equal(1, 0.2, 0.9)], 60
    )
    words = said(table)
    assert "−40.0 points" in words
    assert "too few others" in words
    rows = table.children.children[1].children
    assert [row.className for row in rows] == ["", "fs-plain__chosen"]


def null(run: str, coverage: float) -> NullModel:
    contrast = {
        "k": 10,
        "is_function_cut": False,
        "occurrences": 5,
        "coverage": coverage,
        "interval": [0.1, 0.9],
        "content_coverage": None,
        "content_interval": None,
    }
    return NullModel(
        run=run,
        description="d",
        positions=1000,
        shards=7,
        n_active=50,
        d_sae=64,
        l0=3.0,
        degree_slope=0.4,
        curve=[{"rank": 1, "covered": 10}, {"rank": 10, "covered": 40}],
        contrast=[contrast],
    )


def test_null_models_are_drawn_by_their_own_denominators() -> None:
    figure = null_figure([null("real", 0.8), null("shuffled", 0.7)], "dark")
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines == {"this model": [0.2, 0.8], "shuffled documents": [0.2, 0.8]}
    words = null_sentence([null("real", 0.8), null("shuffled", 0.7)], True)
    assert "On the same 1,000 positions (7 of the document shards)" in words
    assert "this model 80.0" in words
    assert null_sentence([], True) == null_sentence([], False) == ""
    elsewhere = null_sentence([null("real", 0.8)], False)  # beside a headline at another θ
    assert "%" not in elsewhere
    assert "θ 0" in elsewhere


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


def test_a_law_is_set_beside_the_others() -> None:
    fit = DegreeFit(
        side="token",
        n=900,
        x_min=70,
        n_tail=400,
        alpha=3.0,
        interval=[2.9, 3.1],
        ks=0.02,
        alternatives=[{"alternative": "lognormal", "ratio": -4.4, "p_value": 0.0001}],
    )
    words = said(law_table([fit]))
    assert "tokens" in words
    assert "3.00" in words
    assert "−4.4 *" in words  # negative, and not by chance
    assert "–" in words  # no other law was fitted


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
