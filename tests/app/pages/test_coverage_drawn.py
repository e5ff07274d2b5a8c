"""What the coverage page is told at a choice: one component a place, that no callback listens to.

Dash goes through every component of a page whenever one changes, and tells all of them of each new
one in what is returned: tables of a hundred cells held the browser at every click.
"""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

from app.figures.coverage import LayerCurve
from app.pages.coverage.drawn import everything
from app.pages.coverage.state import CoverageState
from app.pages.coverage.view import CoverageView, Evidence
from app.parts.still import Still
from backend.schemas import Capabilities, CoverageResponse, CoverageRow, Sae, TokenRow
from backend.schemas.statistics import (
    EqualOccurrence,
    RarefactionResponse,
    RateContrast,
    Slope,
    StatisticsResponse,
)

N = 30


def rows() -> list[CoverageRow]:
    return [
        CoverageRow(
            rank=rank,
            token_id=rank,
            text=" a",
            token_class="content",
            occurrences=1000 // rank,
            degree=40 - rank,
            new_features=1,
            covered=rank,
            coverage=rank / N,
            interval=None,
        )
        for rank in range(1, N + 1)
    ]


def tokens() -> list[TokenRow]:
    return [
        TokenRow(
            token_id=rank,
            text=" a",
            token_class="content",
            occurrences=1000 // rank,
            documents=1,
            document_coverage=0.5,
            rank=rank,
            share=0.1,
            cumulative=0.1,
        )
        for rank in range(1, N + 1)
    ]


def statistics() -> StatisticsResponse:
    equal = EqualOccurrence.model_construct(
        k=1,
        cut=40,
        occurrences=9,
        coverage=0.5,
        interval=None,
        other_coverage=None,
        other_interval=None,
        difference_interval=None,
        content_coverage=None,
        content_interval=None,
    )
    rate = RateContrast.model_construct(
        min_rate=0.05,
        k=10,
        coverage=0.1,
        interval=None,
        others_coverage=None,
        others_interval=None,
        n_others=9,
        n_draws=0,
    )
    empty: dict[str, Any] = dict.fromkeys(
        ("kinds", "chao1", "labels", "degree_fits", "slopes", "spread", "nulls"), []
    )
    return StatisticsResponse.model_construct(equal_occurrence=[equal], rates=[rate], **empty)


def view(evidence: Evidence | None, **chosen: Any) -> CoverageView:
    answer = CoverageResponse(
        rows=rows(),
        n_active=N,
        d_sae=2 * N,
        effective={"theta": 0, "min_count": 1, "denominator": "active"},
    )
    state = CoverageState(sae="s", **chosen)
    sae = Sae.model_construct(sae_id="s", layer=1)
    curves = [LayerCurve("s", 1, answer, True)]
    can = Capabilities.model_construct(build=None)
    few = frozenset({1, 2})
    return CoverageView(state, sae, curves, tokens(), few, None, can, answer, evidence, "why")


def components(value: Any) -> list[Component]:
    """Of a value as Dash goes through it: those in lists, and in components' children."""
    if isinstance(value, list | tuple):
        return [one for child in value for one in components(child)]
    if not isinstance(value, Component):
        return []
    return [value, *components(getattr(value, "children", None))]


def test_every_choice_brings_one_component_a_place_at_most() -> None:
    rarefied = RarefactionResponse.model_construct(null_fit=None, groups=[])
    for evidence in (None, Evidence(statistics(), rarefied, {})):
        shown = everything(view(evidence, min_count=2), "light", [])
        brought = {
            where: components(value) for where, value in shown.items() if where[1] != "figure"
        }
        assert all(type(one) is Still for found in brought.values() for one in found)
        assert max(len(found) for found in brought.values()) == 1
        assert len(brought[("coverage-headline", "children")]) == 1
        assert len(brought[("coverage-curve-panel-note", "children")]) == 1


def test_the_degrees_slope_over_all_tokens_stands_beside_that_of_those_drawn() -> None:
    """A claim is of all tokens, the panel draws the most frequent ones."""
    told = statistics()
    fields: dict[str, Any] = {"from_rank": 1, "to_rank": 53576, "n": 53576, "r2": 0.9}
    told.slopes = [Slope(name="degree", slope=0.402, interval=[0.4009, 0.4033], **fields)]
    rarefied = RarefactionResponse.model_construct(null_fit=None, groups=[])
    said = {}
    for least in (1, 2):
        shown = everything(view(Evidence(told, rarefied, {}), min_count=least), "light", [])
        said[least] = str(shown[("coverage-degree-panel-note", "children")])
    assert "Over all 53,576 tokens: slope 0.402 [0.401, 0.403]." in said[1]
    assert "Over all" not in said[2]


def test_the_headline_says_what_the_chosen_order_reaches_beside_the_most_frequent() -> None:
    """The chart beneath follows the order, the comparison with content tokens does not."""
    few = everything(view(None, order="document_coverage"), "light", [])
    told = str(few[("coverage-headline", "children")].tree)
    assert "In the order chosen below (in most documents first), the first 10 tokens reach" in told
    assert "33.3" in told
    plain = everything(view(None), "light", [])
    assert "In the order" not in str(plain[("coverage-headline", "children")].tree)
