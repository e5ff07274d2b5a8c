"""The coverage page's controls against chance, in words and small tables:
cuts, kinds, laws, null models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from dash import html
from dash.development.base_component import Component

from app.figures.coverage_nulls import RUN_NAMES
from app.parts.headline import K, most_frequent, number
from app.parts.numbers import NARROW, fixed, interval, percent, percent_interval
from backend.schemas.statistics import (
    Alternative,
    DegreeFit,
    EqualOccurrence,
    NullModel,
    Slope,
    StatisticsResponse,
)

Cell: TypeAlias = Component | str | None


def plain_table(
    heads: Sequence[tuple[str, str]], rows: Sequence[tuple[str, Sequence[Cell]]], label: str
) -> Component:
    """heads: (name, what it means on hover). rows: (class name, cells);
    the first cell heads its row.
    """
    body = [
        html.Tr(
            [html.Th(cells[0], scope="row"), *(html.Td(cell) for cell in cells[1:])], className=name
        )
        for name, cells in rows
    ]
    head = html.Tr([html.Th(name, title=tip or None, scope="col") for name, tip in heads])
    table = html.Table(
        [html.Thead(head), html.Tbody(body)], className="fs-plain", **{"aria-label": label}
    )
    return html.Div(table, className="fs-plain-scroll")


NULLS_ELSEWHERE = (
    "The null models are known at θ 0 and one firing an edge alone: their numbers are below."
)


def share_cell(share: float | None, interval: Sequence[float] | None, n: str) -> Cell:
    """A share with its interval and n on hover; a dash where it is not known."""
    if share is None:
        return "–"
    bounds = percent_interval(interval) if interval else "not computed"
    return html.Span(
        percent(share), title=f"95 % interval {bounds} · n = {n}", className="fs-hoverable"
    )


def cut_table(rows: Sequence[EqualOccurrence], chosen: int) -> Component:
    """A row per function cut: how many tokens, what they reach,
    what as many other positions reach.
    """
    heads = [
        ("cut", "share of all occurrences that the function tokens make together"),
        ("tokens", "how many tokens that are"),
        ("reach", "share of the active features that they reach"),
        (
            "as many others",
            "expected share that as many positions of all other tokens reach, drawn one by one",
        ),
        ("difference", "reach less the others', with its 95 % interval"),
    ]
    made = [
        (
            "fs-plain__chosen" if row.cut == chosen else "",
            [
                f"{row.cut}{NARROW}%",
                f"{row.k:,}",
                share_cell(row.coverage, row.interval, f"{row.occurrences:,} positions"),
                share_cell(
                    row.other_coverage, row.other_interval, f"{row.occurrences:,} positions"
                ),
                _difference(row),
            ],
        )
        for row in rows
        if row.cut is not None
    ]
    return plain_table(heads, made, "Coverage by function cut")


def _difference(row: EqualOccurrence) -> Cell:
    if row.other_coverage is None:
        return html.Span(
            "too few others", title="the other tokens have fewer positions", className="fs-small"
        )
    apart = f"{fixed(100 * (row.coverage - row.other_coverage), 1, sign=True)} points"
    low, high = row.difference_interval or (None, None)
    bounds = (
        interval((100 * low, 100 * high), 1, sign=True)
        if low is not None and high is not None
        else "not computed"
    )
    return html.Span(
        apart,
        title=f"95 % interval {bounds} · n = {row.occurrences:,} positions",
        className="fs-hoverable",
    )


def null_sentence(nulls: Sequence[NullModel], at_start: bool) -> str:
    """What the first tokens reach in each run, on the same documents. at_start: whether the
    headline above it is at θ 0 and one firing an edge, as the runs are; numbers of two settings
    are not set side by side.
    """
    if not at_start:
        return NULLS_ELSEWHERE if nulls else ""
    said = []
    for null in nulls:
        one = max((row for row in null.contrast if row.k <= K), key=lambda row: row.k, default=None)
        if one is not None:
            said.append(
                f"{RUN_NAMES[null.run]} {percent(one.coverage)} {percent_interval(one.interval)}"
            )
    if not said:
        return ""
    first = nulls[0]
    return (
        f"On the same {first.positions:,} positions ({first.shards} of the document shards), "
        f"the {K} most frequent tokens reach: {'; '.join(said)}."
    )


def null_note(nulls: Sequence[NullModel]) -> str:
    """What the null models are, each with its own denominator."""
    if not nulls:
        return "No null model was computed for this build: `functionscope precompute null-models`."
    parts = [
        f"{RUN_NAMES[null.run]}: {null.description}, {null.n_active:,} active features"
        for null in nulls
        if null.run != "real"
    ]
    return (
        f"Same {nulls[0].positions:,} positions; shares of each run's own active features. "
        f"{'; '.join(parts)}."
    )


def law_table(fits: Sequence[DegreeFit]) -> Component:
    """The tails' exponents, and the power law against the other laws on the same tail."""
    heads = [
        ("degrees of", "which side of the graph"),
        (
            "tail",
            "nodes from the least degree that a power law may begin at, chosen by "
            "Kolmogorov-Smirnov distance",
        ),
        ("α", "P(degree) ~ degree^-α on the tail, greatest likelihood"),
        (
            "vs lognormal",
            "normalised log-likelihood ratio; below zero the lognormal fits better; * p < 0.05 "
            "(Vuong)",
        ),
        (
            "vs exponential",
            "normalised log-likelihood ratio; below zero the exponential fits better; * p < 0.05 "
            "(Vuong)",
        ),
    ]
    made = []
    for fit in fits:
        against = {one.alternative: one for one in fit.alternatives}
        tail = html.Span(
            f"{fit.n_tail:,}",
            title=f"of {fit.n:,}; degree {fit.x_min:,} and more",
            className="fs-hoverable",
        )
        bounds = f"95 % interval {interval(fit.interval, 2)}, KS distance {fit.ks:.3f}"
        alpha = html.Span(
            f"{fit.alpha:.2f}", title=f"{bounds} · n = {fit.n_tail:,}", className="fs-hoverable"
        )
        ratios = [_ratio(against.get(name)) for name in ("lognormal", "exponential")]
        made.append(("", [f"{fit.side}s", tail, alpha, *ratios]))
    return plain_table(heads, made, "Power laws of the degrees")


