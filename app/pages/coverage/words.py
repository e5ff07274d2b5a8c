"""The coverage page's sentences: what the numbers say, with n and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dash import dcc
from dash.development.base_component import Component

from app.base import at
from app.figures.coverage import LayerCurve
from app.pages.coverage.state import ORDERS, CoverageState
from app.parts.headline import K, most_frequent, number, pick_contrast
from app.parts.numbers import NARROW, percent, percent_interval
from app.parts.token import token_chip
from backend.schemas import Build, CoverageResponse, CoverageRow

NO_CONTROL = (
    "This build stores no comparison with content tokens, so there is no control to read beside "
    "the curve."
)
NO_CONTROL_HERE = (
    "A build stores its comparison with content tokens at θ 0 and one firing an edge alone, so "
    "there is no control to read beside the curve at these settings."
)
WIDTHS = {"active": "active features", "dictionary": "dictionary entries"}


def headline(layer: int, answer: CoverageResponse) -> list[Component | str]:
    """The claim and its control in one sentence each, both at theta 0 and one firing,
    of the answer's denominator.
    """
    contrast = pick_contrast(answer.contrast)
    if contrast is None:
        return [NO_CONTROL if _as_compared(answer) else NO_CONTROL_HERE]
    n = f"{contrast.occurrences:,} occurrences"
    said: list[Component | str] = [
        f"The {most_frequent(contrast.k)} ",
        number(contrast.coverage, contrast.interval, n),
        f" of the {of_layer(layer, str(answer.effective['denominator']))}; ",
    ]
    if contrast.content_coverage is None:
        return [
            *said,
            "the corpus holds too few content tokens to draw the same number of occurrences.",
        ]
    said += [
        "the same number of occurrences drawn from content tokens reaches ",
        number(contrast.content_coverage, contrast.content_interval, n),
        ".",
    ]
    return said


def _as_compared(answer: CoverageResponse) -> bool:
    """Whether the answer is at the one setting at which a build compares."""
    return bool(answer.effective["theta"] == 0 and answer.effective["min_count"] == 1)


def opened_at(state: CoverageState, build: Build | None) -> list[Component | str]:
    """By which rule the page opens on these settings, and the way to the paper's; nothing at the
    paper's own.
    """
    rule = build.provenance.get("coverage_opening") if build else None
    if not state.theta and state.min_count == 1:
        return []
    papers = dcc.Link(
        "θ 0 and one firing, the setting of the paper’s Table 1",
        href=at(f"/coverage?sae={state.sae}&theta=0&min_count=1"),
        className="fs-link",
    )
    said: list[Component | str] = [" Also at ", papers, "."]
    if rule and rule["min_count"] == state.min_count:
        said += [
            f" The page opens at the loosest setting at which {rule['k']} tokens reach at most 90"
            f"{NARROW}% after every layer (here {percent(rule['least_share'])} to "
            f"{percent(rule['greatest_share'])}): at looser ones the curves are saturated."
        ]
    return said


def of_layer(layer: int, denominator: str) -> str:
    """What a layer's shares are shares of."""
    return (
        f"features active after layer {layer}"
        if denominator == "active"
        else f"whole dictionary of layer {layer}"
    )


def order_sentence(state: CoverageState, answer: CoverageResponse) -> str:
    """How far the first ten of the chosen order reach, where that is not the headline's own."""
    if state.order == "frequency" or not answer.rows:
        return ""
    tenth = answer.rows[min(K, len(answer.rows)) - 1]
    first = "first token reaches" if tenth.rank == 1 else f"first {tenth.rank} tokens reach"
    return (
        f" In the order chosen below ({ORDERS.get(state.order, state.order)}), the {first} "
        f"{percent(tenth.coverage)}."
    )


def first_tokens(rows: Sequence[CoverageRow], function: frozenset[int]) -> list[Component]:
    """The first ten tokens of the order, as chips."""
    return [
        token_chip(row.text, "function" if row.token_id in function else "content", row.token_id)
        for row in rows[:K]
    ]


def setting_sentence(
    state: CoverageState, answer: CoverageResponse, function: frozenset[int]
) -> str:
    """What the curve says at settings other than the headline's,
    and how many tokens the cut makes.
    """
    rows = answer.rows
    if not rows:
        return "No token has an edge at these settings."
    cut = (
        f"The {len(function):,} most frequent tokens make {state.cut}{NARROW}% of all "
        "occurrences: the function tokens."
    )
    if replace(state, cut=40) == CoverageState(sae=state.sae):
        return cut
    tenth = rows[min(K, len(rows)) - 1]
    width = answer.d_sae if state.denominator == "dictionary" else answer.n_active
    firings = "1 firing" if state.min_count == 1 else f"{state.min_count} firings"
    return (
        f"At θ {state.theta:.3g} and at least {firings} an edge, "
        f"{ORDERS.get(state.order, state.order)}, the first {tenth.rank} tokens reach "
        f"{percent(tenth.coverage)} {percent_interval(tenth.interval)} of {width:,} "
        f"{WIDTHS[state.denominator]}. {cut}"
    )


def function_contrast(answer: CoverageResponse) -> str:
    """The same comparison for all function tokens, at the build's own cut;
    empty where the build stores none.
    """
    at_cut = next((one for one in answer.contrast if one.is_function_cut), None)
    if at_cut is None or at_cut.content_coverage is None:
        return ""
    return (
        f"All {at_cut.k:,} at the build's own cut reach {percent(at_cut.coverage)} "
        f"{percent_interval(at_cut.interval)}; as many occurrences of content tokens: "
        f"{percent(at_cut.content_coverage)} {percent_interval(at_cut.content_interval)}."
    )


def other_thetas(state: CoverageState, curves: Sequence[LayerCurve]) -> str:
    """At which θ the other layers' curves are drawn: the same quantile of their own activations."""
    if not state.theta:
        return ""
    others = [
        f"layer {curve.layer} {curve.answer.effective['theta']:.3g}"
        for curve in curves
        if not curve.chosen
    ]
    return (
        " The other layers at the same quantile of their own activations: θ of "
        f"{', '.join(others)}."
    )


def at_first_setting(theta: float, min_count: int) -> str:
    """Said of a panel that does not follow θ and the least firings,
    where these are not the first ones.
    """
    if theta == 0 and min_count == 1:
        return ""
    return " Here at θ 0 and one firing an edge, whatever is chosen above."
