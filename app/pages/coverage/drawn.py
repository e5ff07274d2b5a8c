"""What the coverage page shows of one view: component and property -> value. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.figures.coverage import coverage_figure, is_papers_model
from app.figures.coverage_nulls import equal_figure, null_figure
from app.figures.distributions import degree_figure, document_figure, zipf_figure
from app.figures.template import blank
from app.pages.coverage.columns import LISTED
from app.pages.coverage.kinds import kind_table
from app.pages.coverage.rates import rate_note, rate_table
from app.pages.coverage.state import ORDERS
from app.pages.coverage.statistics import (
    chao_sentence,
    contrast_headline,
    cut_table,
    headline_of,
    law_table,
    null_note,
    null_sentence,
    slope_sentence,
)
from app.pages.coverage.table import with_statistics
from app.pages.coverage.view import CoverageView, Evidence
from app.pages.coverage.words import (
    at_first_setting,
    first_tokens,
    function_contrast,
    headline,
    of_layer,
    opened_at,
    order_sentence,
    other_thetas,
    setting_sentence,
)
from app.parts.numbers import fixed, interval, rank_rows
from app.parts.panel import notice
from app.parts.still import still
from backend.schemas.statistics import StatisticsResponse

NOTED = ("curve", "equal", "nulls", "degree", "cuts", "kinds", "rates", "laws", "zipf", "documents")
LEFT_OUT = "Needs the statistics beside the build."
# of the two charts that are dots
DOTS = " Dots: every function token, and others evenly over the logarithm of their frequency rank."
Shown = dict[tuple[str, str], Any]


def everything(view: CoverageView, scheme: str | None, ticked: Sequence[int]) -> Shown:
    """All of it; without statistics, their panels say so. What is not text alone stands still:
    Dash goes through every component of a page whenever one changes.
    """
    shown = {
        **_lead(view),
        **_own_figures(view, scheme),
        **_table(view, ticked),
        **(_evidence(view, view.evidence, scheme) if view.evidence else _no_evidence(view, scheme)),
    }
    return {
        (name, kind): still(value)
        if kind == "children" and isinstance(value, list | Component)
        else value
        for (name, kind), value in shown.items()
    }


def _lead(view: CoverageView) -> Shown:
    answer = view.chosen.answer
    by_frequency = view.state.order == "frequency"
    told = view.evidence.statistics if view.evidence else None
    at_start = view.state.theta == 0 and view.state.min_count == 1
    return {
        ("coverage-headline", "children"): [
            *_headline(view),
            order_sentence(view.state, answer),
        ],
        ("coverage-nulls-line", "children"): null_sentence(told.nulls if told else [], at_start),
        ("coverage-first", "children"): [
            html.Span("The first ten:" if by_frequency else "First ten in this order:"),
            *first_tokens(answer.rows, view.function),
        ],
        ("coverage-function", "data"): sorted(view.function),
    }


def _headline(view: CoverageView) -> list[Any]:
    """From the build where it stores the comparison, else from the statistics at these settings."""
    answer = view.chosen.answer
    told = view.evidence.statistics if view.evidence else None
    row = contrast_headline(told.equal_occurrence) if told else None
    if answer.contrast or row is None:
        return list(headline(view.sae.layer, answer))
    whole = of_layer(view.sae.layer, view.state.denominator)
    share = 1.0 if view.state.denominator == "active" else answer.n_active / max(answer.d_sae, 1)
    return list(headline_of(row, whole, share, _setting(view)))


def _setting(view: CoverageView) -> str:
    """What the headline's numbers rest on, where it is not the page's first setting."""
    parts = []
    if view.state.theta:
        parts.append(f"activations above {view.state.theta:.3g}")
    if view.state.min_count > 1:
        parts.append(f"at least {view.state.min_count} firings an edge")
    return f" ({', '.join(parts)})" if parts else ""


def _own_figures(view: CoverageView, scheme: str | None) -> Shown:
    """The figures that the build alone gives."""
    answer = view.chosen.answer
    by_frequency = view.state.order == "frequency"
    curve = coverage_figure(
        view.curves,
        scheme,
        n_function=len(view.function) if by_frequency else None,
        paper=is_papers_model(view.capabilities.build),
        order=None if by_frequency else ORDERS.get(view.state.order, view.state.order),
    )
    occurrences = [row.occurrences for row in view.by_frequency.rows if row.occurrences]
    return {
        ("coverage-curve", "figure"): curve,
        ("coverage-curve-panel-note", "children"): [
            setting_sentence(view.state, answer, view.function),
            " ",
            function_contrast(answer),
            other_thetas(view.state, view.curves),
            *opened_at(view.state, view.capabilities.build),
        ],
        ("coverage-zipf", "figure"): zipf_figure(occurrences, len(view.function), scheme),
    }


def _table(view: CoverageView, ticked: Sequence[int]) -> Shown:
    answer = view.chosen.answer
    by_id = {token.token_id: token for token in view.tokens}
    seen = [row for row in answer.rows if row.occurrences]
    hidden = {
        "tokens of the vocabulary never occur in the corpus and are left out": len(answer.rows)
        - len(seen),
        "more ranks are drawn but not listed; the reproduce drawer's request gives all": len(seen)
        - LISTED,
    }
    said = [f"{n:,} {what}" for what, n in hidden.items() if n > 0]
    if view.evidence and (view.state.theta or view.state.min_count != 1):
        said.append("Expected and excess are known at θ 0 and one firing an edge alone")
    rows = rank_rows(seen[:LISTED], by_id, view.function)
    known = view.evidence.tokens if view.evidence else {}
    return {
        ("coverage-table", "rowData"): with_statistics(rows, known, view.sae.sae_id),
        ("coverage-table", "selectedRows"): {"ids": [str(token_id) for token_id in ticked]}
        if ticked
        else [],
        ("coverage-hidden", "children"): "".join(f"{one}. " for one in said).strip(),
    }


def _slope(view: CoverageView) -> str:
    fit = view.fit
    if fit is None:
        return "Too few tokens for a fit."
    return (
        f"Degree ∝ occurrences^{fixed(fit.slope, 2)} {interval((fit.low, fit.high), 2)}, least "
        f"squares, n = {fit.n:,} tokens."
    )


def _over_all(view: CoverageView, told: StatisticsResponse) -> str:
    """The slope over every token that occurs, which is counted at the first setting alone."""
    row = next((one for one in told.slopes if one.name == "degree"), None)
    if row is None or view.state.theta or view.state.min_count != 1:
        return ""
    return f" Over all {row.n:,} tokens: slope {fixed(row.slope, 3)} {interval(row.interval, 3)}."


def _evidence(view: CoverageView, evidence: Evidence, scheme: str | None) -> Shown:
    """The figures and tables that the statistics give."""
    told, rarefied = evidence.statistics, evidence.rarefaction
    at_start = view.state.theta == 0 and view.state.min_count == 1
    strewn = {token_id: row.expected_documents for token_id, row in evidence.tokens.items()}
    return {
        ("coverage-lacking", "children"): None,
        ("coverage-equal", "figure"): equal_figure(told.equal_occurrence, scheme),
        ("coverage-nulls", "figure"): null_figure(told.nulls, scheme),
        ("coverage-degree", "figure"): degree_figure(
            view.by_frequency.rows, view.function, view.fit, scheme, rarefied if at_start else None
        ),
        ("coverage-documents", "figure"): document_figure(
            view.tokens, view.function, scheme, strewn
        ),
        ("coverage-cuts", "children"): cut_table(told.equal_occurrence, view.state.cut),
        ("coverage-kinds", "children"): kind_table(told),
        ("coverage-laws", "children"): law_table(told.degree_fits),
        ("coverage-rates", "children"): rate_table(told.rates),
        **_notes(view, told),
    }


def _notes(view: CoverageView, told: StatisticsResponse) -> Shown:
    """What each panel shows, with its n and its intervals."""
    first = at_first_setting(view.state.theta, view.state.min_count)
    by_chance = " where each position is kept by chance, without an interval"
    return {
        ("coverage-equal-panel-note", "children"): [
            "The k most frequent tokens, and as many positions of content tokens drawn one by "
            f"one: exact expectation{'' if view.state.min_count == 1 else by_chance}; bands: 95 "
            "%, document shards resampled. Shares of the active features, whatever the curve's "
            "are of."
        ],
        ("coverage-nulls-panel-note", "children"): null_note(told.nulls) + first,
        ("coverage-degree-panel-note", "children"): _slope(view) + _over_all(view, told) + DOTS,
        ("coverage-cuts-panel-note", "children"): (
            "Function tokens are the most frequent ones up to a share of all occurrences; here "
            "the share moves. "
            + chao_sentence(told)
            + (first and " Both are at θ 0 and one firing an edge, whatever is chosen above.")
        ),
        ("coverage-kinds-panel-note", "children"): (
            "A kind is the token's spelling; * marks degrees beyond 95 % of 2,000 permutations "
            f"of the label among tokens of like frequency.{first}"
        ),
        ("coverage-laws-panel-note", "children"): (
            "Is a degree distribution's tail a power law? Its exponent, and its likelihood "
            "against other laws." + first
        ),
        ("coverage-rates-panel-note", "children"): rate_note(told.rates, told.nulls),
        ("coverage-zipf-panel-note", "children"): (
            f"Occurrences by frequency rank: {slope_sentence(told.slopes, 'zipf')}. Dotted: the "
            "function cut."
        ),
        ("coverage-documents-panel-note", "children"): (
            f"Share of documents that hold the token; the {len(view.tokens):,} most frequent. "
            f"Below the line: bursty.{DOTS}"
        ),
    }


def _no_evidence(view: CoverageView, scheme: str | None) -> Shown:
    made: Shown = {
        (f"coverage-{name}-panel-note", "children"): LEFT_OUT
        for name in NOTED
        if name not in ("curve", "zipf")
    }
    return made | {
        ("coverage-lacking", "children"): notice("No statistics beside this build", view.lacking),
        ("coverage-equal", "figure"): blank(scheme),
        ("coverage-nulls", "figure"): blank(scheme),
        ("coverage-degree", "figure"): degree_figure(
            view.by_frequency.rows, view.function, view.fit, scheme
        ),
        ("coverage-documents", "figure"): document_figure(view.tokens, view.function, scheme),
        ("coverage-cuts", "children"): None,
        ("coverage-kinds", "children"): None,
        ("coverage-laws", "children"): None,
        ("coverage-rates", "children"): None,
        ("coverage-degree-panel-note", "children"): _slope(view) + DOTS,
        (
            "coverage-zipf-panel-note",
            "children",
        ): "Occurrences by frequency rank. Dotted: the function cut.",
        ("coverage-documents-panel-note", "children"): (
            f"Share of documents that hold the token; the {len(view.tokens):,} most frequent.{DOTS}"
        ),
    }