def _ratio(one: Alternative | None) -> Cell:
    if one is None:
        return "–"
    mark = " *" if one.p_value < 0.05 else ""
    return html.Span(
        f"{fixed(one.ratio, 1, sign=True)}{mark}",
        title=f"p = {one.p_value:.2g}",
        className="fs-hoverable",
    )


def slope_sentence(slopes: Sequence[Slope], name: str) -> str:
    """The fitted slopes of that name, with their ranks."""
    return "; ".join(
        f"slope {fixed(row.slope, 2)} {interval(row.interval, 2)} over ranks "
        f"{row.from_rank:,} to {row.to_rank:,}"
        for row in slopes
        if row.name == name
    )


def chao_sentence(told: StatisticsResponse) -> str:
    """How many features the corpus is too small to show."""
    whole = next((row for row in told.chao1 if row.token_group == "function"), None)
    if whole is None:
        return ""
    unseen, (low, high) = (
        whole.estimate - whole.observed,
        (end - whole.observed for end in whole.interval),
    )
    return (
        f"At the build's own cut, function tokens reach {whole.observed:,} features; Chao1 "
        f"expects at least {unseen:,.1f} more with more text {interval((low, high), 1)}."
    )


def contrast_headline(rows: Sequence[EqualOccurrence], k: int = K) -> EqualOccurrence | None:
    """The comparison with content at k tokens, else at the most below k."""
    return max(
        (row for row in rows if row.cut is None and row.k <= k), key=lambda row: row.k, default=None
    )


def headline_of(
    row: EqualOccurrence, whole: str, share: float, setting: str
) -> list[Component | str]:
    """The claim and its control in one sentence, at the page's θ and least firings.

    whole: what the shares are of, in words; share: the active features' part of it.
    """
    n = f"{row.occurrences:,} occurrences"

    def part(value: float, interval: Sequence[float] | None) -> Component:
        return number(
            value * share, None if interval is None else [end * share for end in interval], n
        )

    said: list[Component | str] = [
        f"The {most_frequent(row.k)} ",
        part(row.coverage, row.interval),
        f" of the {whole}{setting}; ",
    ]
    if row.other_coverage is None:
        return [
            *said,
            "the corpus holds too few content tokens to draw the same number of occurrences.",
        ]
    return [
        *said,
        "the same number of occurrences drawn from content tokens reaches ",
        part(row.other_coverage, row.other_interval),
        ".",
    ]
