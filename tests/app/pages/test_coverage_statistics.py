"""Coverage's comparisons with content tokens, null models and laws, worked by hand."""

from typing import Any

from app.figures.coverage_nulls import equal_figure, null_figure
from app.pages.coverage.statistics import (
    contrast_headline,
    cut_table,
    headline_of,
    law_table,
    null_sentence,
)
from backend.schemas.statistics import DegreeFit, EqualOccurrence, NullModel


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


def said(component: Any) -> str:
    """All text of a component."""
    if component is None or isinstance(component, str):
        return component or ""
    if isinstance(component, list | tuple):
        return "".join(said(one) for one in component)
    return said(getattr(component, "children", None))


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
